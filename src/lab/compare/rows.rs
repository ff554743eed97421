//! Who is compared: the floor, our designs, and the programs people would use instead; and how each is started.

use super::work::Work;
use crate::designs::Design;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::str::FromStr;

/// One of those that do the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// Bytes moved as simply as can be, for the other figures to be compared to.
    Floor,
    /// One of ours.
    Design(Design),
    /// The same, recording what its threads do.
    Traced(Design),
    /// Somebody else's.
    Peer(Peer),
    /// `ncat` as a hub.
    Broker,
    /// Another hub. It lives as long as the program, so that a row can be copied.
    HubPeer(&'static HubPeer),
}

/// A program to talk TCP with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Ncat,
    Nc,
    Socat,
}

/// Somebody's hub: a name, and how to start it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPeer {
    name: String,
    /// Whether the first line of each client is its name.
    asks_for_names: bool,
    /// Words in which `{port}` and `{addr}` stand for where it is to listen.
    command: String,
}

impl FromStr for HubPeer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("it must be NAME=COMMAND or NAME,names=COMMAND")?;
        let (name, asks_for_names) = name.strip_suffix(",names").map_or((name, false), |name| (name, true));
        if name.is_empty() || command.trim().is_empty() {
            return Err("it must have a name and a command");
        }
        if !command.contains("{port}") && !command.contains("{addr}") {
            return Err("the command must have {port} or {addr} in it, where it is told its port");
        }
        Ok(Self { name: name.to_owned(), asks_for_names, command: command.to_owned() })
    }
}

pub(super) const PEERS: [Peer; 3] = [Peer::Ncat, Peer::Nc, Peer::Socat];

impl Row {
    /// As it is called everywhere.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Design(Design::Threads) => "threads",
            Self::Design(Design::Select) => "select",
            Self::Design(Design::HalfDuplex) => "half-duplex",
            Self::Traced(Design::Threads) => "threads, traced",
            Self::Traced(Design::Select) => "select, traced",
            Self::Traced(Design::HalfDuplex) => "half-duplex, traced",
            Self::Peer(Peer::Ncat) => "ncat",
            Self::Peer(Peer::Nc) => "nc",
            Self::Peer(Peer::Socat) => "socat",
            Self::Broker => "ncat --broker",
            Self::HubPeer(peer) => &peer.name,
        }
    }

    /// One of ours, and how it is started: on which side it is, its command, and further words.
    fn ours(self, side: &str, command: &str) -> Option<Vec<OsString>> {
        let (Self::Design(design) | Self::Traced(design)) = self else { return None };
        let mut words = words_of(&format!("{{}} {command} -q --design {}", design.name()));
        if let Self::Traced(_) = self {
            words.extend(["--trace".into(), trace_file(side).into()]);
        }
        Some(words)
    }

    /// Whether it is a design of ours.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Self::Design(_) | Self::Traced(_))
    }

    /// How many lines of code of ours do this work. (A hub has a folder of its own in that of its design.)
    pub(super) fn lines_of_code(self, work: Work) -> Option<u32> {
        let counted = match self {
            Self::Design(Design::Threads) if work == Work::Hub => env!("THREADCHAT_LINES_THREADS_HUB"),
            Self::Design(Design::Select) if work == Work::Hub => env!("THREADCHAT_LINES_SELECT_HUB"),
            Self::Floor => env!("THREADCHAT_LINES_FLOOR"),
            Self::Design(Design::Threads) => env!("THREADCHAT_LINES_THREADS"),
            Self::Design(Design::Select) => env!("THREADCHAT_LINES_SELECT"),
            Self::Design(Design::HalfDuplex) => env!("THREADCHAT_LINES_HALF_DUPLEX"),
            // The trace is no part of a design.
            Self::Traced(design) => return Self::Design(design).lines_of_code(work),
            Self::Peer(_) | Self::Broker | Self::HubPeer(_) => return None,
        };
        counted.parse().ok().filter(|&lines| lines > 0)
    }

    /// Whether it is compared at this work: people would use the one peer for two, and the other for many.
    pub(super) fn is_for(self, work: Work) -> bool {
        match self {
            Self::Peer(_) | Self::Floor => work != Work::Hub,
            Self::Broker | Self::HubPeer(_) => work == Work::Hub,
            Self::Design(_) | Self::Traced(_) => true,
        }
    }

    /// Why it cannot do this work.
    pub(super) fn cannot(self, work: Work) -> Option<&'static str> {
        let in_turns = matches!(work, Work::Latency | Work::Goodbye);
        match self {
            Self::Design(Design::HalfDuplex) | Self::Traced(Design::HalfDuplex) if !in_turns => {
                Some("not possible in turns")
            }
            Self::Design(Design::Select) | Self::Traced(Design::Select) if cfg!(not(poll)) => {
                Some("not possible here")
            }
            Self::Peer(peer) => peer.missing(),
            Self::Broker => Peer::Ncat.missing(),
            _ => None,
        }
    }

    /// How many bytes it shows before each line.
    pub(super) fn stamp(self) -> usize {
        match self {
            _ if self.is_ours() => crate::rules::wire::STAMP_LEN,
            _ => 0,
        }
    }

    /// Whether it says on which free port it listens. If not, it has to be given one.
    pub(super) fn tells_its_port(self) -> bool {
        self == Self::Floor || self.is_ours()
    }

    /// How to start the side of two that listens, for one conversation or for many, one after the other.
    pub(super) fn listener(self, port: u16, once: bool) -> Vec<OsString> {
        let ours = if once { "serve 0 --once" } else { "serve 0" };
        if let Some(words) = self.ours("listener", ours) {
            return words;
        }
        let words = match (self, once) {
            (Self::Floor, true) => "{} compare-child serve --once".to_owned(),
            (Self::Floor, false) => "{} compare-child serve".to_owned(),
            (Self::Peer(Peer::Ncat), true) => format!("ncat -l 127.0.0.1 {port}"),
            (Self::Peer(Peer::Ncat), false) => format!("ncat -l -k 127.0.0.1 {port}"),
            (Self::Peer(Peer::Nc), true) => format!("nc -N -l 127.0.0.1 {port}"),
            (Self::Peer(Peer::Nc), false) => format!("nc -N -l -k 127.0.0.1 {port}"),
            (Self::Peer(Peer::Socat), true) => format!("socat - TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"),
            // In both directions it would wait for half a second after each.
            (Self::Peer(Peer::Socat), false) => {
                format!("socat -u TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork -")
            }
            _ => return Vec::new(),
        };
        words_of(&words)
    }

    /// How to start a hub.
    pub(super) fn hub(self, port: u16) -> Vec<OsString> {
        if let Some(words) = self.ours("hub", &format!("hub 127.0.0.1:{port} --no-operator")) {
            return words;
        }
        words_of(&match self {
            Self::Broker => format!("ncat -l --broker -m 2000 127.0.0.1 {port}"),
            Self::HubPeer(peer) => peer
                .command
                .replace("{port}", &port.to_string())
                .replace("{addr}", &format!("127.0.0.1:{port}")),
            _ => return Vec::new(),
        })
    }

    /// Whether the first line that a client says to its hub has to be a name.
    pub(super) fn asks_for_names(self) -> bool {
        matches!(self, Self::HubPeer(peer) if peer.asks_for_names)
    }

    /// How to start the side that calls.
    pub(super) fn caller(self, port: u16) -> Vec<OsString> {
        if let Some(words) = self.ours("caller", &format!("connect 127.0.0.1:{port}")) {
            return words;
        }
        words_of(&match self {
            Self::Floor => format!("{{}} compare-child connect 127.0.0.1:{port}"),
            Self::Peer(Peer::Ncat) => format!("ncat 127.0.0.1 {port}"),
            Self::Peer(Peer::Nc) => format!("nc -N 127.0.0.1 {port}"),
            Self::Peer(Peer::Socat) => format!("socat - TCP:127.0.0.1:{port}"),
            _ => return Vec::new(),
        })
    }
}

/// Where a side records its trace, which nobody reads.
fn trace_file(side: &str) -> PathBuf {
    env::temp_dir().join(format!("threadchat-compare-{}-{side}.json", process::id()))
}

/// Removes the traces. They are there only if some were recorded.
pub(super) fn remove_traces() {
    for side in ["listener", "caller", "hub"] {
        let _ = fs::remove_file(trace_file(side));
    }
}

/// The words of a command line, in which `{}` stands for this program.
pub(super) fn words_of(line: &str) -> Vec<OsString> {
    let this = || env::current_exe().unwrap_or_else(|_| PathBuf::from("threadchat")).into();
    line.split_whitespace().map(|word| if word == "{}" { this() } else { word.into() }).collect()
}

impl Peer {
    /// Why it cannot be used here.
    fn missing(self) -> Option<&'static str> {
        let name = Row::Peer(self).name();
        if !is_installed(name) {
            return Some("not installed");
        }
        (self == Self::Nc && !is_openbsd_nc()).then_some("not OpenBSD's nc")
    }
}

/// Whether the shell would find it.
pub(super) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).any(|folder| folder.join(&file).is_file())
}

/// There are several programs of that name; only this one can half-close (`-N`) and is told how to listen like this.
fn is_openbsd_nc() -> bool {
    let output = Command::new("nc").arg("-h").stdin(Stdio::null()).output();
    output.is_ok_and(|output| [output.stdout, output.stderr].concat().starts_with(b"OpenBSD netcat"))
}
