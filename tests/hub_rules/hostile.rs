//! A client, by any program or browser, that sends what it likes.

use super::spell::spell;
use super::web::{REQUEST, frame, open, text};
use super::*;
use threadchat::rules::web::Tickets;

/// What the hub puts in front of everything.
const STAMP: &[u8] = b"[Thu Jan  1 00:00:00 1970] ";

/// What clients say, and parts of it. Those of browsers come as messages.
fn words(tickets: &Tickets) -> Vec<Vec<u8>> {
    #[rustfmt::skip]
    let said = [
        "\n", "\n", "\r\n", "\r", "88", "88\n", "8888", "\0", "\x08", "hello\n", "/name ", "/name mallory\n", "/nick ann\n", "ann", "carol", "@operator",
        "hub", "you", "user1", "bob", "ВОВ", "/me ", "/me waves\n", "/msg ann ", "/msg carol psst\n", "/reply ", "/who\n", "/rooms\n", "/join ", "/join tea\n",
        "/join lobby\n", "/part\n", "/ignore ann\n", "/quit ", "/kick ann\n", "/ban 127.0.0.1\n", "/code new\n", "/link new\n", "/behind\n", "/help\n", "//",
        "[Mon Nov  9 06:18:34 2026] ", "[Thu Jan  1 00:00:00 1970] <ann> hi\n", "<ann> hi\n", "* hub: you were kicked\n", "* ann left\n", "[ann -> you] hi\n",
        "GET / HTTP/1.1\r\n", "\u{202e}", "\u{2028}", "ä", "</script>", "\x1b[2J",
    ];
    let raw: &[&[u8]] = &[
        b"\xff\xfb\x1f",
        b"\xff\xf6",
        b"\xff\xf7",
        b"\xff\xff",
        b"\xff",
        b"\xc3",
        b"\xe2\x82",
        &[b'x'; 200],
        b"\x81\xfe",
        b"\x80\x80\x01\x02\x03\x04",
        b"\x8a\xfd\x01\x02\x03\x04",
        REQUEST.as_bytes(),
    ];
    let ticket = tickets.chat.reveal();
    let hello = |more: &str| text(&format!("threadchat 1\nticket {ticket}\n{more}"));
    let live = text(&format!("threadchat-live 1\nticket {}\n", tickets.live.reveal()));
    let messages = [
        hello("name mallory\n"),
        hello("name ann\nroom tea\nafter 0 0\n"),
        hello("name carol\nagain aaaaaaaaaaaaaaaa\nroom hub\n"),
        live,
        text("threadchat 1\nticket aaaaaaaaaaaaaaaa\n"),
        text("hi\n88"),
        text("/name ann"),
        text("/msg ann hi"),
        text("/join tea"),
        text("88"),
        text(""),
        frame(2, "who"),
        frame(2, "rooms"),
        frame(2, "alive"),
        frame(2, "a question that is too long"),
        frame(8, "\u{3}\u{68}"),
        frame(9, "x"),
        frame(10, "x"),
        text("/join lobby"),
    ];
    said.map(|word| word.as_bytes().to_vec())
        .into_iter()
        .chain(raw.iter().map(|word| word.to_vec()))
        .chain(messages)
        .collect()
}

#[test]
fn whatever_one_client_sends_the_others_get_lines_of_the_hub_and_nothing_in_their_names() {
    bolero::check!(name = "hub").for_each(|input: &[u8]| {
        let [how, piece, input @ ..] = input else { return };
        let mut world = World::new(settings());
        let tickets = open(&mut world);
        let ann = world.joins();
        world.says(ann, b"/name ann\n");
        let carol = world.browses(&tickets, "carol");
        let words = words(&tickets);
        let before = world.sent.get(&ann).map_or(0, Vec::len);
        // A program, whatever comes to the port for browsers, or a page.
        let mallory = match how % 3 {
            0 => world.joins(),
            1 => world.visits(),
            _ => world.browses(&tickets, "mallory"),
        };
        let mut said = 0;
        for (number, piece) in input.chunks(usize::from(*piece).max(1)).enumerate() {
            if world.gone.contains(&mallory) {
                break;
            }
            let bytes = spell(piece, &words);
            said += bytes.len();
            world.says(mallory, &bytes);
            if how & 0x40 == 0 {
                world.settles();
            }
            world.passes(Duration::from_millis(if number % 4 == 3 { 2500 } else { 10 }));
        }
        if how & 0x80 != 0 && !world.gone.contains(&mallory) {
            world.ends(
                mallory,
                if how & 0x20 == 0 { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) },
            );
        }
        for _ in 0..10 {
            world.settles();
            world.passes(Duration::from_secs(3));
        }
        let sent = world.sent[&ann].len() - before;
        assert!(sent <= 2000 + 200 * said, "{said} bytes became {sent}");
        for id in [ann, OPERATOR] {
            is_from_the_hub(&world.sent[&id]);
        }
        for message in world.messages(carol) {
            let lines = message.lines().filter_map(|line| line.find(['<', '*', '[']).map(|at| &line[at..]));
            lines.for_each(|line| is_nobodys(line.as_bytes()));
        }
        // They talk to each other as before.
        world.says(ann, b"are you there?\n");
        world.settles();
        assert!(world.messages(carol).iter().any(|message| message.contains("<ann> are you there?\n")));
        assert!(world.lines(OPERATOR).contains(&"<ann> are you there?".to_owned()));
    });
}

/// Whole lines, each with a stamp, of a form that the hub has, no longer than they may be.
#[track_caller]
fn is_from_the_hub(sent: &[u8]) {
    for line in sent.split_inclusive(|byte| *byte == b'\n') {
        let shown = String::from_utf8_lossy(line);
        let said = line.strip_prefix(STAMP).and_then(|line| line.strip_suffix(b"\n"));
        assert!(said.is_some() && line.len() <= settings().max_line + 1, "{shown:?}");
        is_nobodys(said.unwrap());
        let (first, _) = shown[STAMP.len()..].split_once(' ').unwrap();
        assert!(
            first == "*" || first.starts_with('<') && first.ends_with('>') || first.starts_with('['),
            "{shown:?}"
        );
    }
}

/// Ann and carol say and do nothing, but for carol's joining.
#[track_caller]
fn is_nobodys(line: &[u8]) {
    let said =
        |by: &str| ["<NAME> ", "* <NAME> ", "[NAME -> ", "* NAME "].map(|form| form.replace("NAME", by));
    let is_forged = ["ann", "carol", "@operator", "hub"]
        .iter()
        .flat_map(|name| said(name))
        .any(|form| line.starts_with(form.as_bytes()));
    let is_true = line.starts_with(b"* carol joined") || line.starts_with(b"* user1 is now ann");
    assert!(!is_forged || is_true, "{:?}", String::from_utf8_lossy(line));
}
