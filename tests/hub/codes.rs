//! Attacks on the way into an encrypted hub: wrong codes, and callers who never finish. A quick version of each runs with the
//! other tests; the full ones are ignored by default and print figures:
//! `cargo test --release --test hub_threads -- --ignored codes:: --test-threads 1 --nocapture`.

use super::*;
use crate::common::user::User;
use crate::hub::load::crowd::may_have_many_descriptors;
use ring::rand::SystemRandom;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use threadchat::rules::secure::{Channel, ChannelError, Code, Identity, Trust, WORDS_FOR_A_HUB};

/// How much memory an attack may take, in bytes.
const MAX_MEMORY: usize = 64 << 20;

/// How many places there are for callers who have not shown who they are, and some more for what ends them.
const MAX_PLACES: usize = 256 + 64;

/// How late a line may be, while other tests run.
const LATE: Duration = Duration::from_secs(3);

/// A hub with two members who chat all the time.
struct Chat {
    hub: Program,
    port: u16,
    code: String,
    alice: Program,
    bob: Program,
    known: User,
    threads: usize,
    descriptors: usize,
    memory: usize,
    lines: usize,
    latest: Duration,
    most_descriptors: usize,
}

impl Chat {
    fn begins() -> Self {
        may_have_many_descriptors();
        let host = User::new();
        let (hub, port) = serve_with(host.command(&["hub", "0", "--secure"]));
        let said = hub.err.wait_for("the code for clients: ");
        let code = said
            .split("the code for clients: ")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned();
        let (alice, known) = (User::new(), User::new());
        let [alice, bob] = [&alice, &known].map(|user| calls(user, port, Some(&code)));
        for member in [&alice, &bob] {
            member.out.wait_for("welcome to lobby");
        }
        let (threads, descriptors) = (hub.threads().len(), hub.descriptors());
        let memory = hub.resident_memory();
        hub.forget_peak_memory();
        let mut chat = Self {
            hub,
            port,
            code,
            alice,
            bob,
            known,
            threads,
            descriptors,
            memory,
            lines: 0,
            latest: Duration::ZERO,
            most_descriptors: descriptors,
        };
        // Who has not spoken yet may hear the others a moment later.
        (0..2).for_each(|_| chat.goes_on());
        chat.latest = Duration::ZERO;
        chat
    }

    /// One says a line to the other.
    fn goes_on(&mut self) {
        let (speaker, listener) = match self.lines % 2 {
            0 => (&mut self.alice, &self.bob),
            _ => (&mut self.bob, &self.alice),
        };
        let (began, line) = (Instant::now(), format!("line {} of us", self.lines));
        speaker.types(format!("{line}\n"));
        listener.out.wait_for(&line);
        self.latest = self.latest.max(began.elapsed());
        self.lines += 1;
        self.most_descriptors = self.most_descriptors.max(self.hub.descriptors());
    }

    /// The hub is as it was before.
    fn ends_unharmed(mut self, what: &str) {
        wait_until("threads and descriptors are back", || {
            self.hub.threads().len() <= self.threads && self.hub.descriptors() <= self.descriptors
        });
        let memory = self.hub.peak_memory();
        eprintln!(
            "{}: {what}; {} lines, the latest after {:.0?}; at most {} more descriptors and {:.1} MiB more",
            crate::DESIGN,
            self.lines,
            self.latest,
            self.most_descriptors - self.descriptors,
            memory.saturating_sub(self.memory) as f64 / f64::from(1 << 20),
        );
        assert!(self.latest <= LATE, "a line after {:?}", self.latest);
        assert!(memory <= self.memory + MAX_MEMORY, "{} bytes before, {memory} after", self.memory);
        let most = self.descriptors + MAX_PLACES;
        assert!(self.most_descriptors <= most, "{} descriptors", self.most_descriptors);
        for member in [&mut self.alice, &mut self.bob] {
            member.types("88\n");
            member.exits(0);
        }
    }
}

/// A `connect` of this user, who knows the hub if there is no code.
fn calls(user: &User, port: u16, code: Option<&str>) -> Program {
    let mut command = user.command(&["connect", &format!("127.0.0.1:{port}"), "--reconnect=never"]);
    command.envs(code.map(|code| (CODE_VARIABLE, code)));
    Program::start(command)
}

/// Calls from there, and tries the code until the channel opens or fails.
fn tries(from: [u8; 4], port: u16, identity: &Identity, code: Code) -> Result<(), ChannelError> {
    let trust = Trust { code: Some(code), ..Trust::default() };
    let mut channel = Channel::calling(identity, trust, SystemTime::now()).unwrap();
    let Ok(mut socket) = try_call_from(from, port, None) else { return Err(ChannelError::EndedEarly) };
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut output, mut plaintext, mut bytes) = (Vec::new(), Vec::new(), [0; 4096]);
    loop {
        channel.take_output(&mut output);
        // The hub may have closed.
        let _ = socket.write_all(&output);
        output.clear();
        let read = socket.read(&mut bytes).unwrap_or(0);
        if read == 0 {
            return Err(channel.cut_off());
        }
        if channel.receive(&bytes[..read], &mut plaintext)?.opened.is_some() {
            return Ok(());
        }
    }
}

/// How many try codes at the same time.
const WORKERS: usize = 8;

/// From how many addresses wrong codes come.
const ADDRESSES: usize = 50_000;

/// Sets this at its end, also if the test fails: others wait for it.
struct Sets<'a>(&'a AtomicBool);

impl Drop for Sets<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wrong_codes(in_a_second: u32, lasts: Duration) {
    let mut chat = Chat::begins();
    let port = chat.port;
    let (is_over, tried, wrong) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let (identity, random) = (Identity::generate().unwrap().0, SystemRandom::new());
                while !is_over.load(Ordering::Relaxed) {
                    let number = tried.fetch_add(1, Ordering::Relaxed);
                    let due = began + Duration::from_secs_f64(number as f64 / f64::from(in_a_second));
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let [.., high, low] = (number % ADDRESSES).to_be_bytes();
                    let code = Code::generate(WORDS_FOR_A_HUB, &random).unwrap();
                    let outcome = tries([127, 3, high, low], port, &identity, code);
                    assert!(outcome.is_err());
                    wrong.fetch_add(usize::from(outcome == Err(ChannelError::WrongCode)), Ordering::Relaxed);
                }
            });
        }
        let end = Sets(&is_over);
        while began.elapsed() < lasts {
            chat.goes_on();
            thread::sleep(Duration::from_millis(50));
        }
        chat.hub.err.wait_for("too many wrong codes: for a minute from the first of them");
        // Who is known needs no code, and a stranger is told the truth.
        let mut again = calls(&chat.known, port, None);
        again.out.wait_for("welcome to lobby");
        again.types("88\n");
        again.exits(0);
        let newcomer = User::new();
        let mut stranger = calls(&newcomer, port, Some(&chat.code));
        stranger.exits(1);
        let said = stranger.err.text();
        assert!(
            said.contains("the other side accepts no code at the moment, because there was a wrong one"),
            "{said}"
        );
        chat.goes_on();
        drop(end);
    });
    let (tried, wrong) = (tried.into_inner(), wrong.into_inner());
    let rate = tried as f64 / began.elapsed().as_secs_f64();
    // 60 in a minute, and those who were on their way.
    assert!(
        (60..60 + 8 + 60 * began.elapsed().as_secs() as usize / 60).contains(&wrong),
        "{wrong} codes were tried"
    );
    chat.ends_unharmed(&format!("{tried} wrong codes, {rate:.0} a second, of which {wrong} were looked at"));
}

#[test]
fn wrong_codes_from_many_addresses_disturb_nobody() {
    wrong_codes(200, Duration::from_secs(2));
}

#[test]
#[ignore = "load"]
fn a_thousand_wrong_codes_a_second_disturb_nobody() {
    wrong_codes(1000, Duration::from_secs(30));
}

/// This many call at once, send half of what opens a channel, and wait.
fn silent_callers(count: usize) {
    let mut chat = Chat::begins();
    let mut hello = Vec::new();
    let trust = Trust { code: Code::generate(WORDS_FOR_A_HUB, &SystemRandom::new()), ..Trust::default() };
    let identity = Identity::generate().unwrap().0;
    Channel::calling(&identity, trust, SystemTime::now()).unwrap().take_output(&mut hello);
    hello.truncate(hello.len() / 2);
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = Vec::with_capacity(count);
    for number in 0..count {
        let [.., high, low] = (number / 20).to_be_bytes();
        let mut socket = call_from([127, 4, high, low], chat.port, None);
        // One that was refused may be closed.
        let _ = socket.write_all(&hello);
        silent.push(socket);
        if number % 100 == 0 {
            chat.goes_on();
        }
    }
    let called = began.elapsed();
    // Someone with the code gets in as soon as places are free.
    let code = Code::parse(&chat.code).unwrap();
    wait_until("the right code gets in", || {
        chat.goes_on();
        match tries([127, 0, 0, 1], chat.port, &identity, code.clone()) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, ChannelError::Busy);
                false
            }
        }
    });
    let joined = began.elapsed() - called;
    // The hub ends all of them, who still hold their ends.
    let what = format!("{count} silent callers in {called:.1?}; the right code got in {joined:.1?} later");
    chat.ends_unharmed(&what);
}

#[test]
fn more_silent_callers_than_there_are_places_disturb_nobody() {
    silent_callers(600);
}

#[test]
#[ignore = "load"]
fn ten_thousand_silent_callers_disturb_nobody() {
    silent_callers(10_000);
}
