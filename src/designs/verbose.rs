//! What an observer sees of the user's side, the same in each design.

use crate::observe::{Goodbye, Observe, Observer, Place, Step, current_thread_name};
use crate::rules::notice::Notice;
use crate::rules::settings::Verbosity;
use std::sync::Arc;

/// `-v`: each step of each thread, as a line for the user.
struct Verbose<F>(F);

impl<F: Fn(String) + Send + Sync> Observe for Verbose<F> {
    fn emit(&self, step: &Step) {
        // The user sees these anyway.
        let is_seen = matches!(
            step,
            Step::Reports(_)
                | Step::Writes { to: Place::Screen | Place::Notices, .. }
                | Step::Wrote { to: Place::Screen | Place::Notices, .. }
        );
        if !is_seen {
            (self.0)(format!("[{}] {step}", current_thread_name()));
        }
    }
}

/// The observer of an endpoint: `observer`, and with `-v` the user, to whom `show` shows a line. It must not wait,
/// because it would hold up what it shows.
pub(super) fn observer(
    observer: Observer,
    verbosity: Verbosity,
    show: impl Fn(String) + Send + Sync + 'static,
) -> Observer {
    if verbosity == Verbosity::Verbose { observer.and(Arc::new(Verbose(show))) } else { observer }
}

/// What an observer sees of a notice.
pub(super) fn observe_notice(notice: &Notice, observer: &Observer) {
    if notice.is_goodbye_heard() {
        observer.emit(|| Step::Goodbye(Goodbye::Heard));
    }
    // A trace is read by others.
    observer.emit(|| match notice {
        Notice::Code(_) => Step::Reports("a code for the next caller".to_owned()),
        #[cfg(feature = "hub")]
        Notice::HubEncrypted { .. } => Step::Reports("encrypted".to_owned()),
        #[cfg(feature = "web")]
        Notice::Web(_) | Notice::Link(_) => Step::Reports("the link for browsers".to_owned()),
        notice => Step::Reports(notice.to_string()),
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Mutex;

    /// What `-v` shows of two steps, one of which the user sees anyway.
    fn shown(verbosity: Verbosity) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let show = Arc::clone(&lines);
        let observer = observer(Observer::default(), verbosity, move |line| show.lock().unwrap().push(line));
        observer.emit(|| Step::Writes { to: Place::Screen, bytes: 1 });
        observer.emit(|| Step::Writes { to: Place::Peer, bytes: 1 });
        lines.lock().unwrap().clone()
    }

    #[test]
    fn the_user_sees_what_each_thread_does_only_with_v() {
        let expected = format!("[{}] writes 1 byte to the socket", current_thread_name());
        assert_eq!(shown(Verbosity::Verbose), [expected]);
        assert!(shown(Verbosity::Normal).is_empty());
    }
}
