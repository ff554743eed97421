//! What goes into the [`Hub`](super::Hub) and what comes out of it.

use super::id::Id;
use super::refusal::Refusal;
use crate::rules::buffer::Buffer;
use crate::rules::event::PeerState;
use crate::rules::exit::Exit;
#[cfg(feature = "link")]
use crate::rules::link;
use crate::rules::notice::Notice;
use crate::rules::record::What;
#[cfg(feature = "secure")]
use crate::rules::secure::{ChannelError, Peer};
use crate::rules::signal::Signal;
#[cfg(feature = "web")]
use crate::rules::web::Tickets;
#[cfg(feature = "link")]
use crate::rules::wire::Stamp;
use std::io;
use std::net::SocketAddr;

/// Where somebody calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Port {
    /// Where the chat is spoken.
    #[default]
    Chat,
    /// Where browsers ask for pages.
    #[cfg(feature = "web")]
    Web,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A caller got this id from [`Hub::admit`](super::Hub::admit), is connected, and becomes a member.
    Joined(Id, SocketAddr),
    /// A caller got this id, and a [channel](super::Hub::channel). It does not become a member before it has shown who it is.
    #[cfg(feature = "secure")]
    Called(Id, SocketAddr, Port),
    /// A caller of [`Port::Web`] got this id, and is connected. What it sends is taken for requests of a browser.
    #[cfg(feature = "web")]
    Visited(Id, SocketAddr),
    /// The channel of a caller is open, and this is who is on its other side.
    #[cfg(feature = "secure")]
    Opened(Id, Peer),
    /// The channel of a caller will not open. The caller has been sent [what it understands](super::last_words) of that.
    #[cfg(feature = "secure")]
    NotOpened(Id, ChannelError),
    /// A caller was turned away.
    Refused(SocketAddr, Refusal),
    /// A read from this member returned these bytes. The buffer returns to its reader when the hub has executed all of it.
    Read(Id, Buffer),
    /// Nothing more can be read from this member.
    ReadEnded(Id, io::Result<()>),
    /// This many bytes of a client's outbox have been written.
    Written(Id, usize),
    /// Our half of the connection to this client is closed: the answer to [`Action::HalfClose`].
    HalfClosed(Id),
    /// Nothing more can be written to this member. Shut the connection down as well, so that reading ends; what was read
    /// before is still executed.
    WriteFailed(Id, io::Error),
    /// What the system knows about this client: the answer to [`Action::Probe`]. `None` if it cannot tell.
    PeerState(Id, Option<PeerState>),
    /// What the observer has recorded: the answer to [`Action::TakeSteps`].
    #[cfg(feature = "web")]
    Steps(Vec<u8>),
    /// Somebody wants the program to end.
    Signal(Signal),
    /// The operator's screen cannot be written to.
    ScreenFailed(io::Error),
    /// Whether the transcript is behind. While it is, members who speak wait.
    TranscriptBehind(bool),
    /// This has happened on the link to other hubs, at the time of this stamp.
    #[cfg(feature = "link")]
    Link(link::Event, Stamp),
}

impl Event {
    /// A caller who was admitted at this port is connected, in clear text.
    #[must_use]
    pub fn arrived(id: Id, peer: SocketAddr, port: Port) -> Self {
        match port {
            Port::Chat => Self::Joined(id, peer),
            #[cfg(feature = "web")]
            Port::Web => Self::Visited(id, peer),
        }
    }
}

/// Something for the design to do.
#[derive(Debug)]
pub enum Action {
    /// There is something new in this client's outbox: write it.
    Write(Id),
    /// Nothing more will be written to this client: close our half of the connection, and of the channel before. Handle
    /// [`Event::HalfClosed`] when that is done.
    HalfClose(Id),
    /// This client is no member any more: close the connection.
    Disconnect(Id),
    /// Find out what the system knows about this client, and handle [`Event::PeerState`] at once, even if it is gone.
    Probe(Id),
    /// Whether somebody looks at the page `/live`, for which steps are recorded.
    #[cfg(feature = "web")]
    Watch(bool),
    /// Take what has been recorded, with the streams of these clients, and handle [`Event::Steps`] at once.
    #[cfg(feature = "web")]
    TakeSteps(Vec<Id>),
    /// Append this to the file of known peers.
    #[cfg(feature = "secure")]
    Remember(String),
    /// Keep these for the next run.
    #[cfg(feature = "web")]
    KeepTickets(Tickets),
    /// Open the transcript and the trace again: somebody may have moved the files.
    ReopenFiles,
    /// Many clients have left: return memory to the system.
    TrimMemory,
    /// Record this in the transcript, with the present time.
    Record {
        /// The client that did it; none if the operator did.
        peer: Option<SocketAddr>,
        /// What happened.
        what: What,
    },
    /// A client said goodbye, for observers.
    GoodbyeReceived,
    /// For what writes to the log that other hubs share.
    #[cfg(feature = "link")]
    Log(link::Order),
    /// Show this to the operator.
    Report(Notice),
    /// All clients have left, and the hub ends.
    End(Exit),
}
