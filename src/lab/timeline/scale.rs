//! Where a moment is drawn.
//!
//! In a conversation typed by hand microseconds of work lie between seconds of nothing. On the *even* scale the distance
//! between two neighbouring moments grows with the logarithm of the time between them: the order stays, and everything can
//! be read. The true, linear scale needs only the times themselves, so the page's script has it.

use super::model::Time;

/// Only when everybody waits does nothing happen for longer: such a gap is drawn as a break, with its length.
const BREAK: Time = 1_000_000;

/// The width of the shortest gap, in pixels.
const MIN_GAP: f64 = 37.0;

/// How many pixels wider a gap is that is ten times as long.
const DECADE: f64 = 8.0;

/// The shortest gap that makes a difference, in nanoseconds.
const SHORT: f64 = 300.0;

/// The minimum width of a break, so that its length can be written into it.
const MIN_BREAK: f64 = 74.0;

/// Pixels before the first moment of a row, for what is drawn at its left side.
const EDGE: f64 = 14.0;

/// Pixels after the last moment, for what is drawn there.
const END: f64 = 20.0;

/// The even scale.
pub(super) struct Scale {
    moments: Vec<Time>,
    even: Vec<f64>,
}

impl Scale {
    pub(super) fn new(mut moments: Vec<Time>) -> Self {
        moments.sort_unstable();
        moments.dedup();
        let mut x = 0.0;
        let mut even = vec![x; moments.len().min(1)];
        for pair in moments.windows(2) {
            x += gap_width(pair[1] - pair[0]);
            even.push(x);
        }
        Self { moments, even }
    }

    /// In pixels.
    pub(super) fn width(&self) -> f64 {
        self.even.last().copied().unwrap_or_default()
    }

    pub(super) fn moments(&self) -> &[Time] {
        &self.moments
    }

    pub(super) fn even(&self) -> &[f64] {
        &self.even
    }

    /// The index of a moment; between two of them a fraction.
    pub(super) fn index(&self, moment: Time) -> f64 {
        let next = self.moments.partition_point(|other| *other < moment);
        match (next.checked_sub(1).map(|before| self.moments[before]), self.moments.get(next)) {
            (Some(before), Some(after)) if *after > moment => {
                (next - 1) as f64 + (moment - before) as f64 / (after - before) as f64
            }
            (_, Some(_)) => next as f64,
            (_, None) => self.moments.len().saturating_sub(1) as f64,
        }
    }

    /// In pixels from the first moment.
    pub(super) fn x(&self, moment: Time) -> f64 {
        let index = self.index(moment);
        let whole = index.floor();
        let from = self.even.get(whole as usize).copied().unwrap_or_default();
        let to = self.even.get(whole as usize + 1).copied().unwrap_or(from);
        from + (to - from) * (index - whole)
    }

    /// Cuts the scale into at most `max` rows of at most this width. A row ends with a break if it can.
    pub(super) fn rows(&self, width: f64, max: usize) -> Vec<(f64, f64)> {
        let breaks: Vec<f64> = self.breaks().map(|(_, to)| self.x(to) - EDGE).collect();
        let end = self.width() + END;
        let (mut rows, mut from) = (Vec::new(), -EDGE);
        while from < end && rows.len() < max {
            let fits = |x: &f64| *x > from + width / 2.0 && *x - from <= width;
            let to = match end - from <= width {
                true => end,
                false => breaks.iter().copied().rfind(fits).unwrap_or(from + width),
            };
            rows.push((from, to));
            from = to;
        }
        rows
    }

    /// The gaps that are breaks.
    pub(super) fn breaks(&self) -> impl Iterator<Item = (Time, Time)> {
        self.moments.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| to - from > BREAK)
    }
}

fn gap_width(gap: Time) -> f64 {
    let width = MIN_GAP + DECADE * (gap as f64 / SHORT).max(1.0).log10();
    if gap > BREAK { width.max(MIN_BREAK) } else { width }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_stays_and_longer_is_wider() {
        let scale = Scale::new(vec![5_000, 0, 100, 5_000, 1_000_000_000]);
        assert_eq!(scale.moments(), [0, 100, 5_000, 1_000_000_000]);
        let gaps: Vec<_> = scale.even().windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps[0] >= MIN_GAP && gaps.windows(2).all(|pair| pair[0] < pair[1]), "{gaps:?}");
        // A second is not ten million times as wide as 100 ns.
        assert!(gaps[2] < 10.0 * gaps[0], "{gaps:?}");
    }

    #[test]
    fn what_lies_between_two_moments_is_drawn_between_them() {
        let scale = Scale::new(vec![0, 1_000, 2_000]);
        assert_eq!((scale.index(0), scale.index(1_500), scale.index(2_000)), (0.0, 1.5, 2.0));
        assert_eq!((scale.index(-5), scale.index(9_999)), (0.0, 2.0));
        assert!((scale.x(1_500) - (scale.x(1_000) + scale.x(2_000)) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_at_all_has_a_scale_too() {
        let scale = Scale::new(Vec::new());
        assert_eq!((scale.width(), scale.x(7), scale.index(7)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn seconds_of_nothing_are_breaks() {
        let scale = Scale::new(vec![0, 1_000, 600_000_000]);
        assert_eq!(scale.breaks().collect::<Vec<_>>(), [(1_000, 600_000_000)]);
    }
}
