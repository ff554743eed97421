//! Streams that others prepared, and signals that end the program at a terminal.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::*;

/// Each test names the designs that it is about.
const DESIGN: &str = "threads";

#[cfg(line_editor)]
mod deadly {
    use super::*;
    use common::terminal::Terminal;
    use rustix::termios::tcgetattr;
    use std::net::TcpListener;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// Those that end a process by default and are no request to end.
    fn signals() -> Vec<i32> {
        use libc::*;
        let everywhere = [
            SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGALRM, SIGXCPU,
            SIGXFSZ, SIGVTALRM, SIGPROF, SIGSYS,
        ];
        #[cfg(target_os = "linux")]
        let here = [SIGIO, SIGPWR, SIGRTMIN(), SIGRTMAX()];
        #[cfg(not(target_os = "linux"))]
        let here = [];
        everywhere.into_iter().chain(here).collect()
    }

    /// Starts a program that edits lines at a terminal. The shell runs `first` before it.
    fn connect(first: &str) -> (Terminal, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // Nobody needs a core file of it.
        let script = format!("ulimit -c 0; {first} exec \"$0\" connect \"$1\"");
        let args = ["-c", &script, env!("CARGO_BIN_EXE_threadchat"), &address];
        let terminal = Terminal::start_command(10, 80, "sh", &args, &[]);
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
            let marks_pastes = || terminal.screen.lock().unwrap().screen().bracketed_paste();
            wait_until("pastes are marked", marks_pastes);
            send(signal, &terminal);
            wait_until("it has ended", || terminal.child.try_wait().unwrap().is_some());
            assert_eq!(terminal.child.wait().unwrap().signal(), Some(signal));
            assert_eq!(format!("{:?}", tcgetattr(&terminal.pty).unwrap()), before, "{signal}");
            wait_until("pastes are no longer marked", || {
                !terminal.screen.lock().unwrap().screen().bracketed_paste()
            });
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
