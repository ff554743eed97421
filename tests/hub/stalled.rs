//! Members that do not read: the others lose nothing and do not wait for ever.

use super::*;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A flood is more than the system's buffers for a connection hold: the number of its lines, and the bytes in each.
const LINES: usize = 12_000;
const LINE: usize = 1000;

/// Joins, and reads nothing unless the test does. Its receive buffer is small where that is possible.
fn joins_and_stops_reading(port: u16) -> Client {
    #[cfg(target_os = "linux")]
    let socket = call_from([127, 0, 0, 1], port, Some(4096));
    #[cfg(not(target_os = "linux"))]
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    Client::on(socket).greeted()
}

/// The text of line `n` of a flood.
fn line_of_flood(n: usize) -> String {
    format!("{n:06} {}", filler(LINE - 8))
}

/// Sends all lines of a flood, as fast as they are accepted.
fn floods(mut voice: TcpStream) {
    voice.set_write_timeout(Some(LIMIT)).unwrap();
    for n in 0..LINES {
        voice.write_all(format!("{}\n", line_of_flood(n)).as_bytes()).unwrap();
    }
}

/// Reads all lines of bob's flood, complete and in order, and calls `for_each` after each. Returns the other lines.
fn hears_the_flood(client: &mut Client, mut for_each: impl FnMut(usize)) -> Vec<String> {
    let (mut next, mut others) = (0, Vec::new());
    while next < LINES {
        let line = client.hears_a_line();
        if let Some(text) = line.strip_prefix("<bob> ") {
            assert!(text == line_of_flood(next), "{next} was to come: {text}");
            next += 1;
            for_each(next);
        } else {
            others.push(line);
        }
    }
    others
}

#[test]
fn a_member_who_never_reads_is_disconnected_and_the_others_get_everything() {
    let (hub, port) = hub(&["--stall", "1", "--outbox", "65536"]);
    let [bob, mut alice, mut carol] = ["bob", "alice", "carol"].map(|name| Client::joins_as(port, name));
    let stalled = joins_and_stops_reading(port);
    let name = stalled.name.clone();
    for client in [&mut alice, &mut carol] {
        client.hears(&format!("* {name} joined"));
    }
    thread::scope(|scope| {
        scope.spawn(|| floods(bob.voice()));
        for client in [&mut alice, &mut carol] {
            let stalled = &name;
            scope.spawn(move || {
                let others = hears_the_flood(client, |_| {});
                // The room may have been told whom it waits for.
                let told = format!("* hub: the room waits for {stalled}, who reads slowly");
                assert!(others[..others.len() - 1].iter().all(|line| *line == told), "{others:?}");
                assert!(
                    others[others.len() - 1].starts_with(&format!("* {stalled} {STALLED}")),
                    "{others:?}"
                );
            });
        }
        scope.spawn(|| {
            let announcement = hub.out.wait_for(STALLED);
            assert!(announcement.contains(&format!("* {name} {STALLED}1 s for it\n")));
            // It is told why, if it reads again before it is disconnected.
            let reason = "* hub: you were disconnected: you read too slowly, and the room waited 1 s for you";
            assert_eq!(stalled.hears_the_rest().0.last().unwrap(), reason);
        });
    });
    #[cfg(target_os = "linux")]
    assert!(hub.peak_memory() < 64 << 20, "{} bytes", hub.peak_memory());
    alice.catches_up();
    alice.says("/who");
    let here = present(&alice.heard_so_far()[0]).unwrap();
    assert!(!here.names.contains(&name), "{here:?}");
}

#[test]
fn a_member_who_reads_slowly_stays_and_loses_nothing() {
    /// Bytes per second. The room is held up for longer than `--stall`, but never without progress.
    const RATE: usize = 4_000_000;
    let (hub, port) = hub(&["--stall", "1", "--outbox", "65536"]);
    let [bob, mut alice] = ["bob", "alice"].map(|name| Client::joins_as(port, name));
    let mut slow = Client::joins(port);
    thread::scope(|scope| {
        scope.spawn(|| floods(bob.voice()));
        scope.spawn(|| hears_the_flood(&mut alice, |_| {}));
        let began = Instant::now();
        hears_the_flood(&mut slow, |count| {
            let due = Duration::from_secs_f64((count * (LINE + 33)) as f64 / RATE as f64);
            let early = due.saturating_sub(began.elapsed());
            if early > Duration::from_millis(5) {
                thread::sleep(early);
            }
        });
    });
    slow.says("I have it all");
    alice.hears(&format!("<{}> I have it all", slow.name));
    assert!(!hub.out.text().contains(STALLED));
}

/// A room that is held up: bob floods it, alice reads, and a third member does not.
struct HeldUp {
    hub: Program,
    bob: Client,
    stalled: Client,
    /// A member in another room.
    tea: [Client; 2],
    alice: thread::JoinHandle<Vec<String>>,
    flood: thread::JoinHandle<()>,
}

/// `alice` is what alice does, counting the lines she reads.
fn held_up(alice: impl FnOnce(Client, &AtomicUsize) -> Vec<String> + Send + 'static) -> HeldUp {
    let (hub, port) = hub(&["--stall", "300", "--outbox", "65536"]);
    let (bob, reader) = (Client::joins_as(port, "bob"), Client::joins(port));
    let mut tea = [Client::joins(port), Client::joins(port)];
    for client in &mut tea {
        client.says("/join tea");
        client.catches_up();
    }
    tea[0].catches_up();
    let stalled = joins_and_stops_reading(port);
    let heard = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&heard);
    let alice = thread::spawn(move || alice(reader, &count));
    let mut voice = bob.voice();
    let flood = thread::spawn(move || {
        let lines: String = (0..LINES).map(|n| format!("{}\n", line_of_flood(n))).collect();
        // Not everything is accepted if the hub ends.
        let _ = voice.write_all(lines.as_bytes());
    });
    let heard = wait_until_stable("the room is held up", || heard.load(Ordering::Relaxed));
    assert!(heard < LINES, "nobody had to wait");
    HeldUp { hub, bob, stalled, tea, alice, flood }
}

#[test]
fn the_operator_can_kick_a_member_who_holds_the_room_up() {
    let mut room = held_up(|mut alice, heard| {
        hears_the_flood(&mut alice, |count| heard.store(count, Ordering::Relaxed))
    });
    let began = Instant::now();
    room.hub.types("/who\n");
    room.hub.out.wait_for("4 are in lobby: ");
    room.hub.types(format!("/kick {}\n", room.stalled.name));
    let others = room.alice.join().unwrap();
    assert!(others.contains(&format!("* {} was kicked", room.stalled.name)), "{others:?}");
    // And long before the 300 s are over.
    assert!(began.elapsed() < LIMIT / 2, "{:?}", began.elapsed());
    room.flood.join().unwrap();
    #[cfg(target_os = "linux")]
    assert!(room.hub.peak_memory() < 64 << 20, "{} bytes", room.hub.peak_memory());
    drop((room.bob, room.stalled, room.tea));
}

#[test]
fn a_room_resumes_when_the_member_who_held_it_up_leaves() {
    let room = held_up(|mut alice, heard| {
        hears_the_flood(&mut alice, |count| heard.store(count, Ordering::Relaxed))
    });
    let announcement = format!("* {} lost the connection: ", room.stalled.name);
    room.stalled.resets();
    let others = room.alice.join().unwrap();
    assert!(others.iter().any(|line| line.starts_with(&announcement)), "{others:?}");
    room.flood.join().unwrap();
    drop((room.hub, room.bob));
}

#[test]
fn a_member_who_holds_the_room_up_does_not_hold_up_the_end_of_the_hub() {
    let mut room = held_up(|mut alice, heard| {
        while alice.stamped_line().is_some() {
            heard.fetch_add(1, Ordering::Relaxed);
        }
        Vec::new()
    });
    let began = Instant::now();
    room.hub.types("88\n");
    room.hub.status();
    assert!(began.elapsed() < LIMIT / 2, "{:?}", began.elapsed());
    room.alice.join().unwrap();
    room.flood.join().unwrap();
    drop((room.bob, room.stalled, room.tea));
}

#[test]
fn another_room_does_not_wait() {
    let room = held_up(|mut alice, heard| {
        hears_the_flood(&mut alice, |count| heard.store(count, Ordering::Relaxed))
    });
    let [mut one, mut other] = room.tea;
    one.says("it is quiet here");
    other.hears_next(&format!("<{}> it is quiet here", one.name));
    other.is_answered("/rooms", "2 rooms: lobby (4), tea (2)");
    room.stalled.resets();
    room.alice.join().unwrap();
    room.flood.join().unwrap();
    drop(room.hub);
}

#[test]
fn a_flood_does_not_keep_others_from_being_heard() {
    let (_hub, [bob, mut carol, mut alice]) = hub_with(&[], ["bob", "carol", "alice"]);
    let (mut voice, mut ears) = (bob.voice(), carol.voice());
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let lines = format!("{}\n", filler(60)).repeat(1000);
            while !enough.load(Ordering::Relaxed) {
                voice.write_all(lines.as_bytes()).unwrap();
            }
        });
        // Carol reads as well, so that the room does not wait for her.
        scope.spawn(|| std::io::copy(&mut ears, &mut std::io::sink()));
        let flood = format!("<bob> {}", filler(60));
        alice.hears(&flood);
        for n in 0..5 {
            carol.says(&n.to_string());
            let before = alice.hears_until(&format!("<carol> {n}"));
            assert!(before.iter().all(|line| *line == flood));
        }
        enough.store(true, Ordering::Relaxed);
        carol.says("88");
        alice.hears("* carol left");
        // The room would wait for a member who no longer reads.
        drop(alice);
    });
}

#[test]
fn a_stuck_screen_does_not_hold_the_room_up_for_ever_and_resumes_later() {
    let (mut screen, to_screen) = std::io::pipe().unwrap();
    let mut command = threadchat(&["hub", "0", "--stall", "1", "--outbox", "65536"]);
    command.stdin(Stdio::piped()).stdout(to_screen).stderr(Stdio::piped());
    let (mut hub, port) = Program::spawn(command).with_port();
    let [bob, mut alice] = ["bob", "alice"].map(|name| Client::joins_as(port, name));
    thread::scope(|scope| {
        scope.spawn(|| floods(bob.voice()));
        hears_the_flood(&mut alice, |_| {});
    });
    hub.types("/kick bob\nI see nothing\n");
    alice.hears("* bob was kicked");
    alice.hears("<@operator> I see nothing");
    #[cfg(target_os = "linux")]
    assert!(hub.peak_memory() < 64 << 20, "{} bytes", hub.peak_memory());
    // It shows how much it missed, and what comes next.
    let mut shown = String::new();
    let mut read_until = |expected: &str| {
        while !shown.contains(expected) {
            let mut bytes = [0; 4096];
            let read = std::io::Read::read(&mut screen, &mut bytes).unwrap();
            assert!(read > 0, "it ended without {expected:?}");
            shown.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
    };
    read_until(" lines were not shown: the screen did not accept them\n");
    alice.says("can you hear me?");
    read_until("<alice> can you hear me?\n");
    assert!(shown.lines().all(|line| text(line).starts_with(['<', '*'])), "a line was cut");
}

#[test]
fn what_the_operator_said_before_88_is_delivered_while_somebody_holds_the_room_up() {
    let mut room = held_up(|mut alice, heard| {
        let mut lines = Vec::new();
        while let Some(line) = alice.stamped_line() {
            heard.fetch_add(1, Ordering::Relaxed);
            lines.push(String::from_utf8(line).unwrap());
        }
        lines
    });
    let began = Instant::now();
    room.hub.types("good night\n88\n");
    room.hub.exits(0);
    assert!(began.elapsed() < LIMIT / 2, "{:?}", began.elapsed());
    let heard = room.alice.join().unwrap();
    assert_eq!(heard.last().map(|line| text(line)), Some("<@operator> good night"));
    room.flood.join().unwrap();
    drop((room.bob, room.stalled, room.tea));
}

#[test]
fn many_short_lines_of_the_operator_are_delivered_quickly() {
    const LINES: usize = 200_000;
    let (mut hub, [mut alice]) = hub_with(&[], ["alice"]);
    let mut input = hub.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            input.write_all("x\n".repeat(LINES).as_bytes()).unwrap();
            input
        });
        for _ in 0..LINES {
            alice.hears_next("<@operator> x");
        }
    });
}
