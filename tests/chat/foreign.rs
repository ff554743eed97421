//! Foreign peers: the programs of the php.cn tutorial (2018), and common tools that talk TCP. These tests are ignored by
//! default, because the peers must be installed: `cargo test --tests -- --ignored foreign::`.

#[cfg(unix)]
mod strangers;
#[cfg(unix)]
mod terminals;

use crate::common::*;

use std::process::{Command, Stdio};

const TUTORIAL_CLIENT: &str = "python3 tests/peers/tutorial_client.py PORT";
const TUTORIAL_SERVER: &str = "python3 tests/peers/tutorial_server.py PORT";

/// The options for each format on the wire, and what the tutorial's programs print after a message besides their own
/// newline.
const WIRES: [(&[&str], &str); 2] = [(&[], "\n"), (&["--wire", "unframed"], "")];

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Ours,
    Theirs,
}

/// A command line, in which `PORT` stands for the port.
fn command(line: &str, port: u16) -> Command {
    let line = line.replace("PORT", &port.to_string());
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

/// Our `serve`, and a peer that calls it.
fn be_called_by_them(line: &str, args: &[&str]) -> (Program, Program) {
    let (ours, port) = serve(&[&["--once"], args].concat());
    let theirs = Program::start(command(line, port));
    ours.err.wait_for("...connected from");
    (ours, theirs)
}

/// Our `connect`, and the peer that it calls.
fn call_them(line: &str) -> (Program, Program) {
    let port = free_port();
    let theirs = Program::start(command(line, port));
    (connect(port, &["--wait", "30"]), theirs)
}

fn call_the_tutorial_server(args: &[&str]) -> (Program, Program) {
    let (theirs, port) = Program::start(command(TUTORIAL_SERVER, 0)).with_port();
    (connect(port, args), theirs)
}

/// The conversation as the program printed it, with `[stamp]` in place of each stamp.
fn printed(program: &Program) -> String {
    let said = program.out.text();
    let lines = said.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with("waiting for connection") && !line.starts_with("...connected"))
        .map(|line| match line.starts_with('[') {
            true => format!("[stamp] {}", text(line)),
            false => line.to_owned(),
        })
        .collect()
}

/// Sends a message each way, after which both sides are known to listen.
fn speak(ours: &mut Program, theirs: &mut Program) {
    ours.types("from us\n");
    theirs.types("from them\n");
    theirs.out.wait_for("from us");
    ours.out.wait_for("from them");
}

/// Sends a message each way, and lets one side leave.
fn talk(ours: &mut Program, theirs: &mut Program, leaver: Side) {
    speak(ours, theirs);
    let (leaver, notice) = match leaver {
        Side::Ours => (&mut *ours, "you said 88"),
        Side::Theirs => (theirs, "they said 88"),
    };
    leaver.types("88\n");
    ours.exits(0);
    assert!(ours.err.text().contains(notice), "{}", ours.err.text());
}

fn talk_with_a_tutorial_client(leaver: Side) {
    for (wire, newline) in WIRES {
        let (mut ours, mut theirs) = be_called_by_them(TUTORIAL_CLIENT, wire);
        talk(&mut ours, &mut theirs, leaver);
        theirs.exits(0);
        check_talk_with_tutorial(&ours, &theirs, newline, leaver);
    }
}

fn talk_with_a_tutorial_server(leaver: Side) {
    for (wire, newline) in WIRES {
        let (mut ours, mut theirs) = call_the_tutorial_server(wire);
        talk(&mut ours, &mut theirs, leaver);
        theirs.out.wait_until("its waiting for the next client", |said| {
            String::from_utf8_lossy(said).matches("waiting for connection...\n").count() == 2
        });
        check_talk_with_tutorial(&ours, &theirs, newline, leaver);
    }
}

#[track_caller]
fn check_talk_with_tutorial(ours: &Program, theirs: &Program, newline: &str, leaver: Side) {
    let goodbye = if leaver == Side::Ours { "88\n" } else { "" };
    assert_eq!(printed(theirs), format!("[stamp] from us\n{newline}{goodbye}"));
    assert_eq!(printed(ours), "[stamp] from them\n");
}

#[test]
#[ignore = "needs python3"]
fn a_tutorial_client_talks_with_serve_and_says_88() {
    talk_with_a_tutorial_client(Side::Theirs);
}

#[test]
#[ignore = "needs python3"]
fn serve_talks_with_a_tutorial_client_and_says_88() {
    talk_with_a_tutorial_client(Side::Ours);
}

#[test]
#[ignore = "needs python3"]
fn a_tutorial_server_talks_with_connect_and_says_88() {
    talk_with_a_tutorial_server(Side::Theirs);
}

#[test]
#[ignore = "needs python3"]
fn connect_talks_with_a_tutorial_server_and_says_88() {
    talk_with_a_tutorial_server(Side::Ours);
}

#[test]
#[ignore = "needs python3"]
fn our_goodbye_right_after_a_message_is_recognised_by_a_tutorial_client() {
    // A goodbye that comes while the client still reads this in pieces would join the last piece.
    let long = format!("{}\n", "x".repeat(50_000)).repeat(4);
    for (wire, newline) in WIRES {
        let (mut ours, mut theirs) = be_called_by_them(TUTORIAL_CLIENT, wire);
        speak(&mut ours, &mut theirs);
        ours.types(format!("hello\n{long}88\n"));
        theirs.exits(0);
        ours.exits(0);
        let said = printed(&theirs);
        assert!(said.contains("[stamp] hello\n") && said.ends_with(&format!("x\n{newline}88\n")), "{said}");
    }
}

#[test]
#[ignore = "needs python3"]
fn the_goodbye_of_a_tutorial_client_right_after_a_message_ends_the_chat_cleanly() {
    let (mut ours, mut theirs) = be_called_by_them(TUTORIAL_CLIENT, &[]);
    speak(&mut ours, &mut theirs);
    theirs.types("hello\n88\n");
    theirs.exits(0);
    ours.exits(0);
    // The goodbye may be glued to the message, which is shown as it arrived.
    let heard = printed(&ours);
    assert_eq!(heard.replace("hello88", "hello"), "[stamp] from them\n[stamp] hello\n");
}

#[test]
#[ignore = "needs python3"]
fn a_pipe_of_lines_reaches_a_tutorial_server_as_one_message_each() {
    let (mut ours, mut theirs) = call_the_tutorial_server(&["--wire", "unframed"]);
    speak(&mut ours, &mut theirs);
    ours.types("1\n2\n3\n4\n5\n");
    ours.ends_input();
    ours.exits(0);
    theirs.out.wait_for("\n88\n");
    let lines: String = (1..=5).map(|n| format!("[stamp] {n}\n")).collect();
    assert_eq!(printed(&theirs), format!("[stamp] from us\n{lines}88\n"));
}

/// It reads our last message and the goodbye together, as one message.
#[cfg(unix)]
#[test]
#[ignore = "needs python3"]
fn a_tutorial_server_that_is_held_up_for_half_a_second_while_we_leave_hears_the_goodbye_that_is_said_again() {
    use rustix::process::Signal;
    for (wire, _) in WIRES {
        let (mut ours, mut theirs) = call_the_tutorial_server(wire);
        speak(&mut ours, &mut theirs);
        theirs.signal(Signal::STOP);
        ours.types("hello\n88\n");
        std::thread::sleep(std::time::Duration::from_millis(500));
        theirs.signal(Signal::CONT);
        theirs.out.wait_for_times(2, "waiting for connection...");
        ours.exits(0);
        assert!(printed(&theirs).ends_with("\n88\n"), "{}", printed(&theirs));
    }
}

#[test]
#[ignore = "needs nc"]
fn an_nc_that_has_said_nothing_shows_the_goodbye_twice_and_not_more() {
    let (mut ours, mut theirs) = call_them("nc.openbsd -N -l 127.0.0.1 PORT");
    ours.types("hello\n88\n");
    theirs.out.wait_until("the goodbyes", |said| said.ends_with(b"8888"));
    theirs.ends_input();
    ours.exits(0);
    theirs.exits(0);
    assert_eq!(printed(&theirs), "[stamp] hello\n8888");
}

#[test]
#[ignore = "needs python3"]
fn serve_talks_with_one_tutorial_client_after_another() {
    let (mut serve, port) = serve(&[]);
    for n in 1..=3 {
        let mut client = Program::start(command(TUTORIAL_CLIENT, port));
        client.types(format!("from client {n}\n"));
        assert_eq!(serve.out.wait_for_texts(n)[n - 1], format!("from client {n}"));
        serve.types(format!("to client {n}\n"));
        client.out.wait_for(&format!("to client {n}"));
        client.types("88\n");
        client.exits(0);
        assert_eq!(printed(&client), format!("[stamp] to client {n}\n\n"));
    }
    assert!(serve.is_running());
}

#[test]
#[ignore = "needs nc"]
fn a_pipe_through_nc_that_ends_without_88_is_shown_whole_and_its_end_is_an_error() {
    let (mut serve, port) = reading(Stdio::null(), threadchat(&["serve", "0", "--once"])).with_port();
    let mut nc = Program::start(command("nc.openbsd -N 127.0.0.1 PORT", port));
    nc.types("one\ntwo\n");
    nc.ends_input();
    serve.exits(1);
    assert_eq!(serve.out.text(), "one\ntwo\n");
    assert!(serve.err.text().contains("closed the connection without 88"), "{}", serve.err.text());
}

fn talk_with_a_tool((mut ours, mut theirs): (Program, Program), leaver: Side) {
    talk(&mut ours, &mut theirs, leaver);
    // Some tools stay until their own input ends.
    theirs.ends_input();
    theirs.status();
    assert_eq!(ours.out.text(), "from them\n");
    let goodbye = if leaver == Side::Ours { "88" } else { "" };
    assert_eq!(printed(&theirs), format!("[stamp] from us\n{goodbye}"));
}

fn send_a_large_file(line: &str) {
    let (lines, port) = (many_lines(20_000_000), free_port());
    let mut theirs = Program::start(command(line, port));
    let connect = threadchat(&["connect", "--wait", "30", &port.to_string()]);
    let mut ours = reading(file_of(&lines), connect);
    ours.exits(0);
    theirs.ends_input();
    theirs.status();
    let received = theirs.out.text();
    // A peer that sends nothing may hear the goodbye twice.
    let received = received.strip_suffix("\n8888").or_else(|| received.strip_suffix("\n88")).unwrap();
    assert_eq!(received.lines().count(), lines.lines().count());
    for (received, line) in received.lines().zip(lines.lines()) {
        assert_eq!(text(received), line);
    }
}

fn receive_a_large_file(line: &str) {
    let lines = many_lines(20_000_000);
    let (mut serve, port) = reading(Stdio::null(), threadchat(&["serve", "0", "--once"])).with_port();
    let _theirs = reading(file_of(format!("{lines}88\n")), command(line, port));
    serve.exits(0);
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
                talk_with_a_tool(be_called_by_them($calls, &[]), Side::Theirs);
            }

            #[test]
            #[ignore = $needed]
            fn calls_serve_which_says_88() {
                talk_with_a_tool(be_called_by_them($calls, &[]), Side::Ours);
            }

            #[test]
            #[ignore = $needed]
            fn is_called_by_connect_and_says_88() {
                talk_with_a_tool(call_them($listens), Side::Theirs);
            }

            #[test]
            #[ignore = $needed]
            fn is_called_by_connect_which_says_88() {
                talk_with_a_tool(call_them($listens), Side::Ours);
            }

            #[test]
            #[ignore = $needed]
            fn receives_a_large_file_whole_and_in_order() {
                send_a_large_file($listens);
            }

            #[test]
            #[ignore = $needed]
            fn sends_a_large_file_which_is_shown_unaltered() {
                receive_a_large_file($calls);
            }
        }
    };
}

tests_with!(ncat, "needs ncat", calls: "ncat 127.0.0.1 PORT", listens: "ncat -l 127.0.0.1 PORT");
tests_with!(nc, "needs nc", calls: "nc.openbsd 127.0.0.1 PORT", listens: "nc.openbsd -l 127.0.0.1 PORT");
tests_with!(
    socat,
    "needs socat",
    calls: "socat - TCP:127.0.0.1:PORT",
    listens: "socat - TCP-LISTEN:PORT,bind=127.0.0.1"
);
