//! Encrypted conversations: who is admitted, who is in between, and what programs of others get.

mod codes;
mod foreign;
mod middle;
mod secrets;
mod strangers;

use crate::common::tls::Files;
use crate::common::user::User;
use crate::common::*;
use std::process::Command;

/// What stands before a code.
const CODE: &str = "code for the next caller: ";

/// What both ends say if they have different codes, or somebody is in between.
const WRONG_CODE: &str = "the code was wrong, or somebody is in between";

/// How users of these tests chat.
trait Chats {
    fn serves(&self, args: &[&str]) -> (Program, u16, String);
    fn calls(&self, port: u16, code: &str, args: &[&str]) -> Program;
}

impl Chats for User {
    /// A `serve` that asks for a code, its port, and the code.
    fn serves(&self, args: &[&str]) -> (Program, u16, String) {
        let (serve, port) = serve_with(self.command(&[&["serve", "0", "--secure"], args].concat()));
        let code = code(&serve, 1);
        (serve, port, code)
    }

    /// A `connect` with this code; without one if it is empty.
    fn calls(&self, port: u16, code: &str, args: &[&str]) -> Program {
        let address = format!("127.0.0.1:{port}");
        let mut command = self.command(&[&["connect", &address], args].concat());
        if !code.is_empty() {
            command.env("THREADCHAT_CODE", code);
        }
        Program::start(command)
    }
}

/// The code that was shown last, when this many have been shown.
#[track_caller]
fn code(serve: &Program, number: usize) -> String {
    let shown = |said: &[u8]| {
        let said = String::from_utf8_lossy(said).into_owned();
        let mut codes =
            said.split_inclusive('\n').filter_map(|line| Some(line.split_once(CODE)?.1.to_owned()));
        codes.nth(number - 1).filter(|code| code.ends_with('\n'))
    };
    let said = serve.err.wait_until("the code", |said| shown(said).is_some());
    shown(&said).unwrap().trim().to_owned()
}

/// A code with the same words as this one that is another one.
fn wrong(code: &str) -> String {
    let (number, words) = code.split_once('-').unwrap();
    format!("{}-{words}", number.parse::<u8>().unwrap() % 99 + 1)
}

/// A message each way and a goodbye, after which `connect` has ended.
#[track_caller]
fn talk(serve: &mut Program, connect: &mut Program) {
    connect.err.wait_for("encrypted: ");
    talk_and_leave(serve, connect);
}

/// The program has failed and said this.
#[track_caller]
fn fails(program: &mut Program, what: &str) {
    program.exits(1);
    assert!(program.err.text().contains(what), "{}", program.err.text());
}

/// A `serve` with a certificate, which needs no code, and its port.
fn serves_with_certificate(files: &Files, args: &[&str]) -> (Program, u16) {
    let known = files.path("known");
    let options = ["--cert", &files.certificate, "--key", &files.key, "--known", known.to_str().unwrap()];
    serve(&[&options, args].concat())
}
