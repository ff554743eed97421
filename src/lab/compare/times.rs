//! How long lines took, as a histogram: of 10,000 times, the ten slowest matter, and a mean would hide them.

use hdrhistogram::Histogram;
use hdrhistogram::errors::CreationError;
use std::time::Duration;

/// Times from a nanosecond to a minute, to three digits.
pub(super) struct Times(Histogram<u64>);

impl Times {
    pub(super) fn new() -> Result<Self, String> {
        let histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Self(histogram.map_err(|error: CreationError| format!("no histogram: {error}"))?))
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The time within which this part of all lines had arrived, in microseconds.
    pub(super) fn within(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1e3
    }
}
