//! Streams that others prepared, and signals that end the program at a terminal.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::*;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Where a test does not name one.
const DESIGN: &str = "threads";

const FULL_DUPLEX: &[&str] = if cfg!(poll) { &["threads", "select"] } else { &["threads"] };
const ALL: &[&str] =
    if cfg!(poll) { &["threads", "select", "half-duplex"] } else { &["threads", "half-duplex"] };

/// What the standard streams of a program are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipes,
    Sockets,
    Terminal,
}

/// The other ends of the standard streams of a program.
struct Others {
    typing: File,
    screen: File,
    /// None if the screen shows them.
    notices: Option<File>,
}

/// Makes a stream non-blocking for everybody who has it.
fn nonblocking(stream: impl Into<OwnedFd>) -> Stdio {
    let stream = stream.into();
    fcntl_setfl(&stream, fcntl_getfl(&stream).unwrap() | OFlags::NONBLOCK).unwrap();
    stream.into()
}

/// Gives a command standard streams that do not block.
fn prepare(command: &mut Command, kind: Kind) -> Others {
    let pair = |is_input| match kind {
        Kind::Sockets => {
            UnixStream::pair().map(|(one, other)| (OwnedFd::from(one), OwnedFd::from(other))).unwrap()
        }
        _ => {
            let (reader, writer) = io::pipe().unwrap();
            if is_input { (reader.into(), writer.into()) } else { (writer.into(), reader.into()) }
        }
    };
    if kind == Kind::Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let mut modes = rustix::termios::tcgetattr(pts.as_fd()).unwrap();
        modes.make_raw();
        rustix::termios::tcsetattr(pts.as_fd(), rustix::termios::OptionalActions::Now, &modes).unwrap();
        let stream = || pts.as_fd().try_clone_to_owned().unwrap();
        command.stdin(nonblocking(stream())).stdout(stream()).stderr(stream());
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let ours = || File::from(pty.as_fd().try_clone_to_owned().unwrap());
        return Others { typing: ours(), screen: ours(), notices: None };
    }
    let [(stdin, typing), (stdout, screen), (stderr, notices)] = [true, false, false].map(pair);
    command.stdin(nonblocking(stdin)).stdout(nonblocking(stdout)).stderr(nonblocking(stderr));
    Others { typing: typing.into(), screen: screen.into(), notices: Some(notices.into()) }
}

/// Starts `connect` with such streams, and accepts its connection.
fn connect(design: &str, kind: Kind) -> (Program, TcpStream, Others) {
    let mut others = None;
    let (program, socket) = accept_from(|port| {
        let mut command =
            threadchat(&["connect", port, "--plain", "--timestamps", "none", "--design", design]);
        others = Some(prepare(&mut command, kind));
        Program::spawn(command)
    });
    (program, socket, others.unwrap())
}

/// Reads this slowly, so that the other side often has to wait.
struct Slow<R>(R);

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(1));
        let most = buffer.len().min(4096);
        self.0.read(&mut buffer[..most])
    }
}

const LINES: usize = 10_000;

/// Line `n` of those that `who` writes.
fn line(who: &str, n: usize) -> String {
    format!("{who} {n} of many lines that are not short")
}

/// Writes all lines, with pauses in which the other side has nothing to read.
fn write_lines(who: &str, mut to: impl Write) {
    for batch in 0..LINES / 1000 {
        let lines: String = (0..1000).map(|n| line(who, batch * 1000 + n) + "\n").collect();
        to.write_all(lines.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads all messages that a peer has sent; other lines are notices.
fn expect_shown(screen: impl Read) {
    let mut lines = BufReader::new(screen).lines().map(Result::unwrap);
    for n in 0..LINES {
        let shown = lines.by_ref().find(|line| line.contains("peer ")).unwrap();
        assert_eq!(shown.trim_start_matches("< "), line("peer", n));
    }
}

#[test]
fn streams_that_somebody_made_non_blocking_lose_nothing() {
    for design in FULL_DUPLEX {
        for kind in [Kind::Pipes, Kind::Sockets, Kind::Terminal] {
            let (mut program, socket, others) = connect(design, kind);
            let Others { typing, screen, notices } = others;
            thread::scope(|scope| {
                scope.spawn(|| write_lines("keyboard", &typing));
                scope.spawn(|| write_lines("peer", &socket));
                scope.spawn(|| expect_shown(Slow(&screen)));
                for n in 0..LINES {
                    assert_eq!(text(&read_line(&socket)), line("keyboard", n), "{design} {kind:?}");
                }
            });
            (&typing).write_all(b"88\n").unwrap();
            assert_eq!(read_rest(&socket), b"88");
            drop(socket);
            program.exits(0);
            if let Some(mut notices) = notices {
                let mut said = String::new();
                notices.read_to_string(&mut said).unwrap();
                assert!(!said.contains("cannot"), "{design} {kind:?}: {said}");
            }
        }
    }
}

#[test]
fn taking_turns_over_streams_that_do_not_block_loses_nothing() {
    for kind in [Kind::Pipes, Kind::Sockets, Kind::Terminal] {
        let (mut program, socket, others) = connect("half-duplex", kind);
        let Others { typing, screen, notices: _ } = others;
        thread::scope(|scope| {
            scope.spawn(|| write_lines("keyboard", &typing));
            scope.spawn(|| expect_shown(&screen));
            for n in 0..LINES {
                assert_eq!(text(&read_line(&socket)), line("keyboard", n), "{kind:?}");
                (&socket).write_all((line("peer", n) + "\n").as_bytes()).unwrap();
            }
        });
        (&typing).write_all(b"88\n").unwrap();
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        program.exits(0);
    }
}

/// Fills a pipe or socket. Returns how many bytes that took.
fn fill(stream: &OwnedFd) -> usize {
    let flags = fcntl_getfl(stream).unwrap();
    fcntl_setfl(stream, flags | OFlags::NONBLOCK).unwrap();
    let mut filled = 0;
    while let Ok(written) = rustix::io::write(stream, &[b'.'; 4096]) {
        filled += written;
    }
    filled
}

#[test]
fn what_short_commands_print_waits_for_a_slow_reader() {
    for (args, is_error) in
        [(&["man"][..], false), (&["help", "serve"], false), (&["serve", "--nonsense"], true)]
    {
        let expected = native(args).output().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        let filled = fill(&writer);
        let mut command = native(args);
        match is_error {
            true => command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer),
            false => command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()),
        };
        let mut program = Program::spawn(command);
        let mut all = Vec::new();
        Slow(reader).read_to_end(&mut all).unwrap();
        let printed = if is_error { expected.stderr } else { expected.stdout };
        assert_eq!(String::from_utf8_lossy(&all[filled..]), String::from_utf8_lossy(&printed));
        program.exits(expected.status.code().unwrap());
    }
}

/// The number of times that its threads have waited for something so far.
#[cfg(all(target_os = "linux", poll))]
fn waits(program: &Program) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    let waits = |task: io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<usize>().unwrap()
    };
    tasks.map(waits).sum()
}

#[cfg(all(target_os = "linux", poll))]
#[test]
fn waiting_for_streams_that_do_not_block_costs_nothing() {
    for design in FULL_DUPLEX {
        let mut command = threadchat(&["serve", "0", "--design", design]);
        let others = prepare(&mut command, Kind::Pipes);
        let program = Program::spawn(command);
        let mut notices = BufReader::new(others.notices.unwrap()).lines();
        assert!(notices.any(|line| line.unwrap().contains("waiting")));
        let before = wait_until_stable("it waits", || waits(&program));
        thread::sleep(Duration::from_secs(1));
        assert_eq!(waits(&program), before, "{design}");
    }
}

/// Runs `connect` with standard streams as the shell or `give` prepares them. Returns what a peer hears from it that says
/// `hello`, and then maybe closes its half. No error is reported.
#[track_caller]
fn heard_from(design: &str, shell: &str, closes: bool, give: impl FnOnce(&mut Command)) -> String {
    let (mut program, socket) = accept_from(|port| {
        let script = format!("exec \"$0\" connect {port} --design {design} {shell}");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_threadchat")]);
        command.envs(NO_SETTINGS).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        give(&mut command);
        Program::spawn(command)
    });
    (&socket).write_all(b"hello\n").unwrap();
    if closes {
        socket.shutdown(Shutdown::Write).unwrap();
    }
    let heard = read_rest(&socket);
    program.status();
    let said = program.err.text();
    assert!(!said.contains("threadchat: cannot"), "{design} {shell}: {said}");
    String::from_utf8(heard).unwrap()
}

#[test]
fn standard_input_that_cannot_be_read_has_ended() {
    for design in ALL {
        // In full-duplex, somebody who has nothing to say only listens, until the peer has finished.
        let end = if *design == "half-duplex" { "88" } else { "" };
        for shell in ["<&-", "0>/dev/null", "<&- >&- 2>&-"] {
            assert_eq!(heard_from(design, shell, true, |_| {}), end, "{design} {shell}");
        }
        // The writing end of a pipe.
        let (_, writer) = io::pipe().unwrap();
        let heard = heard_from(design, "", true, |command| {
            command.stdin(writer);
        });
        assert_eq!(heard, end, "{design}");
    }
}

#[test]
fn an_output_that_cannot_be_written_discards_everything() {
    fn typed(command: &mut Command) {
        let (reader, mut typing) = io::pipe().unwrap();
        typing.write_all(b"typed\n88\n").unwrap();
        command.stdin(reader);
    }
    // At once, because the end of each takes two seconds.
    thread::scope(|scope| {
        for design in ALL {
            for shell in [">&-", "1</dev/null", "2>&-", "2</dev/null", ">&- 2>&-"] {
                scope.spawn(move || {
                    let heard = heard_from(design, shell, false, typed);
                    assert!(heard.ends_with("] typed\n88"), "{design} {shell}: {heard}");
                });
            }
        }
    });
    for design in ALL {
        // The reading end of a pipe: nothing gets into the pipe.
        let (mut end, writer) = io::pipe().unwrap();
        let heard = heard_from(design, "", false, |command| {
            command.stdout(end.try_clone().unwrap());
            typed(command);
        });
        assert!(heard.ends_with("] typed\n88"), "{design}: {heard}");
        drop(writer);
        assert_eq!(end.read(&mut [0]).unwrap(), 0, "{design}");
    }
}

#[cfg(line_editor)]
mod deadly {
    use super::*;
    use alacritty_terminal::term::TermMode;
    use common::terminal::{Terminal, at};
    use rustix::termios::tcgetattr;
    use std::net::TcpListener;
    use std::os::unix::process::ExitStatusExt;

    /// Those that end a process by default, and neither ask it to end nor mean that a write failed.
    fn signals() -> Vec<i32> {
        use libc::*;
        let everywhere = [
            SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGALRM, SIGXCPU,
            SIGVTALRM, SIGPROF, SIGSYS,
        ];
        #[cfg(target_os = "linux")]
        let here = [SIGIO, SIGPWR, SIGRTMIN(), SIGRTMAX()];
        #[cfg(not(target_os = "linux"))]
        let here = [];
        everywhere.into_iter().chain(here).collect()
    }

    /// Starts a program that edits lines at a terminal. The shell runs `first` before it.
    fn connect(first: &str) -> (Terminal, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // Nobody needs a core file of it.
        let script = format!("ulimit -c 0; {first} exec \"$0\" connect \"$1\"");
        let args = ["-c", &script, env!("CARGO_BIN_EXE_threadchat"), &address];
        let terminal = at(10, 80).start_program("sh", &args);
        let (socket, _) = listener.accept().unwrap();
        terminal.wait_for_end(&format!("{address}>"));
        (terminal, socket)
    }

    fn send(signal: i32, to: &Terminal) {
        let script = format!("kill -{signal} {}", to.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    #[test]
    fn a_deadly_signal_restores_the_terminal_and_then_has_its_usual_effect() {
        let (untouched, _) = pty_process::blocking::open().unwrap();
        let before = format!("{:?}", tcgetattr(&untouched).unwrap());
        for signal in signals() {
            let (mut terminal, _socket) = connect("");
            assert_ne!(format!("{:?}", tcgetattr(&terminal.pty).unwrap()), before);
            let marks_pastes =
                |terminal: &Terminal| terminal.look(|screen| screen.has_mode(TermMode::BRACKETED_PASTE));
            wait_until("pastes are marked", || marks_pastes(&terminal));
            send(signal, &terminal);
            wait_until("it has ended", || terminal.child.try_wait().unwrap().is_some());
            assert_eq!(terminal.child.wait().unwrap().signal(), Some(signal));
            assert_eq!(format!("{:?}", tcgetattr(&terminal.pty).unwrap()), before, "{signal}");
            wait_until("pastes are no longer marked", || !marks_pastes(&terminal));
        }
    }

    #[test]
    fn a_deadly_signal_that_was_ignored_stays_ignored() {
        let (mut terminal, socket) = connect("trap '' USR1;");
        send(libc::SIGUSR1, &terminal);
        terminal.types("still here\r");
        assert_eq!(text(&read_line(&socket)), "still here");
        terminal.types("\x04");
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        terminal.exits(0);
    }
}
