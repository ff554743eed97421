//! Many members come and go at random while others talk.

use super::crowd::{Crowd, may_have_many_descriptors};
use crate::common::*;
use crate::hub::*;
use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

/// How many members talk, how many others come and go at most, how many of them per second, and for how long.
struct Churn {
    talkers: usize,
    places: usize,
    in_a_second: usize,
    lasts: Duration,
    /// The pause between two lines of a talker.
    says_every: Duration,
}

/// Reproducible random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// Comes and goes at random until the time is over. Returns how often.
fn come_and_go(port: u16, churn: &Churn) -> usize {
    let (mut crowd, mut random) = (Crowd::new(port, churn.places), Random(88));
    let (began, mut turns) = (Instant::now(), 0);
    while began.elapsed() < churn.lasts {
        let due = (began.elapsed().as_secs_f64() * churn.in_a_second as f64) as usize;
        while turns < due {
            let number = random.below(churn.places);
            match crowd.socket(number) {
                None => crowd.joins(number, [127, 0, 2, u8::try_from(random.below(200)).unwrap()]),
                Some(mut socket) => match random.below(4) {
                    // In these two cases the hub closes the connection.
                    0 => drop(socket.write_all(b"88\n")),
                    1 => drop(socket.shutdown(Shutdown::Write)),
                    2 => reset(crowd.takes_out(number)),
                    _ => drop(crowd.takes_out(number)),
                },
            }
            turns += 1;
            crowd.hears(0, |_, _| {});
        }
        crowd.hears(1, |_, _| {});
    }
    turns
}

/// For each talker, the next number it expects from each other.
struct Heard {
    next: Vec<Vec<usize>>,
    lines: usize,
}

impl Heard {
    fn takes(&mut self, listener: usize, line: &[u8]) {
        let line = str::from_utf8(line).unwrap();
        let Some((_, text)) = line.strip_prefix('<').and_then(|line| line.split_once("> ")) else { return };
        let (speaker, number) = text.split_once(' ').unwrap();
        let next = &mut self.next[listener][speaker.parse::<usize>().unwrap()];
        assert_eq!(number.parse::<usize>().unwrap(), *next, "{speaker} as {listener} heard it");
        *next += 1;
        self.lines += 1;
    }
}

fn nothing_is_lost(churn: &Churn) {
    may_have_many_descriptors();
    let (hub, port) = hub(&["--history", "0"]);
    let mut crowd = Crowd::new(port, churn.talkers);
    let mut heard = Heard { next: vec![vec![0; churn.talkers]; churn.talkers], lines: 0 };
    let mut greeted = 0;
    (0..churn.talkers).for_each(|number| crowd.joins(number, [127, 0, 0, 1]));
    wait_until("all are greeted", || {
        crowd.hears(10, |_, line| greeted += usize::from(line.starts_with(b"* hub: welcome to lobby, ")));
        greeted == churn.talkers
    });
    let figures = || (hub.threads().len(), hub.descriptors(), hub.resident_memory());
    let before = figures();

    let mut said = 0;
    let turns = thread::scope(|scope| {
        let coming_and_going = scope.spawn(|| come_and_go(port, churn));
        let mut next = Instant::now();
        while !coming_and_going.is_finished() {
            if Instant::now() >= next {
                (0..churn.talkers).for_each(|number| crowd.says(number, &format!("{number} {said}")));
                said += 1;
                next += churn.says_every;
            }
            crowd.hears(5, |listener, line| heard.takes(listener, line));
        }
        coming_and_going.join().unwrap()
    });
    let expected = said * churn.talkers * (churn.talkers - 1);
    wait_until("all is heard", || {
        crowd.hears(10, |listener, line| heard.takes(listener, line));
        heard.lines >= expected
    });
    assert_eq!((heard.lines, crowd.count()), (expected, churn.talkers));
    wait_until("threads and descriptors are back", || {
        crowd.hears(10, |listener, line| heard.takes(listener, line));
        let now = figures();
        now.0 <= before.0 && now.1 <= before.1
    });
    let after = figures();
    eprintln!(
        "{}: {turns} times one of {} came or went in {:?} while {} talked: {expected} of {expected} deliveries; \
         threads {} before and {} after, descriptors {} and {}, {:.1} and {:.1} MiB resident",
        crate::DESIGN,
        churn.places,
        churn.lasts,
        churn.talkers,
        before.0,
        after.0,
        before.1,
        after.1,
        before.2 as f64 / f64::from(1 << 20),
        after.2 as f64 / f64::from(1 << 20),
    );
    // The allocator does not always return memory to the system.
    assert!(after.2 <= before.2 + (16 << 20), "{} bytes before, {} after", before.2, after.2);
}

#[test]
fn talkers_lose_nothing_while_others_come_and_go() {
    nothing_is_lost(&Churn {
        talkers: 20,
        places: 100,
        in_a_second: 200,
        lasts: Duration::from_secs(3),
        says_every: Duration::from_millis(100),
    });
}

#[test]
#[ignore = "load"]
fn a_hundred_talkers_lose_nothing_while_a_thousand_come_and_go() {
    nothing_is_lost(&Churn {
        talkers: 100,
        places: 1000,
        in_a_second: 1000,
        lasts: Duration::from_secs(60),
        says_every: Duration::from_millis(500),
    });
}
