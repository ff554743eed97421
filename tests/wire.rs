//! The decoder where it is about many bytes. What holds for any bytes is in `src/rules/wire/hostile.rs`.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Instant;
use threadchat::rules::wire::{Decoder, Heard};

/// Takes telnet requests, in which there is no message.
fn hear_nothing(decoder: &mut Decoder, mut bytes: &[u8]) {
    assert_eq!(decoder.next(&mut bytes, Instant::now()), None);
}

proptest! {
    #[test]
    fn negotiation_ends(requests in vec((251..=254_u8, any::<u8>()), 0..40), asks_for_everything: bool) {
        let (mut one, mut other) = (Decoder::new(99), Decoder::new(99));
        // It knows already that the other side speaks telnet.
        hear_nothing(&mut one, &[255, 251, 31]);
        drop(one.take_reply());
        // The first request shows that this is telnet.
        let mut to_other: Vec<u8> = [(251, 31)].iter().chain(&requests).flat_map(|(request, option)| [255, *request, *option]).collect();
        let mut replies = 0;
        while !to_other.is_empty() {
            hear_nothing(&mut other, &to_other);
            let Some(mut to_one) = other.take_reply() else { break };
            replies += to_one.len();
            // Each option is refused once, in each of the two directions; but a timing mark comes as often as it is asked for.
            prop_assert!(replies <= 3 * (2 * 256 + requests.len() + 1000));
            if asks_for_everything {
                to_one.clear();
                to_one.extend((0..=255).filter(|option| *option != 6).flat_map(|option| [255, 251, option, 255, 253, option]));
                to_other = to_one;
            } else {
                hear_nothing(&mut one, &to_one);
                to_other = one.take_reply().unwrap_or_default();
            }
        }
    }
}

#[test]
fn memory_is_bounded_for_an_endless_message() {
    let (mut decoder, now) = (Decoder::new(1000), Instant::now());
    let endless = vec![b'x'; 10_000_000];
    let mut rest = &endless[..];
    let mut heard = 0;
    while let Some(Heard::Text(text)) = decoder.next(&mut rest, now) {
        assert_eq!(text.len(), 1000);
        heard += text.len();
    }
    assert!(endless.len() - heard <= 1001, "the decoder holds at most one message");
}
