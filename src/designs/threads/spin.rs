//! Whether main spins before it parks.
//!
//! To be woken costs tens of microseconds, and where something happens more is about to. So main looks for the next event
//! for a short while before it parks, and lets other threads run each time it looks. That pays while events follow each
//! other quickly and nobody else needs the core: [`Spin`] knows whether it does.

use std::time::{Duration, Instant};

/// How long main spins.
const LIMIT: Duration = Duration::from_micros(50);

/// Main spins only while it waits no longer than this for an event. It is more than [`LIMIT`], because some events of a quick
/// exchange come a little later.
const QUICK: Duration = Duration::from_micros(200);

/// When letting others run takes longer than this, another program has used the core. It would take it each time, for some
/// milliseconds. A thread that is woken gets the core sooner than one that gives it away.
const TAKEN: Duration = Duration::from_micros(500);

/// For how long main then parks at once: twice as long each time, because the other program may have come to stay.
const MIN_REST: Duration = Duration::from_millis(10);
const MAX_REST: Duration = Duration::from_secs(1);

/// What main has learned from its last waits.
#[derive(Debug, Default)]
pub(super) struct Spin {
    /// The last wait was short.
    is_quick: bool,
    rest: Duration,
    rests_until: Option<Instant>,
}

impl Spin {
    /// Until when to spin. `None` to park at once.
    pub(super) fn parks_at(&self, now: Instant) -> Option<Instant> {
        let rests = self.rests_until.is_some_and(|until| now < until);
        (self.is_quick && !rests).then(|| now + LIMIT)
    }

    /// Others could run from `before` until now.
    pub(super) fn yielded(&mut self, before: Instant, now: Instant) {
        if now - before > TAKEN {
            let is_there_again = self.rests_until.is_some_and(|until| before < until + MAX_REST);
            self.rest = if is_there_again { (2 * self.rest).min(MAX_REST) } else { MIN_REST };
            self.rests_until = Some(now + self.rest);
        }
    }

    /// An event came, or something was due, after this time.
    pub(super) fn waited(&mut self, time: Duration) {
        self.is_quick = time < QUICK;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_spins_only_after_a_short_wait() {
        let (mut spin, now) = (Spin::default(), Instant::now());
        assert_eq!(spin.parks_at(now), None);
        spin.waited(QUICK / 2);
        assert_eq!(spin.parks_at(now), Some(now + LIMIT));
        spin.waited(QUICK);
        assert_eq!(spin.parks_at(now), None);
    }

    #[test]
    fn main_parks_at_once_for_a_while_after_another_program_used_the_core() {
        let (mut spin, now) = (Spin::default(), Instant::now());
        spin.waited(Duration::ZERO);
        spin.yielded(now, now + TAKEN);
        assert!(spin.parks_at(now).is_some());
        spin.yielded(now - 2 * TAKEN, now);
        assert_eq!(spin.parks_at(now + MIN_REST / 2), None);
        assert!(spin.parks_at(now + MIN_REST).is_some());
    }

    #[test]
    fn main_parks_for_longer_each_time_the_other_program_is_there_again() {
        let (mut spin, mut now) = (Spin::default(), Instant::now());
        let mut rest = |now| {
            spin.yielded(now - 2 * TAKEN, now);
            spin.rest
        };
        for expected in [10, 20, 40, 80, 160, 320, 640, 1000, 1000] {
            let rested = rest(now);
            assert_eq!(rested, Duration::from_millis(expected));
            now += rested + 4 * TAKEN;
        }
        assert_eq!(rest(now + 2 * MAX_REST), MIN_REST);
    }
}
