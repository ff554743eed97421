//! What is reported of callers who are turned away. Anybody can call any number of times: a line for each would bury
//! everything else on the screen, and fill the disk behind a log.

use super::notice::Notice;
use std::time::{Duration, Instant};

/// Reports the first of several callers who are turned away at once, and counts the others. The count is reported when a
/// period has passed, and then once in each period until one passes in which nobody calls.
#[derive(Debug)]
pub(crate) struct RefusedCallers {
    period: Duration,
    /// When the present period ends.
    ends_at: Option<Instant>,
    /// How many were not reported, and the notice about the last of them.
    count: usize,
    last: Option<Notice>,
}

impl RefusedCallers {
    /// Nobody was turned away yet.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, ends_at: None, count: 0, last: None }
    }

    /// A caller was turned away, as this notice says. Returns the notice if it is to be reported now.
    pub(crate) fn refused(&mut self, notice: Notice, now: Instant) -> Option<Notice> {
        if self.last.is_none() && self.ends_at.is_none_or(|ends_at| ends_at <= now) {
            self.ends_at = Some(now + self.period);
            return Some(notice);
        }
        self.count += 1;
        self.last = Some(notice);
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends_at.filter(|_| self.last.is_some())
    }

    /// Returns the count when its time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Notice> {
        self.poll_timeout().filter(|ends_at| *ends_at <= now)?;
        self.ends_at = Some(now + self.period);
        self.take()
    }

    /// Returns the count without waiting for its time.
    pub(crate) fn take(&mut self) -> Option<Notice> {
        let last = self.last.take()?;
        match std::mem::take(&mut self.count) {
            1 => Some(last),
            count => Some(Notice::MoreRefused { count, last: Box::new(last) }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    fn notice(port: u16) -> Notice {
        Notice::Closed(([127, 0, 0, 1], port).into())
    }

    fn text(notice: Option<Notice>) -> Option<String> {
        notice.map(|notice| notice.to_string())
    }

    #[test]
    fn the_first_caller_is_reported_at_once_and_the_others_of_each_period_as_a_count() {
        let (mut callers, start) = (RefusedCallers::new(PERIOD), Instant::now());
        assert_eq!(text(callers.refused(notice(0), start)), Some(notice(0).to_string()));
        // Nothing is due while there is nothing to count.
        assert_eq!(callers.poll_timeout(), None);
        for period in 1..=3 {
            let end = start + period * PERIOD;
            (1..=110).for_each(|port| assert!(callers.refused(notice(port), end - PERIOD / 2).is_none()));
            assert_eq!(callers.poll_timeout(), Some(end));
            assert!(callers.handle_timeout(end - PERIOD / 2).is_none());
            let counted = text(callers.handle_timeout(end)).unwrap();
            assert_eq!(counted, format!("110 more callers were turned away; the last one: {}", notice(110)));
        }
    }

    #[test]
    fn after_a_period_without_callers_the_next_one_is_reported_at_once() {
        let (mut callers, start) = (RefusedCallers::new(PERIOD), Instant::now());
        assert!(callers.refused(notice(1), start).is_some());
        assert!(callers.refused(notice(2), start + PERIOD / 2).is_none());
        // One is not a number of callers.
        assert_eq!(text(callers.handle_timeout(start + PERIOD)), Some(notice(2).to_string()));
        assert!(callers.refused(notice(3), start + 2 * PERIOD).is_some());
    }

    #[test]
    fn the_rest_is_reported_at_the_end() {
        let (mut callers, start) = (RefusedCallers::new(PERIOD), Instant::now());
        (0..4).for_each(|port| drop(callers.refused(notice(port), start)));
        assert!(text(callers.take()).unwrap().starts_with("3 more callers"));
        assert!(callers.take().is_none());
    }
}
