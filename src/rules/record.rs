//! What a transcript records: who was connected, what was said and when. The time is passed in.

use super::buffer::Buffer;
use super::notice::{Importance, Notice};
use super::secure::Peer;
use std::net::SocketAddr;
use std::sync::Arc;
use time::OffsetDateTime;

/// One thing that happened. Messages that were written or read together are one entry.
#[derive(Debug)]
pub struct Entry {
    /// When it happened.
    pub time: OffsetDateTime,
    /// The other side of the conversation, if there was one.
    pub peer: Option<SocketAddr>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// A conversation began. The direction says who called.
    Connected(Direction),
    /// Its connection is encrypted, and this is known of the peer.
    Encrypted(Arc<Peer>),
    /// [Messages](Buffer::sent) were handed to the system.
    Sent(Buffer),
    /// [Messages](Buffer::received) arrived. The screen-writer shows the same buffer.
    Received(Arc<Buffer>),
    /// Somebody said `88`.
    Goodbye(Direction),
    /// A conversation ended.
    Closed {
        /// Both sides said goodbye, and nothing was lost.
        cleanly: bool,
    },
    /// Something went wrong: the sentence that the user saw.
    Error(String),
    /// Somebody came into a room of the hub.
    #[cfg(feature = "hub")]
    Joined {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
    },
    /// Somebody left a room of the hub.
    #[cfg(feature = "hub")]
    Left {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
        /// How they left, as the others read it.
        why: String,
    },
    /// Somebody changed their name.
    #[cfg(feature = "hub")]
    Renamed {
        /// The name they had.
        old: Arc<str>,
        /// The name they have.
        new: Arc<str>,
    },
    /// Somebody said something to all in a room, or did it (`/me`).
    #[cfg(feature = "hub")]
    Said {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
        /// What they said.
        post: Arc<crate::rules::hub::Post>,
        /// They did it (`/me`).
        acted: bool,
    },
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We.
    Sent,
    /// The peer.
    Received,
}

/// What a line takes in a transcript beside its text, in bytes: its time, names and keys.
#[cfg(feature = "hub")]
const RECORD_SIZE: usize = 192;

impl What {
    /// About how many bytes it takes in a transcript.
    #[cfg(feature = "hub")]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Said { post, .. } => post.lines.len() + post.count() * RECORD_SIZE,
            _ => RECORD_SIZE,
        }
    }

    /// What a notice means for a transcript, if anything.
    fn of(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::ConnectedFrom(_) => Some(Self::Connected(Direction::Received)),
            Notice::ConnectedTo(_) => Some(Self::Connected(Direction::Sent)),
            Notice::Encrypted(peer) => Some(Self::Encrypted(Arc::clone(peer))),
            Notice::TheySaidGoodbye | Notice::TheirLastWords => Some(Self::Goodbye(Direction::Received)),
            _ if notice.importance() == Importance::Error => {
                let text = notice.to_string();
                Some(Self::Error(text.strip_prefix("threadchat: ").unwrap_or(&text).to_owned()))
            }
            _ => None,
        }
    }
}

/// Decides what a transcript records of the notices, and counts the errors for which it has no capacity.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    peer: Option<SocketAddr>,
    lost: usize,
}

impl Journal {
    /// An entry of the conversation.
    pub(crate) fn entry(&self, what: What, now: OffsetDateTime) -> Entry {
        Entry { time: now, peer: self.peer, what }
    }

    /// What to record of a notice. Errors that can repeat without end are counted while the transcript lacks
    /// capacity; it is asked only for errors.
    pub(crate) fn report(
        &mut self,
        notice: &Notice,
        now: OffsetDateTime,
        has_capacity: impl FnOnce() -> bool,
    ) -> Vec<Entry> {
        if let Notice::ConnectedFrom(peer) | Notice::ConnectedTo(peer) = notice {
            self.peer = Some(*peer);
        }
        let mut what = What::of(notice);
        let mut lost = None;
        if matches!(what, Some(What::Error(_))) {
            if has_capacity() {
                lost = self.take_lost(now);
            } else if notice.is_repeatable() {
                self.lost += 1;
                what = None;
            }
        }
        lost.into_iter().chain(what.map(|what| self.entry(what, now))).collect()
    }

    /// What to record at the end of a conversation. One that was not recorded to begin does not end, either.
    pub(crate) fn close(&mut self, cleanly: bool, now: OffsetDateTime) -> Vec<Entry> {
        let lost = self.take_lost(now);
        let closed = self.peer.map(|_| self.entry(What::Closed { cleanly }, now));
        self.peer = None;
        lost.into_iter().chain(closed).collect()
    }

    /// The errors that were not recorded, if any: to record when the transcript has capacity, or at its end.
    pub(crate) fn take_lost(&mut self, now: OffsetDateTime) -> Option<Entry> {
        let lost = std::mem::take(&mut self.lost);
        let what = || format!("{lost} errors were not recorded, because the transcript was not keeping up");
        (lost > 0).then(|| self.entry(What::Error(what()), now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-09 06:18:34 UTC);

    fn report(journal: &mut Journal, notice: &Notice, has_capacity: bool) -> Vec<String> {
        words(journal.report(notice, NOW, || has_capacity))
    }

    fn words(entries: Vec<Entry>) -> Vec<String> {
        entries
            .into_iter()
            .map(|entry| format!("{:?} {:?}", entry.peer.map(|peer| peer.port()), entry.what))
            .collect()
    }

    #[test]
    fn a_conversation_is_recorded_with_its_peer_from_beginning_to_end() {
        let mut journal = Journal::default();
        let peer = ([127, 0, 0, 1], 9).into();
        assert!(report(&mut journal, &Notice::Waiting, true).is_empty());
        assert_eq!(report(&mut journal, &Notice::ConnectedTo(peer), false), ["Some(9) Connected(Sent)"]);
        assert_eq!(report(&mut journal, &Notice::TheySaidGoodbye, false), ["Some(9) Goodbye(Received)"]);
        assert_eq!(words(journal.close(true, NOW)), ["Some(9) Closed { cleanly: true }"]);
        assert_eq!(journal.peer, None);
    }

    #[test]
    fn errors_that_repeat_are_counted_while_the_transcript_lacks_capacity() {
        let mut journal = Journal::default();
        let cannot_accept = Notice::CannotAccept(io::ErrorKind::Other.into());
        for _ in 0..2 {
            assert!(report(&mut journal, &cannot_accept, false).is_empty());
        }
        // An error that ends something is recorded in any case.
        assert_eq!(report(&mut journal, &Notice::RestNotSent, false).len(), 1);
        let recorded = report(&mut journal, &cannot_accept, true);
        assert!(recorded[0].contains("2 errors were not recorded"), "{recorded:?}");
        assert!(recorded[1].contains("cannot accept a call"), "{recorded:?}");
        assert!(report(&mut journal, &cannot_accept, false).is_empty());
        let recorded = words(journal.close(false, NOW));
        assert!(recorded[0].contains("1 errors were not recorded"), "{recorded:?}");
        assert_eq!(recorded.len(), 1, "nobody was connected");
    }
}
