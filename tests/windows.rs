//! The Windows program, run by Wine, and the program for this machine talk to each other. `.ci/windows` builds the
//! Windows program and runs these tests. It also runs most tests of `tests/chat/` and `tests/hub/` with the Windows
//! program alone.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::terminal::{Terminal, at};
use common::*;
use rustix::process::Signal;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The only design on Windows.
const DESIGN: &str = "threads";

/// The Windows program. Without the check, all these tests would run the program for this machine.
fn windows(args: &[&str]) -> Command {
    assert!(
        std::env::var_os("THREADCHAT_WINDOWS").is_some(),
        "THREADCHAT_WINDOWS names no program; see .ci/windows"
    );
    threadchat(args)
}

/// The Windows program or the one for this machine.
fn either(is_windows: bool, args: &[&str]) -> Command {
    if is_windows { windows(args) } else { native(args) }
}

/// A `serve` and a `connect`, of which one is the Windows program.
fn pair(windows_serves: bool, args: &[&str]) -> (Program, Program) {
    let serving = either(windows_serves, &[&["serve", "0", "--once"], args].concat());
    let (serve, port) = Program::start(serving).with_port();
    let calling = either(!windows_serves, &[&["connect", &port.to_string()], args].concat());
    let connect = Program::start(calling);
    connect.err.wait_for("...connected to");
    (serve, connect)
}

/// Starts the command with files as its input and output.
fn with_files(mut command: Command, input: File, output: File) -> Program {
    command.stdin(input).stdout(output).stderr(Stdio::piped());
    Program::spawn(command)
}

#[test]
#[ignore = "needs wine"]
fn the_programs_talk_with_each_other_whichever_calls_and_whichever_leaves() {
    for (windows_serves, caller_ends) in [(false, false), (false, true), (true, false), (true, true)] {
        let (mut serve, mut connect) = pair(windows_serves, &[]);
        connect.types("does this arrive?\n");
        serve.out.wait_for("] does this arrive?");
        serve.types("it does\n");
        connect.out.wait_for("] it does");
        let (leaving, staying) =
            if caller_ends { (&mut connect, &mut serve) } else { (&mut serve, &mut connect) };
        leaving.types("88\n");
        leaving.exits(0);
        staying.exits(0);
        assert!(leaving.err.text().contains("you said 88"), "{}", leaving.err.text());
        assert!(staying.err.text().contains("they said 88"), "{}", staying.err.text());
    }
}

#[cfg(feature = "secure")]
#[test]
#[ignore = "needs wine"]
fn the_programs_encrypt_and_know_each_other_from_the_first_call_on() {
    for (windows_serves, command, what) in [false, true].into_iter().flat_map(|windows_serves| {
        [("serve", "code for the next caller: "), ("hub", "the code for clients: ")]
            .map(|(command, what)| (windows_serves, command, what))
    }) {
        let folder = tempfile::tempdir().unwrap();
        let known = ["called", "caller"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
        let listens = either(windows_serves, &[command, "0", "--secure", "--known", &known[0]]);
        let (mut listening, port) = Program::start(listens).with_port();
        let said = listening.err.wait_for(what);
        let code = said.split(what).nth(1).unwrap().split_whitespace().next().unwrap();
        for (code, how) in [(Some(code), "encrypted: it has the code"), (None, "encrypted: it is known")] {
            let address = format!("127.0.0.1:{port}");
            let mut calls = either(!windows_serves, &["connect", &address, "--known", &known[1]]);
            calls.envs(code.map(|code| (CODE_VARIABLE, code)));
            let mut connect = Program::start(calls);
            connect.err.wait_for(how);
            talk_and_leave(&mut listening, &mut connect);
        }
        listening.types("88\n");
        listening.exits(0);
    }
}

#[test]
#[ignore = "needs wine"]
fn twenty_megabytes_each_way_at_once_arrive_whole_and_in_order() {
    const LINES: usize = 312_500;
    let lines: String = (0..LINES).map(|n| format!("{n:063}\n")).collect();
    assert_eq!(lines.len(), 20_000_000);
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, lines).unwrap();
    let outputs = ["one", "other"].map(|name| folder.path().join(name));
    for windows_serves in [false, true] {
        let start =
            |command, output| with_files(command, File::open(&input).unwrap(), File::create(output).unwrap());
        let serving = either(windows_serves, &["serve", "0", "--once", "--on-eof", "wait"]);
        let (mut serve, port) = start(serving, &outputs[0]).with_port();
        let calling = either(!windows_serves, &["connect", &port.to_string(), "--on-eof", "wait"]);
        let mut connect = start(calling, &outputs[1]);
        connect.exits(0);
        serve.exits(0);
        for output in &outputs {
            let mut heard = String::new();
            File::open(output).unwrap().read_to_string(&mut heard).unwrap();
            assert_eq!(heard.lines().count(), LINES);
            assert!(heard.lines().enumerate().all(|(n, line)| text(line) == format!("{n:063}")));
        }
    }
}

#[test]
#[ignore = "needs wine"]
fn windows_line_endings_are_not_part_of_messages() {
    let (mut serve, mut connect) = pair(false, &[]);
    connect.types("one\r\n\r\nthree\r\n88\r\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(3), ["one", "", "three"]);
    assert!(!serve.out.bytes().contains(&b'\r'));
}

#[test]
#[ignore = "needs wine"]
fn the_end_of_the_input_says_88() {
    let (mut serve, mut connect) = pair(false, &[]);
    connect.types("no newline at the end");
    connect.ends_input();
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["no newline at the end"]);
    assert!(connect.err.text().contains("end of input: said 88 for you"), "{}", connect.err.text());
}

#[test]
#[ignore = "needs wine"]
fn the_other_side_notices_a_killed_program() {
    for windows_is_killed in [false, true] {
        let (serve, connect) = pair(true, &[]);
        let (mut killed, mut other) = if windows_is_killed { (serve, connect) } else { (connect, serve) };
        other.types("are you there?\n");
        killed.out.wait_for("are you there?");
        killed.kill();
        other.exits(1);
        let stderr = other.err.text();
        assert!(stderr.contains("without 88") || stderr.contains("connection"), "{stderr}");
    }
}

#[test]
#[ignore = "needs wine"]
fn ctrl_c_says_88_and_exits_with_130() {
    for windows_serves in [false, true] {
        let (serve, connect) = pair(windows_serves, &[]);
        let (mut windows, mut other) = if windows_serves { (serve, connect) } else { (connect, serve) };
        windows.types("last words\n");
        other.out.wait_for("last words");
        windows.signal(Signal::INT);
        windows.exits(130);
        other.exits(0);
        assert!(windows.err.text().contains("Ctrl-C: said 88 for you"), "{}", windows.err.text());
        assert!(other.err.text().contains("they said 88"), "{}", other.err.text());
    }
    let (mut waiting, _) = Program::start(windows(&["serve", "0"])).with_port();
    waiting.signal(Signal::INT);
    waiting.exits(130);
}

#[test]
#[ignore = "needs wine"]
fn errors_are_reported_with_what_to_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let fails = |args: &[&str], code: i32, expected: &[&str]| {
        let mut program = Program::start(windows(args));
        program.exits(code);
        let stderr = program.err.text();
        assert!(expected.iter().all(|expected| stderr.contains(expected)), "{stderr}");
    };
    fails(
        &["serve", &port],
        1,
        &[&format!("cannot listen on 127.0.0.1:{port}: "), "; another program is listening there"],
    );
    drop(listener);
    fails(
        &["connect", &port],
        1,
        &[&format!("cannot connect to 127.0.0.1:{port}"), "start threadchat serve first", "--wait SECONDS"],
    );
    fails(&["connect", "--nonsense"], 2, &["--nonsense"]);
    fails(
        &["serve", "--design", "select"],
        2,
        &[
            "the design select cannot be used here",
            "neither a console nor a pipe",
            "Use the default, threads",
        ],
    );
}

#[test]
#[ignore = "needs wine and ncat"]
fn a_hub_on_windows_serves_clients_of_all_kinds_and_disconnects_one_that_stalls() {
    const LINES: usize = 20_000;
    let (mut hub, port) =
        Program::start(windows(&["hub", "0", "--stall", "1", "--outbox", "65536"])).with_port();
    let port = port.to_string();
    let mut clients = [
        Program::start(windows(&["connect", &port])),
        Program::start(native(&["connect", &port])),
        Program::start(native(&["connect", &port, "--design", "select"])),
        Program::start({
            let mut ncat = Command::new("ncat");
            ncat.args(["127.0.0.1", &port]);
            ncat
        }),
    ];
    for (n, client) in clients.iter_mut().enumerate() {
        client.out.wait_for("/help lists the commands");
        client.types(format!("/name client{n}\n"));
        client.out.wait_for(&format!("you are now client{n}"));
    }
    // This client reads nothing.
    let stalled = call(port.parse().unwrap());
    clients[1].out.wait_for("* user5 joined");
    let mut speaker = Program::start(native(&["connect", "-q", &port]));
    speaker.types("/name speaker\n");
    let line = |n: usize| format!("{n} {}", "x".repeat(500));
    let lines: String = (0..LINES).map(|n| line(n) + "\n").collect();
    let mut input = speaker.stdin.take().unwrap();
    let speaking = std::thread::spawn(move || {
        input.write_all(lines.as_bytes()).unwrap();
        input
    });
    let last = format!("<speaker> {}", line(LINES - 1));
    for client in &clients {
        let heard = client.out.wait_for(&last);
        let heard: Vec<_> = heard.lines().filter_map(|line| text(line).strip_prefix("<speaker> ")).collect();
        assert!(heard.iter().enumerate().all(|(n, heard)| *heard == line(n)));
        assert_eq!(heard.len(), LINES);
        client.out.wait_for("* user5 was disconnected: the room waited 1 s for it");
    }
    drop((stalled, speaking.join().unwrap()));
    hub.out.wait_for(&last);
    hub.types("I have seen it all\n88\n");
    hub.exits(0);
    for client in &mut clients {
        client.out.wait_for("<@operator> I have seen it all");
    }
    for client in &mut clients[..3] {
        client.exits(0);
    }
}

/// The Windows program at a console, which Wine shows at a terminal.
struct AtConsole {
    terminal: Terminal,
    socket: TcpStream,
    prompt: String,
    /// Its console is closed when a file of this name appears.
    close: std::path::PathBuf,
    _folder: TempDir,
}

/// Starts `connect` at a console, under a program that shows the console's modes before and after.
fn connect_at_console() -> AtConsole {
    let folder = tempfile::tempdir().unwrap();
    let [console, close] = ["console.exe", "close"].map(|name| folder.path().join(name));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/console.c");
    let compiled = Command::new("x86_64-w64-mingw32-gcc").arg("-o").arg(&console).arg(source).status();
    assert!(compiled.unwrap().success());
    let program = std::env::var("THREADCHAT_WINDOWS").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let [console, closes] = [&console, &close].map(|path| path.to_str().unwrap());
    // Wine asks the terminal what it can do.
    let setup = at(20, 80).that_may_be_asked().env(&[("LANG", "C.UTF-8")]);
    let terminal = setup.start_program("wine", &[console, closes, &program, "connect", &address]);
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let prompt = format!("{address}>");
    terminal.wait_for_end(&prompt);
    AtConsole { terminal, socket, prompt, close, _folder: folder }
}

impl AtConsole {
    fn hears(&self, messages: &str) {
        (&self.socket).write_all(messages.as_bytes()).unwrap();
    }

    /// Checks the exit code, and that the console is as it was.
    #[track_caller]
    fn exits(&mut self, code: i32) {
        self.terminal.exits(code);
        // Wine may still be drawing.
        self.terminal.wait_until("the modes as before", |seen| {
            let modes = |when: &str| seen.lines().find_map(|line| line.strip_prefix(when));
            modes("modes before: ").is_some() && modes("modes before: ") == modes("modes after: ")
        });
    }
}

#[test]
#[ignore = "needs wine"]
fn a_line_is_edited_at_a_console_while_messages_arrive_above_it() {
    let console @ AtConsole { terminal, socket, prompt, .. } = &connect_at_console();
    terminal.types("hello wrld\x1b[D\x1b[D\x1b[D");
    terminal.wait_for_end(&format!("{prompt} hello wrld"));
    console.hears("first\nsecond\n");
    terminal.wait_for_end(&format!("< first\n< second\n{prompt} hello wrld"));
    // The cursor has not moved.
    terminal.types("o\r");
    assert_eq!(text(&read_line(socket)), "hello world");
    terminal.wait_for_end(&format!("> hello world\n{prompt}"));
    // Up and down in the history, words, and what was deleted.
    terminal.types("\x1b[A\x1b[1;5D\x0bpeople, \x19\x01all: \r");
    assert_eq!(text(&read_line(socket)), "all: hello people, world");
}

#[test]
#[ignore = "needs wine"]
fn umlauts_and_wide_characters_are_typed_at_a_console() {
    let console @ AtConsole { terminal, socket, prompt, .. } = &connect_at_console();
    terminal.types("für 漢x字");
    terminal.wait_for_end(&format!("{prompt} für 漢x字"));
    terminal.types("\x1b[D\x7f");
    console.hears("grüße 漢\n");
    terminal.wait_for_end(&format!("< grüße 漢\n{prompt} für 漢字"));
    terminal.types("\r");
    assert_eq!(text(&read_line(socket)), "für 漢字");
}

#[test]
#[ignore = "needs wine"]
fn pasted_lines_are_sent_from_a_console_and_the_rest_stays_on_the_line() {
    let AtConsole { terminal, socket, prompt, .. } = &connect_at_console();
    let lines: Vec<String> = (0..200).map(|n| format!("pasted line {n}")).collect();
    terminal.types(format!("{}\rand a rest", lines.join("\r")));
    for line in &lines {
        assert_eq!(text(&read_line(socket)), line);
    }
    terminal.wait_for_end(&format!("> pasted line 199\n{prompt} and a rest"));
}

#[test]
#[ignore = "needs wine"]
fn a_flood_of_messages_leaves_the_typed_line_and_its_row_whole() {
    const MESSAGES: usize = 20_000;
    let console @ AtConsole { terminal, socket, prompt, .. } = &connect_at_console();
    terminal.types("typed before");
    terminal.wait_for_end("typed before");
    let messages: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}\n")).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| messages.chunks(100).for_each(|some| console.hears(&some.concat())));
        terminal.types(" and during it");
    });
    // As many as fit on the screen, each once.
    let last: String = messages[MESSAGES - 19..].iter().map(|message| format!("< {message}")).collect();
    terminal
        .wait_until("the last messages", |seen| seen == format!("{last}{prompt} typed before and during it"));
    terminal.types("\r");
    assert_eq!(text(&read_line(socket)), "typed before and during it");
}

#[test]
#[ignore = "needs wine"]
fn every_way_out_of_a_console_leaves_it_as_it_was() {
    for (leave, code) in [("88\r", 0), ("\x04", 0), ("\x03", 130)] {
        let mut console = connect_at_console();
        console.terminal.types(leave);
        expect_bytes(&console.socket, b"88");
        console.socket.shutdown(Shutdown::Write).unwrap();
        console.exits(code);
    }
}

#[test]
#[ignore = "needs wine"]
fn closing_the_console_says_88_and_exits_with_129() {
    let mut console = connect_at_console();
    console.terminal.types("never sent");
    console.terminal.wait_for_end("never sent");
    File::create(&console.close).unwrap();
    expect_bytes(&console.socket, b"88");
    console.exits(129);
    console
        .terminal
        .wait_until("the notice", |seen| seen.contains("the closing of the console: said 88 for you"));
}
