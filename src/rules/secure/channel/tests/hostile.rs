//! Somebody in between who delays, cuts, changes, doubles and invents what passes.

use super::{ALICE, BOB, Side, by_code, known};

/// As much as this may wait before nothing more is doubled.
const MAX_WAITING: usize = 64 * 1024;

/// What has been sent to a side and has not arrived.
struct Way {
    side: Side,
    to: Vec<u8>,
    /// What the other side has said through the channel.
    said: Vec<u8>,
    /// The other side will say no more.
    was_closed: bool,
    /// What it sends after an error.
    last: usize,
}

impl Way {
    fn new(side: Side) -> Self {
        Self { side, to: Vec::new(), said: Vec::new(), was_closed: false, last: 0 }
    }

    fn arrives(&mut self, bytes: &[u8]) -> Vec<u8> {
        match self.side.error.clone() {
            None => self.side.feed(bytes),
            // An error is the last word.
            Some(error) => assert_eq!(self.side.channel.receive(bytes, &mut Vec::new()), Err(error)),
        }
        let output = self.side.output();
        if self.side.error.is_some() {
            self.last += output.len();
        }
        assert!(output.len() < 16 * 1024 && self.last < 5000, "{}", self.last);
        assert!(self.said.starts_with(&self.side.plaintext), "what nobody said was heard");
        assert!(!self.side.is_closed || self.was_closed, "what nobody ended has ended");
        output
    }
}

#[test]
fn whatever_is_done_to_a_channel_nothing_comes_out_of_it_that_was_not_said() {
    bolero::check!(name = "channel").for_each(|input: &[u8]| {
        let [how, input @ ..] = input else { return };
        let trust = |peer| if how & 1 == 0 { known(peer) } else { by_code("7-velvet-otter") };
        let (mut caller, called) = (Side::caller(trust(&BOB)), Side::called(trust(&ALICE)));
        let first = caller.output();
        let mut ways = [Way::new(caller), Way::new(called)];
        ways[1].to = first;
        // To begin with, some of what is sent arrives.
        for turn in 0..usize::from(how >> 1) % 9 {
            passes(&mut ways, turn % 2, usize::MAX, None);
        }
        for step in input.chunks(3) {
            let &[what, position, value] = step else { break };
            let to = usize::from(what & 1);
            match what >> 1 & 7 {
                0 | 1 => passes(&mut ways, to, usize::MAX, None),
                2 => passes(&mut ways, to, usize::from(position), None),
                3 => passes(&mut ways, to, usize::MAX, Some((position, value))),
                4 => says(&mut ways, to, &vec![value; usize::from(position)]),
                5 => closes(&mut ways, to),
                // Again, or from elsewhere.
                6 if ways[to].to.len() > MAX_WAITING => {}
                6 => {
                    let doubled = ways[usize::from(position & 1)].to.clone();
                    ways[to].to.extend(doubled);
                }
                _ => {
                    let mut invented = vec![value, 3, 3, 0, position];
                    invented.resize(5 + usize::from(position), value);
                    ways[to].to.extend(invented);
                }
            }
        }
        for (way, other) in ways.iter().zip([&*BOB, &*ALICE]) {
            let peer = way.side.peer.as_ref();
            assert!(peer.is_none_or(|peer| peer.fingerprint == Some(other.fingerprint())));
        }
    });
}

/// Some of what was sent to a side arrives there; one byte may have been changed.
fn passes(ways: &mut [Way; 2], to: usize, length: usize, change: Option<(u8, u8)>) {
    let length = length.min(ways[to].to.len());
    let mut bytes: Vec<u8> = ways[to].to.drain(..length).collect();
    if let Some((position, value)) = change.filter(|_| length > 0) {
        // The changes are spread over all of it.
        bytes[usize::from(position) * (length - 1) / 255] ^= value;
    }
    // Who has failed ends, too.
    ways[to].was_closed |= ways[1 - to].side.error.is_some();
    let answer = ways[to].arrives(&bytes);
    ways[1 - to].to.extend(answer);
}

/// The other side says something.
fn says(ways: &mut [Way; 2], to: usize, text: &[u8]) {
    let mut sealed = Vec::new();
    let length = ways[1 - to].side.channel.send(text, &mut sealed);
    ways[to].said.extend_from_slice(&text[..length]);
    ways[to].to.extend(sealed);
}

/// The other side says that it will say no more.
fn closes(ways: &mut [Way; 2], to: usize) {
    let mut sealed = Vec::new();
    ways[1 - to].side.channel.close(&mut sealed);
    ways[to].to.extend(sealed);
    ways[to].was_closed = true;
}
