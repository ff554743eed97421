use exercises::turns::chat;
use std::io::{BufRead, BufReader, Write, pipe};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long something may take that should happen at once.
const LIMIT: Duration = Duration::from_secs(2);

/// A chat that runs: its keyboard, the other side, and the lines on its screen.
fn start() -> (impl Write, TcpStream, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    let (keyboard, typing) = pipe().unwrap();
    let (reading, screen) = pipe().unwrap();
    thread::spawn(move || chat(keyboard, peer, screen));
    (typing, other, lines(reading))
}

fn lines(from: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

#[test]
fn turns_are_not_needed_to_read() {
    let (_typing, mut other, screen) = start();
    writeln!(other, "one\ntwo").unwrap();
    assert_eq!(screen.recv_timeout(LIMIT).as_deref(), Ok("one"), "nobody has typed anything");
    assert_eq!(screen.recv_timeout(LIMIT).as_deref(), Ok("two"));
}

#[test]
fn turns_are_not_needed_to_send() {
    let (mut typing, other, _screen) = start();
    writeln!(typing, "one\ntwo").unwrap();
    let heard = lines(other);
    assert_eq!(heard.recv_timeout(LIMIT).as_deref(), Ok("one"));
    assert_eq!(heard.recv_timeout(LIMIT).as_deref(), Ok("two"), "the other side has not answered");
}

#[test]
fn turns_do_not_keep_it_from_ending() {
    let (_typing, other, screen) = start();
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(
        screen.recv_timeout(LIMIT),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "the other side has left"
    );
}
