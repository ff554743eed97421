//! Whether one subject is faster than another, from the ratios of their rounds and from nothing else.
//!
//! The interval lies between two order statistics of the ratios, which no single round can move far: with nine or more
//! it has the true median in it at least 19 times in 20, whatever the noise looks like (Le Boudec, *Performance
//! Evaluation of Computer and Communication Systems*, 2010, section 2.2). Fewer rounds cannot give that, so their
//! interval is widened, by factors that keep wrong verdicts on equal programs below one in twenty for the kinds of noise
//! in the tests.

use super::stats::Spread;
use serde::Serialize;

/// A difference of less is no verdict: the place of a program in memory makes as much (Mytkowicz and others, *Producing
/// wrong data without doing anything obviously wrong!*, 2009).
const NO_DIFFERENCE: f64 = 0.01;
/// A round is outlying if its modified z-score is higher (Iglewicz and Hoaglin, *How to detect and handle outliers*, 1993).
const MAX_SCORE: f64 = 3.5;
/// But not if it differs from the median by less than this, however close the others lie.
const MIN_OUTLYING: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Faster,
    Slower,
    CannotTell,
}

impl Verdict {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::CannotTell => "cannot tell",
        }
    }

    /// Its class in the style sheet of the page.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::CannotTell => "cannot-tell",
        }
    }
}

/// The ratios of two subjects, round by round: whatever disturbs a whole round disturbs both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// From where to where the ratio may be; `None` with fewer than three rounds.
    #[serde(flatten)]
    pub(crate) interval: Option<Interval>,
    /// The numbers of the rounds, from 1, whose ratio is far from the others.
    pub(crate) outlying_rounds: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    /// Of the values of two subjects in the same rounds. `None` unless all are positive.
    pub(crate) fn of(values: &[f64], reference: &[f64]) -> Option<Self> {
        let is_usable = values.len() == reference.len() && !values.is_empty();
        if !is_usable || values.iter().chain(reference).any(|value| *value <= 0.0) {
            return None;
        }
        // As logarithms, so that a half is as far from one as a double.
        let logs: Vec<f64> =
            values.iter().zip(reference).map(|(value, reference)| (value / reference).ln()).collect();
        let median = Spread::of(&logs).median;
        Some(Self {
            median: median.exp(),
            interval: interval(&logs).map(|(low, high)| Interval { low: low.exp(), high: high.exp() }),
            outlying_rounds: outlying(&logs, median),
        })
    }

    /// Of values that were not measured in the same rounds. The interval is that between the ends of both intervals, and so wider
    /// than it must be.
    pub(super) fn apart(values: &[f64], reference: &[f64]) -> Option<Self> {
        if values.is_empty()
            || reference.is_empty()
            || values.iter().chain(reference).any(|value| *value <= 0.0)
        {
            return None;
        }
        let logs = |values: &[f64]| Vec::from_iter(values.iter().map(|value| value.ln()));
        let (values, reference) = (logs(values), logs(reference));
        // Of few rounds none may be left out: a machine with two speeds may have been fast in one run and slow in the other.
        let ends = |logs: &[f64]| match logs.len() {
            5..9 => Some((logs.iter().copied().reduce(f64::min)?, logs.iter().copied().reduce(f64::max)?)),
            _ => interval(logs),
        };
        let ends = ends(&values).zip(ends(&reference));
        Some(Self {
            median: (Spread::of(&values).median - Spread::of(&reference).median).exp(),
            interval: ends.map(|((low, high), (reference_low, reference_high))| Interval {
                low: (low - reference_high).exp(),
                high: (high - reference_low).exp(),
            }),
            outlying_rounds: Vec::new(),
        })
    }

    /// The median with its interval.
    pub(crate) fn short(&self) -> String {
        let median = times(self.median);
        match self.interval {
            Some(Interval { low, high }) => format!("{median}× {}–{}", times(low), times(high)),
            None => format!("{median}×"),
        }
    }

    /// Whether the interval lies on one side of one.
    pub(crate) fn is_certain(&self) -> bool {
        self.verdict() != Verdict::CannotTell
    }

    /// The verdict on the subject, if the ratio is one of speeds.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.interval {
            Some(Interval { low, .. }) if low.ln() > NO_DIFFERENCE => Verdict::Faster,
            Some(Interval { high, .. }) if high.ln() < -NO_DIFFERENCE => Verdict::Slower,
            _ => Verdict::CannotTell,
        }
    }
}

/// With three significant digits, and at most two decimals. What is a thousand times or more is noise.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 9.995 => format!("{ratio:.2}"),
        ratio if ratio < 99.95 => format!("{ratio:.1}"),
        ratio if ratio < 999.5 => format!("{ratio:.0}"),
        _ => "1000+".to_owned(),
    }
}

/// The interval that has the median in it at least 19 times in 20.
fn interval(logs: &[f64]) -> Option<(f64, f64)> {
    // How many of the lowest and of the highest to leave out, and how far to move both ends outwards, as a multiple of
    // the distance between them.
    let (left_out, factor) = match logs.len() {
        0..3 => return None,
        3 => (0, 1.0),
        4 => (0, 0.25),
        5 => (1, 2.0),
        6 => (1, 0.6),
        7 => (1, 0.25),
        8 => (1, 0.1),
        count => (left_out(count), 0.0),
    };
    let mut sorted = logs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[left_out], sorted[sorted.len() - 1 - left_out]);
    let margin = factor * (high - low);
    Some((low - margin, high + margin))
}

/// Each value is above the median with the probability of a coin: how many may be left out on each side.
fn left_out(count: usize) -> usize {
    let mut probability = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let (mut sum, mut number) = (probability, 0);
    while 2.0 * sum <= 0.05 {
        number += 1;
        probability *= (count + 1 - number) as f64 / number as f64;
        sum += probability;
    }
    number.saturating_sub(1)
}

fn outlying(logs: &[f64], median: f64) -> Vec<usize> {
    // Of fewer rounds, no majority says what is usual.
    if logs.len() < 5 {
        return Vec::new();
    }
    let distances: Vec<f64> = logs.iter().map(|log| (log - median).abs()).collect();
    // 0.6745 makes the median distance of normal noise a standard deviation.
    let far = (MAX_SCORE / 0.6745 * Spread::of(&distances).median).max(MIN_OUTLYING);
    let rounds = (1..).zip(distances);
    rounds.filter(|(_, distance)| *distance > far).map(|(round, _)| round).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lab::compare::rounds::order;
    use std::f64::consts::PI;

    fn verdict(values: &[f64], reference: &[f64]) -> Verdict {
        Ratio::of(values, reference).unwrap().verdict()
    }

    #[test]
    fn a_sevenfold_difference_shows_although_one_round_of_five_says_otherwise() {
        let floor = [9670.0, 9822.0, 7931.0, 9700.0, 800.0];
        let threads = [1359.0, 1410.0, 1208.0, 1380.0, 1400.0];
        let ratio = Ratio::of(&floor, &threads).unwrap();
        assert_eq!((ratio.verdict(), &ratio.outlying_rounds[..]), (Verdict::Faster, &[5][..]));
        assert!((6.9..7.1).contains(&ratio.median), "{ratio:?}");
        assert_eq!(verdict(&threads, &floor), Verdict::Slower);
        // The same without the disturbed round.
        assert_eq!(verdict(&floor[..4], &threads[..4]), Verdict::Faster);
    }

    #[test]
    fn runs_that_were_not_side_by_side_are_told_apart_only_by_more_than_their_rounds_differ() {
        let apart = |values: &[f64], reference: &[f64]| Ratio::apart(values, reference).unwrap();
        let ratio = apart(&[2.0, 2.1, 1.9, 2.0, 2.0, 2.05, 1.95], &[1.0, 1.1, 0.9, 1.0, 1.0]);
        assert_eq!((ratio.verdict(), format!("{:.2}", ratio.median)), (Verdict::Faster, "2.00".to_owned()));
        // In the same rounds this would be a difference.
        let drift = [1.0, 0.8, 0.6, 0.4, 0.2];
        assert_eq!(apart(&drift.map(|speed| speed * 1.2), &drift).verdict(), Verdict::CannotTell);
        assert_eq!(Ratio::apart(&[0.0], &[1.0]), None);
        assert_eq!(apart(&[9.0, 9.1], &[1.0, 1.0]).verdict(), Verdict::CannotTell);
    }

    #[test]
    fn one_bad_round_does_not_make_a_winner_either() {
        assert_eq!(verdict(&[1.00, 1.03, 0.98, 1.01, 9.0], &[1.0; 5]), Verdict::CannotTell);
        assert_eq!(verdict(&[1.00, 1.03, 0.98, 1.01, 0.1, 0.99, 1.02], &[1.0; 7]), Verdict::CannotTell);
    }

    #[test]
    fn the_interval_has_the_median_in_it() {
        let mut noise = Noise(3);
        for rounds in 3..40 {
            let values: Vec<f64> = (0..rounds).map(|_| noise.bad_rounds().exp()).collect();
            let ratio = Ratio::of(&values, &vec![1.0; rounds]).unwrap();
            let Interval { low, high } = ratio.interval.unwrap();
            assert!((low..=high).contains(&ratio.median), "{ratio:?}");
        }
    }

    #[test]
    fn ties_and_too_few_rounds_are_no_difference() {
        assert_eq!(verdict(&[2.0; 5], &[2.0; 5]), Verdict::CannotTell);
        assert_eq!(verdict(&[2.01; 15], &[2.0; 15]), Verdict::CannotTell, "less than a percent");
        assert_eq!(verdict(&[9.0, 9.1], &[1.0, 1.0]), Verdict::CannotTell);
        assert_eq!(Ratio::of(&[1.0, 0.0], &[1.0, 1.0]), None);
        assert_eq!(Ratio::of(&[], &[]), None);
    }

    #[test]
    fn a_drift_that_disturbs_whole_rounds_hides_no_difference() {
        let drift = [1.0, 0.8, 0.6, 0.4, 0.2];
        assert_eq!(verdict(&drift.map(|speed| speed * 1.2), &drift), Verdict::Faster);
    }

    #[test]
    fn with_nine_rounds_the_coin_leaves_out_one_on_each_side() {
        // The table in Le Boudec's appendix counts from 1.
        let known = [(9, 1), (10, 1), (12, 2), (15, 3), (20, 5), (30, 9), (50, 17)];
        for (count, number) in known {
            assert_eq!(left_out(count), number, "{count}");
        }
        assert!(left_out(1000) < 500);
    }

    #[test]
    fn equal_programs_are_told_apart_in_at_most_one_of_twenty_comparisons() {
        type Kind = (&'static str, fn(&mut Noise) -> f64);
        let kinds: [Kind; 6] = [
            ("normal", |noise| 0.05 * noise.normal()),
            ("only ever slower", |noise| -0.05 * noise.uniform().ln()),
            ("with a heavy tail", |noise| (0.05 * (PI * (noise.uniform() - 0.5)).tan()).clamp(-9.0, 9.0)),
            ("two values", |noise| 0.01 * noise.normal() + if noise.uniform() < 0.5 { 0.7 } else { 0.0 }),
            ("one round of ten is bad", Noise::bad_rounds),
            ("none", |_| 0.0),
        ];
        // The machine slows down from run to run, by this much.
        for drift in [0.0, 0.01] {
            for rounds in [3, 4, 5, 6, 7, 8, 9, 15] {
                for (kind, make) in kinds {
                    let mut noise = Noise(rounds as u64);
                    let (mut wrong, mut wrong_apart) = (0, 0);
                    for _ in 0..1000 {
                        let (one, other) = measure(rounds, drift, || make(&mut noise));
                        wrong += i32::from(verdict(&one, &other) != Verdict::CannotTell);
                        wrong_apart += i32::from(Ratio::apart(&one, &other).unwrap().is_certain());
                    }
                    let numbers =
                        format!("{kind}, drift {drift}, {rounds} rounds: {wrong} and {wrong_apart} of 1000");
                    assert!(wrong <= 50 && wrong_apart <= 50, "{numbers}");
                }
            }
        }
    }

    /// The values of two of four equal subjects, in the order in which the comparison runs them.
    fn measure(rounds: usize, drift: f64, mut noise: impl FnMut() -> f64) -> (Vec<f64>, Vec<f64>) {
        let (mut values, mut runs) = ([Vec::new(), Vec::new(), Vec::new(), Vec::new()], 0.0);
        for round in 1..=rounds {
            for subject in order(round, 4) {
                values[subject].push((noise() + drift * runs).exp());
                runs += 1.0;
            }
        }
        let [one, other, ..] = values;
        (one, other)
    }

    /// SplitMix64 (Steele and others, 2014).
    struct Noise(u64);

    impl Noise {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = self.0;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
        }

        /// By Box and Muller.
        fn normal(&mut self) -> f64 {
            (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos()
        }

        fn bad_rounds(&mut self) -> f64 {
            0.05 * self.normal() + if self.uniform() < 0.1 { 2.0 } else { 0.0 }
        }
    }
}
