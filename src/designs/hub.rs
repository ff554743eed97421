//! What both hub designs report to an observer, and how they encrypt.

#[cfg(all(test, feature = "secure"))]
mod tests;

#[cfg(feature = "secure")]
pub(super) use sealed::{Rest, Sealer};

use crate::observe::{Decision, Goodbye, Observer, Place, Step};
use crate::rules::hub::{Event, Hub, Queue};
use crate::rules::messages::Counter;
#[cfg(feature = "web")]
use crate::rules::messages::Messages;
use crate::rules::moment::Moment;
use crate::rules::wire::GOODBYE;

/// Lets the hub handle an event, which may bring in something to relay.
pub(super) fn relay(hub: &mut Hub, event: Event, now: Moment, observer: &Observer) {
    let relays = |(typed, messages)| {
        observer.emit(|| Step::Decides { decision: Decision::Relay, typed, messages });
    };
    if observer.watches() {
        hub.relayed(&event).map(relays);
    }
    hub.handle(event, now);
    #[cfg(feature = "web")]
    if let Some(messages) = hub.take_relayed() {
        relays((Messages::NONE, messages));
    }
}

/// The first `bytes` of this queue have been written to a client, whose lines `sent` counts.
pub(super) fn observe_written(queue: &Queue, bytes: usize, sent: &mut Counter, observer: &Observer) {
    if observer.watches() {
        let messages = sent.next(queue.lines(bytes));
        observer.emit(|| Step::Wrote { to: Place::Client, bytes, messages });
        // A goodbye is always written by itself.
        if bytes == GOODBYE.len() && queue.copy(bytes) == GOODBYE {
            observer.emit(|| Step::Goodbye(Goodbye::Written));
        }
    }
}

#[cfg(feature = "secure")]
mod sealed {
    use crate::rules::hub::Queue;
    use crate::rules::secure::Channel;
    use std::io;

    /// The most bytes that are encrypted for one client before they are written: two records. Ciphertext that waits would fall
    /// out of the processor's cache, and cannot be shared as posts are.
    const MAX: usize = 32 * 1024;

    /// Encrypts what is about to be written. One for all clients: what a connection accepts at once is not kept.
    #[derive(Default)]
    pub(in crate::designs) struct Sealer {
        plaintext: Vec<u8>,
        ciphertext: Vec<u8>,
    }

    /// What a connection did not accept.
    pub(in crate::designs) struct Rest {
        pub(in crate::designs) ciphertext: Vec<u8>,
        pub(in crate::designs) written: usize,
        /// How many bytes of the outbox are written with its end.
        pub(in crate::designs) plaintext: usize,
        /// Nothing comes after it: then our half of the connection is closed.
        pub(in crate::designs) is_last: bool,
    }

    impl Sealer {
        /// Encrypts the beginning of the queue. Returns how many bytes of it; none if the channel has failed.
        pub(in crate::designs) fn seal(&mut self, channel: &mut Channel, queue: &Queue) -> usize {
            self.plaintext.clear();
            self.ciphertext.clear();
            queue.copy_to(&mut self.plaintext, MAX);
            channel.send(&self.plaintext, &mut self.ciphertext)
        }

        /// Says that nothing more comes, or what is left to say of a channel that has failed.
        pub(in crate::designs) fn close(&mut self, channel: &mut Channel) {
            self.ciphertext.clear();
            channel.close(&mut self.ciphertext);
        }

        pub(in crate::designs) fn ciphertext(&self) -> &[u8] {
            &self.ciphertext
        }

        /// Writes what was encrypted, with a write that does not block. Returns what is left, if something is.
        pub(in crate::designs) fn write(
            &self,
            plaintext: usize,
            is_last: bool,
            write: impl FnMut(&[u8]) -> io::Result<usize>,
        ) -> io::Result<Option<Rest>> {
            let written = write_some(&self.ciphertext, write)?;
            let rest = &self.ciphertext[written..];
            let rest = || Rest { ciphertext: rest.to_vec(), written: 0, plaintext, is_last };
            Ok((written < self.ciphertext.len()).then(rest))
        }
    }

    impl Rest {
        /// Writes what is left, as [`Sealer::write`] does. Returns whether that was all.
        #[cfg(poll)]
        pub(in crate::designs) fn write(
            &mut self,
            write: impl FnMut(&[u8]) -> io::Result<usize>,
        ) -> io::Result<bool> {
            self.written += write_some(&self.ciphertext[self.written..], write)?;
            Ok(self.written == self.ciphertext.len())
        }
    }

    /// Writes until the connection accepts no more. Returns how much it accepted.
    fn write_some(bytes: &[u8], mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match write(&bytes[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}
