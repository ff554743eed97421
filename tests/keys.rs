//! `--secure`, as far as it is settled before anybody is called: keys, known peers and codes.
#![cfg(feature = "secure")]
#![allow(clippy::unwrap_used)]

mod common;

use common::user::User;
use common::*;
use std::fs;
use std::io::Write;
use std::process::Command;

const DESIGN: &str = "threads";

#[track_caller]
fn fails(command: Command, input: &str) -> String {
    let mut program = Program::start(command);
    // It may have ended before.
    let _ = program.stdin.take().unwrap().write_all(input.as_bytes());
    program.exits(1);
    program.err.text()
}

#[test]
fn the_key_is_made_once_and_printed_as_its_hash() {
    let user = User::new();
    let printed = user.key();
    assert!(printed.starts_with("sha256:") && printed.len() == "sha256:".len() + 43, "{printed}");
    assert_eq!(user.key(), printed);
    assert_ne!(User::new().key(), printed);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = |path: std::path::PathBuf| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(user.file("")), mode(user.file("key"))), (0o700, 0o600));
    }
    let kept = user.file("key");
    let mut other = Program::start(User::new().command(&["key", "--key", kept.to_str().unwrap()]));
    other.exits(0);
    assert_eq!(other.out.text(), format!("{printed}\n"));
}

#[test]
fn programs_that_make_the_key_at_the_same_time_have_the_same_one() {
    let user = User::new();
    let mut programs: Vec<_> = (0..8).map(|_| Program::start(user.command(&["key"]))).collect();
    let printed: Vec<_> = programs
        .iter_mut()
        .map(|program| {
            program.exits(0);
            program.out.text()
        })
        .collect();
    assert!(printed.iter().all(|text| *text == printed[0]), "{printed:?}");
    assert_eq!(fs::read_dir(user.file("")).unwrap().count(), 1);
}

#[test]
fn a_key_that_is_named_and_not_there_is_not_made() {
    let user = User::new();
    let path = user.file("other");
    let said = fails(user.command(&["key", "--key", path.to_str().unwrap()]), "");
    assert!(said.contains("there is no such file"), "{said}");
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused_with_what_to_do() {
    let user = User::new();
    user.key();
    fs::set_permissions(user.file("key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for args in [&["key"][..], &["serve", "0", "--secure"]] {
        let said = fails(user.command(args), "");
        assert!(said.contains(&format!("chmod 600 {}", user.file("key").display())), "{said}");
    }
}

#[test]
fn without_a_terminal_an_unknown_server_needs_a_code_from_elsewhere() {
    let user = User::new();
    for args in [&["connect", "host", "--secure"][..], &["connect", "host", "--known", "none"]] {
        let said = fails(user.command(args), "hello\n");
        assert!(said.contains("host:21567 is not known") && said.contains("--code -"), "{said}");
        assert!(said.contains("THREADCHAT_CODE"), "{said}");
    }
}

#[test]
fn a_code_from_standard_input_or_the_environment_is_used_or_explained() {
    let user = User::new();
    let said = fails(user.command(&["connect", "host", "--code", "-"]), "7-velvet-oter\nhello\n");
    assert!(said.contains("from standard input: it has a word that is in no code"), "{said}");
    // It is asked for neither where it is known, nor before the address.
    for command in ["connect", "serve"] {
        let mut command = user.command(&[command, "0.0.0.0:1"]);
        command.env("THREADCHAT_CODE", "7-velvet-oter");
        let said = fails(command, "");
        assert!(said.contains("THREADCHAT_CODE: it has a word that is in no code"), "{said}");
    }
    // The right one is not asked for again: the call fails for another reason.
    let closed = format!("127.0.0.1:{}", free_port());
    let mut command = user.command(&["connect", &closed]);
    command.env("THREADCHAT_CODE", "7-velvet-otter");
    let said = fails(command, "");
    assert!(said.contains("cannot connect to"), "{said}");
    let said = fails(user.command(&["connect", &closed, "--code", "-"]), "7 velvet otter\n");
    assert!(said.contains("cannot connect to"), "{said}");
}

#[test]
fn a_call_to_a_known_server_says_that_it_is_encrypted() {
    let user = User::new();
    let key = user.key();
    let closed = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    fs::write(user.file("known_hosts"), format!("\nserver {closed} {key}\n")).unwrap();
    let closed = closed.to_string();
    let known = format!("{closed} is known from line 2 of {}", user.file("known_hosts").display());
    let said = fails(user.command(&["connect", &closed]), "");
    assert!(said.contains(&format!("{known}: the connection will be encrypted")), "{said}");
    assert!(!fails(user.command(&["connect", &closed, "-q"]), "").contains("is known"));
    let said = fails(user.command(&["connect", &closed, "--design", "half-duplex"]), "");
    assert!(said.contains(&format!("{known}, so that the connection must be encrypted")), "{said}");
}

/// `threadchat serve --secure` on a free port, its port and the code that it shows.
fn serves(user: &User) -> (Program, String, String) {
    let (serve, port) = serve_with(user.command(&["serve", "0", "--secure"]));
    let said = serve.err.wait_for("code for the next caller: ");
    let code = said.split("code for the next caller: ").nth(1).unwrap().lines().next().unwrap();
    (serve, port.to_string(), code.to_owned())
}

#[test]
fn whoever_had_the_code_once_is_known_and_called_encrypted_without_an_option() {
    let (ann, bob) = (User::new(), User::new());
    let (serve, port, code) = serves(&ann);
    let mut connect = Program::start(bob.command(&["connect", &port, "--code", "-"]));
    connect.types(format!("{code}\nhello\n88\n"));
    serve.out.wait_for("hello");
    connect.exits(0);
    let known = |user: &User| fs::read_to_string(user.file("known_hosts")).unwrap();
    assert_eq!(known(&bob), format!("server localhost:{port} {}\n", ann.key()));
    assert_eq!(known(&ann), format!("caller {}\n", bob.key()));

    let mut again = Program::start(bob.command(&["connect", &port]));
    again.types("again\n88\n");
    serve.out.wait_for("again");
    again.exits(0);
    let said = again.err.text();
    assert!(said.contains(&format!("localhost:{port} is known from line 1 of")), "{said}");
    assert_eq!(serve.out.text().lines().map(text).collect::<Vec<_>>(), ["hello", "again"]);

    // Another one who listens there is an impostor.
    drop(serve);
    let mut command = User::new().command(&["serve", &port, "--secure"]);
    command.env("THREADCHAT_CODE", "7-velvet-otter");
    let impostor = Program::start(command);
    impostor.err.wait_for("listening on ");
    let said = fails(bob.command(&["connect", &port, "--reconnect=never"]), "secret\n");
    assert!(said.contains("line 1 of") && said.contains("remove that line"), "{said}");
    assert_eq!(impostor.out.text(), "");
}

#[cfg(target_os = "linux")]
#[test]
fn authorities_of_the_system_that_are_not_there_are_missed_before_the_call() {
    let mut command = User::new().command(&["connect", "host", "--ca", "system"]);
    command.env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
    let said = fails(command, "");
    assert!(said.contains("cannot use the authorities of --ca system"), "{said}");
}

#[cfg(unix)]
mod at_a_terminal {
    use super::*;
    use common::terminal::{Terminal, at};

    fn calls(user: &User, args: &[&str]) -> Terminal {
        let config = user.settings().to_str().unwrap();
        at(24, 80).env(&[("XDG_CONFIG_HOME", config)]).start(&[&["connect", "host.invalid"], args].concat())
    }

    /// Waits for this question, the first one being 1.
    #[track_caller]
    fn wait_for_question(terminal: &Terminal, number: usize) {
        terminal.wait_until(&format!("question {number}"), |seen| {
            seen.lines().filter(|line| line.starts_with("code:")).count() == number && seen.ends_with("code:")
        });
    }

    #[test]
    fn who_calls_an_unknown_server_is_asked_for_the_code_up_to_three_times() {
        let user = User::new();
        let mut terminal = calls(&user, &["--secure"]);
        for (number, typed) in [(1, "7-velvet-oter\n"), (2, "\n"), (3, "7 velvet otter\n")] {
            wait_for_question(&terminal, number);
            terminal.types(typed);
        }
        terminal.exits(1);
        let is_reported = |seen: &str| seen.contains("threadchat: cannot find the address of host.invalid");
        let seen = terminal.wait_until("the error", is_reported);
        assert!(seen.contains("no code has the word \"oter\"; is it otter?\ncode:\na code is"), "{seen}");

        let mut terminal = calls(&user, &["--code", "-"]);
        for number in 1..=3 {
            wait_for_question(&terminal, number);
            terminal.types("velvet\n");
        }
        terminal.exits(1);
        terminal.wait_for_end("threadchat: no code was entered");
    }

    #[test]
    fn the_code_is_typed_where_the_chat_goes_on() {
        let (ann, bob) = (User::new(), User::new());
        let (serve, port, code) = serves(&ann);
        let config = bob.settings().to_str().unwrap();
        let mut terminal =
            at(24, 100).env(&[("XDG_CONFIG_HOME", config)]).start(&["connect", &port, "--secure"]);
        terminal.wait_for_end("code:");
        terminal.types(format!("{}\n", code.to_uppercase().replace('-', " ")));
        terminal.wait_until("the connection", |seen| seen.contains("...connected to"));
        terminal.types("hello\r");
        serve.out.wait_for("hello");
        terminal.types("88\r");
        terminal.exits(0);
    }

    #[test]
    fn the_keys_for_the_end_of_input_and_for_an_interrupt_end_the_question() {
        let user = User::new();
        let mut terminal = calls(&user, &["--secure"]);
        terminal.wait_for_end("code:");
        terminal.types("\x04");
        terminal.exits(1);
        terminal.wait_until("the error alone", |seen| seen == "code:\nthreadchat: no code was entered");

        let mut terminal = calls(&user, &["--secure"]);
        terminal.wait_for_end("code:");
        terminal.types("\x03");
        let status = terminal.status();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2), "{status}");
    }
}
