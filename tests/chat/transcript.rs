//! `--transcript FILE`: what it records, and what it must not delay.

use crate::common::*;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A new directory, and the path of a file in it that does not exist yet.
fn new_file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("transcript");
    (directory, file)
}

/// The entries of a transcript. Checks that the times are in order. Only between entries of main and of the sending
/// thread may they be out of order, by a moment.
fn entries(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let time = |entry: &Value| OffsetDateTime::parse(entry["time"].as_str().unwrap(), &Rfc3339).unwrap();
    for of_sender in [true, false] {
        let is_one =
            |entry: &&Value| (entry["direction"] == "sent" && entry["event"] != "connected") == of_sender;
        assert!(entries.iter().filter(is_one).map(time).is_sorted());
    }
    entries
}

/// The entries in short form, without stamps: `sent hello`.
fn in_short(entries: &[Value]) -> Vec<String> {
    let short = |entry: &Value| {
        let event = entry["event"].as_str().unwrap();
        let direction = entry["direction"].as_str().unwrap_or_default();
        match event {
            "sent" | "received" => {
                assert_eq!(direction, event);
                format!("{event} {}", entry["text"].as_str().map_or("?", text))
            }
            "closed" => format!("closed {}", entry["in_order"].as_bool().unwrap()),
            "error" => format!("error {}", entry["text"].as_str().unwrap()),
            _ => format!("{event} {direction}"),
        }
    };
    // Whose key it is has tests of its own.
    entries.iter().filter(|entry| entry["event"] != "encrypted").map(short).collect()
}

fn only<'a>(entries: &'a [Value], event: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["event"] == event).collect()
}

/// Whether something is in the file already.
fn is_in(file: &Path, what: &str) -> bool {
    std::fs::read_to_string(file).unwrap().contains(what)
}

/// Starts `connect` with a transcript in `file`, and accepts its connection.
fn accept_recorded_connect(file: &Path) -> (Program, std::net::TcpStream) {
    let (connect, socket) = accept_connect(&["--transcript", file.to_str().unwrap()]);
    connect.err.wait_for("...connected to");
    (connect, socket)
}

#[test]
fn both_sides_record_the_messages_of_both_directions() {
    let ((_here, ours), (_there, theirs)) = (new_file(), new_file());
    let (mut serve, port) = serve(&["--once", "--transcript", theirs.to_str().unwrap()]);
    let mut connect = connect(port, &["--transcript", ours.to_str().unwrap()]);
    connect.types("hello\r\n");
    serve.out.wait_for_texts(1);
    wait_until("it is recorded", || is_in(&ours, "] hello\"}\n"));
    serve.types("hi, \"you\"\n");
    connect.out.wait_for_texts(1);
    // Where a thread of its own writes to the peer, what the peer answers may be recorded first.
    wait_until("it is recorded", || is_in(&theirs, "] hi, \\\"you\\\"\"}\n"));
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    let (ours, theirs) = (entries(&ours), entries(&theirs));
    let expected = ["connected sent", "sent hello", "received hi, \"you\"", "goodbye sent", "closed true"];
    assert_eq!(in_short(&ours), expected);
    let cut_short = "error your input was cut short: the other side left before it ended";
    let expected = [
        "connected received",
        "received hello",
        "sent hi, \"you\"",
        "goodbye received",
        cut_short,
        "closed true",
    ];
    assert_eq!(in_short(&theirs), expected);
    // Both sides record the same message, with its stamp, and the address of the other side.
    assert_eq!(only(&ours, "sent")[0]["text"], only(&theirs, "received")[0]["text"]);
    assert!(ours.iter().all(|entry| entry["peer"] == format!("127.0.0.1:{port}")), "{ours:?}");
    assert!(theirs.iter().all(|entry| entry["peer"] == theirs[0]["peer"]), "{theirs:?}");
}

#[test]
fn messages_that_are_not_utf_8_are_recorded_as_base64_and_long_lines_as_their_messages() {
    let (_directory, file) = new_file();
    let (mut connect, mut socket) =
        accept_connect(&["--max-line", "32", "--transcript", file.to_str().unwrap()]);
    socket.write_all(b"\xff\xfe\r\n\r\n0123456789012345678901234567890123456789\n").unwrap();
    connect.out.wait_until("all of it", |out| out.ends_with(b"\n23456789\n"));
    connect.types(b"\x80\n1234567\n");
    connect.ends_input();
    let rest = read_rest(&socket);
    drop(socket);
    connect.exits(0);
    let entries = entries(&file);
    let received = only(&entries, "received");
    assert_eq!((&received[0]["base64"], &received[0]["text"]), (&"//4=".into(), &Value::Null));
    assert_eq!(received[1]["text"], "");
    assert_eq!(received[2]["text"], "01234567890123456789012345678901");
    assert_eq!(received[3]["text"], "23456789");
    let sent = only(&entries, "sent");
    // With their stamps, exactly as this test received them.
    let as_it_came: Vec<_> =
        rest.strip_suffix(b"88").unwrap().split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!((sent.len(), as_it_came.len()), (3, 3));
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(as_it_came[0].strip_suffix(b"\n").unwrap())
    };
    assert_eq!(sent[0]["base64"], encoded);
    assert_eq!(format!("{}\n", sent[1]["text"].as_str().unwrap()).as_bytes(), as_it_came[1]);
    assert_eq!(text(sent[2]["text"].as_str().unwrap()), "67");
}

#[cfg(unix)]
#[test]
fn at_a_terminal_messages_are_recorded_as_received_and_not_as_shown() {
    let (_directory, file) = new_file();
    let (mut terminal, mut socket) = accept_from(|port| {
        Program::start_at_terminal(&["connect", port, "--plain", "--transcript", file.to_str().unwrap()])
    });
    terminal.out.wait_for("...connected to");
    socket.write_all(b"\x1b[31mred\ntwo").unwrap();
    terminal.out.wait_for("< ^[[31mred");
    terminal.types("typed\n");
    assert_eq!(text(&read_line(&socket)), "typed");
    socket.write_all(b" halves\n88\n").unwrap();
    drop(socket);
    terminal.exits(0);
    let entries = entries(&file);
    let received: Vec<_> = only(&entries, "received").iter().map(|entry| entry["text"].clone()).collect();
    assert_eq!(received, ["\u{1b}[31mred", "two halves"]);
    assert_eq!(text(only(&entries, "sent")[0]["text"].as_str().unwrap()), "typed");
    assert_eq!(only(&entries, "goodbye")[0]["direction"], "received");
}

#[test]
fn messages_without_newlines_are_recorded_one_by_one() {
    if is_for_clear_text("only lines are encrypted") {
        return;
    }
    let ((_here, ours), (_there, theirs)) = (new_file(), new_file());
    let (mut serve, port) = serve(&["--once", "--transcript", theirs.to_str().unwrap()]);
    let mut connect = connect(port, &["--wire", "unframed", "--transcript", ours.to_str().unwrap()]);
    connect.types("one\ntwo\n88\n");
    connect.exits(0);
    serve.exits(0);
    let ours = in_short(&entries(&ours));
    assert_eq!(ours, ["connected sent", "sent one", "sent two", "goodbye sent", "closed true"]);
    // How the other side separates them depends on timing, but nothing is missing.
    let received: String =
        only(&entries(&theirs), "received").iter().map(|entry| entry["text"].as_str().unwrap()).collect();
    assert!(received.contains("] one") && received.contains("] two"), "{received}");
}

#[test]
fn an_existing_transcript_is_appended_to_even_if_its_last_line_is_incomplete() {
    let (_directory, file) = new_file();
    std::fs::write(&file, "{\"time\":\"2026-11-09T06:18:34Z\",\"event\":\"closed\"}\n{\"time\":\"20")
        .unwrap();
    for _ in 0..2 {
        let (mut connect, socket) = accept_recorded_connect(&file);
        connect.types("88\n");
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(0);
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines = text.lines().skip(1);
    assert_eq!(lines.next(), Some("{\"time\":\"20"));
    let events: Vec<_> =
        lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect();
    assert_eq!(events.iter().filter(|event| *event == "connected").count(), 2);
    assert_eq!(events.iter().filter(|event| *event == "closed").count(), 2);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_new_transcript() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, file) = new_file();
    let (_connect, _socket) = accept_recorded_connect(&file);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn messages_are_in_the_transcript_while_the_conversation_goes_on() {
    let (_directory, file) = new_file();
    let (mut connect, socket) = accept_recorded_connect(&file);
    connect.types("hello\n");
    read_line(&socket);
    wait_until("it is recorded", || is_in(&file, "] hello\"}\n"));
}

#[test]
fn serve_records_each_conversation_with_its_peer() {
    if is_for_clear_text("the address is that of the socket that is encrypted") {
        return;
    }
    let (_directory, file) = new_file();
    let (mut serve, port) = serve(&["--transcript", file.to_str().unwrap()]);
    let mut peers = Vec::new();
    for name in ["first", "second"] {
        let mut socket = call(port);
        peers.push(socket.local_addr().unwrap().to_string());
        socket.write_all(format!("[Mon Nov  9 06:18:34 2026] {name}\n88\n").as_bytes()).unwrap();
        assert_eq!(read_rest(&socket), b"");
    }
    serve.err.wait_until("the end of both", |err| {
        String::from_utf8_lossy(err).matches("waiting for connection...").count() == 3
    });
    serve.types("88\n");
    serve.exits(0);
    let entries = entries(&file);
    let expected = ["first", "second"].map(|name| {
        ["connected received", &format!("received {name}"), "goodbye received", "closed true"]
            .map(str::to_owned)
    });
    assert_eq!(in_short(&entries), expected.concat());
    for (entry, peer) in entries.iter().zip([[&peers[0]; 4], [&peers[1]; 4]].concat()) {
        assert_eq!(entry["peer"], **peer, "{entry}");
    }
}

#[test]
fn errors_are_recorded_and_a_conversation_that_did_not_end_cleanly_is_marked() {
    let (_directory, file) = new_file();
    let (mut connect, socket) = accept_recorded_connect(&file);
    drop(socket);
    connect.exits(1);
    let entries = entries(&file);
    let peer = entries[0]["peer"].as_str().unwrap();
    let error = format!("error {peer} closed the connection without 88: their last message may be missing");
    let short = in_short(&entries);
    assert!(short.contains(&error), "{short:?}");
    assert_eq!(short.last().unwrap(), "closed false");
}

#[test]
fn a_call_that_fails_is_recorded_without_a_peer() {
    let (_directory, file) = new_file();
    let port = free_port();
    let args = ["connect", &port.to_string(), "--transcript", file.to_str().unwrap()];
    Program::start(threadchat(&args)).exits(1);
    let entries = entries(&file);
    assert_eq!((entries.len(), &entries[0]["peer"]), (1, &Value::Null));
    let text = entries[0]["text"].as_str().unwrap();
    assert!(text.starts_with(&format!("cannot connect to 127.0.0.1:{port}")), "{text}");
}

#[test]
fn a_transcript_that_cannot_be_opened_is_an_error_before_the_chat_begins() {
    let (directory, file) = new_file();
    for path in [directory.path(), &file.join("below")] {
        for command in [&["serve", "0"][..], &["connect", "1"]] {
            let args = [command, &["--transcript", path.to_str().unwrap()]].concat();
            let mut program = Program::start(threadchat(&args));
            program.exits(1);
            let stderr = program.err.text();
            let expected = format!("threadchat: cannot open the transcript {}: ", path.display());
            assert!(stderr.starts_with(&expected) && stderr.lines().count() == 1, "{stderr}");
        }
    }
}

#[test]
fn every_line_of_a_long_exchange_is_recorded_in_order_on_both_sides() {
    const LINES: usize = 10_000;
    let ((_here, ours), (_there, theirs)) = (new_file(), new_file());
    let lines = |who: &str| {
        (0..LINES).fold(String::new(), |mut lines, n| {
            let _ = writeln!(lines, "{who} says line {n}");
            lines
        })
    };
    let wait = ["--on-eof", "wait", "--transcript"];
    let (mut serve, port) = serve(&[&["--once"], &wait[..], &[theirs.to_str().unwrap()]].concat());
    let mut connect = connect(port, &[&wait[..], &[ours.to_str().unwrap()]].concat());
    let typing = [("serve", serve.stdin.take().unwrap()), ("connect", connect.stdin.take().unwrap())].map(
        |(who, mut stdin)| {
            let lines = lines(who);
            std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap())
        },
    );
    for thread in typing {
        thread.join().unwrap();
    }
    connect.exits(0);
    serve.exits(0);
    for (file, who, whom) in [(ours, "connect", "serve"), (theirs, "serve", "connect")] {
        let entries = entries(&file);
        for (event, who) in [("sent", who), ("received", whom)] {
            let recorded = only(&entries, event);
            assert_eq!(recorded.len(), LINES);
            for (n, entry) in recorded.iter().enumerate() {
                assert_eq!(text(entry["text"].as_str().unwrap()), format!("{who} says line {n}"));
            }
        }
        assert_eq!(in_short(&entries).last().unwrap(), "closed true");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::Duration;

    /// A named pipe that nobody reads.
    fn new_pipe() -> (TempDir, PathBuf) {
        let (directory, file) = new_file();
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        (directory, file)
    }

    #[test]
    fn a_full_disk_is_reported_once_and_the_chat_goes_on() {
        let (mut connect, mut socket) = accept_recorded_connect(Path::new("/dev/full"));
        connect.err.wait_for("cannot write the transcript: No space left");
        for n in 0..10 {
            connect.types(format!("line {n}\n"));
            assert_eq!(text(&read_line(&socket)), format!("line {n}"));
            socket.write_all(format!("answer {n}\n").as_bytes()).unwrap();
            connect.out.wait_for(&format!("answer {n}"));
        }
        connect.types("88\n");
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(0);
        assert_eq!(connect.err.text().matches("transcript").count(), 1, "{}", connect.err.text());
    }

    #[test]
    fn with_a_stuck_transcript_the_program_stops_reading_and_its_memory_is_bounded() {
        let (_directory, pipe) = new_pipe();
        let (mut connect, mut socket) = accept_recorded_connect(&pipe);
        // Both directions at once. Empty lines grow most when they are recorded.
        let mut input = connect.stdin.take().unwrap();
        let typing = thread::spawn(move || while input.write_all(&[b'\n'; 65_536]).is_ok() {});
        let mut reading = socket.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut bytes = vec![0; 65_536];
            while reading.read(&mut bytes).is_ok_and(|read| read > 0) {}
        });
        socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        while socket.write(&[b'\n'; 65_536]).is_ok() {}
        connect.wait_until_it_stops_reading();
        assert!(connect.peak_memory() < 32 << 20, "{} bytes", connect.peak_memory());
        connect.kill();
        typing.join().unwrap();
        reading.join().unwrap();
    }

    #[test]
    fn a_transcript_that_is_read_late_has_every_line() {
        // More lines than may be queued for a transcript.
        const LINES: usize = 30_000;
        let line = |n: usize| format!("line {n} {}", "x".repeat(80));
        let (_directory, pipe) = new_pipe();
        let (mut connect, socket) = accept_recorded_connect(&pipe);
        let lines = (0..LINES).fold(String::new(), |mut lines, n| {
            let _ = writeln!(lines, "{}", line(n));
            lines
        });
        let mut input = connect.stdin.take().unwrap();
        let typing = thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
        let reading = thread::spawn(move || read_rest(&socket).len());
        connect.wait_until_it_stops_reading();
        // It has sent all lines that it has read, and waits without a limit until they are recorded.
        assert!(connect.is_running());
        let mut recorded = String::new();
        File::open(&pipe).unwrap().read_to_string(&mut recorded).unwrap();
        connect.exits(0);
        typing.join().unwrap();
        reading.join().unwrap();
        let entries: Vec<Value> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let sent: Vec<_> = only(&entries, "sent");
        assert_eq!(sent.len(), LINES);
        assert!(sent.iter().enumerate().all(|(n, entry)| text(entry["text"].as_str().unwrap()) == line(n)));
        assert_eq!(in_short(&entries).last().unwrap(), "closed true");
    }

    #[cfg(signals)]
    #[test]
    fn a_signal_ends_the_program_although_the_transcript_is_stuck() {
        let (_directory, pipe) = new_pipe();
        let (mut connect, mut socket) = accept_recorded_connect(&pipe);
        let mut input = connect.stdin.take().unwrap();
        let typing = thread::spawn(move || while input.write_all(&[b'\n'; 65_536]).is_ok() {});
        socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        while socket.write(&[b'\n'; 65_536]).is_ok() {}
        connect.wait_until_it_stops_reading();
        let began = std::time::Instant::now();
        connect.signal(rustix::process::Signal::TERM);
        connect.exits(143);
        // It takes about 2 s. The limit is generous.
        assert!(began.elapsed() < LIMIT / 4);
        typing.join().unwrap();
    }

    #[test]
    fn with_a_stuck_transcript_the_next_caller_waits_before_memory_grows_without_limit() {
        let (_directory, pipe) = new_pipe();
        let (serve, port) = serve(&["-q", "--transcript", pipe.to_str().unwrap()]);
        let mut calls = 0;
        // Each call records three entries. It has no message, so it does not wait for a free buffer.
        loop {
            let mut socket = call(port);
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.write_all(b"88\n").unwrap();
            match socket.read(&mut [0]) {
                Ok(_) => calls += 1,
                Err(_) => break,
            }
            assert!(calls < 2000);
        }
        assert!(calls > 100, "{calls}");
        // Once somebody reads the transcript, the program continues.
        let mut recorded = File::open(&pipe).unwrap();
        let reading =
            thread::spawn(move || while recorded.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {});
        let mut socket = call(port);
        socket.write_all(b"here again\n88\n").unwrap();
        serve.out.wait_for("here again");
        drop(serve);
        reading.join().unwrap();
    }

    #[test]
    fn lines_typed_at_a_terminal_are_refused_while_the_transcript_is_stuck_and_88_works() {
        let (_directory, pipe) = new_pipe();
        let (mut terminal, socket) = accept_from(|port| {
            Program::start_at_terminal(&["connect", port, "--plain", "--transcript", pipe.to_str().unwrap()])
        });
        terminal.out.wait_for("...connected to");
        let reading = thread::spawn(move || read_rest(&socket));
        wait_until("a line is refused", || {
            terminal.types([&[b'x'; 900][..], b"\n"].concat().repeat(10));
            terminal.out.text().contains("the transcript is not keeping up and no more can be queued")
        });
        terminal.types("88\n");
        terminal.out.wait_for("you said 88");
        assert!(reading.join().unwrap().ends_with(b"88"));
        let mut recorded = String::new();
        File::open(&pipe).unwrap().read_to_string(&mut recorded).unwrap();
        terminal.exits(0);
        assert!(recorded.contains("errors were not recorded, because the transcript was not keeping up"));
    }

    #[test]
    fn lines_that_were_not_delivered_are_not_recorded_as_sent() {
        if is_for_clear_text("the socket that decrypts is reset with the connection") {
            return;
        }
        let (_directory, file) = new_file();
        let lines = [&[b'x'; 499][..], b"\n"].concat().repeat(60_000);
        let (mut connect, mut socket) =
            accept_connect_with_file(&lines, &["--transcript", file.to_str().unwrap()]);
        connect.wait_until_it_stops_reading();
        socket.write_all(b"88\n").unwrap();
        connect.exits(1);
        let entries = entries(&file);
        let stderr = connect.err.text();
        let undelivered = stderr.lines().find(|line| line.ends_with("lines were not delivered")).unwrap();
        let undelivered: usize = undelivered.split(' ').nth(1).unwrap().parse().unwrap();
        // The system still delivers what it has accepted: `arrived` lines, and the beginning of another.
        let arrived = read_rest(&socket).iter().filter(|byte| **byte == b'\n').count();
        assert!(arrived > 0 && undelivered > 0, "{arrived} {undelivered}");
        assert_eq!(only(&entries, "sent").len(), arrived);
        let short = in_short(&entries);
        assert!(short.contains(&format!("error {undelivered} lines were not delivered")), "{stderr}");
        assert_eq!(short.last().unwrap(), "closed false");
    }

    #[test]
    fn standard_error_may_be_the_transcript() {
        let (mut connect, mut socket) = accept_from(|port| {
            let mut command = threadchat(&["connect", "-q", port, "--transcript", "/dev/stderr"]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            Program::spawn(command)
        });
        socket.write_all(b"hello\n88\n").unwrap();
        drop(socket);
        connect.exits(0);
        assert!(connect.err.text().contains("\"text\":\"hello\""), "{}", connect.err.text());
    }
}
