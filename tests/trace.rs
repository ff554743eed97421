//! `--trace`: what it records of real conversations in every design.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
#[cfg(unix)]
use std::process::Command;
#[cfg(unix)]
use std::thread;
use tempfile::TempDir;

/// The design of tests that do not choose one.
const DESIGN: &str = "threads";

const DESIGNS: &[&str] =
    if cfg!(poll) { &["threads", "select", "half-duplex"] } else { &["threads", "half-duplex"] };

/// A trace as a viewer reads it.
struct Trace {
    events: Vec<Value>,
}

impl Trace {
    /// Accepts a trace without its closing bracket and with an incomplete last line.
    fn open(path: &PathBuf) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.strip_prefix("[\n").unwrap().lines().filter(|line| *line != "]");
        let events: Vec<_> =
            lines.map_while(|line| serde_json::from_str(line.trim_end_matches(',')).ok()).collect();
        assert!(!events.is_empty(), "{text}");
        Self { events }
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["name"] == name)
    }

    /// The name and the steps of each thread.
    fn tracks(&self) -> Vec<(String, Vec<&Value>)> {
        let track = |name: &Value| {
            let is_step = |event: &&Value| {
                event["tid"] == name["tid"]
                    && (["X", "B"].iter().any(|ph| event["ph"] == *ph) || event["name"] == "left behind")
            };
            let name = name["args"]["name"].as_str().unwrap().to_owned();
            (name, self.events.iter().filter(is_step).collect())
        };
        self.named("thread_name").map(track).collect()
    }

    /// The last recorded step of the thread with this name.
    fn last_step(&self, name: &str) -> Option<&Value> {
        let track = self.tracks().into_iter().find(|track| track.0 == name)?;
        track.1.last().copied()
    }

    /// The phases of the flows of this kind by id: start, steps and end. They are sorted here, because the file has the
    /// events in the order in which their steps ended.
    fn flows(&self, kind: &str) -> HashMap<String, String> {
        let mut events: Vec<_> = self.events.iter().filter(|event| event["cat"] == kind).collect();
        events.sort_by(|one, other| one["ts"].as_f64().unwrap().total_cmp(&other["ts"].as_f64().unwrap()));
        let mut flows = HashMap::<_, String>::new();
        for event in events {
            *flows.entry(event["id"].as_str().unwrap().to_owned()).or_default() +=
                event["ph"].as_str().unwrap();
        }
        flows
    }

    /// Checks that times are in order within a thread and that each thread has an end.
    fn assert_well_formed(&self) {
        for (name, steps) in self.tracks() {
            let mut last = 0.0;
            for step in &steps {
                let time = step["ts"].as_f64().unwrap();
                assert!(time >= last, "{name}: {step} after {last}");
                last = time;
            }
            assert_eq!(steps[0]["name"], "starts", "{name}");
            let end = steps[steps.len() - 1]["name"].as_str().unwrap();
            assert!(["ends", "left behind"].contains(&end), "{name}: {end}");
        }
        let mut open = HashSet::new();
        for event in &self.events {
            match event["ph"].as_str().unwrap() {
                "B" => assert!(open.insert(&event["tid"])),
                "E" => assert!(open.remove(&event["tid"])),
                _ => {}
            }
        }
        assert!(open.is_empty());
    }
}

/// The traces of both sides of a conversation of three lines each.
fn converse(design: &str) -> [Trace; 2] {
    let files = TempDir::new().unwrap();
    record_traces(design, &files).map(|path| Trace::open(&path))
}

#[test]
fn every_message_can_be_followed_from_the_keyboard_to_the_other_screen() {
    for design in DESIGNS {
        let [a, b] = converse(design);
        for (from, to) in [(&a, &b), (&b, &a)] {
            from.assert_well_formed();
            let sent = from.flows("sent");
            assert_eq!(sent.len(), 3, "{design}");
            for (id, phases) in sent {
                assert!(phases.starts_with('s') && phases.ends_with('f'), "{design}: {phases}");
                assert_eq!(from.flows("wire")[&id], "s", "{design}");
                assert_eq!(to.flows("wire")[&id], "f", "{design}");
                let received = &to.flows("received")[&id];
                assert!(received.starts_with('s') && received.ends_with('f'), "{design}: {received}");
            }
            let typed = from.flows("typed");
            assert!((3..=4).contains(&typed.len()), "{design}");
            assert!(
                typed.values().all(|phases| phases.starts_with('s') && phases.ends_with('f')),
                "{design}: {typed:?}"
            );
        }
        assert_eq!(
            b.named("decides").filter(|event| event["args"]["what"] == "leave").count(),
            1,
            "{design}"
        );
        assert_eq!(
            b.named("goodbye").filter(|event| event["args"]["what"] == "written").count(),
            1,
            "{design}"
        );
        assert_eq!(
            a.named("goodbye").filter(|event| event["args"]["what"] == "heard").count(),
            1,
            "{design}"
        );
    }
}

#[test]
fn each_thread_of_a_design_has_a_track_of_its_own() {
    for design in DESIGNS {
        let [a, _] = converse(design);
        let mut tracks: Vec<_> = a.tracks().into_iter().map(|track| track.0).collect();
        // Where only a call can wake the listener, the program calls itself at the end, and this thread answers.
        tracks.retain(|name| name != "turn-away");
        tracks.sort();
        // There is more than one listener.
        tracks.dedup();
        let expected: &[&str] = match *design {
            "threads" => &THREADS_OF_SERVE,
            _ => &["main"],
        };
        assert_eq!(tracks, expected, "{design}");
    }
}

#[test]
fn two_traces_share_a_time_axis() {
    let [a, b] = converse("threads");
    let origin =
        |trace: &Trace| trace.named("threadchat").next().unwrap()["args"]["origin"].as_u64().unwrap();
    let time = |trace: &Trace, kind: &str, id: &str| {
        let event = trace.events.iter().find(|event| event["cat"] == kind && event["id"] == id).unwrap();
        event["ts"].as_f64().unwrap() + origin(trace) as f64 * 1e6
    };
    for (from, to) in [(&a, &b), (&b, &a)] {
        for id in from.flows("wire").keys().filter(|id| to.flows("received").contains_key(*id)) {
            let travelled = time(to, "received", id) - time(from, "wire", id);
            // The origin is read from two clocks one after the other, so it may be off by a moment.
            assert!((-5e3..60e6).contains(&travelled), "{travelled} µs");
        }
    }
}

#[test]
fn a_large_batch_has_one_flow_with_its_count() {
    let files = TempDir::new().unwrap();
    let [a, b] = ["a.json", "b.json"].map(|name| files.path().join(name));
    let (mut serve, port) = serve(&["--once", "--trace", a.to_str().unwrap()]);
    let mut connect = connect(port, &["--trace", b.to_str().unwrap()]);
    connect.types("a line\n".repeat(1000));
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    let (a, b) = (Trace::open(&a), Trace::open(&b));
    for (trace, kind) in [(&b, "sent"), (&a, "received")] {
        trace.assert_well_formed();
        let starts = trace.events.iter().filter(|event| event["cat"] == kind && event["ph"] == "s");
        let counts: Vec<u64> = starts.map(|event| event["args"]["count"].as_u64().unwrap_or(1)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 1000, "{kind}: {counts:?}");
        assert!(counts.len() < 100, "{kind}: {counts:?}");
    }
}

#[test]
fn the_trace_of_a_killed_program_opens_and_shows_what_each_thread_was_doing() {
    let files = TempDir::new().unwrap();
    let path = files.path().join("a.json");
    let (mut serve, port) = serve(&["--trace", path.to_str().unwrap()]);
    let mut connect = connect(port, &[]);
    connect.types("hello\n");
    serve.out.wait_for("hello\n");
    let is_waiting = |trace: &Trace| {
        let waits = |track| trace.last_step(track).is_some_and(|step| step["name"] == "waits");
        trace.named("wrote").any(|event| event["args"]["what"] == "screen")
            && waits("main")
            && waits("socket-reader")
    };
    wait_until("the trace shows it", || is_waiting(&Trace::open(&path)));
    serve.kill();
    let trace = Trace::open(&path);
    assert!(is_waiting(&trace));
    assert_eq!(trace.named("end").count(), 0);
    assert_eq!(trace.last_step("socket-reader").unwrap()["ph"], "B");
}

#[cfg(feature = "hub")]
#[test]
fn a_message_can_be_followed_through_a_hub_from_one_client_to_the_others() {
    for design in &DESIGNS[..DESIGNS.len() - 1] {
        let files = TempDir::new().unwrap();
        let path = files.path().join("hub.json");
        let hub = threadchat(&["hub", "0", "--design", design, "--trace", path.to_str().unwrap()]);
        let (mut hub, port) = serve_with(hub);
        let alice = connect(port, &[]);
        alice.out.wait_for("help");
        let mut bob = connect(port, &[]);
        alice.out.wait_for("joined");
        bob.types("hello\n");
        alice.out.wait_for("> hello\n");
        bob.types("88\n");
        bob.exits(0);
        alice.out.wait_for("left\n");
        hub.types("88\n");
        hub.exits(0);
        let trace = Trace::open(&path);
        trace.assert_well_formed();
        assert_eq!(trace.named("begins").count(), 2, "{design}");
        let received: Vec<_> = trace.flows("received").into_values().collect();
        assert_eq!(received.len(), 1, "{design}: {received:?}");
        assert!(received[0].starts_with('s') && received[0].ends_with('f'), "{design}: {received:?}");
        for what in ["heard", "written"] {
            let goodbyes = trace.named("goodbye").filter(|event| event["args"]["what"] == what);
            assert_eq!(goodbyes.count(), 1, "{design}: {what}");
        }
        let written = trace.named("wrote").filter(|event| event["args"]["what"] == "client");
        assert!(written.count() >= 3, "{design}");
        drop((alice, bob));
    }
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error_at_the_start() {
    let output = threadchat(&["serve", "0", "--trace", "/nowhere/a.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("threadchat: cannot write the trace /nowhere/a.json: "), "{said}");
}

#[cfg(unix)]
#[test]
fn a_trace_goes_to_a_file_for_its_owner_or_to_a_pipe_that_somebody_reads() {
    use std::os::unix::fs::PermissionsExt;
    let files = TempDir::new().unwrap();
    let [file, pipe, goodbye] = ["a.json", "pipe", "88"].map(|name| files.path().join(name));
    fs::write(&goodbye, "88\n").unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let traced = |to: &PathBuf| {
        let goodbye = fs::File::open(&goodbye).unwrap();
        threadchat(&["serve", "0", "--trace", to.to_str().unwrap()]).stdin(goodbye).output().unwrap()
    };
    let output = traced(&pipe);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("pipe: nobody reads this named pipe"), "{said}");
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    // Until the reader has opened the pipe, nobody reads it.
    wait_until("the pipe is read", || traced(&pipe).status.success());
    assert!(reader.join().unwrap().contains("\"name\":\"end\""));
    traced(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
