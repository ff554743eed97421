//! The lines that a crowd says, and the checking of those that each of its clients hears. A hub may put a stamp and a name
//! before a line and lines of its own between them, but must deliver each line once, whole, and those of one sender in
//! the order in which they were said.

use super::lines::{LINE, lines, number};
use std::cmp::Ordering;

/// Begins each line of the crowd, and stands in nothing else that a hub says.
const MARK: u8 = b'~';
/// Of the ten digits behind it, the first two are the sender's, and the others the number of the line.
const SPAN: usize = 100_000_000;
/// The sender of lines that only find out who is in. (With more, the number would need more than 32 bits.)
const PROBE: usize = 40;

/// What a sender says.
pub(super) fn said_by(sender: usize, count: usize) -> Vec<u8> {
    lines(MARK, sender * SPAN..sender * SPAN + count)
}

/// A line that does not count.
pub(super) fn probe() -> Vec<u8> {
    said_by(PROBE, 1)
}

/// What one client has heard.
#[derive(Default)]
pub(super) struct Ear {
    /// The beginning of a line whose end is still to come.
    carried: Vec<u8>,
    /// The number of the line that comes next, for each sender.
    next: Vec<usize>,
    /// Whether it has heard a probe: then it hears whatever is said later.
    pub(super) is_in: bool,
}

/// How many lines have come, of all clients together.
#[derive(Default)]
pub(super) struct Tally {
    /// In order and undamaged, though others may be missing before them.
    pub(super) whole: usize,
    /// All that has come, stamps and names and what the hub says by itself included.
    pub(super) bytes: usize,
    damaged: usize,
    disordered: usize,
    /// What was wrong first.
    first: Option<String>,
}

impl Ear {
    /// From here on this is said, by a sender each. One of them may be who hears, and is to hear nothing of its own.
    pub(super) fn prick(&mut self, said: &[Vec<u8>], own: usize) {
        let due = |(sender, lines): (usize, &Vec<u8>)| if sender == own { lines.len() / LINE } else { 0 };
        self.next = said.iter().enumerate().map(due).collect();
    }

    /// Puts what is left of the last bytes before the next ones; how much that is.
    pub(super) fn fetch(&mut self, buffer: &mut [u8]) -> usize {
        buffer[..self.carried.len()].copy_from_slice(&self.carried);
        self.carried.len()
    }

    /// Checks what has come, and tells the number of each line. `said` is what each sender says.
    pub(super) fn hear(
        &mut self,
        mut bytes: &[u8],
        said: &[Vec<u8>],
        tally: &mut Tally,
        mut came: impl FnMut(usize),
    ) {
        self.carried.clear();
        while let Some(at) = memchr::memchr(MARK, bytes) {
            bytes = &bytes[at..];
            let Some((line, rest)) = bytes.split_at_checked(LINE) else {
                self.carried.extend_from_slice(bytes);
                return;
            };
            let sender = sender_of(line);
            let next = self.next.get(sender).copied().unwrap_or(0);
            let due = said.get(sender).and_then(|lines| lines.get(next * LINE..(next + 1) * LINE));
            if due == Some(line) {
                came(next);
                self.next[sender] += 1;
                tally.whole += 1;
                bytes = rest;
            } else if self.explain(line, tally) {
                bytes = rest;
            } else {
                // Another line may begin within the damaged one.
                bytes = &bytes[1..];
            }
        }
    }

    /// What it is if it is not what was due; whether it is whole.
    fn explain(&mut self, line: &[u8], tally: &mut Tally) -> bool {
        let Some(number) = number(line) else {
            tally.damaged += 1;
            tally.tell(|| format!("damaged: {:?}", String::from_utf8_lossy(line)));
            return false;
        };
        let (sender, number) = (number / SPAN, number % SPAN);
        if sender == PROBE {
            self.is_in = true;
            return true;
        }
        match self.next.get_mut(sender) {
            Some(next) if number.cmp(next) == Ordering::Greater => {
                tally.tell(|| format!("line {number} of sender {sender} came where line {next} was due"));
                *next = number + 1;
                tally.whole += 1;
            }
            _ => {
                tally.disordered += 1;
                tally.tell(|| format!("line {number} of sender {sender} came late, twice or back"));
            }
        }
        true
    }
}

/// The two digits behind the mark. What they are not is found out later.
fn sender_of(line: &[u8]) -> usize {
    let digit = |at: usize| usize::from(line[at].wrapping_sub(b'0'));
    digit(1) * 10 + digit(2)
}

impl Tally {
    fn tell(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }

    /// Whether something was wrong so far.
    pub(super) fn has_faults(&self) -> bool {
        self.first.is_some()
    }

    /// Whether all that was due has come, and nothing else.
    ///
    /// # Errors
    /// How many did not, and what was wrong first.
    pub(super) fn check(&self, due: usize) -> Result<(), String> {
        let Self { whole, damaged, disordered, first, bytes: _ } = self;
        if *whole == due && first.is_none() {
            return Ok(());
        }
        let lost = due.saturating_sub(whole + damaged + disordered);
        let first = first.as_ref().map_or(String::new(), |first| format!("; first: {first}"));
        Err(format!(
            "of {due} lines {lost} were lost, {damaged} damaged, {disordered} late, twice or to their sender{first}"
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What comes of these bytes in pieces of every size, where two senders say three lines each.
    fn hear(bytes: &[u8]) -> Result<(), String> {
        let said = [said_by(0, 3), said_by(1, 3)];
        let outcomes: Vec<_> = (1..200)
            .map(|size| {
                let (mut ear, mut tally, mut buffer) = (Ear::default(), Tally::default(), [0; 512]);
                ear.prick(&said, 2);
                for piece in bytes.chunks(size) {
                    let carried = ear.fetch(&mut buffer);
                    buffer[carried..carried + size.min(piece.len())].copy_from_slice(piece);
                    ear.hear(&buffer[..carried + piece.len()], &said, &mut tally, |_| ());
                }
                tally.check(6)
            })
            .collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0].clone()
    }

    fn line(sender: usize, number: usize) -> Vec<u8> {
        said_by(sender, 3)[number * LINE..][..LINE].to_vec()
    }

    #[test]
    fn lines_of_several_senders_may_mix_between_names_and_other_lines() {
        let name = b"[Mon Nov  9 06:18:34 2026] <user1> ";
        let mixed: Vec<u8> = [(1, 0), (0, 0), (0, 1), (1, 1), (1, 2), (0, 2)]
            .iter()
            .flat_map(|(sender, number)| [&name[..], &line(*sender, *number), b"* bob joined\n"].concat())
            .collect();
        hear(&mixed).unwrap();
        hear(&[probe(), said_by(1, 3), probe(), said_by(0, 3)].concat()).unwrap();
    }

    #[test]
    fn nobody_is_to_hear_what_it_said_itself() {
        let said = [said_by(0, 3), said_by(1, 3)];
        let (mut ear, mut tally) = (Ear::default(), Tally::default());
        ear.prick(&said, 1);
        ear.hear(&said[0], &said, &mut tally, |_| ());
        tally.check(3).unwrap();
        ear.hear(&said[1], &said, &mut tally, |_| ());
        let fault = tally.check(3).unwrap_err();
        assert!(fault.contains(" 3 late, twice or to their sender; first: line 0 of sender 1"), "{fault}");
    }

    #[test]
    fn what_is_wrong_is_counted() {
        let whole = |numbers: &[usize]| numbers.iter().flat_map(|at| line(0, *at)).collect::<Vec<u8>>();
        let mut damaged = line(0, 1);
        damaged[40] = b'<';
        let torn = [&line(0, 1)[..30], &line(1, 2), &line(0, 1)[30..]].concat();
        for (from_0, expected) in [
            (
                whole(&[0, 2]),
                "of 6 lines 1 were lost, 0 damaged, 0 late, twice or to their sender; first: line 2",
            ),
            (whole(&[0, 1]), "of 6 lines 1 were lost, 0 damaged, 0 late"),
            (whole(&[0, 1, 1, 2]), "of 6 lines 0 were lost, 0 damaged, 1 late"),
            (whole(&[0, 2, 1]), "of 6 lines 0 were lost, 0 damaged, 1 late"),
            ([line(0, 0), damaged, line(0, 2)].concat(), "of 6 lines 0 were lost, 1 damaged"),
            ([line(0, 0), torn, line(0, 2)].concat(), "of 6 lines 0 were lost, 1 damaged, 1 late"),
        ] {
            let fault = hear(&[said_by(1, 3), from_0].concat()).unwrap_err();
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
