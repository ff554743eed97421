//! One member, from joining until the connection is closed.

use super::account::{Leaky, MIN_SPEED};
use super::admission::address_key;
use super::announcements::Untold;
use super::arrival::Arrival;
#[cfg(feature = "web")]
use super::browser::Browser;
use super::budget::Budget;
use super::id::Id;
use super::inbox::Inbox;
#[cfg(feature = "link")]
use super::linked::MemberLink;
use super::name::Name;
use super::outbox::Outbox;
use super::presence::Presence;
use super::turns::Wait;
use super::volume::Volume;
use crate::rules::secure::Peer;
use crate::rules::wire::{GOODBYE, PAUSE, REPEAT_AFTER};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A leaving member that has got everything is disconnected after this long, if it does not close first.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// A leaving member that accepts nothing of its outbox for this long is disconnected. It gets everything if it reads
/// [`MIN_SPEED`]. TCP reports progress in steps: for such a peer they are two seconds apart.
const MAX_PAUSE: Duration = Duration::from_secs(5);

pub(super) type Members = HashMap<Id, Member>;

/// How many new names a member may have announced one by one, and how often it may change rooms, at once...
const CHANGES_AT_ONCE: u32 = 3;

/// ...and how soon once more.
const CHANGE_INTERVAL: Duration = Duration::from_secs(3);

/// A member that has waited this long for outboxes in its room may say as much as a light one. The outboxes of several clients
/// can be full in turns for as long as these like, and each of them reads enough.
const PATIENCE: Duration = Duration::from_secs(5);

/// If it cannot, because its address has used up what it may say, it tries again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How soon a member may list members or rooms again.
const LIST_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    /// None for the operator.
    pub(super) peer: Option<SocketAddr>,
    /// The key of the room's name. It stays when the member leaves.
    pub(super) room: Arc<str>,
    /// The place in that room, by the order of entering.
    pub(super) seat: usize,
    /// It is in that room, and in the list of names.
    pub(super) is_listed: bool,
    /// It is connected to this hub. Not so: those of other hubs, and who has gone before the other hubs know.
    pub(super) is_here: bool,
    /// If it is a browser.
    #[cfg(feature = "web")]
    pub(super) browser: Option<Box<Browser>>,
    /// What a linked hub knows of it.
    #[cfg(feature = "link")]
    pub(super) link: MemberLink,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    /// When something was last written from the outbox, or put into the empty outbox.
    pub(super) progress_at: Instant,
    /// What it has said lately.
    pub(super) volume: Volume,
    /// It is in the list of those who wait for outboxes in its room.
    pub(super) is_in_jam: bool,
    /// While it waits for outboxes in its room: when it has waited long enough.
    pub(super) waited_at: Option<Instant>,
    /// The outbox is full: others in the room wait.
    pub(super) is_full: bool,
    /// Light members wait, too.
    pub(super) is_brimful: bool,
    pub(super) joined_at: Instant,
    /// Who is on the other side of the channel. None in clear text.
    pub(super) secured: Option<Arc<Peer>>,
    /// Nobody has been told of this client yet.
    pub(super) arrival: Option<Arrival>,
    /// What it has cost others so far, in seconds.
    pub(super) cost: Leaky,
    /// How many bytes it has read while it held up others.
    pub(super) read_while_full: usize,
    /// When the room was last told that it waits for this member.
    pub(super) told_at: Option<Instant>,
    /// Those whose private messages wait for the outbox.
    pub(super) senders: Vec<Id>,
    /// An [`Action::Write`](super::Action::Write) is queued.
    pub(super) write_is_queued: bool,
    pub(super) ignored: HashSet<Id>,
    /// What the others in the room have not been told about them.
    pub(super) untold: Untold,
    /// The new names that are announced one by one, so that one member leaves some of the room's limit to others.
    pub(super) renames: Budget,
    /// Changes of the room, so that one member does not use up the limits of the rooms.
    pub(super) moves: Budget,
    /// `/who` and `/rooms`, whose answers take the hub longer to write than a member to ask for.
    pub(super) lists: Budget,
    /// Who last sent them a private message.
    pub(super) reply_to: Option<Id>,
    /// Why nothing can be written to them any more.
    pub(super) write_error: Option<io::Error>,
    pub(super) presence: Presence,
    pub(super) leaving: Option<Leaving>,
    /// The time under which the member is in the hub's list of timers.
    pub(super) timer: Option<Instant>,
}

/// A member that has left and still gets what is in its outbox.
#[derive(Debug)]
pub(super) struct Leaving {
    since: Instant,
    /// When the outbox must be empty.
    until: Instant,
    pub(super) parting: Parting,
    pub(super) our_half: Half,
}

/// Our half of the connection to a leaving member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Open,
    /// Everything has been written, but perhaps not that nothing more comes.
    Closing,
    Closed,
}

/// What is still to be sent to a leaving member, after what is in its outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    Goodbye,
    /// The goodbye once more, unless the member closes before.
    Repeat,
    Nothing,
}

impl Member {
    pub(super) fn new(
        name: Name,
        peer: Option<SocketAddr>,
        room: Arc<str>,
        seat: usize,
        inbox: Inbox,
        now: Instant,
    ) -> Self {
        Self {
            name,
            peer,
            room,
            seat,
            is_listed: true,
            is_here: true,
            #[cfg(feature = "web")]
            browser: None,
            #[cfg(feature = "link")]
            link: MemberLink::default(),
            inbox,
            outbox: Outbox::default(),
            progress_at: now,
            volume: Volume::default(),
            is_in_jam: false,
            waited_at: None,
            is_full: false,
            is_brimful: false,
            joined_at: now,
            secured: None,
            arrival: None,
            cost: Leaky::new(now),
            read_while_full: 0,
            told_at: None,
            senders: Vec::new(),
            write_is_queued: false,
            ignored: HashSet::new(),
            untold: Untold::default(),
            renames: Budget::new(CHANGES_AT_ONCE, CHANGE_INTERVAL),
            moves: Budget::new(CHANGES_AT_ONCE, CHANGE_INTERVAL),
            lists: Budget::new(1, LIST_INTERVAL),
            reply_to: None,
            write_error: None,
            presence: Presence::default(),
            leaving: None,
            timer: None,
        }
    }

    /// What counts as its address. None for the operator.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| address_key(peer.ip()))
    }

    /// It waits for outboxes in its room, perhaps again. Returns when it has waited long enough.
    pub(super) fn wait_for_room(&mut self, now: Instant) -> Instant {
        let waited_at = match self.waited_at {
            None => now + PATIENCE,
            Some(waited_at) if waited_at <= now => now + TRY_AGAIN,
            Some(waited_at) => waited_at,
        };
        *self.waited_at.insert(waited_at)
    }

    /// How much it may say to its room although an outbox there is full, if this share is left for its address.
    pub(super) fn may_say_ahead(&self, share: f64, now: Instant) -> usize {
        match self.waited_at.is_some_and(|waited_at| waited_at <= now) {
            true => Volume::default().light_share(share),
            false => self.volume.light_share(share),
        }
    }

    /// From here on the member only gets what is in its outbox. What it sends is read and dropped: a peer that cannot write
    /// might not read the goodbye either.
    pub(super) fn begin_leaving(&mut self, sends_goodbye: bool, now: Instant) {
        let needed = Duration::from_secs_f64(self.outbox.pending() as f64 / MIN_SPEED);
        self.inbox.clear();
        self.leaving = Some(Leaving {
            since: now,
            until: now + MAX_PAUSE + needed,
            parting: if sends_goodbye || self.is_browser() { Parting::Goodbye } else { Parting::Nothing },
            our_half: Half::Open,
        });
    }

    pub(super) fn is_browser(&self) -> bool {
        #[cfg(feature = "web")]
        return self.browser.is_some();
        #[cfg(not(feature = "web"))]
        false
    }

    /// What tells it that the conversation is over.
    pub(super) fn goodbye(&self) -> Vec<u8> {
        #[cfg(feature = "web")]
        if let Some(browser) = &self.browser {
            return browser.goodbye();
        }
        GOODBYE.to_vec()
    }

    /// It has left and has got everything: its connection only waits for the other side to close.
    pub(super) fn is_done(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| leaving.our_half == Half::Closed)
    }

    /// When a newcomer is to be greeted, or is somebody.
    pub(super) fn arrival_due_at(&self) -> Option<Instant> {
        self.arrival.as_ref().map(|arrival| arrival.due_at(!self.outbox.is_held(), self.is_full))
    }

    /// When to call the hub although nothing happens.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        if let Some(leaving) = &self.leaving {
            let pause = match leaving.parting {
                Parting::Goodbye => Some(PAUSE),
                Parting::Repeat => Some(REPEAT_AFTER),
                Parting::Nothing => None,
            };
            let goodbye_at =
                pause.filter(|_| self.outbox.pending() == 0).map(|pause| self.progress_at + pause);
            return goodbye_at.into_iter().chain(self.disconnect_at()).min();
        }
        let arrival = self.arrival_due_at();
        let input = match self.inbox.backlog.wait {
            Some(Wait::Time | Wait::Room) => self.inbox.backlog.early_until,
            Some(_) => None,
            None => self.inbox.decoder.quiet_at(),
        };
        arrival.into_iter().chain(input).min()
    }

    /// When to disconnect a leaving member that neither reads nor closes.
    pub(super) fn disconnect_at(&self) -> Option<Instant> {
        let leaving = self.leaving.as_ref()?;
        let progress_at = leaving.since.max(self.progress_at);
        match self.outbox.pending() {
            0 => Some(progress_at + CLOSE_WITHIN),
            _ => Some(leaving.until.min(progress_at + MAX_PAUSE)),
        }
    }
}
