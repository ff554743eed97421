//! The files, line by line, to endpoints. Nothing is taken from them on trust: they may have been cut short, or be
//! something else.

use super::model::{Connection, Endpoint, Kind, Lane, Numbers, Step, Time};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The version of the format that is understood.
const FORMAT: u64 = 1;

/// The longest line, in bytes. A trace has none as long by far, and other files need not be taken into memory.
const LINE: u64 = 64 * 1024;

/// The latest time on an axis, in microseconds. It begins anew each day; what runs on for longer still has some years.
const LATEST: f64 = 1e14;

/// Which endpoint has more than was read, and up to when it was, by its own clock.
pub(super) type Cut = (usize, Time);

/// What is in the files.
pub(super) struct Traces {
    pub(super) endpoints: Vec<Endpoint>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// Those of the files that have too much.
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
    args: Args,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    what: String,
    bytes: Option<u64>,
    waiting: Option<u64>,
    messages: Option<Numbers>,
    typed: Option<Numbers>,
    text: String,
    peer: String,
    sent: u32,
    received: u32,
    name: String,
    format: u64,
    command: String,
    design: String,
    origin: u32,
}

/// Reads them all, of each no more than so many steps.
pub(super) fn files(paths: &[PathBuf], limit: usize) -> Result<Traces, String> {
    let mut traces = Traces { endpoints: Vec::new(), notes: Vec::new(), cuts: Vec::new() };
    for path in paths {
        let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let before = traces.endpoints.len();
        let reader = Reader::new(path, limit);
        let (endpoints, cut) = reader.read(BufReader::new(file))?;
        for endpoint in endpoints.iter().filter(|endpoint| !endpoint.is_whole) {
            traces.notes.push(format!(
                "the trace {} has no end, because its program was killed or still runs: what is in it is shown",
                endpoint.file
            ));
        }
        traces.cuts.extend(cut.map(|(endpoint, at)| (before + endpoint, at)));
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
struct Reader<'a> {
    path: &'a Path,
    limit: usize,
    steps: usize,
    endpoints: Vec<Endpoint>,
    /// Which endpoint has this process: a file may hold the traces of several.
    processes: HashMap<u32, usize>,
    /// Which of its threads has this number.
    threads: HashMap<(usize, u32), usize>,
    /// Up to when each of them is known.
    latest: Vec<Time>,
    cut: Option<Cut>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, limit: usize) -> Self {
        Self {
            path,
            limit,
            steps: 0,
            endpoints: Vec::new(),
            processes: HashMap::new(),
            threads: HashMap::new(),
            latest: Vec::new(),
            cut: None,
        }
    }

    fn read(mut self, mut file: impl BufRead) -> Result<(Vec<Endpoint>, Option<Cut>), String> {
        let (mut number, mut line) = (0_u64, Vec::new());
        // A line that is no event is an error, unless it is the last: there the end of a crashed program is.
        let mut doubt: Option<String> = None;
        loop {
            line.clear();
            number += 1;
            let read = file.by_ref().take(LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| format!("cannot read {}: {error}", self.path.display()))? == 0 {
                break;
            }
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if let Some(doubt) = doubt {
                return Err(doubt);
            }
            let text = text.strip_suffix(b",").unwrap_or(text);
            if number == 1 && text != b"[" {
                return Err(self.no_trace(number, "it does not begin with ["));
            }
            // A comma of its own joins two traces.
            if matches!(text, b"[" | b"]" | b"") {
                continue;
            }
            if line.len() as u64 == LINE {
                return Err(self.no_trace(number, "it is too long"));
            }
            match serde_json::from_slice(text) {
                Ok(event) => self.take(event).map_err(|why| self.no_trace(number, &why))?,
                Err(error) => {
                    doubt = Some(self.no_trace(number, &format!("it is no event of a trace ({error})")));
                }
            }
        }
        if self.endpoints.is_empty() {
            return Err(
                doubt.unwrap_or_else(|| format!("{} is not a trace: it is empty", self.path.display()))
            );
        }
        self.end_what_is_open();
        for endpoint in &mut self.endpoints {
            endpoint.lanes.sort_by_key(|lane| (lane.place().unwrap_or(usize::MAX), lane.tid));
        }
        Ok((self.endpoints, self.cut))
    }

    fn no_trace(&self, line: u64, why: &str) -> String {
        format!("{} is not a trace of threadchat: line {line}: {why}", self.path.display())
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        if event.name == "threadchat" && event.ph == "M" {
            return self.begin(event);
        }
        let Some(process) = self.processes.get(&event.pid).copied() else {
            return Err("the event `threadchat`, with which a trace begins, is not before it".to_owned());
        };
        let at = time(event.ts)?;
        match event.ph.as_str() {
            "M" if event.name == "thread_name" => {
                let lane = self.lane(process, event.tid);
                lane.name = event.args.name;
            }
            "X" | "B" => self.step(process, at, event)?,
            "E" => {
                self.latest[process] = self.latest[process].max(at);
                if let Some(open) = self.lane(process, event.tid).steps.last_mut() {
                    open.until = open.until.min(at);
                }
            }
            "i" => self.instant(process, at, &event),
            _ => (),
        }
        Ok(())
    }

    /// The trace of a process.
    fn begin(&mut self, event: Event) -> Result<(), String> {
        let args = event.args;
        if args.format != FORMAT {
            return Err(format!(
                "it has the format {}, and only {FORMAT} is understood: a newer threadchat has recorded it",
                args.format
            ));
        }
        let file = self.path.file_name().unwrap_or(self.path.as_os_str());
        self.processes.insert(event.pid, self.endpoints.len());
        self.latest.push(0);
        self.endpoints.push(Endpoint {
            file: file.to_string_lossy().into_owned(),
            command: args.command,
            design: args.design,
            origin: i64::from(args.origin),
            ..Endpoint::default()
        });
        Ok(())
    }

    fn step(&mut self, process: usize, at: Time, event: Event) -> Result<(), String> {
        let Some(kind) = Kind::named(&event.name) else { return Ok(()) };
        if self.cut.is_some() {
            return Ok(());
        }
        if self.steps == self.limit {
            self.cut = Some((process, self.latest[process]));
            return Ok(());
        }
        self.steps += 1;
        let until = match event.dur {
            Some(dur) => at.saturating_add(time(dur)?),
            // Until its `E` comes, or the next step.
            None => Time::MAX,
        };
        let known = if until == Time::MAX { at } else { until };
        self.latest[process] = self.latest[process].max(known);
        let args = event.args;
        let some = |numbers: Option<Numbers>| numbers.filter(|numbers| numbers.count > 0);
        if kind == Kind::Begins {
            let (sent, received, peer) = (args.sent, args.received, args.peer.clone());
            self.endpoints[process].connections.push(Connection { at, sent, received, peer });
        }
        let step = Step {
            at,
            until,
            kind,
            what: args.what,
            bytes: args.bytes,
            waiting: args.waiting,
            messages: some(args.messages),
            typed: some(args.typed),
            text: if kind == Kind::Begins { args.peer } else { args.text },
        };
        let steps = &mut self.lane(process, event.tid).steps;
        if let Some(before) = steps.last_mut() {
            if at < before.at {
                return Err("it lies before the step of its thread that stands before it".to_owned());
            }
            before.until = before.until.min(at);
        }
        steps.push(step);
        Ok(())
    }

    fn instant(&mut self, process: usize, at: Time, event: &Event) {
        match event.name.as_str() {
            "left behind" => self.lane(process, event.tid).is_left_behind = true,
            "end" => {
                self.latest[process] = self.latest[process].max(at);
                self.endpoints[process].is_whole = true;
            }
            _ => (),
        }
    }

    fn lane(&mut self, process: usize, tid: u32) -> &mut Lane {
        let lanes = &mut self.endpoints[process].lanes;
        let place = *self.threads.entry((process, tid)).or_insert_with(|| {
            lanes.push(Lane { tid, name: format!("thread {tid}"), ..Lane::default() });
            lanes.len() - 1
        });
        &mut lanes[place]
    }

    /// Steps that had not ended are known up to the end of their trace.
    fn end_what_is_open(&mut self) {
        for (endpoint, latest) in self.endpoints.iter_mut().zip(&self.latest) {
            for step in endpoint.lanes.iter_mut().flat_map(|lane| &mut lane.steps) {
                step.until = step.until.min(*latest).max(step.at);
            }
        }
    }
}

/// From microseconds.
fn time(micros: f64) -> Result<Time, String> {
    if (0.0..=LATEST).contains(&micros) {
        Ok((micros * 1000.0).round() as Time)
    } else {
        Err(format!("{micros} is no time"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str = "[\n{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":1,\"args\":{\"format\":1,\"command\":\"serve\"}},\n";
    const READ: &str = "{\"name\":\"read\",\"ph\":\"B\",\"pid\":1,\"tid\":1,\"ts\":1.5},\n";

    fn read(text: &str) -> Result<Vec<Endpoint>, String> {
        Reader::new(Path::new("a.json"), 100).read(text.as_bytes()).map(|read| read.0)
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        for (text, told) in [
            ("", "it is empty"),
            ("[\n", "it is empty"),
            ("hello\n", "line 1: it does not begin with ["),
            ("[\n{\"traceEvents\":1}\n", "line 2: it is no event"),
            (&format!("[\n{READ}"), "line 2: the event `threadchat`"),
            (&HEAD.replace("\"format\":1", "\"format\":2"), "line 2: it has the format 2"),
            (&format!("{HEAD}{{\"na\n{READ}"), "line 3: it is no event"),
            (&format!("{HEAD}{}", READ.replace("1.5", "-1")), "line 3: -1 is no time"),
            (&format!("{HEAD}{}", "x".repeat(100_000)), "line 3: it is too long"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.starts_with("a.json is not a trace") && said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_last_line_that_was_cut_is_left_out() {
        for cut in ["", "{\"name\":\"wa", "{"] {
            let endpoints = read(&format!("{HEAD}{READ}{cut}")).unwrap();
            assert_eq!((endpoints[0].lanes[0].steps.len(), endpoints[0].is_whole), (1, false));
        }
    }

    #[test]
    fn a_step_that_was_begun_lasts_until_the_next_or_the_end() {
        let later = |ts| READ.replace("1.5", ts);
        let endpoints =
            read(&format!("{HEAD}{READ}{}{}", later("2"), later("4").replace("\"tid\":1", "\"tid\":2")));
        let steps = &endpoints.unwrap()[0].lanes[0].steps;
        assert_eq!(
            [(steps[0].at, steps[0].until), (steps[1].at, steps[1].until)],
            [(1500, 2000), (2000, 4000)]
        );
    }

    #[test]
    fn unknown_events_are_ignored() {
        let endpoints = read(&format!("{HEAD}{READ}{}", READ.replace("read", "dreams"))).unwrap();
        assert_eq!(endpoints[0].lanes[0].steps.len(), 1);
    }
}
