//! Who speaks something else than is spoken at a port, or breaks it.

use super::*;
use std::io::{Read, Write};

#[test]
fn clear_text_at_an_encrypted_port_is_answered_in_a_sentence_and_the_code_stays_good() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let mut stranger = call(port);
    stranger.write_all(b"hello\n").unwrap();
    let answer = String::from_utf8(read_rest(&stranger)).unwrap();
    assert_eq!(answer, "This is threadchat, encrypted. To call it: threadchat connect HOST:PORT --secure\n");
    drop(stranger);
    serve.err.wait_for("speaks in clear text, but this port is encrypted; it was disconnected");
    talk(&mut serve, &mut ben.calls(port, &code, &[]));
    assert!(!serve.out.text().contains("hello"));
}

#[test]
fn a_call_in_clear_text_to_an_encrypted_port_says_what_to_do() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, _) = anna.serves(&[]);
    let mut connect = ben.calls(port, "", &[]);
    connect.types("hello\n");
    assert!(connect.out.wait_for("This is threadchat").contains("--secure"));
    connect.status();
    serve.err.wait_for("speaks in clear text");
    serve.types("88\n");
    serve.exits(0);
}

#[test]
fn an_encrypted_call_to_a_port_in_clear_text_is_an_error_at_both_ends() {
    let (serve, port) = serve(&[]);
    let ben = User::new();
    let mut connect = ben.calls(port, "7-velvet-otter", &[]);
    connect.types("a secret\n");
    fails(&mut connect, "the other side does not encrypt");
    serve.err.wait_for("wants to speak TLS, but this port is in clear text");
    assert_eq!(serve.out.text(), "");
}

#[test]
fn garbage_behind_the_handshake_ends_the_conversation_with_an_error() {
    let files = Files::new();
    let (mut serve, port) = serves_with_certificate(&files, &["--once"]);
    let (mut connection, mut socket) = (files.client(false), call(port));
    connection.complete_io(&mut socket).unwrap();
    connection.writer().write_all(b"hello\n").unwrap();
    connection.complete_io(&mut socket).unwrap();
    serve.out.wait_for("hello");
    // As a record looks.
    socket.write_all(&[&[23, 3, 3, 0, 32][..], &[b'x'; 32]].concat()).unwrap();
    fails(&mut serve, "what came is not what the other side encrypted");
    assert_eq!(serve.out.text(), "hello\n");
    let mut rest = Vec::new();
    // An alert, or a reset behind it.
    let _ = socket.read_to_end(&mut rest);
}

#[test]
fn garbage_instead_of_the_proof_is_refused_and_the_next_caller_admitted() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, first) = anna.serves(&[]);
    let mut stranger = tls::encrypt(call(port), tls::files().client(true));
    stranger.write_all(&[b'x'; 1000]).unwrap();
    serve.err.wait_for("was not admitted: ");
    talk(&mut serve, &mut ben.calls(port, &first, &[]));
}

#[test]
fn another_program_that_cannot_prove_a_code_is_told_apart() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let mut stranger = tls::encrypt(call(port), tls::files().client(false));
    stranger.write_all(b"hello\n").unwrap();
    serve.err.wait_for("the other side is another program, which cannot prove that it has the code");
    assert_eq!(serve.out.text(), "");
    talk(&mut serve, &mut ben.calls(port, &code, &[]));
}

#[test]
fn a_browser_over_tls_is_no_chat() {
    let files = Files::new();
    let (serve, port) = serves_with_certificate(&files, &[]);
    let mut browser = tls::encrypt(call(port), files.client(false));
    browser.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nhello\n88\n").unwrap();
    let answer = String::from_utf8(read_rest(&browser)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(serve.out.text(), "");
}
