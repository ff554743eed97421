//! How much a member has said lately.

use std::time::Instant;

/// A member that has sent fewer bytes than this lately is light. It is a page of pasted text.
const LIGHT: usize = 16 * 1024;

/// While a member is silent, this many bytes per second are forgotten. Nobody types so fast.
const FORGOTTEN: f64 = 4.0 * 1024.0;

/// The most bytes that are remembered, so that a member is light again after four seconds of silence.
const MAX: usize = LIGHT + LIGHT / 2;

/// How much a member has said lately, counted as the others receive it: each line with its stamp and name.
///
/// Who has said little is *light*: it takes its turn first, and does not wait for a slow reader. This is what keeps a
/// conversation going beside those who send much. A member that was not light is light again when half of [`LIGHT`] is
/// forgotten. While something that it has sent waits, it is not silent, and nothing is forgotten.
#[derive(Debug, Default)]
pub(super) struct Volume {
    bytes: usize,
    is_heavy: bool,
    silent_since: Option<Instant>,
}

impl Volume {
    /// The member has sent something after a silence, if there was one.
    pub(super) fn end_silence(&mut self, now: Instant) {
        if let Some(since) = self.silent_since.take() {
            let silence = now.saturating_duration_since(since);
            self.bytes = self.bytes.saturating_sub((silence.as_secs_f64() * FORGOTTEN) as usize);
            self.is_heavy &= self.bytes > LIGHT / 2;
        }
    }

    /// Everything that the member has sent has been executed.
    pub(super) fn begin_silence(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// The member has caused lines of this many bytes.
    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes = (self.bytes + bytes).min(MAX);
        self.is_heavy |= self.bytes >= LIGHT;
    }

    /// How many bytes the member can still cause before it is not light any more.
    pub(super) fn light_bytes(&self) -> usize {
        if self.is_heavy { 0 } else { LIGHT - self.bytes }
    }

    /// The same when only this share of it is left for all members behind one address: those who have said least come first.
    pub(super) fn light_share(&self, share: f64) -> usize {
        ((LIGHT as f64 * share) as usize).saturating_sub(LIGHT - self.light_bytes())
    }

    pub(super) fn is_light(&self) -> bool {
        !self.is_heavy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_says_a_line_now_and_then_stays_light() {
        let (mut volume, start) = (Volume::default(), Instant::now());
        for tenths in 0..10_000 {
            let now = start + Duration::from_millis(100) * tenths;
            volume.end_silence(now);
            volume.add(300);
            volume.begin_silence(now);
            assert!(volume.is_light());
        }
    }

    #[test]
    fn who_sends_much_is_light_again_after_four_seconds_of_silence() {
        let (mut volume, start) = (Volume::default(), Instant::now());
        (0..1000).for_each(|_| volume.add(1000));
        assert_eq!((volume.is_light(), volume.light_bytes()), (false, 0));
        // What it has sent waits for an hour: that is no silence.
        let now = start + Duration::from_secs(3600);
        volume.end_silence(now);
        assert!(!volume.is_light());
        volume.begin_silence(now);
        volume.end_silence(now + Duration::from_secs(3));
        assert!(!volume.is_light());
        volume.begin_silence(now + Duration::from_secs(3));
        volume.end_silence(now + Duration::from_secs(5));
        assert!(volume.is_light());
    }
}
