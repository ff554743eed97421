//! How often a member may do what the others in a room are told of, or what costs the hub time.

use std::time::{Duration, Instant};

/// So much at once, and then one in each interval: a token bucket.
#[derive(Debug)]
pub(super) struct Budget {
    at_once: u32,
    interval: Duration,
    /// When nothing of it is spent any more.
    full_at: Option<Instant>,
}

impl Budget {
    pub(super) fn new(at_once: u32, interval: Duration) -> Self {
        Self { at_once, interval, full_at: None }
    }

    /// When the next one may follow. `None`: it could have before the clock began.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.full_at?.checked_sub(self.interval * (self.at_once - 1))
    }

    pub(super) fn allows(&self, now: Instant) -> bool {
        self.next_at().is_none_or(|next_at| next_at <= now)
    }

    pub(super) fn spend(&mut self, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full_at| full_at.max(now)) + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_are_followed_by_one_in_each_interval() {
        let (mut budget, mut now) = (Budget::new(3, Duration::from_secs(3)), Instant::now());
        for _ in 0..3 {
            assert!(budget.allows(now));
            budget.spend(now);
        }
        assert!(!budget.allows(now));
        now += Duration::from_secs(3);
        assert_eq!(budget.next_at(), Some(now));
        budget.spend(now);
        assert!(!budget.allows(now));
        now += Duration::from_secs(60);
        for _ in 0..3 {
            assert!(budget.allows(now));
            budget.spend(now);
        }
        assert!(!budget.allows(now));
    }
}
