//! The lines that are sent, and the check of those that arrive. Both must be cheap, because they run beside what is
//! measured: all lines are made before the clock starts, and checked by comparing slices.

use super::watchdog::Heartbeat;
use crate::rules::failure::{Context, Failure};
use std::io::Read;
use std::ops::Range;

/// The length of a line in bytes, with its newline.
pub(crate) const LINE: usize = 64;

/// The lines with these numbers of the series `mark`. No two lines are alike.
pub(crate) fn lines(mark: u8, numbers: Range<usize>) -> Vec<u8> {
    const TEXT: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut lines = Vec::with_capacity(numbers.len() * LINE);
    for number in numbers {
        lines.push(mark);
        lines.extend_from_slice(format!("{number:010}").as_bytes());
        lines.extend((0..LINE - 12).map(|at| TEXT[(number + at) % TEXT.len()]));
        lines.push(b'\n');
    }
    lines
}

/// The output of an endpoint, and the check of what it shows.
pub(crate) struct Screen<R> {
    from: R,
    /// The length of the stamp before each line; 0 without one.
    stamp: usize,
    buffer: Vec<u8>,
    filled: usize,
    heartbeat: Heartbeat,
}

impl<R: Read> Screen<R> {
    pub(crate) fn new(from: R, stamp: usize, heartbeat: Heartbeat) -> Self {
        Self { from, stamp, buffer: vec![0; 256 * 1024], filled: 0, heartbeat }
    }

    /// Reads until all of these lines have arrived, in this order and undamaged.
    pub(crate) fn expect(&mut self, mut due: &[u8]) -> Result<(), Failure> {
        loop {
            let stride = self.stamp + LINE;
            let mut used = 0;
            for received in self.buffer[..self.filled].chunks_exact(stride).take(due.len() / LINE) {
                let (stamp, line) = received.split_at(self.stamp);
                if line != &due[..LINE] || !is_stamp(stamp) {
                    return Err(self.fault(used, &due[..LINE]).into());
                }
                due = &due[LINE..];
                used += stride;
            }
            self.buffer.copy_within(used..self.filled, 0);
            self.filled -= used;
            if due.is_empty() {
                return Ok(());
            }
            if self.read()? == 0 {
                let are = match due.len() / LINE {
                    1 => "is".to_owned(),
                    missing => format!("and {} more are", missing - 1),
                };
                return Err(format!("{} {are} lost: the output has ended", shown(due)).into());
            }
        }
    }

    /// Reads until these bytes have arrived, which need not be lines.
    pub(crate) fn expect_bytes(&mut self, due: &[u8]) -> Result<(), Failure> {
        while self.filled < due.len() && self.read()? > 0 {}
        let arrived = &self.buffer[..self.filled.min(due.len())];
        if arrived != due {
            return Err(
                format!("{} bytes arrived that are not the {} expected", arrived.len(), due.len()).into()
            );
        }
        self.buffer.copy_within(due.len()..self.filled, 0);
        self.filled -= due.len();
        Ok(())
    }

    /// Reads the end of the output, which must come now.
    pub(crate) fn expect_end(&mut self) -> Result<(), Failure> {
        while self.filled == 0 {
            if self.read()? == 0 {
                return Ok(());
            }
        }
        let more = &self.buffer[..self.filled.min(self.stamp + LINE)];
        Err(format!("more arrived than was sent: {:?}", String::from_utf8_lossy(more)).into())
    }

    /// Reads to the end and discards everything.
    pub(crate) fn ignore(&mut self) {
        self.filled = 0;
        while self.read().is_ok_and(|read| read > 0) {
            self.filled = 0;
        }
    }

    fn read(&mut self) -> Result<usize, Failure> {
        let read = self.from.read(&mut self.buffer[self.filled..]).context("cannot read what it shows")?;
        self.filled += read;
        self.heartbeat.beat();
        Ok(read)
    }

    /// What is wrong at `at`, where the line `due` is expected.
    fn fault(&self, at: usize, due: &[u8]) -> String {
        let mut rest = self.buffer[at..self.filled].chunks_exact(self.stamp + LINE);
        let (stamp, arrived) = rest.next().unwrap_or_default().split_at(self.stamp);
        let name = shown(due);
        match number(arrived) {
            Some(_) if !is_stamp(stamp) => format!("{name} has a damaged stamp: {stamp:?}"),
            // An earlier line, which has arrived already.
            Some(_) if arrived[0] == due[0] && number(arrived) < number(due) => {
                format!("{} arrived twice, where {name} was expected", shown(arrived))
            }
            Some(_) if rest.any(|later| later.ends_with(due)) => {
                format!("{name} is out of order: {} arrived before it", shown(arrived))
            }
            Some(_) => format!("{name} is lost: {} arrived in its place", shown(arrived)),
            None => format!("{name} is damaged: {:?} arrived", String::from_utf8_lossy(arrived)),
        }
    }
}

/// The number of a line, if it is whole and undamaged.
pub(crate) fn number(line: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(line.get(1..11)?).ok()?.parse().ok()?;
    (line == lines(line[0], number..number + 1)).then_some(number)
}

fn shown(line: &[u8]) -> String {
    format!("line {}", String::from_utf8_lossy(&line[..11]))
}

fn is_stamp(stamp: &[u8]) -> bool {
    stamp.is_empty() || (stamp.starts_with(b"[") && stamp.ends_with(b"] "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const STAMP: &[u8; 27] = b"[Mon Nov  9 06:18:34 2026] ";

    fn fault(stamp: usize, received: &[u8]) -> String {
        let mut screen = Screen::new(received, stamp, Heartbeat::default());
        screen.expect(&lines(b'a', 0..100)).and_then(|()| screen.expect_end()).unwrap_err().to_string()
    }

    fn stamped(lines: &[u8]) -> Vec<u8> {
        lines.chunks(LINE).flat_map(|line| [STAMP, line].concat()).collect()
    }

    #[test]
    fn lines_have_one_length_and_no_two_are_alike() {
        let lines = lines(b'a', 0..1000);
        let mut all: Vec<&[u8]> = lines.split_inclusive(|&byte| byte == b'\n').collect();
        assert!(all.len() == 1000 && all.iter().all(|line| line.len() == LINE));
        all.sort_unstable_by_key(|line| &line[11..]);
        all.dedup();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn lines_that_arrive_whole_and_in_order_pass() {
        let due = lines(b'a', 0..10_000);
        for (stamp, received) in [(0, due.clone()), (27, stamped(&due))] {
            let mut screen = Screen::new(&received[..], stamp, Heartbeat::default());
            screen.expect(&due[..LINE * 10]).unwrap();
            screen.expect(&due[LINE * 10..]).unwrap();
            screen.expect_end().unwrap();
        }
    }

    #[test]
    fn every_fault_is_named() {
        let due = lines(b'a', 0..100);
        let line = |number: usize| lines(b'a', number..number + 1);
        let with_instead_of_7 = |instead: &[u8]| [&due[..LINE * 7], instead, &due[LINE * 8..]].concat();

        let lost = with_instead_of_7(b"");
        let twice = with_instead_of_7(&[line(7), line(7)].concat());
        let swapped = [&due[..LINE * 7], &line(8), &line(7), &due[LINE * 9..]].concat();
        let mut damaged = due.clone();
        damaged[LINE * 7 + 30] ^= 1;
        let foreign = with_instead_of_7(&lines(b'b', 7..8));
        let more = [&due[..], b"!"].concat();

        for (received, expected) in [
            (lost, "line a0000000007 is lost: line a0000000008 arrived in its place"),
            (twice, "line a0000000007 arrived twice, where line a0000000008 was expected"),
            (swapped, "line a0000000007 is out of order: line a0000000008 arrived before it"),
            (damaged, "line a0000000007 is damaged: "),
            (foreign, "line a0000000007 is lost: line b0000000007 arrived in its place"),
            (due[..LINE * 98 + 5].to_vec(), "line a0000000098 and 1 more are lost: the output has ended"),
        ] {
            assert!(fault(0, &received).starts_with(expected), "{}", fault(0, &received));
            assert!(
                fault(27, &stamped(&received)).starts_with(expected),
                "{}",
                fault(27, &stamped(&received))
            );
        }
        assert_eq!(fault(0, &more), "more arrived than was sent: \"!\"");
        let mut torn = stamped(&due);
        torn[91 * 7] = b'(';
        assert!(fault(27, &torn).starts_with("line a0000000007 has a damaged stamp"), "{}", fault(27, &torn));
    }
}
