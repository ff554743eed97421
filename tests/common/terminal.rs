//! A program at a terminal, and its screen as a terminal emulator draws it.

use super::{LIMIT, reset_ignored_signals};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A program at a terminal, with its screen. Killed when dropped.
pub struct Terminal {
    pub child: Child,
    pub pty: OwnedFd,
    keys: File,
    pub screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts `threadchat` at a terminal of this size.
    pub fn start(rows: u16, columns: u16, args: &[&str]) -> Self {
        Self::start_command(rows, columns, env!("CARGO_BIN_EXE_threadchat"), args, &[])
    }

    pub fn start_command(
        rows: u16,
        columns: u16,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let command = pty_process::blocking::Command::new(program).args(args).env("TERM", "xterm");
        let command = command.env("NO_COLOR", "1").envs(env.iter().copied());
        reset_ignored_signals();
        let child = command.spawn(pts).unwrap();
        let pty = pty.as_fd().try_clone_to_owned().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(nonzero(rows), nonzero(columns), 10_000)));
        let keys = File::from(pty.try_clone().unwrap());
        let (seen, from) = (Arc::clone(&screen), File::from(pty.try_clone().unwrap()));
        thread::spawn(move || emulate(from, &seen));
        Self { child, pty, keys, screen }
    }

    pub fn types(&self, keys: &str) {
        (&self.keys).write_all(keys.as_bytes()).unwrap();
    }

    /// The lines on the screen, without the spaces at their ends and without the empty lines at the bottom.
    pub fn seen(&self) -> String {
        let contents = self.screen.lock().unwrap().screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Waits until the screen satisfies a condition, and returns its lines.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let seen = self.seen();
            if condition(&seen) {
                return seen;
            }
            assert!(began.elapsed() < LIMIT, "timed out waiting for {what}; seen:\n{seen}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the screen ends with `text`.
    #[track_caller]
    pub fn wait_for_end(&self, text: &str) {
        self.wait_until(&format!("{text:?} at the end"), |seen| seen.ends_with(text));
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(nonzero(rows), nonzero(columns));
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.pty, size).unwrap();
    }

    #[track_caller]
    pub fn exits(&mut self, code: i32) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < LIMIT, "it does not exit; seen:\n{}", self.seen());
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "seen:\n{}", self.seen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nonzero(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

/// Draws the output, and reports the position of the cursor when asked, as a terminal does.
fn emulate(mut from: File, screen: &Mutex<vt100::Parser>) {
    const QUESTION: &[u8] = b"\x1b[6n";
    let (mut bytes, mut rest) = (vec![0; 64 * 1024], Vec::new());
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        rest.extend_from_slice(&bytes[..read]);
        while let Some(at) = rest.windows(QUESTION.len()).position(|window| window == QUESTION) {
            let mut screen = screen.lock().unwrap();
            screen.process(&rest[..at]);
            let (row, column) = screen.screen().cursor_position();
            let _ = from.write_all(format!("\x1b[{};{}R", row + 1, column + 1).as_bytes());
            rest.drain(..at + QUESTION.len());
        }
        // A question may arrive in two reads: keep its beginning until then.
        let keep = (1..QUESTION.len()).rev().find(|len| rest.ends_with(&QUESTION[..*len])).unwrap_or(0);
        screen.lock().unwrap().process(&rest[..rest.len() - keep]);
        rest.drain(..rest.len() - keep);
    }
}
