//! Hostile requests, and hostile tickets.
#![allow(clippy::unwrap_used)]

use super::{MAX_HEAD, Request, Ticket, Tickets, parse};
use crate::rules::hostile::{spell, spell_text};

#[test]
fn any_request_means_the_same_however_it_arrives_and_nothing_foreign_gets_through() {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "GET / HTTP/1.1\r\n", "GET /live HTTP/1.1\r\n", "GET /ws HTTP/1.1\r\n", "HEAD ", "GET ", "/", " HTTP/1.1", "\r\n", "\n", "\r\n\r\n",
        "Host: ", "Host: localhost\r\n", "localhost", "192.0.2.7", "[::1]", ":21568", "school.example", "evil.example", "@", "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n", "Connection: keep-alive, Upgrade\r\n", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Origin: http://localhost\r\n", "Origin: ", "http://", "null", "\r\n ", "\0", "\u{e9}", "<script>", "\"", "x: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\n",
    ];
    let names = ["school.example".to_owned()];
    bolero::check!(name = "request").for_each(|input: &[u8]| {
        let [piece, input @ ..] = input else { return };
        let read = spell(input, WORDS);
        let whole = parse(&read, &names);
        // More of it arrives each time, until it is decided.
        let ends = (0..read.len()).step_by(usize::from(*piece % 64) + 1);
        let first = ends.map(|end| parse(&read[..end], &names)).find(|result| *result != Ok(None));
        match first {
            // What comes behind a head changes nothing of it.
            Some(Ok(request)) => assert_eq!(whole, Ok(request)),
            Some(Err(_)) => assert!(whole.is_err(), "{whole:?}"),
            None => {}
        }
        match whole {
            Ok(Some((request, length))) => {
                assert!(length <= MAX_HEAD && read[..length].ends_with(b"\n"));
                let head = String::from_utf8_lossy(&read[..length]).to_ascii_lowercase();
                let is_foreign =
                    head.lines().any(|line| line.starts_with("origin:") && line.contains("evil"));
                assert!(!is_foreign || matches!(request, Request::Page { .. }), "{head:?}");
                let plain = match request {
                    Request::Page { host, .. } => host,
                    Request::Socket { key } => key,
                };
                // They are repeated in the answer.
                assert!(
                    plain.chars().all(|c| c.is_ascii_alphanumeric() || "[]:.+/=".contains(c)),
                    "{plain:?}"
                );
                assert!(!plain.contains("evil"), "{plain:?}");
            }
            Ok(None) => assert!(read.len() < MAX_HEAD),
            Err(_) => {}
        }
    });
}

#[test]
fn any_ticket_is_the_same_after_it_was_written_down() {
    const WORDS: &[&str] = &["abcdefghijklmnop", "ABCD2345", "234567qr", "\n", "-", " "];
    bolero::check!(name = "ticket").for_each(|input: &[u8]| {
        let text = spell_text(input, WORDS);
        if let Some(tickets) = Tickets::parse(&text) {
            assert_eq!(Tickets::parse(&tickets.to_string()), Some(tickets));
        }
        if let Some(ticket) = Ticket::parse(&text) {
            // It is a part of a link.
            assert!(ticket.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text:?}");
            assert!(ticket.reveal().len() == 16 && Ticket::parse(ticket.reveal()) == Some(ticket));
        }
    });
}
