//! What both hub designs report to an observer.

use crate::observe::{Decision, Goodbye, Observer, Place, Step};
use crate::rules::hub::{Event, Queue};
use crate::rules::messages::Counter;
use crate::rules::wire::GOODBYE;

/// The hub is about to relay what this event brings in.
pub(super) fn observe_relay(event: &Event, observer: &Observer) {
    if let Some((typed, messages)) = event.relayed() {
        observer.emit(|| Step::Decides { decision: Decision::Relay, typed, messages });
    }
}

/// The first `bytes` of this queue have been written to a client, whose lines `sent` counts.
pub(super) fn observe_written(queue: &Queue, bytes: usize, sent: &mut Counter, observer: &Observer) {
    if observer.watches() {
        let written = queue.copy(bytes);
        let messages = sent.next(bytecount::count(&written, b'\n') as u64);
        observer.emit(|| Step::Wrote { to: Place::Client, bytes, messages });
        // A goodbye is always written by itself.
        if written == GOODBYE {
            observer.emit(|| Step::Goodbye(Goodbye::Written));
        }
    }
}
