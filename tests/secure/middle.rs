//! Somebody in the middle, who has the wire and a key of their own.

use super::*;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Somebody who accepts a call and makes it to that port, and passes on what each side says.
struct Middle {
    port: u16,
    listener: TcpListener,
}

impl Middle {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { port: listener.local_addr().unwrap().port(), listener }
    }

    /// Decrypts and encrypts again what passes by: the proof, too.
    fn relays_with_its_own_key(self, to: u16) {
        thread::spawn(move || {
            let files = Files::new();
            let caller = accept(&self.listener);
            let caller = tls::encrypt(caller, files.server(true));
            let called = tls::encrypt(TcpStream::connect(("127.0.0.1", to)).unwrap(), files.client(true));
            pass_on(&caller, &called, &AtomicBool::default());
        });
    }

    /// Passes on the ciphertext. Returns both connections.
    fn relays(self, to: u16) -> thread::JoinHandle<[TcpStream; 2]> {
        self.relays_until(to, Arc::default())
    }

    /// The same, which passes on nothing more when it is cut: not what one side says because the other is gone.
    fn relays_until(self, to: u16, is_cut: Arc<AtomicBool>) -> thread::JoinHandle<[TcpStream; 2]> {
        thread::spawn(move || {
            let caller = accept(&self.listener);
            let called = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let both = [caller.try_clone().unwrap(), called.try_clone().unwrap()];
            thread::spawn(move || pass_on(&caller, &called, &is_cut));
            both
        })
    }
}

/// One direction of a line that may be cut.
struct Wire<'a> {
    to: &'a TcpStream,
    is_cut: &'a AtomicBool,
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_cut.load(Ordering::SeqCst) {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            self.to.write(bytes)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn pass_on(one: &TcpStream, other: &TcpStream, is_cut: &AtomicBool) {
    thread::scope(|scope| {
        for (mut from, to) in [(one, other), (other, one)] {
            scope.spawn(move || {
                let _ = io::copy(&mut from, &mut Wire { to, is_cut });
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
}

#[test]
fn who_decrypts_in_the_middle_is_found_out_at_both_ends_although_both_have_the_code() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, first) = anna.serves(&[]);
    let middle = Middle::new();
    let mut connect = ben.calls(middle.port, &first, &[]);
    connect.types("a secret\n");
    serve.types("another\n");
    middle.relays_with_its_own_key(port);
    fails(&mut connect, WRONG_CODE);
    serve.err.wait_for(&format!("was not admitted: {WRONG_CODE}"));
    assert_eq!((serve.out.text(), connect.out.text()), (String::new(), String::new()));
    assert!(!ben.file("known_hosts").exists() && !anna.file("known_hosts").exists());
    // The code is burnt.
    assert_ne!(code(&serve, 2), first);
}

#[test]
fn who_decrypts_between_two_that_know_each_other_is_refused_with_both_keys_and_the_line() {
    let (anna, ben) = (User::new(), User::new());
    let (serve, port, code) = anna.serves(&[]);
    let middle = Middle::new();
    let (theirs, ours) = (anna.key(), ben.key());
    let known = ben.file("known_hosts");
    std::fs::write(&known, format!("# mine\nserver 127.0.0.1:{} {theirs}\n", middle.port)).unwrap();
    std::fs::write(anna.file("known_hosts"), format!("caller {ours}\n")).unwrap();
    // Nor does a code help.
    let mut connect = ben.calls(middle.port, &code, &[]);
    connect.types("a secret\n");
    middle.relays_with_its_own_key(port);
    fails(&mut connect, "the other side has the key sha256:");
    let said = connect.err.text();
    assert!(said.contains(&format!("line 2 of {} says {theirs}", known.display())), "{said}");
    serve.err.wait_for("was not admitted: ");
    assert_eq!(serve.out.text(), "");
}

#[test]
fn a_line_that_is_cut_is_an_error_at_both_ends_and_no_goodbye() {
    for by_reset in [false, true] {
        let (anna, ben) = (User::new(), User::new());
        let (mut serve, port, code) = anna.serves(&["--once"]);
        let middle = Middle::new();
        let mut connect = ben.calls(middle.port, &code, &[]);
        let is_cut = Arc::new(AtomicBool::new(false));
        let relay = middle.relays_until(port, Arc::clone(&is_cut));
        connect.types("hello\n");
        serve.out.wait_for("hello");
        serve.types("hi\n");
        connect.out.wait_for("hi");
        is_cut.store(true, Ordering::SeqCst);
        for stream in relay.join().unwrap() {
            if by_reset {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            // Fails if that end has closed already because of the other.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for program in [&mut serve, &mut connect] {
            fails(program, "cut off: something may be missing at its end");
            assert!(!program.err.text().contains("said 88"), "{}", program.err.text());
        }
    }
}

/// As it could be cut behind the goodbye of one side, so that it never arrives.
#[test]
fn a_line_that_is_cut_in_one_direction_is_an_error() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&["--once"]);
    let middle = Middle::new();
    let mut connect = ben.calls(middle.port, &code, &[]);
    let relay = middle.relays(port);
    connect.types("hello\n");
    serve.out.wait_for("hello");
    let [_, called] = relay.join().unwrap();
    called.shutdown(Shutdown::Write).unwrap();
    fails(&mut serve, "cut off: something may be missing at its end");
}

/// They cannot know what the bytes mean, but change them.
#[test]
fn a_byte_that_is_added_on_the_way_is_an_error_and_nothing_behind_it_is_shown() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&["--once"]);
    let middle = Middle::new();
    let mut connect = ben.calls(middle.port, &code, &[]);
    let relay = middle.relays(port);
    connect.types("hello\n");
    serve.out.wait_for("hello");
    let [_, mut called] = relay.join().unwrap();
    called.write_all(b"!").unwrap();
    connect.types("changed\n");
    fails(&mut serve, "what came is not what the other side encrypted");
    assert!(!serve.out.text().contains("changed"));
    connect.exits(1);
}
