//! Lines that are too long become several.

use super::*;
use std::io::Write;
use std::thread;

/// `--max-line` in these tests.
const MAX: usize = 256;

fn hub_of_short_lines() -> (Program, [Client; 2]) {
    hub_with(&["--max-line", "256"], ["bob", "alice"])
}

/// Reads lines until their texts, each after this prefix, have this many bytes together. No line may be too long.
#[track_caller]
fn reads_pieces(client: &mut Client, before: &str, bytes: usize) -> Vec<String> {
    let (mut pieces, mut heard) = (Vec::new(), 0);
    while heard < bytes {
        let line = client.hears_a_line();
        assert!(STAMP.len() + line.len() <= MAX, "{} bytes: {line}", STAMP.len() + line.len());
        let piece = line.strip_prefix(before).unwrap_or_else(|| panic!("no {before:?}: {line:?}"));
        heard += piece.len();
        pieces.push(piece.to_owned());
    }
    pieces
}

#[test]
fn a_line_that_is_too_long_becomes_several_and_loses_nothing() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    for length in (100..900).step_by(7) {
        let line = filler(length);
        bob.says(&line);
        assert_eq!(reads_pieces(&mut alice, "<bob> ", length).concat(), line);
    }
    alice.has_heard(&[]);
    bob.has_heard(&[]);
}

#[test]
fn a_line_that_just_fits_with_its_stamp_and_name_stays_one() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    let room = MAX - STAMP.len() - "<bob> ".len();
    bob.says(&filler(room));
    alice.hears_next(&format!("<bob> {}", filler(room)));
    bob.says(&filler(room + 1));
    assert_eq!(reads_pieces(&mut alice, "<bob> ", room + 1).len(), 2);
}

#[test]
fn a_long_line_is_split_between_characters() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    for shift in 0..4 {
        let line = format!("{}{}", "x".repeat(shift), "ü€😀".repeat(50));
        bob.says(&line);
        // Reading checks that each piece is UTF-8.
        assert_eq!(reads_pieces(&mut alice, "<bob> ", line.len()).concat(), line);
    }
}

#[test]
fn a_line_that_sanitizing_makes_too_long_is_split() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    bob.sends([&[0x1b; 100][..], &[0xff; 100], b"\n"].concat());
    let heard = reads_pieces(&mut alice, "<bob> ", 2 * 100 + 3 * 100).concat();
    // Each byte that is not UTF-8 is shown in some way.
    assert_eq!(heard, format!("{}{}", "^[".repeat(100), "\u{fffd}".repeat(100)));
}

#[test]
fn the_remainder_of_a_long_line_is_neither_a_goodbye_nor_a_command() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    for text in ["8", "/", "/who "] {
        // All lengths, so that the last piece is `88` once, and each piece begins with `/who` once.
        for length in MAX..MAX + 140 {
            let line: String = "x".chars().chain(text.chars().cycle()).take(length).collect();
            bob.says(&line);
            assert_eq!(reads_pieces(&mut alice, "<bob> ", length).concat(), line);
        }
    }
    bob.has_heard(&[]);
}

#[test]
fn long_emotes_and_private_messages_are_split_as_well() {
    let (_hub, [mut bob, mut alice]) = hub_of_short_lines();
    let room = MAX - "/msg alice ".len();
    bob.says(&format!("/me {}", filler(room)));
    assert_eq!(reads_pieces(&mut alice, "* <bob> ", room).concat(), filler(room));
    bob.says(&format!("/msg alice {}", filler(room)));
    assert_eq!(reads_pieces(&mut alice, "[bob -> you] ", room).concat(), filler(room));
}

#[test]
fn megabytes_without_a_newline_are_split_and_others_are_heard_meanwhile() {
    const BYTES: usize = 5_000_000;
    let (hub, [endless, mut bob, mut alice]) = hub_with(&[], ["endless", "bob", "alice"]);
    let (mut voice, mut ears) = (endless.voice(), bob.voice());
    let sending = thread::spawn(move || {
        (0..BYTES / 50_000).for_each(|_| voice.write_all(filler(50_000).as_bytes()).unwrap());
        voice.write_all(b"\n").unwrap();
    });
    // Bob reads as well, so that the room does not wait for him.
    let reading = thread::spawn(move || std::io::copy(&mut ears, &mut std::io::sink()));
    let (mut heard, mut said, mut of_bob) = (0, 0, 0);
    while heard < BYTES || of_bob < said {
        let line = alice.hears_a_line();
        if let Some(piece) = line.strip_prefix("<endless> ") {
            assert!(piece.len() < 65_536);
            heard += piece.len();
        } else {
            of_bob += 1;
            assert_eq!(line, format!("<bob> {of_bob}"));
        }
        if said == of_bob && said < 5 {
            said += 1;
            bob.says(&said.to_string());
        }
    }
    assert_eq!((heard, of_bob), (BYTES, 5));
    sending.join().unwrap();
    #[cfg(target_os = "linux")]
    assert!(hub.peak_memory() < 64 << 20, "{} bytes", hub.peak_memory());
    bob.says("88");
    alice.hears("* bob left");
    reading.join().unwrap().unwrap();
    drop(hub);
}
