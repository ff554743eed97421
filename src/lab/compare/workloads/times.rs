//! Latencies as a histogram: the slowest of many lines matter, and a mean would hide them.

use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::{Context, Failure};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Times from a nanosecond to a minute, to three digits.
pub(super) struct Times(Histogram<u64>);

impl Times {
    pub(super) fn new() -> Result<Self, Failure> {
        Histogram::new_with_bounds(1, 60_000_000_000, 3).map(Self).context("cannot make a histogram")
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// These times and others.
    pub(super) fn and(mut self, others: &Self) -> Result<Self, Failure> {
        self.0.add(&others.0).context("cannot add histograms")?;
        Ok(self)
    }

    /// How long most of them take, and how long the slowest.
    pub(super) fn figures(&self) -> Figures {
        Figures::from([
            (Measure::P50Microseconds, self.quantile(0.5)),
            (Measure::P99Microseconds, self.quantile(0.99)),
            (Measure::P999Microseconds, self.quantile(0.999)),
        ])
    }

    /// In microseconds.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}
