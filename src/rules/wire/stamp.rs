//! The timestamp in front of a message.

use std::ops::Range;
use std::time::Duration;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, Time};

/// What C's `ctime` writes, without its newline: English names, and the day padded with a space.
const FORMAT: StaticFormatDescription = format_description!(
    "[[[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]] "
);

/// The length of a [`Stamp`] in bytes.
pub const STAMP_LEN: usize = 27;

/// The length of a [day](Stamp::day) in bytes.
pub const DAY_LEN: usize = 15;

/// `[Mon Nov  9 06:18:34 2026] `, with the space that separates it from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; STAMP_LEN]);

impl Stamp {
    /// The stamp of a moment, in the time of its own offset.
    ///
    /// ```
    /// # use threadchat::rules::wire::Stamp;
    /// # use time::macros::datetime;
    /// let stamp = Stamp::at(datetime!(2026-11-09 06:18:34 +1));
    /// assert_eq!(stamp.as_bytes(), b"[Mon Nov  9 06:18:34 2026] ");
    /// ```
    #[must_use]
    pub fn at(moment: OffsetDateTime) -> Self {
        let mut stamp = [b' '; STAMP_LEN];
        // Fails only for years without four digits, and leaves the rest of the stamp blank.
        let _ = moment.format_into(&mut &mut stamp[..], FORMAT);
        Self(stamp)
    }

    /// The text without the stamp that may be in front of it. Anything that looks like a stamp counts, whatever time it shows.
    ///
    /// ```
    /// # use threadchat::rules::wire::Stamp;
    /// assert_eq!(Stamp::strip(b"[Mon Nov  9 06:18:34 2026] hello"), b"hello");
    /// assert_eq!(Stamp::strip(b"[Monday] hello"), b"[Monday] hello");
    /// ```
    #[must_use]
    pub fn strip(text: &[u8]) -> &[u8] {
        if Self::parse(text).is_some() { &text[STAMP_LEN..] } else { text }
    }

    /// The stamp in front of a text, if there is one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let stamp = text.first_chunk::<STAMP_LEN>()?;
        stamp.iter().zip(SHAPE).all(|(byte, shape)| has_shape(*byte, *shape)).then_some(Self(*stamp))
    }

    /// Whether this is a stamp without a text, or the beginning of one.
    pub(super) fn has_no_text(line: &[u8]) -> bool {
        line.len() <= STAMP_LEN && line.iter().zip(SHAPE).all(|(byte, shape)| has_shape(*byte, *shape))
    }

    /// Whether both show the same time, give or take this much.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use threadchat::rules::wire::Stamp;
    /// let [one, other] = [b"[Mon Nov  9 23:59:00 2026] ", b"[Tue Nov 10 00:01:00 2026] "].map(|text| Stamp::parse(text));
    /// let is_near = |minutes: u64| one.zip(other).is_some_and(|(one, other)| one.is_near(&other, Duration::from_secs(60 * minutes)));
    /// assert!(is_near(2) && !is_near(1));
    /// ```
    #[must_use]
    pub fn is_near(&self, other: &Self, limit: Duration) -> bool {
        let difference = self.seconds().zip(other.seconds()).map(|(one, other)| one.abs_diff(other));
        difference.is_some_and(|difference| difference <= limit.as_secs())
    }

    /// How many seconds lie before the time that it shows. None if there is no such time.
    fn seconds(&self) -> Option<i64> {
        const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let number =
            |at: Range<usize>| str::from_utf8(&self.0[at]).ok()?.trim_ascii_start().parse::<u16>().ok();
        let small = |at: Range<usize>| u8::try_from(number(at)?).ok();
        let month = MONTHS.chunks(3).position(|month| month == &self.0[5..8])?;
        let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
        let day = Date::from_calendar_date(number(21..25)?.into(), month, small(9..11)?).ok()?;
        let time = Time::from_hms(small(12..14)?, small(15..17)?, small(18..20)?).ok()?;
        Some(day.with_time(time).assume_utc().unix_timestamp())
    }

    /// The time alone: `06:18:34`.
    #[must_use]
    pub fn time(&self) -> &[u8] {
        &self.0[12..20]
    }

    /// The day alone: `Mon Nov  9 2026`.
    #[must_use]
    pub fn day(&self) -> [u8; DAY_LEN] {
        let mut day = [b' '; DAY_LEN];
        day[..10].copy_from_slice(&self.0[1..11]);
        day[11..].copy_from_slice(&self.0[21..25]);
        day
    }

    /// The bytes that go over the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; STAMP_LEN] {
        &self.0
    }
}

/// A stamp with `a` for a letter, `0` for a digit, and `_` for a digit or a space.
const SHAPE: &[u8; STAMP_LEN] = b"[aaa aaa _0 00:00:00 0000] ";

fn has_shape(byte: u8, shape: u8) -> bool {
    match shape {
        b'a' => byte.is_ascii_alphabetic(),
        b'0' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || byte == b' ',
        _ => byte == shape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_stamp_looks_like_ctime() {
        let stamp = |moment| String::from_utf8_lossy(Stamp::at(moment).as_bytes()).into_owned();
        assert_eq!(stamp(datetime!(2026-11-09 06:18:34 UTC)), "[Mon Nov  9 06:18:34 2026] ");
        assert_eq!(stamp(datetime!(2018-01-31 23:59:00 -8)), "[Wed Jan 31 23:59:00 2018] ");
    }

    #[test]
    fn a_stamp_has_a_time_and_a_day() {
        let stamp = Stamp::parse(b"[Mon Nov  9 06:18:34 2026] hello");
        assert_eq!(
            stamp.map(|stamp| (stamp.time().to_vec(), stamp.day())),
            Some((b"06:18:34".to_vec(), *b"Mon Nov  9 2026"))
        );
        assert_eq!(Stamp::parse(b"[Mon Nov  9 06:18:34 2026]"), None);
    }
}
