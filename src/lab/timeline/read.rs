//! Reads trace files, line by line. They are not trusted: they may have been cut short, or be something else.

use super::model::{Connection, Endpoint, Slice, Time, Track};
use crate::observe::Step;
use crate::observe::trace::{Args, FORMAT};
use crate::platform::Patient;
use crate::rules::byte_order_mark;
use crate::rules::failure::{Context, Failure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest line, in bytes. Traces have much shorter ones, and other files need not be read into memory.
const MAX_LINE: u64 = 64 * 1024;

/// The latest time on an axis, in microseconds: some years, though the axis begins anew each day.
const MAX_TIME: f64 = 1e14;

/// An endpoint with more slices than are read, and up to when they are, by its own clock.
pub(super) type Cut = (usize, Time);

/// What is in the files.
pub(super) struct Traces {
    pub(super) endpoints: Vec<Endpoint>,
    /// Sentences for the user.
    pub(super) notes: Vec<String>,
    pub(super) cuts: Vec<Cut>,
}

/// A line of a file.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    name: String,
    ph: String,
    pid: u32,
    #[serde(default)]
    tid: u32,
    #[serde(default)]
    ts: f64,
    #[serde(default)]
    dur: Option<f64>,
    #[serde(default)]
    args: Value,
}

/// The arguments of `threadchat`, the first event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Begin {
    format: u64,
    command: String,
    design: String,
    origin: u32,
}

/// Reads all files, of each at most `limit` slices. The path `-` is standard input.
pub(super) fn files(paths: &[PathBuf], limit: usize) -> Result<Traces, Failure> {
    let mut traces = Traces { endpoints: Vec::new(), notes: Vec::new(), cuts: Vec::new() };
    for path in paths {
        let is_stdin = path == Path::new("-");
        let path = if is_stdin { Path::new("standard input") } else { path };
        let file: Box<dyn Read> = if is_stdin {
            Box::new(Patient(io::stdin()))
        } else {
            Box::new(File::open(path).context(format_args!("cannot read {}", path.display()))?)
        };
        let before = traces.endpoints.len();
        let (endpoints, cut) = Reader::new(path, limit).read(BufReader::new(file))?;
        for endpoint in endpoints.iter().filter(|endpoint| !endpoint.is_whole) {
            traces.notes.push(format!(
                "the trace {} has no end: its program was killed or is still running",
                endpoint.file
            ));
        }
        traces.cuts.extend(cut.map(|(endpoint, time)| (before + endpoint, time)));
        traces.endpoints.extend(endpoints);
    }
    for (number, endpoint) in traces.endpoints.iter_mut().enumerate() {
        endpoint.letter = letter(number);
    }
    Ok(traces)
}

/// `A` to `Z`, and then with a number.
fn letter(number: usize) -> String {
    let letter = char::from(b'A' + (number % 26) as u8);
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// Reads a file.
pub(super) struct Reader<'a> {
    path: &'a Path,
    limit: usize,
    slices: usize,
    endpoints: Vec<Endpoint>,
    /// The endpoint of each process: a file may hold the traces of several.
    processes: HashMap<u32, usize>,
    /// The index of each thread among the tracks of its endpoint.
    threads: HashMap<(usize, u32), usize>,
    /// Up to when each endpoint is known.
    latest: Vec<Time>,
    cut: Option<Cut>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path, limit: usize) -> Self {
        Self {
            path,
            limit,
            slices: 0,
            endpoints: Vec::new(),
            processes: HashMap::new(),
            threads: HashMap::new(),
            latest: Vec::new(),
            cut: None,
        }
    }

    pub(super) fn read(mut self, mut file: impl BufRead) -> Result<(Vec<Endpoint>, Option<Cut>), Failure> {
        let (mut number, mut line) = (0_u64, Vec::new());
        // A line that is no event is an error, unless it is the last: a crashed program leaves half a line.
        let mut doubt = None;
        loop {
            line.clear();
            number += 1;
            let read = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
            if read.context(format_args!("cannot read {}", self.path.display()))? == 0 {
                break;
            }
            let text = if number == 1 { byte_order_mark::strip(&line) } else { &line };
            let text = text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if let Some(doubt) = doubt {
                return Err(doubt);
            }
            let text = text.strip_suffix(b",").unwrap_or(text);
            if number == 1 && text != b"[" {
                return Err(self.not_a_trace(number, "it does not begin with ["));
            }
            // A comma of its own joins two traces.
            if matches!(text, b"[" | b"]" | b"") {
                continue;
            }
            if line.len() as u64 == MAX_LINE {
                return Err(self.not_a_trace(number, "it is too long"));
            }
            match serde_json::from_slice(text) {
                Ok(event) => self.event(event).map_err(|why| self.not_a_trace(number, why))?,
                Err(error) => {
                    let why = format_args!("it is not an event of a trace ({error})");
                    doubt = Some(self.not_a_trace(number, why));
                }
            }
        }
        if self.endpoints.is_empty() {
            let empty = || format!("{} is not a trace: it holds no steps", self.path.display()).into();
            return Err(doubt.unwrap_or_else(empty));
        }
        self.end_open_slices();
        for endpoint in &mut self.endpoints {
            endpoint.tracks.sort_by_key(|track| (track.position().unwrap_or(usize::MAX), track.tid));
        }
        Ok((self.endpoints, self.cut))
    }

    fn not_a_trace(&self, line: u64, why: impl Display) -> Failure {
        Failure::new(format_args!("{} is not a trace of threadchat: line {line}", self.path.display()), why)
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        if event.name == "threadchat" && event.ph == "M" {
            return self.begin(event);
        }
        let Some(process) = self.processes.get(&event.pid).copied() else {
            return Err("the event `threadchat`, with which a trace begins, is not before it".into());
        };
        let now = time(event.ts)?;
        match event.ph.as_str() {
            "M" if event.name == "thread_name" => {
                if let Some(name) = event.args["name"].as_str() {
                    self.track(process, event.tid).name = name.to_owned();
                }
            }
            "X" | "B" => self.slice(process, now, event)?,
            "E" => {
                self.latest[process] = self.latest[process].max(now);
                if let Some(open) = self.track(process, event.tid).slices.last_mut() {
                    open.until = open.until.min(now);
                }
            }
            "i" if event.name == "end" => {
                self.latest[process] = self.latest[process].max(now);
                self.endpoints[process].is_whole = true;
            }
            _ => (),
        }
        Ok(())
    }

    /// Begins the trace of a process.
    fn begin(&mut self, event: Event) -> Result<(), Failure> {
        let Begin { format, command, design, origin } = args(event.args)?;
        if format != FORMAT {
            return Err(format!(
                "it has the format {format}, but this version reads only {FORMAT}: a newer threadchat has recorded it"
            )
            .into());
        }
        let file = self.path.file_name().unwrap_or(self.path.as_os_str());
        self.processes.insert(event.pid, self.endpoints.len());
        self.latest.push(0);
        self.endpoints.push(Endpoint {
            file: file.to_string_lossy().into_owned(),
            command,
            design,
            origin: origin.into(),
            ..Endpoint::default()
        });
        Ok(())
    }

    fn slice(&mut self, process: usize, from: Time, event: Event) -> Result<(), Failure> {
        let Some(step) = args::<Args>(event.args)?.step(&event.name) else { return Ok(()) };
        if self.cut.is_some() {
            return Ok(());
        }
        if self.slices == self.limit {
            self.cut = Some((process, self.latest[process]));
            return Ok(());
        }
        self.slices += 1;
        let until = match event.dur {
            Some(duration) => from.saturating_add(time(duration)?),
            // Until its `E` comes, or the next slice.
            None => Time::MAX,
        };
        let known = if until == Time::MAX { from } else { until };
        self.latest[process] = self.latest[process].max(known);
        if let Step::Begins { streams, peer, .. } = step {
            let (sent, received, peer) = (streams.sent, streams.received, peer.to_string());
            self.endpoints[process].connections.push(Connection { begins: from, sent, received, peer });
        }
        let slices = &mut self.track(process, event.tid).slices;
        if let Some(before) = slices.last_mut() {
            if from < before.from {
                return Err("it begins before the previous step of its thread".into());
            }
            before.until = before.until.min(from);
        }
        slices.push(Slice { from, until, step });
        Ok(())
    }

    fn track(&mut self, process: usize, tid: u32) -> &mut Track {
        let tracks = &mut self.endpoints[process].tracks;
        let index = *self.threads.entry((process, tid)).or_insert_with(|| {
            tracks.push(Track { tid, name: format!("thread {tid}"), ..Track::default() });
            tracks.len() - 1
        });
        &mut tracks[index]
    }

    /// Slices that have not ended are known up to the end of their trace.
    fn end_open_slices(&mut self) {
        for (endpoint, latest) in self.endpoints.iter_mut().zip(&self.latest) {
            for slice in endpoint.tracks.iter_mut().flat_map(|track| &mut track.slices) {
                slice.until = slice.until.min(*latest).max(slice.from);
            }
        }
    }
}

fn args<T: DeserializeOwned + Default>(args: Value) -> Result<T, Failure> {
    match args {
        Value::Null => Ok(T::default()),
        args => serde_json::from_value(args).context("its args are not understood"),
    }
}

/// From microseconds.
fn time(micros: f64) -> Result<Time, Failure> {
    if (0.0..=MAX_TIME).contains(&micros) {
        Ok((micros * 1000.0).round() as Time)
    } else {
        Err(format!("{micros} is not a time").into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str = "[\n{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":1,\"args\":{\"format\":1,\"command\":\"serve\"}},\n";
    const READ: &str =
        "{\"name\":\"read\",\"ph\":\"B\",\"pid\":1,\"tid\":1,\"ts\":1.5,\"args\":{\"what\":\"socket\"}},\n";

    fn read(text: &str) -> Result<Vec<Endpoint>, Failure> {
        Reader::new(Path::new("a.json"), 100).read(text.as_bytes()).map(|read| read.0)
    }

    #[test]
    fn a_file_that_is_no_trace_is_refused_with_the_line() {
        for (text, expected) in [
            ("", "it holds no steps"),
            ("[\n", "it holds no steps"),
            ("hello\n", "line 1: it does not begin with ["),
            ("[\n{\"traceEvents\":1}\n", "line 2: it is not an event"),
            (&format!("[\n{READ}"), "line 2: the event `threadchat`"),
            (&HEAD.replace("\"format\":1", "\"format\":2"), "line 2: it has the format 2"),
            (&format!("{HEAD}{{\"na\n{READ}"), "line 3: it is not an event"),
            (&format!("{HEAD}{}", READ.replace("1.5", "-1")), "line 3: -1 is not a time"),
            (&format!("{HEAD}{}", "x".repeat(100_000)), "line 3: it is too long"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("a.json is not a trace") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_may_be_in_front() {
        assert_eq!(read(&format!("\u{feff}{HEAD}{READ}")).unwrap().len(), 1);
    }

    #[test]
    fn a_last_line_that_was_cut_is_left_out() {
        for cut in ["", "{\"name\":\"wa", "{"] {
            let endpoints = read(&format!("{HEAD}{READ}{cut}")).unwrap();
            assert_eq!((endpoints[0].tracks[0].slices.len(), endpoints[0].is_whole), (1, false));
        }
    }

    #[test]
    fn a_slice_that_was_begun_lasts_until_the_next_or_the_end() {
        let later = |ts| READ.replace("1.5", ts);
        let endpoints =
            read(&format!("{HEAD}{READ}{}{}", later("2"), later("4").replace("\"tid\":1", "\"tid\":2")));
        let slices = &endpoints.unwrap()[0].tracks[0].slices;
        assert_eq!(
            [(slices[0].from, slices[0].until), (slices[1].from, slices[1].until)],
            [(1500, 2000), (2000, 4000)]
        );
    }

    #[test]
    fn unknown_events_are_ignored() {
        let endpoints = read(&format!("{HEAD}{READ}{}", READ.replace("\"read\"", "\"dreams\""))).unwrap();
        assert_eq!(endpoints[0].tracks[0].slices.len(), 1);
    }
}
