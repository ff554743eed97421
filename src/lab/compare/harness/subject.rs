//! Who is measured: the baseline, our designs, and the programs people would use instead; and how to start each.

use super::redis::Fsync;
use crate::designs::Design;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Baseline,
    Design(Design),
    /// A design that records a trace.
    Traced(Design),
    /// A hub of a design while somebody views it on its page `/live`.
    Viewed(Design),
    /// A design that encrypts, with a certificate.
    Secure(Design),
    /// A design that asks each caller for a code.
    WithCode(Design),
    /// Hubs of a design that are one, on a Redis server.
    Linked(Design, Fsync),
    /// A hub of a design, with browsers.
    Web(Design),
    Peer(Peer),
    ChatPeer(ChatPeer),
    /// `ncat` as a hub, and the baseline of hubs.
    Broker,
    /// The same, encrypted.
    SecureBroker,
    HubPeer(HubPeer),
}

/// A program that moves lines over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Ncat,
    Nc,
    Socat,
    NcatSsl,
    SocatOpenssl,
}

pub(crate) const PEERS: [Peer; 3] = [Peer::Ncat, Peer::Nc, Peer::Socat];
/// Those that encrypt.
pub(crate) const SECURE_PEERS: [Peer; 2] = [Peer::NcatSsl, Peer::SocatOpenssl];

const NCAT_SSL: &str = "--ssl --ssl-cert {cert} --ssl-key {key}";
/// The clients of the comparison show no certificate.
const SOCAT_OPENSSL: &str = "cert={cert},key={key},verify=0";

/// The folder of the Redis server.
pub(super) const REDIS: &str = "redis";
const REDIS_SOCKET: &str = "redis/socket";
/// The tickets of hubs that let browsers in.
pub(super) const TICKETS: &str = "tickets";
const NO_REDIS: &str = "needs redis-server: apt-get install redis-server";

/// A program that the user names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    /// Words in which `{port}` and `{addr}` stand for where it listens.
    command: String,
}

impl Named {
    fn new(name: &str, command: &str) -> Result<Self, &'static str> {
        if name.is_empty() || command.trim().is_empty() {
            return Err("it must have a name and a command");
        }
        if !command.contains("{port}") && !command.contains("{addr}") {
            return Err("the command must contain {port} or {addr}, the port or address to listen on");
        }
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }

    fn command(&self, port: u16) -> String {
        let address = format!("127.0.0.1:{port}");
        self.command.replace("{port}", &port.to_string()).replace("{addr}", &address)
    }
}

/// Another program for two people, both sides of which have the same command but for the word `{side}`: `serve` or `connect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPeer(Named);

impl FromStr for ChatPeer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("it must be NAME=COMMAND")?;
        let program = Named::new(name, command)?;
        if !program.command.contains("{side}") {
            return Err("the command must contain {side}, which is serve or connect");
        }
        Ok(Self(program))
    }
}

impl ChatPeer {
    fn command(&self, side: &str, port: u16) -> String {
        self.0.command(port).replace("{side}", side)
    }
}

/// Another hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPeer {
    program: Named,
    /// Whether it takes the first line of each client for its name.
    asks_for_names: bool,
}

impl FromStr for HubPeer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("it must be NAME=COMMAND or NAME,names=COMMAND")?;
        let (name, asks_for_names) = name.strip_suffix(",names").map_or((name, false), |name| (name, true));
        Ok(Self { program: Named::new(name, command)?, asks_for_names })
    }
}

impl Subject {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Baseline => "floor".to_owned(),
            Self::Design(design) => design.name(),
            Self::Traced(design) => format!("{}, traced", design.name()),
            Self::Viewed(design) => format!("{}, viewed", design.name()),
            Self::Secure(design) => format!("{} --secure", design.name()),
            Self::WithCode(design) => format!("{} --code", design.name()),
            Self::Linked(design, Fsync::EverySecond) => format!("{} --link", design.name()),
            Self::Linked(design, Fsync::Always) => format!("{} --link, always", design.name()),
            Self::Web(design) => format!("{} --web", design.name()),
            Self::Peer(peer) => peer.name().to_owned(),
            Self::Broker => "ncat --broker".to_owned(),
            Self::SecureBroker => "ncat --ssl --broker".to_owned(),
            Self::ChatPeer(peer) => peer.0.name.clone(),
            Self::HubPeer(peer) => peer.program.name.clone(),
        }
    }

    /// The design, if the subject is one of ours.
    pub(crate) fn design(&self) -> Option<Design> {
        match self {
            Self::Design(design)
            | Self::Traced(design)
            | Self::Viewed(design)
            | Self::Secure(design)
            | Self::WithCode(design)
            | Self::Linked(design, _)
            | Self::Web(design) => Some(*design),
            _ => None,
        }
    }

    /// Whether those who call it must speak TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        match self {
            Self::Secure(_) | Self::WithCode(_) | Self::SecureBroker => true,
            Self::Peer(peer) => SECURE_PEERS.contains(peer),
            _ => false,
        }
    }

    /// The lines of code of its own folder, which the build script counts. The hub of a design has a folder of its own.
    pub(crate) fn lines_of_code(&self, as_hub: bool) -> Option<u32> {
        let lines = match (self, self.design()) {
            (Self::Baseline, _) => env!("THREADCHAT_LINES_FLOOR"),
            (_, Some(Design::Threads)) if as_hub => env!("THREADCHAT_LINES_THREADS_HUB"),
            (_, Some(Design::Select)) if as_hub => env!("THREADCHAT_LINES_SELECT_HUB"),
            (_, Some(Design::Threads)) => env!("THREADCHAT_LINES_THREADS"),
            (_, Some(Design::Select)) => env!("THREADCHAT_LINES_SELECT"),
            (_, Some(Design::HalfDuplex)) => env!("THREADCHAT_LINES_HALF_DUPLEX"),
            _ => return None,
        };
        lines.parse().ok().filter(|&lines| lines > 0)
    }

    /// Why the subject cannot run here.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        match self {
            _ if self.design() == Some(Design::Select) && cfg!(not(poll)) => Some("not possible here"),
            Self::Peer(peer) => peer.missing(),
            Self::Broker | Self::SecureBroker => Peer::Ncat.missing(),
            Self::Viewed(_) if cfg!(not(feature = "web")) => Some("not in this build"),
            Self::Linked(..) if cfg!(not(unix)) => Some("not possible here"),
            Self::Linked(..) if !is_installed("redis-server") => Some(NO_REDIS),
            _ => None,
        }
    }

    /// Whether the ratios of another subject are to this one.
    pub(crate) fn is_baseline_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Design(one), Self::Linked(other, _) | Self::Web(other)) => one == other,
            (Self::Baseline | Self::Broker, _) => self != other,
            _ => false,
        }
    }

    /// The length of the stamp it shows before each line; 0 if it shows none.
    pub(super) fn stamp(&self) -> usize {
        self.design().map_or(0, |_| crate::rules::wire::STAMP_LEN)
    }

    /// Whether it chooses a free port and prints it. If not, we choose one for it.
    pub(super) fn prints_its_port(&self) -> bool {
        *self == Self::Baseline || self.design().is_some()
    }

    /// Whether a hub takes the first line of each client for its name.
    pub(crate) fn asks_for_names(&self) -> bool {
        matches!(self, Self::HubPeer(peer) if peer.asks_for_names)
    }

    /// The command of the listening side, for one conversation or for one after the other.
    pub(crate) fn listener(&self, port: u16, once: bool) -> Vec<OsString> {
        let words = match (self, once) {
            (Self::Baseline, true) => "{} compare-child serve --once".to_owned(),
            (Self::Baseline, false) => "{} compare-child serve".to_owned(),
            (Self::Peer(Peer::Ncat), true) => format!("ncat -l 127.0.0.1 {port}"),
            (Self::Peer(Peer::Ncat), false) => format!("ncat -l -k 127.0.0.1 {port}"),
            (Self::Peer(Peer::Nc), true) => format!("nc -N -l 127.0.0.1 {port}"),
            (Self::Peer(Peer::Nc), false) => format!("nc -N -l -k 127.0.0.1 {port}"),
            (Self::Peer(Peer::Socat), true) => format!("socat - TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"),
            // Without -u, socat waits for half a second after each conversation.
            (Self::Peer(Peer::Socat), false) => {
                format!("socat -u TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork -")
            }
            (Self::Peer(Peer::NcatSsl), true) => format!("ncat -l {NCAT_SSL} 127.0.0.1 {port}"),
            (Self::Peer(Peer::NcatSsl), false) => format!("ncat -l -k {NCAT_SSL} 127.0.0.1 {port}"),
            (Self::Peer(Peer::SocatOpenssl), true) => {
                format!("socat - OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,{SOCAT_OPENSSL}")
            }
            (Self::Peer(Peer::SocatOpenssl), false) => {
                format!("socat -u OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,{SOCAT_OPENSSL} -")
            }
            (Self::ChatPeer(peer), _) => peer.command("serve", port),
            _ => {
                return self
                    .ours("listener", if once { "serve 127.0.0.1:0 --once" } else { "serve 127.0.0.1:0" });
            }
        };
        words_of(&words)
    }

    /// The command of the calling side.
    pub(super) fn caller(&self, port: u16) -> Vec<OsString> {
        words_of(&match self {
            Self::Baseline => format!("{{}} compare-child connect 127.0.0.1:{port}"),
            Self::Peer(Peer::Ncat) => format!("ncat 127.0.0.1 {port}"),
            Self::Peer(Peer::Nc) => format!("nc -N 127.0.0.1 {port}"),
            Self::Peer(Peer::Socat) => format!("socat - TCP:127.0.0.1:{port}"),
            Self::Peer(Peer::NcatSsl) => format!("ncat --ssl 127.0.0.1 {port}"),
            Self::Peer(Peer::SocatOpenssl) => format!("socat - OPENSSL:127.0.0.1:{port},verify=0"),
            Self::ChatPeer(peer) => peer.command("connect", port),
            _ => return self.ours("caller", &format!("connect 127.0.0.1:{port}")),
        })
    }

    /// The command of a hub.
    pub(crate) fn hub(&self, port: u16) -> Vec<OsString> {
        let address = format!("127.0.0.1:{port}");
        words_of(&match self {
            Self::Broker => format!("ncat -l --broker -m 2000 127.0.0.1 {port}"),
            Self::SecureBroker => format!("ncat -l --broker -m 2000 {NCAT_SSL} 127.0.0.1 {port}"),
            Self::HubPeer(peer) => peer.program.command(port),
            _ => return self.ours("hub", &format!("hub {address} --no-operator")),
        })
    }

    /// The command of a design; empty if it is none.
    fn ours(&self, side: &str, command: &str) -> Vec<OsString> {
        let Some(design) = self.design() else { return Vec::new() };
        let mut words = words_of(&format!("{{}} {command} -q --design {}", design.name()));
        match self {
            Self::Traced(_) => words.extend(["--trace".into(), trace_file(side).into()]),
            Self::Viewed(_) => words.extend(words_of("--web 127.0.0.1:0 --web-tickets {tickets}")),
            Self::Secure(_) if side == "caller" => words.extend(words_of("--ca {cert}")),
            Self::Secure(_) => words.extend(words_of("--cert {cert} --key {key}")),
            Self::WithCode(_) => words.push("--secure".into()),
            Self::Linked(..) => words.extend(words_of("--link unix:{redis}?name=compare")),
            _ => {}
        }
        words
    }
}

fn trace_file(side: &str) -> PathBuf {
    env::temp_dir().join(format!("threadchat-compare-{}-{side}.json", process::id()))
}

/// The folder of this comparison, which is also where its children find their configuration: with the certificate and the key
/// of all encrypted subjects, with the folder of a Redis server, and with the tickets of browsers. It is there only if
/// something needs it.
pub(crate) fn folder() -> PathBuf {
    env::temp_dir().join(format!("threadchat-compare-{}", process::id()))
}

/// Removes keys, traces and what Redis has saved, if there is any. Nobody reads them: what counts is the time it takes to record them.
pub(crate) fn remove_files() {
    let _ = fs::remove_dir_all(folder());
    for side in ["listener", "caller", "hub"] {
        let _ = fs::remove_file(trace_file(side));
    }
}

/// The words of a command line, in which `{}` stands for this program, and `{cert}`, `{key}`, `{tickets}` and
/// `{redis}`, a socket, for files of the comparison.
pub(crate) fn words_of(line: &str) -> Vec<OsString> {
    let this = || env::current_exe().unwrap_or_else(|_| PathBuf::from("threadchat")).into();
    let with_files = |word: &str| {
        let file = |name| folder().join(name).display().to_string();
        let word = word.replace("{cert}", &file("cert")).replace("{key}", &file("key"));
        let word = word.replace("{tickets}", &file(TICKETS));
        word.replace("{redis}", &file(REDIS_SOCKET)).into()
    };
    line.split_whitespace().map(|word| if word == "{}" { this() } else { with_files(word) }).collect()
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Ncat => "ncat",
            Self::Nc => "nc",
            Self::Socat => "socat",
            Self::NcatSsl => "ncat --ssl",
            Self::SocatOpenssl => "socat OPENSSL",
        }
    }

    fn missing(self) -> Option<&'static str> {
        let program = self.name().split(' ').next().unwrap_or_default();
        if !is_installed(program) {
            return Some("not installed");
        }
        (self == Self::Nc && !is_openbsd_nc()).then_some("not OpenBSD's nc")
    }
}

/// Whether the shell would find the program.
pub(super) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).any(|folder| folder.join(&file).is_file())
}

/// Several programs have this name; only OpenBSD's can half-close (`-N`) and takes these arguments.
fn is_openbsd_nc() -> bool {
    let output = Command::new("nc").arg("-h").stdin(Stdio::null()).output();
    output.is_ok_and(|output| [output.stdout, output.stderr].concat().starts_with(b"OpenBSD netcat"))
}
