//! The hubs, their transcripts, and the Redis server between them.

use super::subject::Subject;
use crate::common::{Program, free_port, threadchat_after, wait_until};
use fastrand::Rng;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

#[cfg(feature = "link")]
pub type Redis = crate::common::redis::Redis;

/// Without links there is none.
#[cfg(not(feature = "link"))]
pub enum Redis {}

/// The port where a hub listens whenever it runs, and what runs there.
pub struct Place {
    pub number: usize,
    pub port: u16,
    pub hub: Option<Hub>,
    /// What has ended there.
    pub past: Vec<Life>,
}

pub struct Hub {
    program: Program,
    began: Instant,
    transcript: Transcript,
    has_operator: bool,
    may_not_record: bool,
}

/// What a hub recorded, from its start to its end.
pub struct Life {
    pub place: usize,
    pub began: Instant,
    pub transcript: Vec<u8>,
    /// More happened than the transcript says.
    pub is_cut_short: bool,
    /// What it told its operator.
    pub notices: String,
}

enum Transcript {
    File(PathBuf),
    /// It takes what the test reads of it.
    Pipe {
        path: PathBuf,
        pipe: File,
        read: Vec<u8>,
        is_slow: bool,
    },
}

impl Place {
    pub fn new(number: usize) -> Self {
        Self { number, port: free_port(), hub: None, past: Vec::new() }
    }

    /// Starts a hub. It may not be linked yet.
    pub fn starts(
        &mut self,
        subject: Subject,
        stall: &str,
        redis: Option<&Redis>,
        folder: &Path,
        rng: &mut Rng,
    ) {
        let path = folder.join(format!("transcript-{}-{}", self.number, self.past.len()));
        let may_not_record = subject.may_not_record();
        let path = if subject.has_full_disk { folder.join("disk").join("transcript") } else { path };
        let is_pipe = !may_not_record && rng.bool();
        let transcript = if is_pipe { Transcript::pipe(&path) } else { Transcript::File(path.clone()) };
        let port = self.port.to_string();
        let mut args = vec!["hub", &port, "--design", subject.design, "--transcript", path.to_str().unwrap()];
        args.extend(["--outbox", "65536", "--stall", stall]);
        args.extend(subject.encryption("hub"));
        let link = link(redis, self.number);
        args.extend(link.iter().map(String::as_str));
        let has_operator = rng.bool();
        if !has_operator {
            args.push("--no-operator");
        }
        let mut command = threadchat_after(subject.first, &args);
        command.stdin(Stdio::piped()).stdout(File::create("/dev/null").unwrap()).stderr(Stdio::piped());
        let began = Instant::now();
        let (program, _) = Program::spawn(command).with_port();
        self.hub = Some(Hub { program, began, transcript, has_operator, may_not_record });
    }

    pub fn pid(&self) -> Option<u32> {
        self.hub.as_ref().map(|hub| hub.program.id())
    }

    pub fn is_killed(&mut self) {
        if let Some(mut hub) = self.hub.take() {
            hub.program.kill();
            self.ended(hub, true);
        }
    }

    fn ended(&mut self, hub: Hub, was_killed: bool) {
        let (notices, Hub { began, transcript, may_not_record, .. }) = (hub.said(), hub);
        let is_cut_short = was_killed || may_not_record;
        self.past.push(Life {
            place: self.number,
            began,
            transcript: transcript.read(),
            is_cut_short,
            notices,
        });
    }

    /// Ends the hub as somebody would, and checks how it ends.
    pub fn ends(&mut self) -> Result<(), String> {
        let Some(mut hub) = self.hub.take() else { return Ok(()) };
        let expected = if hub.has_operator {
            hub.program.types("88\n");
            0
        } else {
            super::clients::signal(hub.program.id(), rustix::process::Signal::TERM);
            143
        };
        wait_until("the hub ends", || {
            hub.transcript.moves();
            !hub.program.is_running()
        });
        let code = hub.program.status().code();
        let said = hub.program.err.text();
        if code != Some(expected) || said.contains("panicked") {
            return Err(format!("the hub ended with {code:?} instead of {expected}, and said {said}"));
        }
        self.ended(hub, false);
        Ok(())
    }
}

impl Hub {
    /// Takes what it records.
    pub fn moves(&mut self) {
        self.transcript.moves();
    }

    pub fn is_running(&mut self) -> bool {
        self.program.is_running()
    }

    pub fn said(&self) -> String {
        self.program.err.text()
    }

    /// Its disk takes little, or as much as it gets.
    pub fn has_slow_disk(&mut self, is: bool) {
        if let Transcript::Pipe { is_slow, .. } = &mut self.transcript {
            *is_slow = is;
        }
    }
}

impl Transcript {
    fn pipe(path: &Path) -> Self {
        assert!(Command::new("mkfifo").args(["-m", "666"]).arg(path).status().unwrap().success());
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let pipe = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        Self::Pipe { path: path.to_owned(), pipe: pipe.into(), read: Vec::new(), is_slow: false }
    }

    fn moves(&mut self) {
        let Self::Pipe { pipe, read, is_slow, .. } = self else { return };
        let mut bytes = [0; 64 * 1024];
        let length = if *is_slow { 64 } else { bytes.len() };
        while let Ok(count @ 1..) = pipe.read(&mut bytes[..length]) {
            read.extend(&bytes[..count]);
            if *is_slow {
                return;
            }
        }
    }

    /// All of it. The hub has ended.
    fn read(mut self) -> Vec<u8> {
        if let Self::Pipe { is_slow, .. } = &mut self {
            *is_slow = false;
        }
        self.moves();
        match self {
            Self::File(path) => std::fs::read(path).unwrap(),
            Self::Pipe { path, read, .. } => {
                // For those who want to know what went wrong.
                std::fs::remove_file(&path).unwrap();
                std::fs::write(path, &read).unwrap();
                read
            }
        }
    }
}

#[cfg(feature = "link")]
pub fn redis() -> Redis {
    Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
}

#[cfg(feature = "link")]
fn link(redis: Option<&Redis>, number: usize) -> Vec<String> {
    let Some(redis) = redis else { return Vec::new() };
    let name = ["west", "east"][number];
    ["--link", &redis.url("test"), "--name-of-hub", name].map(str::to_owned).to_vec()
}

#[cfg(not(feature = "link"))]
fn link(_: Option<&Redis>, _: usize) -> Vec<String> {
    Vec::new()
}
