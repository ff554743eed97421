//! Programs of others that speak TLS. These tests are ignored by default, because the programs must be installed:
//! `cargo test --tests -- --ignored foreign::`.

use super::*;
use std::process::Stdio;

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Ours,
    Theirs,
}

/// A command line, with what it stands for in place of `PORT`, `@CA`, `@CERT` and `@KEY`.
fn command(line: &str, port: u16, files: &Files) -> Command {
    let line = line.replace("PORT", &port.to_string()).replace("@CA", &files.authority);
    let line = line.replace("@CERT", &files.certificate).replace("@KEY", &files.key);
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Starts the command with this standard input.
fn reading(input: impl Into<Stdio>, mut command: Command) -> Program {
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program::spawn(command)
}

fn calls_with_authority(files: &Files, port: u16) -> Command {
    let (address, known) = (format!("127.0.0.1:{port}"), files.path("known"));
    let options = ["--ca", &files.authority, "--known", known.to_str().unwrap(), "--wait", "30"];
    let mut command = threadchat(&[&["connect", &address], &options[..]].concat());
    command.env("XDG_CONFIG_HOME", files.path("config"));
    command
}

/// Our `serve`, and a program that calls it.
fn be_called(line: &str) -> (Program, Program) {
    let files = Files::new();
    let (ours, port) = serves_with_certificate(&files, &["--once"]);
    let theirs = Program::start(command(line, port, &files));
    ours.err.wait_for("encrypted: who it is was not proved");
    (ours, theirs)
}

/// Our `connect`, and the program that it calls.
fn call_them(line: &str) -> (Program, Program) {
    let (files, port) = (Files::new(), free_port());
    let theirs = Program::start(command(line, port, &files));
    let ours = Program::start(calls_with_authority(&files, port));
    ours.err.wait_for("encrypted: its certificate is that of the host you called");
    (ours, theirs)
}

/// A message each way, then one side leaves.
fn talk_with((mut ours, mut theirs): (Program, Program), leaver: Side) {
    ours.types("from us\n");
    theirs.types("from them\n");
    theirs.out.wait_for("from us");
    ours.out.wait_for("from them");
    match leaver {
        Side::Ours => ours.types("88\n"),
        Side::Theirs => theirs.types("88\n"),
    }
    ours.exits(0);
    let notice = if leaver == Side::Ours { "you said 88" } else { "they said 88" };
    assert!(ours.err.text().contains(notice), "{}", ours.err.text());
    // Some stay until their own input ends.
    theirs.ends_input();
    theirs.status();
    assert_eq!(ours.out.text(), "from them\n");
    let goodbye = if leaver == Side::Ours { "88" } else { "" };
    let said = theirs.out.text();
    assert_eq!(text(&said), format!("from us\n{goodbye}"));
}

/// Nothing of a file that we send is missing at the end.
fn send_a_file(line: &str) {
    let (files, lines, port) = (Files::new(), many_lines(1_000_000), free_port());
    let mut theirs = Program::start(command(line, port, &files));
    reading(file_of(&lines), calls_with_authority(&files, port)).exits(0);
    theirs.ends_input();
    theirs.status();
    let received = theirs.out.text();
    // A peer that sends nothing may hear the goodbye twice.
    let received = received.strip_suffix("\n8888").or_else(|| received.strip_suffix("\n88")).unwrap();
    let received: Vec<_> = received.lines().map(text).collect();
    assert!(received == lines.lines().collect::<Vec<_>>(), "{} lines, or others", received.len());
}

/// Nothing of a file that they send is missing at the end, however they leave.
fn receive_a_file(line: &str, goodbye: &str) {
    let (files, lines) = (Files::new(), many_lines(1_000_000));
    let known = files.path("known");
    let options = ["--cert", &files.certificate, "--key", &files.key, "--known", known.to_str().unwrap()];
    let serve = reading(Stdio::null(), threadchat(&[&["serve", "0", "--once"], &options[..]].concat()));
    let (mut serve, port) = serve.with_port();
    let _theirs = reading(file_of(format!("{lines}{goodbye}")), command(line, port, &files));
    serve.exits(i32::from(goodbye.is_empty()));
    let received = serve.out.bytes();
    assert!(received == lines.as_bytes(), "{} of {} bytes, or others", received.len(), lines.len());
}

macro_rules! tests_with {
    ($tool:ident, $needed:literal, calls: $calls:literal, listens: $listens:literal) => {
        mod $tool {
            use super::*;

            #[test]
            #[ignore = $needed]
            fn calls_serve_and_says_88() {
                talk_with(be_called($calls), Side::Theirs);
            }

            #[test]
            #[ignore = $needed]
            fn calls_serve_which_says_88() {
                talk_with(be_called($calls), Side::Ours);
            }

            #[test]
            #[ignore = $needed]
            fn is_called_by_connect_and_says_88() {
                talk_with(call_them($listens), Side::Theirs);
            }

            #[test]
            #[ignore = $needed]
            fn is_called_by_connect_which_says_88() {
                talk_with(call_them($listens), Side::Ours);
            }

            #[test]
            #[ignore = $needed]
            fn receives_a_file_to_its_end() {
                send_a_file($listens);
            }

            #[test]
            #[ignore = $needed]
            fn sends_a_file_to_its_end() {
                receive_a_file($calls, "88\n");
            }
        }
    };
}

tests_with!(
    openssl,
    "needs openssl",
    calls: "openssl s_client -quiet -verify_return_error -CAfile @CA -connect 127.0.0.1:PORT",
    listens: "openssl s_server -quiet -naccept 1 -accept 127.0.0.1:PORT -cert @CERT -key @KEY"
);
tests_with!(
    ncat,
    "needs ncat",
    calls: "ncat --ssl-verify --ssl-trustfile @CA localhost PORT",
    listens: "ncat --ssl --ssl-cert @CERT --ssl-key @KEY -l 127.0.0.1 PORT"
);
tests_with!(
    socat,
    "needs socat",
    calls: "socat - OPENSSL:127.0.0.1:PORT,cafile=@CA",
    listens: "socat - OPENSSL-LISTEN:PORT,bind=127.0.0.1,cert=@CERT,key=@KEY,verify=0"
);

#[test]
#[ignore = "needs ncat"]
fn an_ncat_that_only_sends_loses_nothing_at_the_end() {
    for _ in 0..5 {
        receive_a_file("ncat --ssl --send-only 127.0.0.1 PORT", "");
    }
}

#[test]
#[ignore = "needs python3"]
fn a_client_in_python_chats_and_sends_a_file() {
    let client = "python3 tests/peers/tls_client.py PORT @CA";
    talk_with(be_called(client), Side::Theirs);
    talk_with(be_called(client), Side::Ours);
    receive_a_file(client, "88\n");
}

#[test]
#[ignore = "needs openssl"]
fn a_certificate_of_another_authority_or_for_another_host_is_refused() {
    let (files, others, port) = (Files::new(), Files::new(), free_port());
    let listens = "openssl s_server -quiet -naccept 1 -accept 127.0.0.1:PORT -cert @CERT -key @KEY";
    let _theirs = Program::start(command(listens, port, &others));
    let mut connect = Program::start(calls_with_authority(&files, port));
    connect.types("a secret\n");
    fails(&mut connect, "the certificate of the other side is not accepted: ");
}

#[test]
#[ignore = "needs openssl"]
fn an_older_tls_is_refused_at_both_ends() {
    let files = Files::new();
    let (serve, port) = serves_with_certificate(&files, &[]);
    let line = "openssl s_client -tls1_2 -connect 127.0.0.1:PORT";
    let mut old = reading(Stdio::null(), command(line, port, &files));
    assert!(!old.status().success());
    serve.err.wait_for("the other side does not speak TLS 1.3");
}
