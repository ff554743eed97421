//! The demo at a terminal, whose screen an emulator draws, and without a terminal.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "lab")]

mod common;

use common::*;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

/// The design of tests that do not choose one.
const DESIGN: &str = "threads";

/// The designs on this platform.
fn designs() -> impl Iterator<Item = &'static str> {
    ["threads", "select", "half-duplex"].into_iter().filter(|design| cfg!(poll) || *design != "select")
}

fn script(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

fn demo(args: &[&str]) -> Output {
    let mut command = threadchat(&[&["demo"], args].concat());
    command.stdin(Stdio::null()).output().unwrap()
}

/// The log that the demo prints without a terminal.
#[track_caller]
fn log(args: &[&str]) -> String {
    let output = demo(args);
    let (log, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{log}");
    log
}

/// Checks that lines with these beginnings follow each other in this order, with any lines between them. After "..." a
/// step says how its line ends: how many bytes go to a screen at once depends on whether a notice waits for it as well.
#[track_caller]
fn assert_in_order(log: &str, steps: &[&str]) {
    let mut lines = log.lines();
    for step in steps {
        let (begin, end) = step.split_once(" ... ").unwrap_or((step, ""));
        let is_step = |line: &str| line.starts_with(begin) && line.ends_with(end);
        assert!(lines.any(is_step), "{step:?} is missing or out of order:\n{log}");
    }
}

/// The number of the line with this beginning and end.
#[track_caller]
fn line(log: &str, begin: &str, end: &str) -> usize {
    let found = log.lines().position(|line| line.starts_with(begin) && line.ends_with(end));
    found.unwrap_or_else(|| panic!("there is no {begin:?} … {end:?}:\n{log}"))
}

#[test]
fn the_log_follows_each_message_from_keyboard_to_screen() {
    let log = log(&["--design", "threads"]);
    // Where main cannot write without blocking, the writer does.
    let wrote = |what| {
        format!(
            "A {:<14} wrote {what} to the socket",
            if cfg!(nonblocking_send) { "main" } else { "socket-writer" }
        )
    };
    assert_in_order(
        &log,
        &[
            "A keyboard       > Hello, B!",
            "A stdin-reader   read 10 bytes (line 1) from the keyboard",
            "A stdin-reader   sends Typed into the channel",
            "A main           takes Typed out of the channel",
            "A main           decides to send (message 1)",
            &wrote("37 bytes (message 1)"),
            "B socket-reader  read 37 bytes (message 1) from the socket",
            "B socket-reader  sends Received into the channel",
            "B main           takes Received out of the channel",
            "B main           decides to show (message 1)",
            "B main           hands out message 1 for the screen",
            "B screen-writer  wrote ... (message 1) to the screen",
            "B keyboard       > Hello, A!",
            "A screen-writer  wrote ... (message 1) to the screen",
            "A stdin-reader   read 14 bytes (lines 3 to 5) from the keyboard",
            &wrote("95 bytes (messages 3 to 5)"),
            "B screen-writer  wrote ... (messages 3 to 5) to the screen",
            "B keyboard       > 88",
            "B socket-writer  wrote 88",
            "A main           heard 88",
            "Summary: design threads, full-duplex",
            "  A sent 5 messages and B sent 2 messages",
            "  B said 88.",
            "  All 1", // 14, or 15 where only a call can wake the listener
        ],
    );
    // B types its line before the line of A arrives.
    let typed = line(&log, "B keyboard", "> So do I, and nobody waits.");
    assert!(typed < line(&log, "B screen", "I type while you type."), "{log}");
}

#[cfg(poll)]
#[test]
fn in_the_select_design_one_thread_does_everything() {
    let log = log(&["--design", "select"]);
    assert_in_order(
        &log,
        &[
            "A keyboard       > Hello, B!",
            "A main           read 10 bytes (line 1) from the keyboard",
            "A main           decides to send (message 1)",
            "A main           wrote 37 bytes (message 1) to the socket",
            "B main           read 37 bytes (message 1) from the socket",
            "B main           decides to show (message 1)",
            "B main           wrote 12 bytes (message 1) to the screen",
            "B main           wrote 88",
            "A main           heard 88",
            "Summary: design select, full-duplex",
            "  A sent 5 messages and B sent 2 messages",
            "  B said 88.",
            "  All 2 threads have ended.",
        ],
    );
}

#[test]
fn in_half_duplex_a_line_out_of_turn_waits_and_the_summary_counts_the_waits() {
    let log = log(&["--design", "half-duplex"]);
    assert_in_order(
        &log,
        &[
            "A keyboard       > Hello, B!",
            "B main           read 10 bytes (line 1) from the keyboard",
            "A main           wrote 37 bytes (message 1) to the screen",
            "A main           read 10 bytes (line 1) from the keyboard",
            "B main           wrote 37 bytes (message 1) to the screen",
            "B main           wrote 88",
            "Summary: design half-duplex, in turns",
            "  A sent 2 messages and B sent 2 messages",
            "  Messages were never under way in both directions at once.",
            "  A had to wait for its turn 3 times, ",
            "  B never had to wait for its turn.",
            "  3 lines typed by A were never sent.",
            "  B said 88.",
            "  All 2 threads have ended.",
        ],
    );
}

#[test]
fn at_the_end_of_a_script_without_a_goodbye_a_goodbye_is_typed_for_a() {
    let script = script("# A line of A, which does not have the first turn.\nA hello\n");
    for design in designs() {
        let log = log(&["--design", design, "--script", script.path().to_str().unwrap()]);
        line(&log, "A keyboard", "> 88");
        let (said, goodbye) = match design {
            "half-duplex" => ("  A sent 0 messages", "  B said 88."),
            _ => ("  A sent 1 message ", "  A said 88."),
        };
        assert_in_order(&log, &[said, goodbye, "  All "]);
    }
}

#[test]
fn consecutive_lines_of_a_script_are_read_together_and_an_empty_line_waits() {
    let script = script("B one\nA two\nB three\n\nB four\n");
    let log = log(&["--script", script.path().to_str().unwrap()]);
    assert_in_order(
        &log,
        &["B stdin-reader   read 10 bytes (lines 1 to 2)", "B stdin-reader   read 5 bytes (line 3)"],
    );
    let fourth = line(&log, "B keyboard", "> four");
    assert!(line(&log, "A screen-writer  wrote", "(messages 1 to 2) to the screen") < fourth, "{log}");
    assert!(line(&log, "B screen-writer  wrote", "(message 1) to the screen") < fourth, "{log}");
}

#[test]
fn escape_sequences_in_a_script_are_shown_as_text() {
    let script = script("A \x1b[2Jgone\n");
    let log = log(&["--script", script.path().to_str().unwrap()]);
    assert!(!log.contains('\x1b') && log.contains("> ^[[2Jgone") && log.contains("< ^[[2Jgone"), "{log}");
}

#[test]
fn a_bad_line_of_a_script_is_reported_with_its_number() {
    for (text, expected) in
        [("A hello\n\nC hello\n", "line 3: it must begin with A or B"), ("A\n", "line 1: ")]
    {
        let script = script(text);
        let output = demo(&["--script", script.path().to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let output = demo(&["--script", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot read it: "));
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let mut command = threadchat(&["demo"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first.trim_end(), "# design threads, full-duplex");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_delay_slows_every_step_down() {
    let script = script("A x\n");
    let began = std::time::Instant::now();
    let log = log(&["--delay", "20", "--script", script.path().to_str().unwrap()]);
    let steps: u64 = log.split(" in ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(steps > 20, "{log}");
    // The steps before they are connected go at full speed.
    assert!(began.elapsed().as_millis() as u64 > 20 * (steps - 15), "{steps} steps in {:?}", began.elapsed());
}

#[cfg(unix)]
mod at_a_terminal {
    use super::common::terminal::{Terminal, at, size};
    use super::*;
    use alacritty_terminal::term::TermMode;
    #[cfg(signals)]
    use rustix::process::{Pid, Signal, kill_process};
    use std::fs::File;

    /// A script that types nothing.
    const SILENT: &str = "# Nothing.\n";

    /// Starts a demo at full speed that types nothing itself, and waits until both sides are connected.
    fn start(args: &[&str]) -> (Terminal, tempfile::NamedTempFile) {
        let script = script(SILENT);
        let with = ["demo", "--delay", "0", "--script", script.path().to_str().unwrap()];
        let terminal = Terminal::start(24, 80, &[&with, args].concat());
        terminal.wait_until("the beginning", has_begun);
        (terminal, script)
    }

    /// Whether both sides are connected.
    fn has_begun(seen: &str) -> bool {
        seen.contains("at full speed") && seen.contains("connected from") && seen.contains("connected to")
    }

    /// The left and the right half of each row of the screen.
    fn halves(seen: &str) -> Vec<(String, String)> {
        let split = |row: &str| (row.chars().take(40).collect(), row.chars().skip(40).collect());
        seen.lines().map(split).collect()
    }

    fn left_has(seen: &str, text: &str) -> bool {
        halves(seen).iter().any(|(left, _)| left.contains(text))
    }

    fn right_has(seen: &str, text: &str) -> bool {
        halves(seen).iter().any(|(_, right)| right.contains(text))
    }

    #[test]
    fn it_shows_both_sides_and_their_threads() {
        let (terminal, _script) = start(&[]);
        let seen = terminal.wait_until("every thread waiting", |seen| {
            seen.matches("waits: keyboard").count() == 2
                && seen.matches("waits: socket").count() == 2
                && seen.matches("waits for an event").count() == 2
                && seen.matches("waits: work").count() == 4
        });
        assert!(left_has(&seen, "A serves") && right_has(&seen, "B connects"), "{seen}");
        for thread in
            ["stdin-reader", "socket-reader", "main", "socket-writer", "screen-writer", "channel is empty"]
        {
            assert!(left_has(&seen, thread) && right_has(&seen, thread), "{thread}: {seen}");
        }
        assert!(seen.starts_with(" threadchat demo   design threads, full-duplex"), "{seen}");
        assert!(seen.contains("Space pause") && seen.contains("q quit"), "{seen}");
    }

    #[test]
    fn a_line_typed_on_one_side_appears_on_the_other_and_tab_changes_sides() {
        let (terminal, _script) = start(&[]);
        terminal.types("I am left\r");
        terminal.wait_until("the line on the right", |seen| {
            right_has(seen, "< I am left") && left_has(seen, "✓ I am left")
        });
        terminal.types("\t");
        terminal.wait_until("the other side", |seen| right_has(seen, "B connects: keys go here"));
        // Command keys are text within a line and after Enter.
        terminal.types("I. q+d-\r");
        terminal.wait_until("the line on the left", |seen| left_has(seen, "< I. q+d-"));
        terminal.types("\rq is a letter\r");
        terminal.wait_until("the other line on the left", |seen| left_has(seen, "< q is a letter"));
    }

    #[cfg(nonblocking_send)]
    #[test]
    fn while_the_demo_is_paused_each_dot_takes_one_step() {
        let (terminal, _script) = start(&[]);
        terminal.types(" ");
        terminal.wait_until("the pause", |seen| seen.contains("PAUSED"));
        terminal.types("Hello\r");
        let next = "next: A stdin-reader   read 6 bytes (line 1) from the keyboard";
        let seen = terminal.wait_until("the first step", |seen| seen.contains(next));
        assert!(left_has(&seen, "… Hello") && !right_has(&seen, "Hello"), "{seen}");
        for (done, next) in [
            ("A stdin-reader   read 6 bytes", "next: A stdin-reader   sends Typed"),
            ("A stdin-reader   sends Typed", "next: A main           takes Typed"),
            ("A main           takes Typed", "next: A main           decides to send"),
            ("A main           decides to send", "next: A main           writes 33 bytes to the socket"),
            ("A main           writes 33 bytes", "next: B socket-reader  read 33 bytes"),
        ] {
            terminal.types(".");
            let seen =
                terminal.wait_until(next, |seen| seen.contains(next) && seen.contains(&format!("▸ {done}")));
            assert!(!right_has(&seen, "< Hello"), "{seen}");
        }
        // The picture shows what is written to the socket and not yet read.
        terminal.wait_until("what is on its way", |seen| seen.contains(" Hello (33 bytes) "));
        for next in [
            "sends Received",
            "takes Received",
            "decides to show",
            "hands out",
            "writes 8 bytes to the screen",
        ] {
            terminal.types(".");
            terminal.wait_until(next, |seen| {
                let line = seen.lines().find(|line| line.contains("next: B"));
                line.is_some_and(|line| line.contains(next))
            });
        }
        assert!(!right_has(&terminal.seen(), "< Hello"), "{}", terminal.seen());
        terminal.types(".");
        terminal.wait_until("the line", |seen| {
            right_has(seen, "< Hello") && seen.contains("no thread has a step")
        });
    }

    #[test]
    fn the_speed_is_changed_and_shown() {
        let (terminal, _script) = start(&[]);
        terminal.wait_until("the speed", |seen| seen.contains("at full speed"));
        terminal.types("---");
        terminal.wait_until("less of it", |seen| seen.contains("200 ms per step"));
        terminal.types("+");
        terminal.wait_until("more of it", |seen| seen.contains("100 ms per step"));
    }

    #[test]
    fn d_changes_the_design_and_half_duplex_shows_whose_turn_it_is() {
        let (mut terminal, _script) = start(&[]);
        for design in designs().skip(1) {
            terminal.types("d");
            terminal.wait_until(design, |seen| seen.contains(&format!("design {design}")) && has_begun(seen));
        }
        let waits = "A has to wait: it is B's turn.";
        terminal.wait_until("the turns", |seen| {
            left_has(seen, waits) && right_has(seen, "B can send: it is B's turn.")
        });
        terminal.types("Not yet\r");
        terminal.wait_until("what waits", |seen| left_has(seen, "Typed, waiting: Not yet"));
        terminal.types("\tNow\r");
        terminal.wait_until("both lines", |seen| left_has(seen, "< Now") && right_has(seen, "< Not yet"));
        terminal.types("d");
        terminal.wait_until("the first one again", |seen| seen.contains("design threads") && has_begun(seen));
        terminal.types("q");
        terminal.exits(0);
        terminal.wait_until("the summaries", |seen| {
            seen.matches("Summary: ").count() == designs().count()
                && seen.contains("A had to wait for its turn 1 time, ")
                && seen.contains("B never had to wait for its turn.")
        });
    }

    #[test]
    fn a_script_types_for_both_sides_and_the_last_picture_stays_until_a_key_is_pressed() {
        let mut terminal = Terminal::start(30, 100, &["demo", "--delay", "1"]);
        let seen =
            terminal.wait_until("the end of the script", |seen| seen.contains("The conversation has ended."));
        for line in ["✓ I type while you type.", "< So do I, and nobody waits.", "✓ three", "* they said 88"]
        {
            assert!(seen.contains(line), "{line}: {seen}");
        }
        terminal.types(" ");
        terminal.wait_until("no end without a key", |seen| !seen.contains("quits in"));
        terminal.types("q");
        terminal.exits(0);
    }

    #[test]
    fn a_small_window_shows_the_minimum_size_and_a_large_one_shows_more() {
        let (terminal, _script) = start(&[]);
        terminal.resize(20, 60);
        terminal.wait_until("that it is too small", |seen| seen.contains("needs 80 columns and 22 rows"));
        terminal.resize(40, 120);
        terminal.wait_until("more of the picture", |seen| {
            seen.contains("also: ") && seen.contains("listener waits for a caller")
        });
    }

    #[test]
    fn there_are_no_colours_with_no_color_unless_the_option_asks_for_them() {
        let has_color = |args: &[&str]| {
            let (terminal, _script) = start(args);
            terminal.look(|screen| (0..80).any(|column| screen.is_coloured(1, column)))
        };
        // `Terminal` sets NO_COLOR.
        assert!(!has_color(&[]));
        assert!(has_color(&["--color", "always"]));
    }

    /// Runs the demo in a shell that prints the modes of the terminal before and after, ends it with `end`, and checks
    /// that the modes and the screen are restored. Returns the screen.
    #[track_caller]
    fn assert_restores_terminal(env: &[(&str, &str)], end: impl FnOnce(&Terminal)) -> String {
        let script = script(SILENT);
        let shell = "echo a shell; stty -g; sh -c 'echo \"pid $$\" >\"$2\"; exec \"$0\" demo --delay 0 --script \"$1\"' \
                     \"$0\" \"$1\" \"$2\"; echo \"code $?\"; stty -g; echo over";
        let path = script.path().to_str().unwrap();
        let id = tempfile::NamedTempFile::new().unwrap();
        let args = ["-c", shell, env!("CARGO_BIN_EXE_threadchat"), path, id.path().to_str().unwrap()];
        let terminal = at(40, 80).env(env).start_program("sh", &args);
        let seen = terminal.wait_until("the beginning", has_begun);
        assert!(!seen.contains("a shell"), "{seen}");
        if let Some(raw) = std::fs::read_to_string(&id).unwrap().trim().strip_prefix("pid ") {
            PID.set(raw.parse().unwrap());
        }
        end(&terminal);
        let seen = terminal.wait_until("its end", |seen| seen.ends_with("over"));
        assert!(seen.starts_with("a shell\n"), "the screen is not restored: {seen}");
        let modes: Vec<&str> = seen.lines().filter(|line| line.matches(':').count() > 20).collect();
        assert_eq!(modes.len(), 2, "{seen}");
        assert_eq!(modes[0], modes[1], "{seen}");
        terminal.look(|screen| {
            assert!(screen.has_mode(TermMode::SHOW_CURSOR) && !screen.has_mode(TermMode::ALT_SCREEN));
        });
        seen
    }

    thread_local! {
        /// The process of the latest demo.
        static PID: std::cell::Cell<i32> = const { std::cell::Cell::new(0) };
    }

    #[test]
    fn the_terminal_is_left_as_it_was_with_a_summary_on_it() {
        let seen = assert_restores_terminal(&[], |terminal| terminal.types("88\r"));
        assert!(seen.contains("A said 88.\n  All 1"), "{seen}");
        assert!(seen.contains(" threads have ended.\ncode 0"), "{seen}");
        let seen = assert_restores_terminal(&[], |terminal| terminal.types("\tHello\r\r88\r"));
        assert!(seen.contains("B sent 1 message") && seen.contains("B said 88.\n"), "{seen}");
        let seen = assert_restores_terminal(&[], |terminal| terminal.types(" q"));
        assert!(seen.contains(" said 88.\n") && seen.contains("code 0"), "{seen}");
        let seen = assert_restores_terminal(&[], |terminal| terminal.types("half a li\x03"));
        assert!(seen.contains("Summary: ") && seen.contains("code 130"), "{seen}");
    }

    #[cfg(signals)]
    #[test]
    fn a_signal_leaves_the_terminal_as_it_was() {
        let seen = assert_restores_terminal(&[], |_| {
            kill_process(Pid::from_raw(PID.get()).unwrap(), Signal::TERM).unwrap();
        });
        assert!(seen.contains(" threads have ended.\ncode 143"), "{seen}");
    }

    /// A demo that is paused, at a terminal that is not shown.
    #[cfg(signals)]
    fn paused(shell: &str) -> (File, std::process::Child) {
        use std::io::{Read, Write};
        use std::os::fd::AsFd;

        let (pty, pts) = pty_process::blocking::open().unwrap();
        rustix::termios::tcsetwinsize(&pty, size(24, 80)).unwrap();
        reset_ignored_signals();
        let command = pty_process::blocking::Command::new("sh").env("TERM", "xterm").envs(NO_SETTINGS);
        let run = format!("{shell} exec \"$0\" demo");
        let child = command.args(["-c", &run, env!("CARGO_BIN_EXE_threadchat")]).spawn(pts).unwrap();
        let mut pty = File::from(pty.as_fd().try_clone_to_owned().unwrap());
        pty.write_all(b" ").unwrap();
        let (mut seen, mut bytes) = (String::new(), [0; 4096]);
        while !seen.contains("go on") {
            let count = pty.read(&mut bytes).unwrap();
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        (pty, child)
    }

    #[test]
    #[cfg(signals)]
    fn it_ends_when_its_terminal_is_gone_even_if_no_signal_says_so() {
        for shell in ["", "trap '' HUP;"] {
            let (pty, mut child) = paused(shell);
            drop(pty);
            wait_until("its end", || child.try_wait().unwrap().is_some());
        }
    }

    #[test]
    #[cfg(signals)]
    fn a_signal_ends_it_while_the_terminal_owes_it_half_a_character() {
        let (mut pty, mut child) = paused("");
        std::io::Write::write_all(&mut pty, &"é".as_bytes()[..1]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        wait_until("its end", || child.try_wait().unwrap().is_some());
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("now");
        let env = [("THREADCHAT_PANIC_WHEN", file.to_str().unwrap())];
        let seen = assert_restores_terminal(&env, |_| {
            File::create(&file).unwrap();
        });
        assert!(seen.contains("on request") && seen.contains("code 101"), "{seen}");
    }
}
