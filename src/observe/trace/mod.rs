//! `--trace FILE`: records what each thread does and when, in Chrome's Trace Event Format (`docs/trace.md`).
//!
//! 1. `mod.rs`: the threads hand each step, with its time, to the trace-writer, and never wait for it.
//! 2. `lanes.rs`: steps become slices on the lane of their thread, and messages become arrows between slices.
//! 3. `event.rs`: one line of the file.

mod event;
mod lanes;

use crate::observe::{Observe, Step, current_thread, current_thread_name};
use crate::platform;
use crate::rules::failure::Failure;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use lanes::Lanes;
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many steps wait to be written. What does not find room is counted and not recorded: a disk that is slow must not
/// slow down the chat. The channel has no bound of its own, because then it takes its memory, all of it, in turn, which
/// drives what the threads work with out of the caches; so as many more may get in as threads record at the same moment.
const STEPS: usize = 32 * 1024;

/// How soon steps are written, and that much is lost in a crash. To wake the writer for each would cost the thread that
/// is watched a system call.
const WRITE_EVERY: Duration = Duration::from_millis(10);

/// So many times as long as it has written the writer rests, unless half of the room is taken. Where much happens it
/// writes seldom and much, which costs a third of often and little, and leaves the processors to the others.
const REST: u32 = 100;

/// But no longer than this: a crash loses what came after.
const REST_AT_MOST: Duration = Duration::from_secs(1);

/// How long the end of the program waits for a trace that cannot be written.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The threads that a message passes, in this order. All others are helpers.
pub(crate) const WAY: [&str; 7] = [
    "stdin-reader",
    "socket-reader",
    "client-reader",
    "main",
    "socket-writer",
    "client-writer",
    "screen-writer",
];

/// A trace that is being recorded.
pub struct Trace {
    path: PathBuf,
    recorder: Arc<Recorder>,
    writer: JoinHandle<io::Result<()>>,
    ended: Receiver<Infallible>,
}

/// What is recorded of a process.
#[derive(Debug, Clone)]
pub struct About {
    /// `serve`, `connect` or `hub`.
    pub command: &'static str,
    /// How it waits.
    pub design: String,
}

struct Recorder {
    steps: Sender<Record>,
    lost: AtomicU64,
    /// Wakes the writer.
    wake: Sender<()>,
    /// The writer is to write what is there, and to end.
    ends: AtomicBool,
}

/// What the trace-writer is told.
enum Record {
    /// A thread has this name.
    Name { thread: u32, name: String },
    /// It does this.
    Step { thread: u32, at: Instant, step: Step },
}

impl Trace {
    /// Begins to record into this file, which is overwritten.
    ///
    /// # Errors
    /// The file cannot be written or no thread be started, in a sentence for the user.
    pub fn start(path: &Path, about: &About) -> Result<Self, Failure> {
        let cannot = |error| Failure::new(format_args!("cannot write the trace {}", path.display()), error);
        let file = File::create(path).map_err(cannot)?;
        let (steps, taken) = unbounded();
        let (wake, woken) = bounded(1);
        let (writing, ended) = bounded(0);
        let recorder =
            Arc::new(Recorder { steps, lost: AtomicU64::new(0), wake, ends: AtomicBool::new(false) });
        let mut writer = Writer {
            steps: taken,
            woken,
            lanes: Lanes::new(file, Clock::start()),
            recorder: Arc::clone(&recorder),
            _writing: writing,
        };
        writer.lanes.begin(about).and_then(|()| writer.lanes.flush()).map_err(cannot)?;
        let writer = thread::Builder::new().name("trace-writer".to_owned()).spawn(move || writer.run());
        let writer = writer.map_err(cannot)?;
        Ok(Self { path: path.to_owned(), recorder, writer, ended })
    }

    /// What is to watch the threads.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observe> {
        Arc::clone(&self.recorder) as _
    }

    /// Ends the trace. Threads that still run are said to be left behind.
    ///
    /// # Errors
    /// Something is missing in the file, in a sentence for the user.
    pub fn end(self) -> Result<(), Failure> {
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::new(format_args!("cannot write the trace {}", self.path.display()), error)
        };
        self.recorder.ends.store(true, Ordering::SeqCst);
        self.recorder.wake();
        if self.ended.recv_timeout(END_WITHIN) == Err(RecvTimeoutError::Timeout) {
            return Err(cannot(&format_args!("it is not taken within {} s", END_WITHIN.as_secs())));
        }
        match self.writer.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(cannot(&error)),
            Err(_) => return Err(cannot(&"its thread has ended")),
        }
        match self.recorder.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => {
                let path = self.path.display();
                Err(format!("the trace {path} lacks {lost} of the steps: there were too many at once").into())
            }
        }
    }
}

impl Recorder {
    fn record(&self, record: Record) {
        let waiting = self.steps.len();
        if waiting < STEPS {
            // Refused if the trace has ended: what is done then is not missing in it.
            let _ = self.steps.send(record);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        if waiting >= STEPS / 2 {
            self.wake();
        }
    }

    fn wake(&self) {
        // Refused if it is being woken already.
        let _ = self.wake.try_send(());
    }
}

impl Observe for Recorder {
    fn emit(&self, step: &Step) {
        let at = Instant::now();
        let thread = current_thread();
        if *step == Step::Starts {
            self.record(Record::Name { thread, name: current_thread_name() });
        }
        self.record(Record::Step { thread, at, step: step.clone() });
    }
}

/// The trace-writer.
struct Writer {
    steps: Receiver<Record>,
    woken: Receiver<()>,
    lanes: Lanes<File>,
    recorder: Arc<Recorder>,
    /// Dropped with the rest: it has ended.
    _writing: Sender<Infallible>,
}

impl Writer {
    fn run(mut self) -> io::Result<()> {
        platform::give_way();
        let mut rest = WRITE_EVERY;
        loop {
            let _ = self.woken.recv_timeout(rest);
            let is_last = self.recorder.ends.load(Ordering::SeqCst);
            let began = Instant::now();
            // Those that are there now: others come meanwhile.
            for record in self.steps.try_iter().take(STEPS) {
                self.lanes.add(record)?;
            }
            if is_last {
                return self.lanes.end(self.recorder.lost.load(Ordering::Relaxed));
            }
            self.lanes.write_open()?;
            self.lanes.flush()?;
            rest = (REST * began.elapsed()).clamp(WRITE_EVERY, REST_AT_MOST);
        }
    }
}

/// The time axis of a trace: it begins with the day on which the trace does (UTC), so that traces of the same day have
/// the same axis and a nanosecond still fits into a number of JSON.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// The same moment on both clocks. Afterwards only the one that never jumps is looked at.
    anchor: Instant,
    since_epoch: Duration,
}

/// How often both clocks are looked at, to take the best.
const LOOKS: usize = 20;

/// In seconds. (A day with a leap second has as many in Unix time.)
const DAY: u64 = 24 * 60 * 60;

impl Clock {
    /// Looks at both clocks. Of several looks the shortest is the best: the least happened between the two.
    fn start() -> Self {
        let look = |_| {
            let before = Instant::now();
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let took = before.elapsed();
            (took, Self { anchor: before + took / 2, since_epoch })
        };
        let looks = (0..LOOKS).map(look).min_by_key(|(took, _)| *took);
        looks.map_or_else(|| look(0).1, |(_, clock)| clock)
    }

    /// The second since 1970 at which the axis begins.
    fn origin(self) -> u64 {
        self.since_epoch.as_secs() / DAY * DAY
    }

    /// In nanoseconds on the axis. Threads may have begun before the trace, not more than the day.
    fn at(self, at: Instant) -> u64 {
        let anchor = self.since_epoch - Duration::from_secs(self.origin());
        let at = match at.checked_duration_since(self.anchor) {
            Some(after) => anchor + after,
            None => anchor.saturating_sub(self.anchor.duration_since(at)),
        };
        u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
    }
}
