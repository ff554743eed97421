//! `--trace FILE`: records what each thread does and when, in Chrome's Trace Event Format (`docs/trace.md`).
//!
//! 1. `recorder.rs`: the threads hand each step, with its time, to the trace-writer, and never wait for it.
//! 2. `mod.rs`: the trace-writer, from its start to its end.
//! 3. `tracks.rs`: steps become slices on the track of their thread, and messages become flows between slices.
//! 4. `args.rs`: what the file says of a step, and how to read it again.
//! 5. `json.rs` and `clock.rs`: a line of the file, and its time axis.

mod args;
mod clock;
mod json;
mod recorder;
mod tracks;

pub use tracks::About;
#[cfg(feature = "lab")]
pub(crate) use {args::Args, tracks::FORMAT};

use super::Observe;
use crate::rules::errors::NAME_A_FILE;
use crate::rules::failure::Failure;
use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use recorder::{CAPACITY, Record, Recorder};
use std::convert::Infallible;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracks::Tracks;

/// How soon steps are written; a crash loses that much. Waking the trace-writer for each step would cost the thread that
/// is recorded a system call.
const WRITE_EVERY: Duration = Duration::from_millis(10);

/// The trace-writer rests this many times as long as it has just written, unless half of the capacity is used. Under load
/// it writes seldom and much, which costs a third of often and little and leaves the processors to the other threads.
const REST: u32 = 100;

/// The longest rest: a crash loses what came after.
const MAX_REST: Duration = Duration::from_secs(1);

/// How long the end of the program waits for a trace that cannot be written.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A trace that is being recorded.
pub struct Trace {
    path: PathBuf,
    recorder: Arc<Recorder>,
    writer: JoinHandle<io::Result<()>>,
    /// Disconnected when the trace-writer has ended.
    ended: Receiver<Infallible>,
}

impl Trace {
    /// Begins to record into this file, which `create` overwrites. The trace-writer calls `prepare` first.
    ///
    /// # Errors
    /// The file cannot be written or no thread be started, in a sentence for the user.
    pub fn start<W: Write + Send + 'static>(
        path: &Path,
        about: About,
        create: impl Fn(&Path) -> io::Result<W> + Send + 'static,
        prepare: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let cannot = |error| Failure::new(format_args!("cannot write the trace {}", path.display()), error);
        let created = create(path).map_err(cannot);
        let file = created.map_err(|failure| failure.hint(NAME_A_FILE))?;
        let mut tracks = Tracks::new(file, Clock::start(), about);
        tracks.begin().and_then(|()| tracks.flush()).map_err(cannot)?;
        let (steps, recorded) = unbounded();
        let (wake, woken) = bounded(1);
        let (running, ended) = bounded(0);
        let recorder = Arc::new(Recorder::new(steps, wake));
        let own = path.to_owned();
        let next = Box::new(move || if is_empty_or_missing(&own) { create(&own).ok() } else { None });
        let writer =
            Writer { recorded, woken, tracks, next, recorder: Arc::clone(&recorder), _running: running };
        let run = move || {
            prepare();
            writer.run()
        };
        let writer = thread::Builder::new().name("trace-writer".to_owned()).spawn(run).map_err(cannot)?;
        Ok(Self { path: path.to_owned(), recorder, writer, ended })
    }

    /// The observer whose steps are recorded.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observe> {
        Arc::clone(&self.recorder) as _
    }

    /// Ends the file and goes on in a new one of the same name, if somebody has moved it and a new one can be created.
    pub fn reopener(&self) -> impl Fn() + Send + 'static {
        let recorder = Arc::clone(&self.recorder);
        move || recorder.reopen()
    }

    /// Ends the trace. Threads that still run are marked as left behind.
    ///
    /// # Errors
    /// Something is missing in the file, in a sentence for the user.
    pub fn end(self) -> Result<(), Failure> {
        let path = self.path.display();
        let cannot =
            |error: &dyn Display| Err(Failure::new(format_args!("cannot write the trace {path}"), error));
        self.recorder.end();
        if self.ended.recv_timeout(END_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            return cannot(&format_args!("the write takes more than {} s", END_TIMEOUT.as_secs()));
        }
        match self.writer.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return cannot(&error),
            Err(_) => return cannot(&"its thread has panicked"),
        }
        match self.recorder.lost() {
            0 => Ok(()),
            lost => Err(format!("the trace {path} lacks {lost} steps: there were too many at once").into()),
        }
    }
}

/// Whether nothing is lost if this file is overwritten. A trace is never empty.
fn is_empty_or_missing(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// The trace-writer.
struct Writer<W> {
    recorded: Receiver<Record>,
    woken: Receiver<()>,
    tracks: Tracks<W>,
    /// Creates the next file, or says to go on in this one.
    next: Box<dyn Fn() -> Option<W> + Send>,
    recorder: Arc<Recorder>,
    /// Dropped when the thread ends.
    _running: Sender<Infallible>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) -> io::Result<()> {
        let mut rest = WRITE_EVERY;
        loop {
            let _ = self.woken.recv_timeout(rest);
            let is_last = self.recorder.has_ended();
            let reopens = self.recorder.takes_reopening();
            let began = Instant::now();
            // Not more than there are now: others come meanwhile.
            for record in self.recorded.try_iter().take(CAPACITY) {
                self.tracks.add(record)?;
            }
            if is_last {
                return self.tracks.end(self.recorder.lost());
            }
            if reopens && let Some(next) = (self.next)() {
                self.tracks.go_on_in(next, self.recorder.lost())?;
            }
            self.tracks.write_open(WRITE_EVERY)?;
            self.tracks.flush()?;
            rest = (REST * began.elapsed()).clamp(WRITE_EVERY, MAX_REST);
        }
    }
}
