//! The hub as a service: its files after SIGHUP, the sockets that it is given, and what it tells the manager of services.

use super::*;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Within this time, a hub has not been waked by anything else: it looks around every 10 s.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A hub without an operator that writes these files.
struct Service {
    hub: Program,
    port: u16,
    files: TempDir,
}

impl Service {
    fn starts(option: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("now");
        let (hub, port) = hub(&["--no-operator", option, file.to_str().unwrap()]);
        Self { hub, port, files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Moves its file away, as logrotate does.
    fn file_is_moved(&self) {
        fs::rename(self.file("now"), self.file("before")).unwrap();
    }

    fn is_told_to_reopen(&self) {
        self.hub.signal(Signal::HUP);
        self.hub.err.wait_for("SIGHUP: opening the transcript and the trace again");
    }

    fn ends(&mut self) {
        self.hub.signal(Signal::TERM);
        self.hub.exits(143);
    }
}

/// What was said, by this transcript.
fn said(transcript: &Path) -> Vec<String> {
    let text = fs::read_to_string(transcript).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries
        .filter(|entry| entry["event"] == "said")
        .map(|entry| entry["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_transcript_that_was_moved_goes_on_in_a_new_file_after_sighup_and_everybody_stays() {
    let mut service = Service::starts("--transcript");
    let [mut bob, mut alice] = ["bob", "alice"].map(|name| Client::joins_as(service.port, name));
    for (line, file) in [("one", "before"), ("two", "now")] {
        bob.says(line);
        alice.hears(&format!("<bob> {line}"));
        if file == "before" {
            service.file_is_moved();
            service.is_told_to_reopen();
            wait_until("there is a new file", || service.file("now").exists());
        }
    }
    service.ends();
    assert_eq!(said(&service.file("before")), ["one"]);
    assert_eq!(said(&service.file("now")), ["two"]);
    alice.hears_88();
}

#[test]
fn a_transcript_that_cannot_be_opened_again_goes_on_in_the_old_file() {
    let mut service = Service::starts("--transcript");
    let mut bob = Client::joins_as(service.port, "bob");
    service.file_is_moved();
    fs::create_dir(service.file("now")).unwrap();
    let began = Instant::now();
    service.is_told_to_reopen();
    let complaint = service.hub.err.wait_for("until then the old one goes on");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(complaint.contains("threadchat: cannot open the transcript "), "{complaint}");
    bob.says("here");
    bob.catches_up();
    service.ends();
    assert_eq!(said(&service.file("before")), ["here"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_transcript_that_could_not_be_written_is_written_again_after_sighup() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("now");
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let (mut hub, port) = hub(&["--no-operator", "--transcript", file.to_str().unwrap()]);
    let mut bob = Client::joins_as(port, "bob");
    let began = Instant::now();
    hub.err.wait_for("cannot write the transcript");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    fs::remove_file(&file).unwrap();
    hub.signal(Signal::HUP);
    wait_until("there is a new file", || file.exists());
    bob.says("recorded");
    bob.catches_up();
    hub.signal(Signal::TERM);
    hub.exits(143);
    assert_eq!(said(&file), ["recorded"]);
}

#[test]
fn a_trace_that_was_moved_goes_on_in_a_new_file_after_sighup_and_both_are_whole() {
    let mut service = Service::starts("--trace");
    let mut bob = Client::joins_as(service.port, "bob");
    bob.catches_up();
    service.file_is_moved();
    service.is_told_to_reopen();
    wait_until("there is a new file", || service.file("now").exists());
    bob.says("two");
    bob.catches_up();
    service.ends();
    for name in ["before", "now"] {
        let text = fs::read_to_string(service.file(name)).unwrap();
        let events: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&events[0]["name"], &events.last().unwrap()["name"]),
            (&"threadchat".into(), &"end".into())
        );
        let named = events.iter().filter(|event| event["name"] == "thread_name");
        assert!(named.map(|event| &event["args"]["name"]).any(|name| name == "main"), "{text}");
        assert!(events.iter().any(|event| event["name"] == "read"), "{text}");
    }
}

#[test]
fn a_trace_goes_on_after_sighup_if_it_was_not_moved_or_no_new_one_can_be_created() {
    for name in ["now", "before"] {
        let mut service = Service::starts("--trace");
        let file = service.file(name);
        if name == "before" {
            service.file_is_moved();
            fs::create_dir(service.file("now")).unwrap();
        }
        let trace = || fs::read_to_string(&file).unwrap();
        let writes = || trace().matches(r#""name":"wrote""#).count();
        let mut bob = Client::joins_as(service.port, "bob");
        bob.catches_up();
        wait_until("what bob got is in the trace", || writes() > 0);
        let (before, written) = (trace(), writes());
        service.is_told_to_reopen();
        bob.says("two");
        bob.catches_up();
        wait_until("what bob got then is in the trace", || writes() > written);
        service.ends();
        assert!(trace().starts_with(&before), "{}", trace());
        let events: Vec<Value> = serde_json::from_str(&trace()).unwrap();
        assert_eq!(events.last().unwrap()["name"], "end");
    }
}

#[test]
fn a_check_says_where_the_hub_would_listen_and_leaves_nothing_behind() {
    let files = tempfile::tempdir().unwrap();
    let [transcript, trace] =
        ["transcript", "trace"].map(|name| files.path().join(name).to_str().unwrap().to_owned());
    // A hub that runs already.
    let (_hub, port) = hub(&[]);
    let mut check = Program::start(threadchat(&[
        "hub",
        &port.to_string(),
        "--check",
        "--transcript",
        &transcript,
        "--trace",
        &trace,
    ]));
    check.exits(0);
    let said = check.out.text();
    assert!(said.contains(&format!("the hub would listen on 127.0.0.1:{port}")), "{said}");
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 0);
}

#[test]
fn a_check_finds_what_would_keep_the_hub_from_starting() {
    for (option, file) in [
        ("--motd", "/no/such/file"),
        ("--transcript", "/no/such/folder/file"),
        ("--trace", "/no/such/folder/x"),
    ] {
        let (code, complaint) = run(&["--check", option, file]);
        assert_eq!(code, 1, "{complaint}");
        assert!(complaint.starts_with("threadchat: cannot ") && complaint.contains(file), "{complaint}");
    }
    assert_eq!(run(&["--check", "--stall", "never"]).0, 2);
}

/// The command for a hub that is given its standard input as a socket, as a manager of services does it.
#[cfg(service_manager)]
fn given(socket: impl Into<std::os::fd::OwnedFd>) -> std::process::Command {
    let first = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";
    let mut command = threadchat_after(first, &["hub", "--no-operator"]);
    command.stdin(socket.into()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(service_manager)]
#[test]
fn a_socket_that_the_hub_is_given_is_where_it_listens_and_goes_on_listening_when_the_hub_has_ended() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    for _ in 0..2 {
        // A caller who comes before the hub waits for it.
        let waiting = Client::calls(port);
        let (mut hub, at) = Program::spawn(given(socket.try_clone().unwrap())).with_port();
        assert_eq!(at, port);
        let bob = waiting.greeted();
        hub.signal(Signal::TERM);
        bob.hears_88();
        hub.exits(143);
    }
}

#[cfg(service_manager)]
#[test]
fn something_else_than_a_listening_tcp_socket_is_refused() {
    let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unix = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for (socket, reason) in [(stream.into(), "does not listen"), (unix.into(), "is not of TCP")] {
        let socket: std::os::fd::OwnedFd = socket;
        let mut hub = Program::spawn(given(socket));
        hub.exits(1);
        let complaint = hub.err.text();
        assert!(complaint.contains("(LISTEN_FDS)") && complaint.contains(reason), "{complaint}");
    }
}

#[cfg(service_manager)]
#[test]
fn the_manager_of_services_is_told_when_callers_are_accepted_but_nothing_by_one_who_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let managed = |arguments: &[&str]| {
        let mut command = threadchat(arguments);
        command.env("NOTIFY_SOCKET", &path);
        Program::start(command)
    };
    let (_hub, port) = managed(&["hub", "0", "--no-operator"]).with_port();
    let mut message = [0; 100];
    let length = manager.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1\n");
    let caller = managed(&["connect", "127.0.0.1", &port.to_string()]);
    caller.out.wait_for("welcome to lobby");
    manager.set_nonblocking(true).unwrap();
    assert_eq!(manager.recv(&mut message).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
