//! The lines that the clients of a hub send, and the check of those that each of them receives. A hub may put a stamp
//! and a name before a line and lines of its own in between, but must deliver each line once, whole, and the lines of one
//! sender in order.

use crate::lab::compare::harness::lines::{LINE, lines, number};
use crate::rules::failure::Failure;
use std::cmp::Ordering;

/// Begins each line, and occurs in nothing else that a hub sends.
const MARK: u8 = b'~';
/// Of the ten digits after the mark, the first two are the sender, the others the number of the line.
const SPAN: usize = 100_000_000;
/// The sender of probes. (With a higher one, the number would need more than 32 bits.)
const PROBE: usize = 40;

/// The lines of a sender.
pub(super) fn sent_by(sender: usize, count: usize) -> Vec<u8> {
    lines(MARK, sender * SPAN..sender * SPAN + count)
}

/// A line that only finds out which clients receive lines.
pub(super) fn probe() -> Vec<u8> {
    sent_by(PROBE, 1)
}

/// Checks what one client receives.
#[derive(Default)]
pub(super) struct Inbox {
    /// The beginning of a line whose end has not arrived.
    carried: Vec<u8>,
    /// The number of the next line, for each sender.
    next: Vec<usize>,
    /// Whether it has received a probe: then it receives all later lines.
    pub(super) is_connected: bool,
}

/// The lines that have arrived, of all clients together.
#[derive(Default)]
pub(super) struct Tally {
    /// In order and undamaged, though others may be missing before them.
    pub(super) whole: usize,
    /// All bytes, with the stamps, names and lines that the hub adds.
    pub(super) bytes: usize,
    damaged: usize,
    disordered: usize,
    first_fault: Option<String>,
}

impl Inbox {
    /// From here on, `sent` is what each sender sends. The client `own`, if it has that number, must not receive its own lines.
    pub(super) fn expect(&mut self, sent: &[Vec<u8>], own: Option<usize>) {
        let next =
            |(sender, lines): (usize, &Vec<u8>)| if Some(sender) == own { lines.len() / LINE } else { 0 };
        self.next = sent.iter().enumerate().map(next).collect();
    }

    /// Puts the carried bytes at the beginning of the buffer; returns their length.
    pub(super) fn restore(&self, buffer: &mut [u8]) -> usize {
        buffer[..self.carried.len()].copy_from_slice(&self.carried);
        self.carried.len()
    }

    /// Checks what has arrived, and calls `arrived` with the number of each line.
    pub(super) fn check(
        &mut self,
        mut bytes: &[u8],
        sent: &[Vec<u8>],
        tally: &mut Tally,
        mut arrived: impl FnMut(usize),
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
            let due = sent.get(sender).and_then(|lines| lines.get(next * LINE..(next + 1) * LINE));
            if due == Some(line) {
                arrived(next);
                self.next[sender] += 1;
                tally.whole += 1;
                bytes = rest;
            } else if self.check_unexpected(line, tally) {
                bytes = rest;
            } else {
                // Another line may begin within the damaged one.
                bytes = &bytes[1..];
            }
        }
    }

    /// Whether a line that is not the next one is at least whole.
    fn check_unexpected(&mut self, line: &[u8], tally: &mut Tally) -> bool {
        let Some(number) = number(line) else {
            tally.damaged += 1;
            tally.note(|| format!("damaged: {:?}", String::from_utf8_lossy(line)));
            return false;
        };
        let (sender, number) = (number / SPAN, number % SPAN);
        if sender == PROBE {
            self.is_connected = true;
            return true;
        }
        match self.next.get_mut(sender) {
            Some(next) if number.cmp(next) == Ordering::Greater => {
                tally.note(|| {
                    format!("line {number} of sender {sender} arrived where line {next} was expected")
                });
                *next = number + 1;
                tally.whole += 1;
            }
            _ => {
                tally.disordered += 1;
                tally.note(|| {
                    format!("line {number} of sender {sender} arrived late, twice or at its sender")
                });
            }
        }
        true
    }
}

/// The two digits after the mark. In a damaged line they may be anything.
fn sender_of(line: &[u8]) -> usize {
    let digit = |at: usize| usize::from(line[at].wrapping_sub(b'0'));
    digit(1) * 10 + digit(2)
}

impl Tally {
    fn note(&mut self, fault: impl FnOnce() -> String) {
        self.first_fault.get_or_insert_with(fault);
    }

    pub(super) fn has_faults(&self) -> bool {
        self.first_fault.is_some()
    }

    /// Fails unless exactly the `due` lines have arrived.
    pub(super) fn check(&self, due: usize) -> Result<(), Failure> {
        let Self { whole, damaged, disordered, first_fault, bytes: _ } = self;
        if *whole == due && first_fault.is_none() {
            return Ok(());
        }
        let lost = due.saturating_sub(whole + damaged + disordered);
        let first = first_fault.as_ref().map_or(String::new(), |first| format!("; first: {first}"));
        Err(format!(
            "of {due} lines, {lost} were lost, {damaged} damaged, {disordered} late, duplicate or back at their sender{first}"
        )
        .into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Checks these bytes in pieces of every size. Two senders send three lines each.
    fn received(bytes: &[u8]) -> Result<(), Failure> {
        let sent = [sent_by(0, 3), sent_by(1, 3)];
        let outcomes: Vec<_> = (1..200)
            .map(|size| {
                let (mut inbox, mut tally, mut buffer) = (Inbox::default(), Tally::default(), [0; 512]);
                inbox.expect(&sent, Some(2));
                for piece in bytes.chunks(size) {
                    let carried = inbox.restore(&mut buffer);
                    buffer[carried..carried + size.min(piece.len())].copy_from_slice(piece);
                    inbox.check(&buffer[..carried + piece.len()], &sent, &mut tally, |_| ());
                }
                tally.check(6)
            })
            .collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0].clone()
    }

    fn line(sender: usize, number: usize) -> Vec<u8> {
        sent_by(sender, 3)[number * LINE..][..LINE].to_vec()
    }

    #[test]
    fn lines_of_several_senders_may_mix_between_names_and_other_lines() {
        let name = b"[Mon Nov  9 06:18:34 2026] <user1> ";
        let mixed: Vec<u8> = [(1, 0), (0, 0), (0, 1), (1, 1), (1, 2), (0, 2)]
            .iter()
            .flat_map(|(sender, number)| [&name[..], &line(*sender, *number), b"* bob joined\n"].concat())
            .collect();
        received(&mixed).unwrap();
        received(&[probe(), sent_by(1, 3), probe(), sent_by(0, 3)].concat()).unwrap();
    }

    #[test]
    fn nobody_may_receive_its_own_lines() {
        let sent = [sent_by(0, 3), sent_by(1, 3)];
        let (mut inbox, mut tally) = (Inbox::default(), Tally::default());
        inbox.expect(&sent, Some(1));
        inbox.check(&sent[0], &sent, &mut tally, |_| ());
        tally.check(3).unwrap();
        let (mut browser, mut all) = (Inbox::default(), Tally::default());
        browser.expect(&sent, None);
        browser.check(&sent.concat(), &sent, &mut all, |_| ());
        all.check(6).unwrap();
        inbox.check(&sent[1], &sent, &mut tally, |_| ());
        let fault = tally.check(3).unwrap_err().to_string();
        assert!(
            fault.contains(" 3 late, duplicate or back at their sender; first: line 0 of sender 1"),
            "{fault}"
        );
    }

    #[test]
    fn faults_are_counted() {
        let whole = |numbers: &[usize]| numbers.iter().flat_map(|at| line(0, *at)).collect::<Vec<u8>>();
        let mut damaged = line(0, 1);
        damaged[40] = b'<';
        let torn = [&line(0, 1)[..30], &line(1, 2), &line(0, 1)[30..]].concat();
        for (from_0, expected) in [
            (
                whole(&[0, 2]),
                "of 6 lines, 1 were lost, 0 damaged, 0 late, duplicate or back at their sender; first: line 2",
            ),
            (whole(&[0, 1]), "of 6 lines, 1 were lost, 0 damaged, 0 late"),
            (whole(&[0, 1, 1, 2]), "of 6 lines, 0 were lost, 0 damaged, 1 late"),
            (whole(&[0, 2, 1]), "of 6 lines, 0 were lost, 0 damaged, 1 late"),
            ([line(0, 0), damaged, line(0, 2)].concat(), "of 6 lines, 0 were lost, 1 damaged"),
            ([line(0, 0), torn, line(0, 2)].concat(), "of 6 lines, 0 were lost, 1 damaged, 1 late"),
        ] {
            let fault = received(&[sent_by(1, 3), from_0].concat()).unwrap_err().to_string();
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
