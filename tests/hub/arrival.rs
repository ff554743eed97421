//! Those who open a connection and are no people, and telnet.

use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Sends this before the hub greets, and reads everything until the hub closes.
fn answer_to(port: u16, request: &[u8]) -> String {
    let mut answer = String::new();
    // On a loaded machine the hub may rightly have greeted the first time.
    wait_until("the answer is no greeting", || {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.write_all(request).unwrap();
        answer.clear();
        socket.read_to_string(&mut answer).unwrap();
        !answer.contains("* hub: ")
    });
    answer
}

#[test]
fn a_browser_gets_an_http_answer_and_nobody_hears_of_it() {
    let (hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    let port = bob.port();
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\n\r\n/name mallory\nhello\n"] {
        let answer = answer_to(port, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    }
    assert!(answer_to(port, b"\x16\x03\x01\x02\x00\x01").starts_with("This is threadchat"));
    bob.says("are we alone?");
    alice.hears_next("<bob> are we alone?");
    hub.err.wait_for("sent an HTTP request");
}

#[test]
fn a_connection_that_is_closed_without_a_byte_leaves_no_trace() {
    loop {
        let (hub, [mut bob]) = hub_with(&[], ["bob"]);
        let began = Instant::now();
        for _ in 0..3 {
            drop(TcpStream::connect(("127.0.0.1", bob.port())).unwrap());
        }
        // It is greeted all the same, if it only closes its half.
        let mut half = TcpStream::connect(("127.0.0.1", bob.port())).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        let mut greeting = String::new();
        half.read_to_string(&mut greeting).unwrap();
        assert!(greeting.contains("* hub: welcome to lobby"), "{greeting}");
        let heard = bob.heard_so_far();
        // On a loaded machine it may take so long that the hub rightly announces them.
        if began.elapsed() < Duration::from_secs(1) {
            assert!(heard.is_empty(), "{heard:?}");
            return assert!(!hub.out.text().contains("user2"));
        }
    }
}

#[test]
fn a_client_that_sends_nothing_is_announced_after_a_second() {
    let (_hub, [mut bob]) = hub_with(&[], ["bob"]);
    let silent = Client::calls(bob.port()).reads_greeting();
    bob.hears_next(&format!("* {} joined", silent.name));
}

#[test]
fn telnet_gets_its_answers_and_lines_that_end_in_a_carriage_return_and_a_newline() {
    let (_hub, [mut bob]) = hub_with(&[], ["bob"]);
    let mut telnet = TcpStream::connect(("127.0.0.1", bob.port())).unwrap();
    telnet.write_all(b"\xff\xfd\x01\xff\xfb\x1fhello\r\n").unwrap();
    bob.hears("<user2> hello");
    bob.says("welcome");
    bob.catches_up();
    // Ctrl-C erases what is typed.
    telnet.write_all(b"oops\xff\xf4\xff\xfd\x0688\r\n").unwrap();
    bob.hears_next("* user2 left");
    let mut sent = Vec::new();
    telnet.read_to_end(&mut sent).unwrap();
    for reply in [b"\xff\xfc\x01", b"\xff\xfe\x1f"] {
        assert_eq!(sent.windows(3).filter(|bytes| bytes == reply).count(), 1);
    }
    // On a loaded machine the hub may rightly have greeted before it could know.
    let answered = sent.windows(3).position(|bytes| bytes == b"\xff\xfc\x01").unwrap();
    let text: Vec<u8> = sent.into_iter().skip(answered).filter(u8::is_ascii).collect();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("<bob> welcome\r\n"), "{text}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
}

#[test]
fn a_script_that_goes_on_after_88_fails() {
    let (mut hub, _port) = hub(&[]);
    hub.types("hello\n88\nand more\n");
    hub.exits(1);
    hub.err.wait_for("the rest was not sent");
}
