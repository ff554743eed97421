//! The lines that are sent, and the checking of those that arrive. It costs next to nothing, because it runs
//! beside what is measured: all lines are made before the clock starts, and checked by comparing slices.

use super::watchdog::Beats;
use std::io::Read;
use std::ops::Range;

/// The length of a line in bytes, with its newline.
pub(super) const LINE: usize = 64;

/// These lines of those that `mark` stands for, each like no other.
pub(super) fn lines(mark: u8, numbers: Range<usize>) -> Vec<u8> {
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

/// What a program shows, and whether it is what it should show.
pub(super) struct Screen<R> {
    from: R,
    /// How many bytes stand before each line: those of a stamp, or none.
    stamp: usize,
    buffer: Vec<u8>,
    filled: usize,
    beats: Beats,
}

impl<R: Read> Screen<R> {
    pub(super) fn new(from: R, stamp: usize, beats: Beats) -> Self {
        Self { from, stamp, buffer: vec![0; 256 * 1024], filled: 0, beats }
    }

    /// Reads until all of these lines have come, in this order and undamaged.
    ///
    /// # Errors
    /// What is wrong with what came instead.
    pub(super) fn expect(&mut self, mut due: &[u8]) -> Result<(), String> {
        loop {
            let stride = self.stamp + LINE;
            let mut used = 0;
            for received in self.buffer[..self.filled].chunks_exact(stride).take(due.len() / LINE) {
                let (stamp, line) = received.split_at(self.stamp);
                if line != &due[..LINE] || !is_stamp(stamp) {
                    return Err(self.fault(used, &due[..LINE]));
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
                let missing = due.len() / LINE;
                return Err(match missing {
                    1 => format!("{} is lost: the output has ended", shown(due)),
                    _ => format!("{} and {} more are lost: the output has ended", shown(due), missing - 1),
                });
            }
        }
    }

    /// Reads until these bytes have come, which are no lines.
    ///
    /// # Errors
    /// What came instead.
    pub(super) fn expect_bytes(&mut self, due: &[u8]) -> Result<(), String> {
        while self.filled < due.len() && self.read()? > 0 {}
        let came = &self.buffer[..self.filled.min(due.len())];
        if came != due {
            return Err(format!("{} bytes came that are not the {} due", came.len(), due.len()));
        }
        self.buffer.copy_within(due.len()..self.filled, 0);
        self.filled -= due.len();
        Ok(())
    }

    /// Reads to the end, which must come now.
    ///
    /// # Errors
    /// What came instead.
    pub(super) fn expect_end(&mut self) -> Result<(), String> {
        while self.filled == 0 {
            if self.read()? == 0 {
                return Ok(());
            }
        }
        let more = &self.buffer[..self.filled.min(self.stamp + LINE)];
        Err(format!("more came than was sent: {:?}", String::from_utf8_lossy(more)))
    }

    /// Reads to the end, and takes whatever comes.
    pub(super) fn ignore(&mut self) {
        self.filled = 0;
        while self.read().is_ok_and(|read| read > 0) {
            self.filled = 0;
        }
    }

    fn read(&mut self) -> Result<usize, String> {
        let read = self.from.read(&mut self.buffer[self.filled..]);
        let read = read.map_err(|error| format!("cannot read what it shows: {error}"))?;
        self.filled += read;
        self.beats.beat();
        Ok(read)
    }

    /// What is wrong, where this line was due.
    fn fault(&self, at: usize, due: &[u8]) -> String {
        let mut rest = self.buffer[at..self.filled].chunks_exact(self.stamp + LINE);
        let (stamp, came) = rest.next().unwrap_or_default().split_at(self.stamp);
        let name = shown(due);
        match number(came) {
            Some(_) if !is_stamp(stamp) => format!("{name} has a damaged stamp: {stamp:?}"),
            // What was due before has come.
            Some(_) if came[0] == due[0] && number(came) < number(due) => {
                format!("{} came twice, where {name} was due", shown(came))
            }
            Some(_) if rest.any(|later| later.ends_with(due)) => {
                format!("{name} is out of order: {} came before it", shown(came))
            }
            Some(_) => format!("{name} is lost: {} came in its place", shown(came)),
            None => format!("{name} is damaged: {:?} came", String::from_utf8_lossy(came)),
        }
    }
}

/// The number of a whole and undamaged line.
pub(super) fn number(line: &[u8]) -> Option<usize> {
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
        let mut screen = Screen::new(received, stamp, Beats::default());
        screen.expect(&lines(b'a', 0..100)).and_then(|()| screen.expect_end()).unwrap_err()
    }

    fn stamped(lines: &[u8]) -> Vec<u8> {
        lines.chunks(LINE).flat_map(|line| [STAMP, line].concat()).collect()
    }

    #[test]
    fn lines_are_of_one_length_and_each_like_no_other() {
        let lines = lines(b'a', 0..1000);
        let mut all: Vec<&[u8]> = lines.split_inclusive(|&byte| byte == b'\n').collect();
        assert!(all.len() == 1000 && all.iter().all(|line| line.len() == LINE));
        all.sort_unstable_by_key(|line| &line[11..]);
        all.dedup();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn what_arrives_whole_and_in_order_is_right() {
        let due = lines(b'a', 0..10_000);
        for (stamp, received) in [(0, due.clone()), (27, stamped(&due))] {
            let mut screen = Screen::new(&received[..], stamp, Beats::default());
            screen.expect(&due[..LINE * 10]).unwrap();
            screen.expect(&due[LINE * 10..]).unwrap();
            screen.expect_end().unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
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
            (lost, "line a0000000007 is lost: line a0000000008 came in its place"),
            (twice, "line a0000000007 came twice, where line a0000000008 was due"),
            (swapped, "line a0000000007 is out of order: line a0000000008 came before it"),
            (damaged, "line a0000000007 is damaged: "),
            (foreign, "line a0000000007 is lost: line b0000000007 came in its place"),
            (due[..LINE * 98 + 5].to_vec(), "line a0000000098 and 1 more are lost: the output has ended"),
        ] {
            assert!(fault(0, &received).starts_with(expected), "{}", fault(0, &received));
            assert!(
                fault(27, &stamped(&received)).starts_with(expected),
                "{}",
                fault(27, &stamped(&received))
            );
        }
        assert_eq!(fault(0, &more), "more came than was sent: \"!\"");
        let mut torn = stamped(&due);
        torn[91 * 7] = b'(';
        assert!(fault(27, &torn).starts_with("line a0000000007 has a damaged stamp"), "{}", fault(27, &torn));
    }
}
