//! What a browser asks for before it is a client: HTTP (RFC 9112), as much of it as two pages and a WebSocket need. No I/O.
//!
//! - `request.rs`: what is asked for, and by whom it may be.
//! - `answer.rs`: what is sent for it.
//! - [`Links`]: how browsers find the way.
//! - `pages.rs`: the two pages, and what they may do.
//! - [`Ticket`]: who has it may come in.
//!
//! `docs/web.md` describes what is said through the WebSocket, and [`crate::rules::wire::websocket`] takes it apart.

mod answer;
#[cfg(test)]
mod hostile;
mod link;
mod pages;
mod request;
mod ticket;

pub(super) use answer::{Bad, bad, page, refusal, socket};
pub use link::{Links, is_drawn};
pub(super) use request::{MAX_HEAD, Request, parse};
pub use ticket::{Ticket, Tickets};
