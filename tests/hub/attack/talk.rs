//! Lines that somebody says at fixed intervals, and how late each is heard.

use super::attacker::Stage;
use memchr::memmem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// After the last line was due, how long to wait for those that have not been heard.
const PATIENCE: Duration = Duration::from_secs(10);

/// Line `n` is due `n` intervals after the beginning.
pub(super) struct Talk {
    began: Instant,
    every: Duration,
    lines: usize,
    /// What comes before the number of a line where it is heard.
    marker: &'static str,
}

impl Talk {
    pub(super) fn new(stage: &Stage, every: Duration, marker: &'static str) -> Self {
        let lines = (stage.lasts.as_secs_f64() / every.as_secs_f64()) as usize;
        Self { began: stage.began, every, lines, marker }
    }

    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    fn due(&self, n: usize) -> Instant {
        self.began + self.every * u32::try_from(n).unwrap()
    }

    /// Says all lines, each when it is due, or as soon as it is accepted.
    pub(super) fn says(&self, mut voice: impl Write, line: impl Fn(usize) -> String) {
        for n in 0..self.lines {
            thread::sleep(self.due(n).saturating_duration_since(Instant::now()));
            // Lines that were not said count as lost.
            if voice.write_all(line(n).as_bytes()).is_err() {
                return;
            }
        }
    }

    /// Hears the lines in order, and returns how late each was. A line that waits before it is sent is late, too. Reads on
    /// while anything is `missing` in any talk, because who does not read delays the others.
    pub(super) fn is_heard(&self, mut ears: impl Read + AsFd, missing: &AtomicUsize) -> Vec<Duration> {
        let (finder, mut delays, mut next) = (memmem::Finder::new(self.marker), Vec::new(), 0);
        let (mut unheard, mut bytes) = (Vec::new(), vec![0; 256 * 1024]);
        while missing.load(Ordering::Relaxed) > 0 && Instant::now() < self.due(self.lines) + PATIENCE {
            let mut fds = [PollFd::new(&ears, PollFlags::IN)];
            poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 })).unwrap();
            if fds[0].revents().is_empty() {
                continue;
            }
            let Ok(read @ 1..) = ears.read(&mut bytes) else { break };
            unheard.extend_from_slice(&bytes[..read]);
            let end = memchr::memrchr(b'\n', &unheard).map_or(0, |newline| newline + 1);
            for start in finder.find_iter(&unheard[..end]) {
                let number = unheard[start + self.marker.len()..].split(|byte| !byte.is_ascii_digit()).next();
                let number: usize = str::from_utf8(number.unwrap()).unwrap().parse().unwrap();
                assert!(number >= next, "{:?}: {number} after {next}", self.marker);
                next = number + 1;
                delays.push(self.due(number).elapsed());
                missing.fetch_sub(1, Ordering::Relaxed);
            }
            unheard.drain(..end);
        }
        delays
    }
}
