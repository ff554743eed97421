//! The values of options, from text. Each error is a sentence that clap puts behind the option and the value.

pub(super) use crate::rules::address::port;
#[cfg(feature = "hub")]
use crate::rules::hub;
use crate::rules::wire::MAX_LINE_RANGE;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest time that the command line accepts, in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// A name for a hub, which decides whether it admits the name. What would not be one line with one word is no name.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        true => Err("a name has no blanks and no control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it must be a number of seconds above 0 and up to a year, such as 10 or 0.5".to_owned()),
    }
}

pub(super) fn max_line(text: &str) -> Result<usize, String> {
    bytes(text, MAX_LINE_RANGE)
}

#[cfg(feature = "hub")]
pub(super) fn hub_max_line(text: &str) -> Result<usize, String> {
    bytes(text, hub::MAX_LINE_RANGE)
}

#[cfg(feature = "hub")]
pub(super) fn outbox(text: &str) -> Result<usize, String> {
    bytes(text, hub::OUTBOX_RANGE)
}

#[cfg(feature = "hub")]
pub(super) fn max_clients(text: &str) -> Result<usize, String> {
    number(text, 1..=usize::MAX, || "it must be a number of clients, 1 or more".to_owned())
}

#[cfg(feature = "hub")]
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=1e6).contains(rate));
    rate.ok_or_else(|| "it must be a number of lines per second, from 0.01 to 1000000".to_owned())
}

#[cfg(feature = "lab")]
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    let delay = number(text, 0..=60_000, || "it must be a number of milliseconds from 0 to 60000".to_owned());
    Ok(Duration::from_millis(delay? as u64))
}

#[cfg(feature = "lab")]
pub(super) fn rounds(text: &str) -> Result<usize, String> {
    number(text, 1..=1000, || "it must be a number from 1 to 1000".to_owned())
}

#[cfg(feature = "lab")]
pub(super) fn hub_clients(text: &str) -> Result<usize, String> {
    number(text, 2..=100_000, || "it must be a number from 2 to 100000".to_owned())
}

#[cfg(feature = "lab")]
pub(super) fn steady_rate(text: &str) -> Result<u32, String> {
    let rate =
        number(text, 1..=100_000, || "it must be a number of lines a second from 1 to 100000".to_owned());
    Ok(rate? as u32)
}

fn bytes(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (min, max) = (*range.start(), *range.end());
    number(text, range, || format!("it must be a number of bytes from {min} to {max}"))
}

fn number(text: &str, range: RangeInclusive<usize>, error: impl FnOnce() -> String) -> Result<usize, String> {
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(error)
}
