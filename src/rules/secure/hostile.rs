//! Hostile proofs, codes and lists of peers.
#![allow(clippy::unwrap_used)]

use super::channel::How;
use super::proof::{Proof, Role};
use super::{Code, Known};
use crate::rules::address::Address;
use crate::rules::hostile::{is_harmless, spell, spell_text};
use zeroize::Zeroizing;

/// One side of the proof.
struct Side {
    proof: Proof,
    /// All that it has sent, and how much of that is on its way.
    sent: Vec<u8>,
    passed: usize,
    /// What has come and waits for the rest of its part, and all parts that were complete.
    input: Vec<u8>,
    heard: Vec<u8>,
    end: Option<bool>,
}

impl Side {
    fn new(role: Role, code: &str) -> Self {
        let mut sent = Vec::new();
        let code = Some(Code::parse(code).unwrap());
        let proof = Proof::start(role, None, code, Zeroizing::new([7; 32]), &mut sent);
        Self { proof, sent, passed: 0, input: Vec::new(), heard: Vec::new(), end: None }
    }

    /// Takes the next part of what has come, if all of it has.
    fn receives(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        if self.end.is_some() || self.input.len() < self.proof.needs() {
            return;
        }
        let part: Vec<u8> = self.input.drain(..self.proof.needs()).collect();
        self.heard.extend_from_slice(&part);
        self.end = match self.proof.receive(&part, &mut self.sent) {
            Ok(None) => None,
            Ok(Some(how)) => Some(how == How::Code),
            Err(_) => Some(false),
        };
    }
}

#[test]
fn a_proof_that_was_changed_or_made_without_the_code_convinces_nobody() {
    /// What both say first. TLS protects it: it says who has a code, and both have one.
    const PREAMBLE: usize = 2;
    bolero::check!(name = "proof").for_each(|input: &[u8]| {
        let [first, input @ ..] = input else { return };
        let other = if first % 2 == 0 { "7-velvet-otter" } else { "7-velvet-acorn" };
        let mut sides = [Side::new(Role::Caller, "7-velvet-otter"), Side::new(Role::Called, other)];
        for step in input.chunks(3) {
            let &[what, position, change] = step else { break };
            let (to, from) = (usize::from(what & 1), usize::from(!what & 1));
            let mut bytes = match what & 6 {
                // Its own words come back, or the last of them.
                6 => sides[to].sent.iter().skip(position.into()).copied().collect(),
                4 => vec![change; usize::from(position % 64)],
                _ => {
                    let side = &mut sides[from];
                    side.sent[std::mem::replace(&mut side.passed, side.sent.len())..].to_vec()
                }
            };
            if what & 6 == 2 && !bytes.is_empty() {
                let position = usize::from(position) % bytes.len();
                bytes[position] ^= change;
            }
            sides[to].receives(&bytes);
        }
        for (side, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
            if side.end == Some(true) {
                assert_eq!(first % 2, 0, "it does not have the code");
                assert!(other.sent[PREAMBLE..].starts_with(&side.heard[PREAMBLE..]), "it has not said that");
            }
        }
    });
}

#[test]
fn any_text_is_a_code_in_its_one_form_or_explained() {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "7", "99", "0", "velvet", "otter", "acorn", "OTTER", "oter", "-", " ", "–", "_", "\t", "é", "\u{1b}[2J", "7-velvet-otter",
    ];
    bolero::check!(name = "code").for_each(|input: &[u8]| {
        let typed = spell_text(input, WORDS);
        match Code::parse(&typed) {
            Ok(code) => {
                assert_eq!(Code::parse(code.reveal()).unwrap(), code);
                let parts: Vec<&str> = code.reveal().split('-').collect();
                assert!(
                    (3..=4).contains(&parts.len())
                        && parts[0].parse::<u8>().is_ok_and(|n| (1..100).contains(&n))
                );
                assert!(parts[1..].iter().all(|word| typed.to_ascii_lowercase().contains(word)));
            }
            Err(why) => assert!(is_harmless(&why.to_typist()) && why.to_typist().len() < 200),
        }
    });
}

#[test]
fn any_list_of_peers_is_read_and_who_is_added_is_known_next_time() {
    #[rustfmt::skip]
    const WORDS: &[&[u8]] = &[
        b"server ", b"caller ", b"\n", b"\r\n", b" ", b"#", b"sha256:", b"first-use", b"example.org", b"example.org:9", b"[::1]:9", b"127.1", b"localhost", b"\t",
        b"sha256:0000000000000000000000000000000000000000000000000000000000000000", b"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"192.0.2.7:21567", b"\x1b[2J", b"\xff",
    ];
    let key = super::Identity::generate().unwrap().0.fingerprint();
    bolero::check!(name = "known").for_each(move |input: &[u8]| {
        let content = spell(input, WORDS);
        let mut known = Known::parse(&content).unwrap();
        for (_, said) in known.encrypted_only("FILE") {
            assert!(is_harmless(&said), "{said:?}");
        }
        let address: Address = "example.org:9".parse().unwrap();
        let before = known.server(&address).map_or(0, |server| server.keys.len());
        let mut after = content.clone();
        after.extend(known.add_server(&address, ([192, 0, 2, 7], 9).into(), key).unwrap().into_bytes());
        after.extend(known.add_caller(key).unwrap().into_bytes());
        let read = Known::parse(&after).unwrap();
        for known in [&known, &read] {
            assert!(known.callers().contains(&key));
            let server = known.server(&address).unwrap();
            assert_eq!((server.keys.len(), server.keys.last()), (before + 1, Some(&key)));
        }
        // The two agree on everything, where it is, too.
        assert_eq!(known.server(&address), read.server(&address));
        assert_eq!(known.callers(), read.callers());
        assert_eq!(known.encrypted_only("FILE"), read.encrypted_only("FILE"));
    });
}
