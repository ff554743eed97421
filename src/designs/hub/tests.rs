//! Encrypted hubs in both designs: real sockets, and clients that are channels in the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::designs::environment::Environment;
use crate::designs::{Design, Task};
use crate::observe::Observer;
use crate::platform::Signals;
use crate::rules::address::Address;
use crate::rules::exit::Exit;
use crate::rules::hub::{AdmissionPolicy, Settings};
use crate::rules::secure::{
    Channel, ChannelError, Code, Demand, How, Identity, Known, Peer, Security, Trust, WORDS_FOR_A_HUB,
};
use crate::rules::settings::Verbosity;
use ring::rand::SystemRandom;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody was shown.
#[derive(Clone, Default)]
struct Shown(Arc<(Mutex<String>, Condvar)>);

impl Shown {
    fn of(pipe: PipeReader) -> Self {
        let shown = Self::default();
        let to = shown.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                to.add(&format!("{}\n", String::from_utf8_lossy(&line)));
            }
        });
        shown
    }

    fn add(&self, text: &str) {
        self.0.0.lock().unwrap().push_str(text);
        self.0.1.notify_all();
    }

    /// Waits for it.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        let shown = self.0.0.lock().unwrap();
        let is_missing = |shown: &mut String| !shown.contains(text);
        let (shown, result) = self.0.1.wait_timeout_while(shown, PATIENCE, is_missing).unwrap();
        assert!(!result.timed_out(), "no {text:?} in {:?}", *shown);
        shown.clone()
    }
}

/// A hub in this process.
struct Hub {
    address: SocketAddr,
    identity: Identity,
    code: Option<Code>,
    keyboard: PipeWriter,
    screen: Shown,
    notices: Shown,
    remembered: Shown,
    thread: JoinHandle<Exit>,
}

impl Hub {
    fn start(design: Design, demand: Demand, identity: Identity) -> Self {
        let (typed, keyboard) = pipe().unwrap();
        let ((shown, screen), (noticed, notices)) = (pipe().unwrap(), pipe().unwrap());
        let remembered = Shown::default();
        let to = remembered.clone();
        let security = Security {
            identity: identity.clone(),
            known: Known::default(),
            file: "FILE".to_owned(),
            demand,
            server: None,
            time: (Instant::now(), SystemTime::now()),
        };
        let code = security.code();
        let environment = Environment {
            keyboard: Some(Box::new(typed)),
            keyboard_is_terminal: true,
            close_keyboard: None,
            screen: Box::new(screen),
            terminal: None,
            notices: Some(Box::new(notices)),
            transcript: None,
            reopen_trace: None,
            security: Some(security),
            remember: Some(Box::new(move |line| {
                to.add(line);
                Ok(())
            })),
            verbosity: Verbosity::Normal,
            observer: Observer::default(),
            signals: Signals::none(),
        };
        let settings = Settings {
            operator: true,
            max_line: 65536,
            history: 20,
            rate: None,
            outbox: 1 << 20,
            stall: Duration::from_secs(5),
            motd: Vec::new(),
            admission: AdmissionPolicy::default(),
            transcribed: false,
        };
        let task = Task::hub(&"127.0.0.1:0".parse::<Address>().unwrap(), Vec::new(), None, settings).unwrap();
        let Task::Hub { listeners, .. } = &task else { unreachable!() };
        let address = listeners[0].local_addr().unwrap();
        let thread = thread::spawn(move || design.run(task, environment).unwrap());
        let (screen, notices) = (Shown::of(shown), Shown::of(noticed));
        Self { address, identity, code, keyboard, screen, notices, remembered, thread }
    }

    fn with_code(design: Design) -> Self {
        Self::start(design, Demand::Code(Some(code())), Identity::generate().unwrap().0)
    }

    fn types(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn connects(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Somebody calls who trusts like this.
    fn calls(&self, identity: &Identity, trust: Trust) -> Result<Client, ChannelError> {
        Client::call(self.connects(), identity, trust)
    }

    /// Somebody joins with the code.
    fn joins(&self, name: &str) -> Client {
        let trust = Trust { code: self.code.clone(), ..Trust::default() };
        let mut client = self.calls(&Identity::generate().unwrap().0, trust).unwrap();
        client.says(&format!("/name {name}"));
        client.hears(&format!("you are now {name}"));
        client
    }

    /// It would wait for members who do not close.
    fn ends(mut self) {
        self.types("88");
        assert_eq!(self.thread.join().unwrap(), Exit::Success);
    }
}

fn code() -> Code {
    Code::generate(WORDS_FOR_A_HUB, &SystemRandom::new()).unwrap()
}

/// A client that decrypts by itself.
struct Client {
    channel: Channel,
    socket: TcpStream,
    peer: Option<Peer>,
    plaintext: Vec<u8>,
    is_closed: bool,
}

impl Client {
    fn call(socket: TcpStream, identity: &Identity, trust: Trust) -> Result<Self, ChannelError> {
        let channel = Channel::calling(identity, trust, SystemTime::now()).unwrap();
        let mut client = Self { channel, socket, peer: None, plaintext: Vec::new(), is_closed: false };
        client.flush();
        while client.peer.is_none() {
            if !client.reads()? {
                return Err(client.channel.cut_off());
            }
        }
        Ok(client)
    }

    fn flush(&mut self) {
        let mut output = Vec::new();
        self.channel.take_output(&mut output);
        // The hub may have closed.
        let _ = self.socket.write_all(&output);
    }

    /// False at the end of the stream.
    fn reads(&mut self) -> Result<bool, ChannelError> {
        let mut ciphertext = [0; 16 * 1024];
        let bytes = match self.socket.read(&mut ciphertext) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error} after {:?}", self.text()),
        };
        let received = self.channel.receive(&ciphertext[..bytes], &mut self.plaintext);
        self.flush();
        let received = received?;
        self.is_closed |= received.is_closed;
        self.peer = self.peer.take().or(received.opened);
        Ok(bytes > 0)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.plaintext).into_owned()
    }

    fn sends(&mut self, plaintext: &[u8]) {
        let mut ciphertext = Vec::new();
        assert_eq!(self.channel.send(plaintext, &mut ciphertext), plaintext.len());
        self.socket.write_all(&ciphertext).unwrap();
    }

    fn says(&mut self, line: &str) {
        self.sends(format!("{line}\n").as_bytes());
    }

    /// Reads until this was sent, and returns what was sent up to its line's end.
    #[track_caller]
    fn hears(&mut self, text: &str) -> String {
        loop {
            let heard = self.text();
            if let Some(start) = heard.find(text)
                && let Some(end) = heard[start..].find('\n')
            {
                return String::from_utf8(self.plaintext.drain(..=start + end).collect()).unwrap();
            }
            assert!(self.reads().unwrap(), "no {text:?} in {heard:?}");
        }
    }

    /// Reads to the end of the stream, and returns what was sent.
    fn hears_the_rest(&mut self) -> String {
        while self.reads().unwrap() {}
        self.text()
    }
}

/// Everything that a connection sends, to its end.
fn all_of(mut socket: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn designs() -> Vec<Design> {
    [Design::Threads, Design::Select]
        .into_iter()
        .filter(|design| design.check_is_available().is_ok())
        .collect()
}

/// At the same time: much of it is waiting.
fn in_each_design(test: impl Fn(Design) + Sync) {
    thread::scope(|scope| {
        for design in designs() {
            scope.spawn({
                let test = &test;
                move || test(design)
            });
        }
    });
}

#[test]
fn who_has_the_code_joins_and_needs_none_the_next_time() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        hub.notices.shows("the code for clients: ");
        let (identity, _) = Identity::generate().unwrap();
        let mut ann = hub.calls(&identity, Trust { code: hub.code.clone(), ..Trust::default() }).unwrap();
        assert_eq!(ann.peer.as_ref().unwrap().how, How::Code);
        ann.hears("welcome to lobby, user1;");
        assert_eq!(hub.remembered.shows("\n"), format!("caller {}\n", identity.fingerprint()));
        let known =
            || Trust { known: Arc::new(HashSet::from([hub.identity.fingerprint()])), ..Trust::default() };
        let mut again = hub.calls(&identity, known()).unwrap();
        again.says("/who");
        let who = again.hears("in lobby: ");
        assert!(who.contains("user2 (encrypted: known), user1 (encrypted: code), @operator"), "{who}");
        again.says("hello");
        ann.hears("<user2> hello");
        // `/quit` is answered by 88, close_notify, and the end.
        again.says("/quit");
        let rest = again.hears_the_rest();
        assert!(rest.ends_with("88") && again.is_closed, "{rest:?}");
        ann.hears("* user2 left");
        let stranger = hub.calls(&Identity::generate().unwrap().0, known());
        assert_eq!(stranger.err(), Some(ChannelError::CodeAsked));
        hub.notices.shows("was not admitted: ");
        drop(ann);
        hub.ends();
    });
}

#[test]
fn without_the_code_nobody_joins_and_after_five_wrong_ones_not_with_it_either() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        let (identity, _) = Identity::generate().unwrap();
        for _ in 0..5 {
            let wrong = hub.calls(&identity, Trust { code: Some(code()), ..Trust::default() });
            assert_eq!(wrong.err(), Some(ChannelError::WrongCode));
        }
        hub.notices.shows("the code was wrong");
        // The last wrong one is counted by now, or soon.
        let right = || hub.calls(&identity, Trust { code: hub.code.clone(), ..Trust::default() });
        let begin = Instant::now();
        while right().is_ok() {
            assert!(begin.elapsed() < PATIENCE);
        }
        hub.ends();
    });
}

#[test]
fn a_new_code_keeps_the_old_one_out_and_members_in() {
    in_each_design(|design| {
        let mut hub = Hub::with_code(design);
        let mut ann = hub.joins("ann");
        hub.types("/code new");
        let shown = hub.screen.shows("the new code: ");
        let new = shown.split("the new code: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
        let old = Trust { code: hub.code.clone(), ..Trust::default() };
        assert_eq!(hub.calls(&Identity::generate().unwrap().0, old).err(), Some(ChannelError::WrongCode));
        hub.code = Some(Code::parse(&new).unwrap());
        let mut bob = hub.joins("bob");
        bob.says("hello");
        ann.hears("<bob> hello");
        drop((ann, bob));
        hub.ends();
    });
}

#[test]
fn what_does_not_encrypt_is_answered_in_its_own_words() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        for (sent, answer) in [
            ("hello\n", "This is threadchat, encrypted."),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ] {
            let mut socket = hub.connects();
            socket.write_all(sent.as_bytes()).unwrap();
            let answered = all_of(socket);
            assert!(answered.starts_with(answer), "{answered:?}");
        }
        hub.notices.shows("speaks in clear text, but this port is encrypted");
        hub.ends();
    });
}

#[test]
fn half_open_callers_disturb_nobody_and_are_disconnected() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        let silent: Vec<_> = (0..20).map(|_| hub.connects()).collect();
        let mut hello = Vec::new();
        let trust = Trust { code: hub.code.clone(), ..Trust::default() };
        let mut channel =
            Channel::calling(&Identity::generate().unwrap().0, trust, SystemTime::now()).unwrap();
        channel.take_output(&mut hello);
        let mut half = hub.connects();
        half.write_all(&hello[..hello.len() / 2]).unwrap();
        let mut ann = hub.joins("ann");
        ann.says("/who");
        assert!(ann.hears("in lobby: ").contains("2 are in lobby: ann (encrypted: code), @operator\n"));
        for socket in silent.into_iter().chain([half]) {
            assert_eq!(all_of(socket), "");
        }
        hub.notices.shows("did not show in time who it is");
        ann.says("/help");
        ann.hears("list who is in this room");
        drop(ann);
        hub.ends();
    });
}

#[test]
fn garbage_and_a_cut_end_a_member_and_nobody_else() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        let (mut ann, mut bob, mut eve) = (hub.joins("ann"), hub.joins("bob"), hub.joins("eve"));
        eve.says("last");
        eve.socket.write_all(b"\x17\x03\x03\x00\x20garbage that is no record at all").unwrap();
        ann.hears("<eve> last");
        ann.hears("* eve lost the connection: what came is not what the other side encrypted");
        // No close_notify.
        bob.says("more");
        bob.socket.shutdown(Shutdown::Write).unwrap();
        ann.hears("<bob> more");
        ann.hears("* bob left without 88");
        bob.hears_the_rest();
        // Where only a writer can write, it may be gone before the end of a member that was cut.
        assert!(bob.is_closed || cfg!(not(nonblocking_send)));
        drop((ann, bob, eve));
        hub.ends();
    });
}

#[test]
fn a_goodbye_is_answered_by_the_end_of_the_channel_and_so_is_the_end_of_the_hub() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        let (mut ann, mut bob) = (hub.joins("ann"), hub.joins("bob"));
        bob.says("88");
        bob.hears_the_rest();
        assert!(bob.is_closed);
        drop(bob);
        ann.hears("* bob left");
        let reader = thread::spawn(move || (ann.hears_the_rest(), ann.is_closed));
        hub.ends();
        let (rest, is_closed) = reader.join().unwrap();
        assert!(rest.ends_with("88") && is_closed, "{rest:?}");
    });
}

#[test]
fn who_reads_slowly_gets_every_line_in_order() {
    in_each_design(|design| {
        let hub = Hub::with_code(design);
        let (mut ann, mut bob) = (hub.joins("ann"), hub.joins("bob"));
        let lines = 60_000;
        let speaker = thread::spawn(move || {
            let text: String = (0..lines).map(|number| format!("line {number:060}\n")).collect();
            bob.sends(text.as_bytes());
            bob.says("88");
            bob.hears_the_rest();
        });
        // More than the system holds for it is waiting then.
        thread::sleep(Duration::from_millis(300));
        let mut numbers = Vec::new();
        while numbers.len() < lines {
            let text = ann.hears("<bob> line ");
            numbers.extend(
                text.lines().filter_map(|line| line.split("<bob> line ").nth(1)?.parse::<usize>().ok()),
            );
        }
        assert!(numbers.iter().copied().eq(0..lines));
        speaker.join().unwrap();
        drop(ann);
        hub.ends();
    });
}

#[cfg(unix)]
#[test]
fn openssl_chats_in_a_hub_with_a_certificate() {
    use crate::rules::secure::Unknown;
    use std::process::{Command, Stdio};
    in_each_design(|design| {
        let hub = Hub::start(design, Demand::Nothing, Identity::generate().unwrap().0);
        hub.notices.shows("encrypted; clients need no code");
        let mut openssl = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &hub.address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut to = openssl.stdin.take().unwrap();
        let mut from = BufReader::new(openssl.stdout.take().unwrap()).lines();
        let mut hears = |text: &str| while !from.next().unwrap().unwrap().contains(text) {};
        hears("welcome to lobby, user1;");
        let trust = Trust { unknown: Unknown::FirstUse, ..Trust::default() };
        let mut ann = hub.calls(&Identity::generate().unwrap().0, trust).unwrap();
        ann.says("hello");
        hears("<user2> hello");
        to.write_all(b"hi\n").unwrap();
        ann.hears("<user1> hi");
        to.write_all(b"88\n").unwrap();
        ann.hears("* user1 left");
        openssl.wait().unwrap();
        drop(ann);
        hub.ends();
    });
}

/// Figures, not a test: `cargo test --release --lib figures -- --ignored --nocapture`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "it measures"]
#[allow(clippy::print_stderr, reason = "it measures")]
fn figures_of_encrypted_hubs() {
    use crate::rules::secure::Unknown;
    use std::process::{Command, Stdio};
    fn kib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }
    /// How long it takes until 50 have what one says.
    fn seconds(bytes_of_line: usize, call: impl Fn() -> Client) -> f64 {
        const LINES: usize = 100_000;
        let text = format!("{:063}\n", 7).repeat(LINES);
        let readers: Vec<_> = (0..50)
            .map(|_| {
                let Client { mut socket, channel, .. } = call();
                // What comes is counted and not decrypted, so that the clients do not take the processor from the hub.
                drop(channel);
                thread::spawn(move || {
                    let (mut all, mut bytes) = (0, vec![0; 256 * 1024]);
                    while all < LINES * bytes_of_line {
                        all += socket.read(&mut bytes).unwrap();
                    }
                })
            })
            .collect();
        let mut speaker = call();
        thread::sleep(Duration::from_secs(2));
        let begin = Instant::now();
        let mut voice = speaker.socket.try_clone().unwrap();
        let mut ciphertext = Vec::new();
        assert_eq!(speaker.channel.send(text.as_bytes(), &mut ciphertext), text.len());
        voice.write_all(&ciphertext).unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        begin.elapsed().as_secs_f64()
    }
    crate::platform::raise_descriptor_limit();
    let identity = Identity::generate().unwrap().0;
    let trust = || Trust { unknown: Unknown::FirstUse, ..Trust::default() };
    for design in designs() {
        let hub = Hub::start(design, Demand::FirstUse, identity.clone());
        let before = kib();
        let idle: Vec<_> = (0..1000).map(|_| hub.calls(&identity, trust()).unwrap().socket).collect();
        thread::sleep(Duration::from_secs(3));
        eprintln!(
            "{}: {} KiB for each of 1000 idle clients",
            design.name(),
            (kib() - before) as f64 / 1000.0
        );
        drop(idle);
        hub.ends();
        let hub = Hub::start(design, Demand::FirstUse, identity.clone());
        eprintln!(
            "{}: {:.2} s",
            design.name(),
            seconds(64 + "[Mon Nov  9 06:18:34 2026] <user51> ".len(), || hub
                .calls(&identity, trust())
                .unwrap())
        );
        hub.ends();
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut ncat = Command::new("ncat")
        .args(["--ssl", "--broker", "-l", "127.0.0.1", &port.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(1));
    let call = || {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        Client::call(socket, &identity, trust()).unwrap()
    };
    eprintln!("ncat: {:.2} s", seconds(64, call));
    ncat.kill().unwrap();
    ncat.wait().unwrap();
}
