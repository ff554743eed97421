//! What happens in a run, and what must be true of it in every schedule.

use crate::endpoint::{self, CHUNK, Desk, Ended, Endpoint, Gated, Kind, connect, said, serve, spawn};
use crate::gate::Gate;
use crate::random::Random;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use threadchat::rules::exit::Exit;
use threadchat::rules::signal::Signal;

const SIGTERM: Exit = Exit::Signal(Signal { name: "SIGTERM", number: 15 });

/// More than all buffers between a keyboard and a screen take, or a peer, that is stuck.
const FLOOD: usize = 2 * 1024 * 1024;

/// The length of each of its lines.
const LINE: usize = 8 * 1024;

/// The buffer for what a stuck endpoint or peer receives.
const RECEIVES: usize = 16 * 1024;

/// A kind of run, how often in a hundred it is chosen, and what starts it. The slow ones are rare.
pub(crate) const CASES: [(&str, u64, Start); 6] = [
    ("talk", 52, talk),
    ("signal", 28, signal),
    ("hub", 7, hub),
    ("stuck screen", 5, stuck_screen),
    ("stuck peer", 5, stuck_peer),
    ("turned-away caller", 3, turned_away),
];

/// Starts a run.
pub(crate) type Start = fn(&Gate, &mut Random) -> Run;

/// A run that has begun.
pub(crate) struct Run {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) people: Vec<JoinHandle<()>>,
    /// Checks what must be true at the end.
    pub(crate) check: Box<dyn FnOnce(Vec<Ended>)>,
}

/// What a person does: says `says` lines, and leaves after hearing a number of lines of each other person.
#[derive(Clone, Copy)]
struct Part {
    says: usize,
    hears: usize,
    says_88: bool,
}

/// It hears everybody out.
const ALL: usize = usize::MAX;

impl Part {
    fn random(random: &mut Random) -> Self {
        // Before somebody who has not heard a line says 88, the program makes a pause: that is the rare and slow way.
        let is_quiet = random.one_in(16);
        let says = if is_quiet { 0 } else { 1 + random.below(4) as usize };
        let hears = if random.one_in(16) { 0 } else { [1, ALL][random.below(2) as usize] };
        // If both end their inputs without a line, both listen for ever.
        Self { says, hears, says_88: is_quiet || !random.one_in(4) }
    }

    fn all(self) -> Self {
        Self { hears: ALL, ..self }
    }

    /// A person plays this part; each of the others says the given number of lines.
    fn play(self, desk: &Desk, name: &str, others: impl IntoIterator<Item = (&'static str, usize)>) {
        for number in 1..=self.says {
            desk.types(&format!("{name}-{number}\n"));
        }
        desk.waits_for(others.into_iter().map(|(other, says)| (other, says.min(self.hears))));
        self.leave(desk);
    }

    fn leave(self, desk: &Desk) {
        // Before, it would be no goodbye to anybody.
        desk.waits_for_connection();
        if self.says_88 { desk.types("88\n") } else { desk.ends_input() }
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Two endpoints, A which serves and B which connects to it.
fn pair(gate: &Gate, kinds: [Kind; 2], is_slow: bool) -> ([Endpoint; 2], SocketAddr) {
    let ((listener, address), [a, b]) = (listen(), kinds);
    if is_slow {
        // Those who call get the same.
        socket2::SockRef::from(&listener).set_recv_buffer_size(RECEIVES).unwrap();
    }
    let a = Endpoint::start(gate, "A", a, is_slow, serve(a.settings(), listener));
    let b = Endpoint::start(gate, "B", b, false, connect(b.settings(), address));
    ([a, b], address)
}

/// Calls with a socket that receives little.
fn call(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVES)?;
    socket.connect(&address.into()).map(|()| socket.into())
}

fn numbered(name: &str, lines: usize) -> Vec<String> {
    (1..=lines).map(|number| format!("{name}-{number}")).collect()
}

/// What is shown of what `from` said is its beginning, in order, and so the transcripts have it. How many lines that are.
fn check_order(from: &Ended, lines: usize, at: &Ended) -> usize {
    let (said, shown) = (numbered(from.name, lines), at.shown());
    assert!(said.starts_with(&shown), "{} said {said:?}, but {} saw {shown:?}", from.name, at.name);
    if let Some(recorded) = at.transcribed("received") {
        assert_eq!(recorded, shown, "received by {}", at.name);
    }
    if let Some(recorded) = from.transcribed("sent") {
        let is_told = from.is_told("may be missing") || from.is_told("delivered");
        // The other system has taken the call and the lines, and its program has ended before it accepted the call.
        let was_there = at.is_told("connected");
        let is_more = (is_told || !was_there) && recorded.starts_with(&shown);
        assert!(recorded == shown || is_more, "sent by {}: {recorded:?}", from.name);
    }
    shown.len()
}

/// All of it is shown, unless the other side may leave early. Then a script knows, if anything was read of its input; a person at
/// a terminal sees who said 88.
fn check_heard(from: &Ended, lines: usize, at: &Ended, may_leave: bool) {
    let shown = check_order(from, lines, at);
    let is_told = ["the rest was not sent", "was cut short"].into_iter().any(|text| from.is_told(text));
    let may_miss = may_leave && (is_told || from.kind.at_terminal || shown == 0);
    assert!(shown == lines || may_miss, "{} saw {shown} lines", at.name);
}

/// It ended well. Only an input that was not sent to its end is a failure; where the other side has left, only if lines of it were
/// read already.
fn check_success(endpoint: &Ended) {
    let is_told = |what| !endpoint.kind.at_terminal && endpoint.is_told(what);
    match (is_told("the rest was not sent"), is_told("was cut short")) {
        (true, _) => assert_eq!(endpoint.exit, Exit::Failed),
        (false, true) => assert!(matches!(endpoint.exit, Exit::Failed | Exit::Success)),
        (false, false) => assert_eq!(endpoint.exit, Exit::Success),
    }
}

/// Two people say some lines each, and leave when they like.
fn talk(gate: &Gate, random: &mut Random) -> Run {
    let ([a, b], _) = pair(gate, [0; 2].map(|_| Kind::random(random)), false);
    let parts = [0; 2].map(|_| Part::random(random));
    let people = plays(&a, &b, parts);
    let check = move |ended: Vec<Ended>| {
        let [a, b] = both(ended);
        check_heard(&a, parts[0].says, &b, parts[1].hears < ALL);
        check_heard(&b, parts[1].says, &a, parts[0].hears < ALL);
        check_success(&a);
        check_success(&b);
    };
    Run { endpoints: vec![a, b], people, check: Box::new(check) }
}

fn plays(a: &Endpoint, b: &Endpoint, parts: [Part; 2]) -> Vec<JoinHandle<()>> {
    let play = |endpoint: &Endpoint, other: &Endpoint, part: Part, heard| {
        let (desk, name, other) = (endpoint.desk.clone(), endpoint.name, other.name);
        spawn(&format!("user of {name}"), move || part.play(&desk, name, [(other, heard)]))
    };
    vec![play(a, b, parts[0], parts[1].says), play(b, a, parts[1], parts[0].says)]
}

fn both(ended: Vec<Ended>) -> [Ended; 2] {
    ended.try_into().unwrap_or_else(|_| unreachable!("there are two"))
}

/// A signal ends one of them at some time. What has been read from its keyboard still arrives.
fn signal(gate: &Gate, random: &mut Random) -> Run {
    let mut kinds = [0; 2].map(|_| Kind::random(random));
    let hit = random.below(2) as usize;
    kinds[hit].catches_signals = true;
    let ([a, b], _) = pair(gate, kinds, false);
    let parts = [0; 2].map(|_| Part::random(random));
    let mut people = plays(&a, &b, parts);
    let (b_desk, gate) = (b.desk.clone(), gate.clone());
    people.push(spawn("killer", move || {
        // Otherwise A waits for the next caller.
        if hit == 1 {
            b_desk.waits_for_connection();
        }
        gate.pass("test", "raises SIGTERM");
        signal_hook::low_level::raise(libc::SIGTERM).unwrap();
    }));
    let check = move |ended: Vec<Ended>| {
        let [a, b] = both(ended);
        check_order(&a, parts[0].says, &b);
        check_order(&b, parts[1].says, &a);
        for (side, endpoint) in [a, b].into_iter().enumerate() {
            let exit = endpoint.exit;
            assert!(side == hit && exit == SIGTERM || exit != SIGTERM, "{side}: {exit:?}");
        }
    };
    Run { endpoints: vec![a, b], people, check: Box::new(check) }
}

/// Lines that are too much for all buffers.
fn flood(name: &str) -> (String, usize) {
    let (padding, lines) = ("x".repeat(LINE), FLOOD / LINE);
    (numbered(name, lines).iter().map(|line| format!("{padding} {line}\n")).collect(), lines)
}

/// B says more than fits anywhere, and A's screen shows it piece by piece, if it does at all before everybody waits for it.
fn stuck_screen(gate: &Gate, random: &mut Random) -> Run {
    let kinds = [Kind::random(random), Kind { at_terminal: false, ..Kind::random(random) }];
    let ([a, b], _) = pair(gate, kinds, true);
    let (text, lines) = flood("B");
    let part = Part::random(random);
    let desk = b.desk.clone();
    let people = vec![spawn("user of B", move || {
        desk.types(&text);
        part.leave(&desk);
    })];
    let check = move |ended: Vec<Ended>| {
        let [a, b] = both(ended);
        check_heard(&b, lines, &a, false);
        check_success(&a);
        check_success(&b);
    };
    Run { endpoints: vec![a, b], people, check: Box::new(check) }
}

/// A says more than fits anywhere to a peer that reads piece by piece, and maybe breaks the connection.
fn stuck_peer(gate: &Gate, random: &mut Random) -> Run {
    let (listener, address) = listen();
    let kind = Kind { at_terminal: false, doubts: 0, ..Kind::random(random) };
    let a = Endpoint::start(gate, "A", kind, false, serve(kind.settings(), listener));
    let (desk, (text, lines)) = (a.desk.clone(), flood("A"));
    let (breaks, reads) = (random.one_in(3), random.below(10) as usize);
    let gate = gate.clone();
    let peer = spawn("peer", move || {
        let mut socket = call(address).unwrap();
        // Otherwise it might be a program that does not tell a goodbye from the line before it, for which it is said again.
        socket.write_all(b"hello\n").unwrap();
        let mut gated = Gated { gate: Some(gate), input: &socket };
        if breaks {
            // So small that the system never has all of it.
            socket2::SockRef::from(&socket).set_recv_buffer_size(1).unwrap();
            (0..reads).for_each(|_| _ = gated.read(&mut [0; CHUNK]).unwrap());
            // Closing with a reset, as a crash does.
            return socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        let heard: Vec<_> = BufReader::with_capacity(CHUNK, gated).lines().map(Result::unwrap).collect();
        assert!(said(&heard).eq(numbered("A", lines)), "not all, or not in order");
        assert_eq!(heard.last().unwrap(), "88");
    });
    let user = spawn("user of A", move || {
        desk.types(&text);
        desk.types("88\n");
    });
    let check = move |ended: Vec<Ended>| {
        for endpoint in ended {
            let recorded = endpoint.transcribed("sent");
            assert!(breaks || recorded.is_none_or(|recorded| recorded == numbered("A", lines)));
            assert_eq!(endpoint.exit, if breaks { Exit::Failed } else { Exit::Success });
        }
    };
    Run { endpoints: vec![a], people: vec![peer, user], check: Box::new(check) }
}

/// Somebody calls A while it talks with B. Maybe they stay until the caller has left.
fn turned_away(gate: &Gate, random: &mut Random) -> Run {
    let ([a, b], address) = pair(gate, [0; 2].map(|_| Kind::random(random)), false);
    let [a_part, b_part] = [0; 2].map(|_| Part::random(random).all());
    let b_part = Part { says: b_part.says + 1, ..b_part };
    let stays = random.one_in(2);
    let (desk, gate) = (a.desk.clone(), gate.clone());
    let caller = spawn("caller", move || {
        // Otherwise it may be the first caller.
        desk.waits_for([("B", 1)]);
        gate.pass("test", "calls");
        let heard = call(address).and_then(|mut socket| {
            socket.write_all(b"hello?\n")?;
            let mut heard = String::new();
            socket.read_to_string(&mut heard).map(|_| heard)
        });
        match heard {
            Ok(heard) => assert!(heard.contains("the line is busy") && heard.ends_with("\n88"), "{heard:?}"),
            // A does not listen any more.
            Err(error) => assert!(!stays, "{error}"),
        }
    });
    let (a_desk, b_desk) = (a.desk.clone(), b.desk.clone());
    let people = vec![
        spawn("user of A", move || {
            if stays {
                caller.join().unwrap();
                a_part.play(&a_desk, "A", [("B", b_part.says)]);
            } else {
                a_part.play(&a_desk, "A", [("B", b_part.says)]);
                caller.join().unwrap();
            }
        }),
        // B waits for a line of A's.
        spawn("user of B", move || b_part.play(&b_desk, "B", [("A", a_part.says)])),
    ];
    let check = move |ended: Vec<Ended>| {
        let [a, b] = both(ended);
        check_heard(&a, a_part.says, &b, false);
        check_heard(&b, b_part.says, &a, false);
        check_success(&a);
        check_success(&b);
    };
    Run { endpoints: vec![a, b], people, check: Box::new(check) }
}

/// Three people in a hub, who stay until they have heard all others. Then the operator ends it, maybe before they have left.
fn hub(gate: &Gate, random: &mut Random) -> Run {
    let names = ["B", "C", "D"];
    let (listener, address) = listen();
    let kind = Kind::random(random);
    let a = Endpoint::start(gate, "A", kind, false, endpoint::hub(kind, listener));
    let parts = names.map(|_| Part::random(random).all());
    let members = names.map(|name| {
        let kind = Kind::random(random);
        Endpoint::start(gate, name, kind, false, connect(kind.settings(), address))
    });
    let says = move |at: &'static str| {
        let all = names.into_iter().zip(parts.map(|part| part.says));
        all.filter(move |(name, _)| *name != at)
    };
    let play = |(member, part): (&Endpoint, Part)| {
        let (desk, name) = (member.desk.clone(), member.name);
        spawn(&format!("user of {name}"), move || part.play(&desk, name, says(name)))
    };
    let mut people: Vec<_> = members.iter().zip(parts).map(play).collect();
    let desks: Vec<_> = [&a].into_iter().chain(&members).map(|at| (at.name, at.desk.clone())).collect();
    people.push(spawn("operator", move || {
        desks.iter().for_each(|(name, desk)| desk.waits_for(says(name)));
        desks[0].1.types("88\n");
    }));
    let check = move |ended: Vec<Ended>| {
        let order = ended[0].shown();
        assert_eq!(order.len(), says("").map(|(_, lines)| lines).sum::<usize>(), "{order:?}");
        for member in &ended[1..] {
            let others = order.iter().filter(|line| !line.starts_with(member.name));
            assert_eq!(member.shown(), others.cloned().collect::<Vec<_>>(), "at {}", member.name);
            // If nobody says anything, the hub may end before somebody calls.
            let is_late = order.is_empty() && member.is_told("the hub is shutting down");
            match is_late {
                true => assert_eq!(member.exit, Exit::Failed),
                false => check_success(member),
            }
        }
        check_success(&ended[0]);
    };
    Run { endpoints: [a].into_iter().chain(members).collect(), people, check: Box::new(check) }
}
