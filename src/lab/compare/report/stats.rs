//! Medians and quartiles. A mean of a few runs would say more about the one that was disturbed than about the others.

use serde::Serialize;

/// The median of some values, and the quartiles: the middle half of the values lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) q1: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let position = part * (sorted.len() - 1) as f64;
            let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
            below + (above - below) * position.fract()
        };
        Self { median: at(0.5), q1: at(0.25), q3: at(0.75) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbouring_values() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0, 5.0, 4.0]), Spread { median: 3.0, q1: 2.0, q3: 4.0 });
        assert_eq!(Spread::of(&[1.0, 2.0]), Spread { median: 1.5, q1: 1.25, q3: 1.75 });
        assert_eq!(Spread::of(&[7.0]), Spread { median: 7.0, q1: 7.0, q3: 7.0 });
    }
}
