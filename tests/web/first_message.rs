//! How somebody gets from an open WebSocket into the chat, or does not.

use super::*;
use tungstenite::Message;

#[test]
fn a_program_with_the_ticket_joins_and_talks() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    bob.says("hello ann");
    reads_until(&ann, "] <bob> hello ann");
    bob.hears_said("] <bob> hello ann");
    assert_eq!(bob.hears_until("done "), "done 1 ");
    writeln!(&ann, "hello bob").unwrap();
    bob.hears_said("] <ann> hello bob");
    bob.says("88");
    assert_eq!(bob.closed().0, 1000);
    reads_until(&ann, "* bob left");
}

#[test]
fn lines_may_be_sent_before_the_hub_has_answered() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::calls(&hub);
    // All in one write, and more than what fits into one read.
    let long = "x".repeat(70_000);
    for text in [&hello(&hub, "bob"), "one", "two\nthree", &long[..30_000], &long[..30_000], "four"] {
        bob.0.write(Message::text(text)).unwrap();
    }
    bob.0.flush().unwrap();
    for line in ["one", "two", "three", "four"] {
        reads_until(&ann, &format!("] <bob> {line}"));
    }
    assert_eq!(bob.hears_until("done 6"), "done 6 ");
    // Nor need a program wait for the answer to its request.
    let frames = frames(&[&hello(&hub, "eve"), "five", &"x".repeat(10_000), "six"]);
    let mut socket = call(hub.web);
    socket.write_all(&[handshake().as_bytes(), &frames].concat()).unwrap();
    for line in ["five", "six"] {
        reads_until(&ann, &format!("] <eve> {line}"));
    }
}

#[test]
fn a_ping_is_answered_before_somebody_has_joined() {
    let hub = Hub::start(&[]);
    let mut bob = Browser::calls(&hub);
    bob.sends(Message::Ping("are you there?".into()));
    assert_eq!(bob.0.read().unwrap(), Message::Pong("are you there?".into()));
    bob.says(&hello(&hub, "bob"));
    bob.hears_until("you ");
}

#[test]
fn the_first_message_may_come_in_parts() {
    let hub = Hub::start(&[]);
    let mut bob = Browser::calls(&hub);
    let hello = hello(&hub, "bob");
    for (at, byte) in hello.bytes().enumerate() {
        bob.sends_part([byte], at == 0, at + 1 == hello.len());
    }
    bob.hears_until("you ");
}

#[test]
fn who_shows_no_ticket_or_speaks_another_version_does_not_come_in() {
    let hub = Hub::start(&[]);
    let mut ann = netcat(&hub, "ann");
    let live = format!("threadchat-live 1\nticket {}", hub.ticket);
    for (first, code) in [
        ("threadchat 1\nticket aaaaaaaaaaaaaaaa\nname eve", 4001),
        ("threadchat 1\nname eve", 4001),
        ("threadchat 1", 4001),
        (&live, 4001),
        (&hello(&hub, "eve").replace("chat 1", "chat 2"), 4002),
        ("hello", 4002),
        ("/name eve", 4002),
        (&"x".repeat(2000), 1009),
    ] {
        let mut eve = Browser::calls(&hub);
        eve.says(first);
        let (found, reason) = eve.closed();
        assert_eq!(found, code, "{reason} for {first}");
        assert!(!reason.is_empty());
    }
    ann.write_all(b"/who\n88\n").unwrap();
    let seen = rest(ann);
    assert!(!seen.contains("eve") && !seen.contains("user"), "{seen}");
}

#[test]
fn who_says_nothing_is_sent_away_after_five_seconds() {
    let hub = Hub::start(&[]);
    let began = Instant::now();
    assert_eq!(Browser::calls(&hub).closed().0, 1008);
    assert!(began.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_page_of_another_site_cannot_open_the_web_socket() {
    let hub = Hub::start(&[]);
    let own = format!("http://127.0.0.1:{}", hub.web);
    assert!(Browser::calls_with(&hub, &[("Origin", &own)]).is_ok());
    for origin in ["http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "null", "file://"] {
        assert_eq!(Browser::calls_with(&hub, &[("Origin", origin)]).err(), Some(403), "{origin}");
    }
}

/// A request for the WebSocket.
fn handshake() -> String {
    get("/ws")
        + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

/// Text messages as a browser sends them, with a mask that does not change anything.
fn frames(texts: &[&str]) -> Vec<u8> {
    let frame = |text: &&str| {
        let length = u16::try_from(text.len()).unwrap();
        [&[0x81, 0xfe][..], &length.to_be_bytes(), &[0; 4], text.as_bytes()].concat()
    };
    texts.iter().flat_map(frame).collect()
}
