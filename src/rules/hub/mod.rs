//! Many people: members, names, rooms, commands, and who gets which line. No I/O; the time is passed in.
//!
//! [`Hub`] is the state machine. A design passes it [`Event`]s, performs the [`Action`]s it returns, and writes what is in
//! each member's [`Outbox`]. The designs differ in how they wait, and in nothing else. `docs/hub.md` describes what is
//! implemented here.
//!
//! Read `state.rs` first: it holds the state and everything a design calls. `processing.rs` follows a line from a
//! member's inbox until it is executed or has to wait; `commands.rs` is what the commands do; every line for anybody goes
//! through `posting.rs`, and every announcement through `announcing.rs`; the way in is in `arrival.rs` (before it, in an encrypted hub, `encryption.rs`), every way out in `leaving.rs`, and `presence.rs`
//! finds those who have vanished. `linked/` makes one chat of several hubs. Who waits for whom is decided in `outboxes.rs`, with `volume.rs` (who says little),
//! `account.rs` (what waiting costs the one who is waited for) and `turns.rs`. The other files are parts that know nothing of
//! the hub.

mod account;
mod admission;
mod announcements;
mod announcing;
mod arrival;
#[cfg(feature = "web")]
mod browser;
#[cfg(not(feature = "web"))]
#[path = "without_web.rs"]
mod browser;
mod budget;
mod commands;
mod deeds;
#[cfg(feature = "secure")]
mod encryption;
mod event;
mod format;
mod history;
#[cfg(test)]
mod hostile;
mod id;
mod inbox;
mod leaving;
#[cfg(feature = "link")]
mod linked;
#[cfg(feature = "link")]
mod logged;
mod looks;
mod member;
mod name;
mod outbox;
mod outboxes;
mod post;
mod posting;
mod presence;
mod processing;
mod refusal;
mod room;
mod settings;
mod state;
#[cfg(feature = "web")]
mod status;
#[cfg(feature = "secure")]
mod tries;
mod trim;
mod turns;
mod volume;
#[cfg(any(feature = "secure", feature = "web"))]
mod waiting;
#[cfg(feature = "web")]
mod web;

pub use admission::{AdmissionPolicy, gets_slow_farewell, parse_net};
#[cfg(feature = "secure")]
pub use encryption::last_words;
pub use event::{Action, Event, Port};
pub use id::{Id, OPERATOR};
pub use name::{MAX_NAME, Name, NameError};
pub use outbox::Outbox;
pub use post::{Post, Queue};
pub use refusal::Refusal;
pub use settings::{DEFAULT_OUTBOX, MAX_LINE_RANGE, MAX_MOTD_BYTES, MAX_MOTD_LINES, OUTBOX_RANGE, Settings};
pub use state::{Hub, ending};
#[cfg(feature = "web")]
pub use web::WebSettings;
