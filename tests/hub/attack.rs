//! Attacks on the hub: nobody can keep two others from talking.
//!
//! Alice and bob each say a line every 100 ms, the operator types a command every 500 ms, and the attackers do their worst.
//! Each attack prints a line of figures, and fails if a bar is missed. The attacks are ignored by default and last 120 s each,
//! or as many seconds as `THREADCHAT_ATTACK_SECONDS` says:
//!
//! ```sh
//! THREADCHAT_ATTACK_SECONDS=20 cargo test --release --test hub_threads --test hub_select -- --ignored attack:: --nocapture
//! ```
//!
//! A word after `attack::` selects some of them by name.

mod attacker;
mod talk;

use super::*;
use crate::hub::load::crowd::may_have_many_descriptors;
use attacker::{ATTACKER, Attacker, Stage};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use talk::Talk;

/// The default of `--stall`.
const STALL: Duration = Duration::from_secs(5);

/// How late 1 of 100 lines may be, and an answer to the operator, when the attack has the machine for itself.
const LATE: Duration = Duration::from_secs(1);

/// The same while other tests run.
const LATE_AMONG_TESTS: Duration = Duration::from_secs(3);

/// How much memory an attack may take, in bytes, in addition to what the same connections take when they are quiet.
const MAX_MEMORY: usize = 64 << 20;

/// How many lines a second the hub may write to standard error.
const MAX_ERRORS: usize = 4;

/// A second address of this machine. Alice and bob call from the first.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// Attacks take the whole machine, so there is one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Who attacks, and what is special about the hub.
struct Attack<'a> {
    options: &'a [&'a str],
    /// A shell command to run before the hub starts.
    before: &'a str,
    attackers: &'a [Attacker],
    /// What else happens meanwhile, each in a thread of its own.
    also: &'a [fn(&Stage)],
    /// The time from one line of alice or bob to the next.
    every: Duration,
    /// What alice says with each tenth of her lines, in addition.
    alice_also: &'a str,
    /// How much memory the hub may take in all, given what it takes without the attack.
    memory: fn(usize) -> usize,
}

const ATTACK: Attack<'static> = Attack {
    options: &[],
    before: "true",
    attackers: &[],
    also: &[],
    every: Duration::from_millis(100),
    alice_also: "",
    memory: |idle| idle + MAX_MEMORY,
};

/// What an attack has led to.
struct Outcome {
    /// How late each line was that alice and bob heard, sorted, and how many they did not hear.
    late: Vec<Duration>,
    lost: usize,
    /// How late the last answer to the operator was, and how many there were not.
    answered: Duration,
    unanswered: usize,
    /// In bytes, `None` if the hub has ended.
    memory: Option<usize>,
    memory_before: usize,
    /// The lines on standard error.
    errors: Vec<String>,
    complaints: Vec<String>,
}

impl Attack<'_> {
    /// Attacks a hub, and checks the bars.
    fn is_withstood(&self, name: &str, lasts: Duration, may_be_late: Duration) {
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        may_have_many_descriptors();
        let outcome = self.happens(name, lasts);
        let max_memory = (self.memory)(outcome.memory_before);
        let missed = outcome.missed_bars(lasts, may_be_late, max_memory);
        assert!(missed.is_empty(), "{name}: missed: {missed:#?}");
    }

    fn happens(&self, name: &str, lasts: Duration) -> Outcome {
        // The screen may show much, so it is not captured. It must exist until the end: a hub without a screen ends.
        let (screen, to_screen) = std::io::pipe().unwrap();
        let mut command = threadchat_after(self.before, &[&["hub", "0"], self.options].concat());
        command.stdin(Stdio::piped()).stdout(to_screen).stderr(Stdio::piped());
        let (mut hub, port) = Program::spawn(command).with_port();
        let [alice, bob] = ["alice", "bob"].map(|name| Client::joins_as(port, name));
        let parties: Vec<_> = self.attackers.iter().map(|attacker| attacker.prepares(port)).collect();

        let memory_before = hub.resident_memory();
        hub.forget_peak_memory();
        let stage = Stage::begins(port, lasts);
        let from_alice = Talk::new(&stage, self.every, "] <alice> line ");
        let from_bob = Talk::new(&stage, self.every, "] <bob> line ");
        let from_operator = Talk::new(&stage, Duration::from_millis(500), "nobody here is called nobody");
        let said = from_alice.lines() + from_bob.lines();
        let missing = AtomicUsize::new(said + from_operator.lines());
        // The end of its input would end the hub.
        let mut keyboard = hub.stdin.take().unwrap();
        let [by_bob, by_alice, by_operator] = thread::scope(|scope| {
            for party in parties {
                scope.spawn(|| party.attacks(&stage));
            }
            for also in self.also {
                scope.spawn(|| also(&stage));
            }
            scope.spawn(|| {
                from_alice.says(alice.voice(), |n| match n % 10 {
                    0 if !self.alice_also.is_empty() => format!("{}\nline {n}\n", self.alice_also),
                    _ => format!("line {n}\n"),
                });
            });
            scope.spawn(|| from_bob.says(bob.voice(), |n| format!("line {n}\n")));
            scope.spawn(|| from_operator.says(&mut keyboard, |n| format!("/kick nobody{n}\n")));
            let heard = [
                scope.spawn(|| from_alice.is_heard(bob.voice(), &missing)),
                scope.spawn(|| from_bob.is_heard(alice.voice(), &missing)),
                scope.spawn(|| from_operator.is_heard(&screen, &missing)),
            ];
            heard.map(|heard| heard.join().unwrap())
        });

        let mut late = [by_bob, by_alice].concat();
        late.sort();
        let outcome = Outcome {
            lost: said - late.len(),
            late,
            answered: by_operator.iter().max().copied().unwrap_or_default(),
            unanswered: from_operator.lines() - by_operator.len(),
            memory: hub.is_running().then(|| hub.peak_memory()),
            memory_before,
            errors: hub.err.text().lines().map(str::to_owned).collect(),
            complaints: stage.complaints(),
        };
        eprintln!("{:7} {name}: {} | {}", crate::DESIGN, outcome.figures(), stage.figures());
        outcome
    }
}

impl Outcome {
    /// How late the lines were of which this many percent were no later.
    fn percentile(&self, percent: usize) -> Duration {
        let last = self.late.len().saturating_sub(1);
        self.late.get(last * percent / 100).copied().unwrap_or_default()
    }

    fn figures(&self) -> String {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent).as_millis());
        let (Self { lost, unanswered, .. }, errors) = (self, self.errors.len());
        let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let (before, memory) = (mebibytes(self.memory_before), mebibytes(self.memory.unwrap_or_default()));
        let answered = self.answered.as_millis();
        format!(
            "p50 {p50} ms, p99 {p99} ms, max {max} ms, {lost} lost | operator {answered} ms, {unanswered} unanswered | \
             {before:.1} {:+.1} MiB | {errors} lines of errors",
            memory - before,
        )
    }

    fn missed_bars(self, lasted: Duration, may_be_late: Duration, max_memory: usize) -> Vec<String> {
        let max_errors = MAX_ERRORS * (10 + lasted.as_secs() as usize);
        let errors = format!("standard error is not flooded, as with {:?}", self.errors.last());
        let bars = [
            (self.memory.is_some(), "the hub runs on"),
            (self.lost == 0, "no line is lost"),
            (self.percentile(99) <= may_be_late, "99 of 100 lines are heard in time"),
            (self.percentile(100) <= STALL + may_be_late, "no line waits much longer than --stall"),
            (self.unanswered == 0 && self.answered <= may_be_late, "the operator is answered in time"),
            (self.memory.is_none_or(|memory| memory <= max_memory), "memory is bounded"),
            (self.errors.len() <= max_errors, errors.as_str()),
        ];
        let missed = bars.into_iter().filter(|(is_met, _)| !is_met).map(|(_, bar)| bar.to_owned());
        missed.chain(self.complaints).collect()
    }
}

/// How long each attack lasts that is run for its figures.
fn seconds() -> Duration {
    let seconds = std::env::var("THREADCHAT_ATTACK_SECONDS").map_or(120, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// Says lines of 1000 bytes as fast as they are accepted, and reads everything.
const FLOODER: Attacker = Attacker { repeats: |_| format!("{}\n", filler(999)).repeat(60), ..ATTACKER };

/// Reads nothing, and never finds out that it has been disconnected, so it comes back from time to time.
const DEAF: Attacker =
    Attacker { reads: 0, buffer: Some(4096), stays: Duration::from_millis(5200), ..ATTACKER };

/// Reads with this many bytes per second.
const fn reader(bytes_per_second: usize) -> Attacker {
    Attacker { reads: bytes_per_second, ..ATTACKER }
}

/// Reads 64 KiB per second, and must never be disconnected for that.
const STEADY: Attacker = Attacker { reads: 64 << 10, must_stay: true, ..ATTACKER };

/// Many who say 4 KB per second each.
const CHATTERER: Attacker = Attacker {
    count: 50,
    repeats: |_| format!("{}\n", filler(950)),
    every: Duration::from_millis(250),
    ..ATTACKER
};

/// Asks for help as fast as possible.
const HELP: Attacker = Attacker { repeats: |_| "/help\n".repeat(10_000), ..ATTACKER };

/// In a room of its own with the longest name.
const ALONE: Attacker =
    Attacker { first: |n| format!("/name {}{n:04}\n/join room{n:04}\n", "m".repeat(28)), ..ATTACKER };

/// Calls 180 times a second, says 88, and closes nothing that the hub does not close.
fn never_closes(stage: &Stage) {
    let mut sockets = VecDeque::new();
    while !stage.is_over() {
        if let Ok(mut socket) = try_call_from(ELSEWHERE, stage.port, None) {
            let _ = socket.write_all(b"88\n");
            sockets.push_back(socket);
        }
        sockets.drain(..sockets.len().saturating_sub(4000));
        thread::sleep(Duration::from_secs(1) / 180);
    }
}

/// Calls from an address that nobody else has, and expects to be welcome.
fn another_address_gets_in(stage: &Stage) {
    let (mut calls, mut welcomes) = (0, 0);
    while !stage.is_over() {
        calls += 1;
        let socket = call_from([127, 0, 0, 9], stage.port, None);
        socket.set_read_timeout(Some(LATE)).unwrap();
        let (mut heard, mut bytes) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = (&socket).read(&mut bytes) {
            heard.extend_from_slice(&bytes[..read]);
            if String::from_utf8_lossy(&heard).contains("welcome to lobby") {
                welcomes += 1;
                break;
            }
        }
        drop(socket);
        thread::sleep(Duration::from_millis(250));
    }
    if welcomes < calls {
        stage.complains(format!("only {welcomes} of {calls} callers from another address were welcome"));
    }
}

const HELP_READ_SLOWLY: Attack<'static> =
    Attack { attackers: &[Attacker { reads: 60_000, ..HELP }], ..ATTACK };

const FLOOD_READ_SLOWLY: Attack<'static> = Attack { attackers: &[FLOODER, reader(48_000)], ..ATTACK };

#[test]
fn a_slow_reader_silences_a_room_neither_with_its_own_answers_nor_with_a_flood() {
    for attack in [HELP_READ_SLOWLY, FLOOD_READ_SLOWLY] {
        attack.is_withstood("a slow reader", Duration::from_secs(3), LATE_AMONG_TESTS);
    }
}

/// A test for each attack.
macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident: $attack:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        #[ignore = "attack"]
        fn $name() {
            $attack.is_withstood(stringify!($name), seconds(), LATE);
        }
    )*};
}

attacks! {
    without_an_attack_nothing_is_late: ATTACK;

    asking_for_help_and_reading_slowly_delays_nobody: HELP_READ_SLOWLY;
    asking_for_help_and_reading_nothing_delays_nobody: Attack {
        attackers: &[Attacker { repeats: HELP.repeats, ..DEAF }],
        ..ATTACK
    };
    a_flood_beside_a_reader_of_26_kb_a_second_delays_nobody: Attack {
        attackers: &[FLOODER, reader(26_000)],
        ..ATTACK
    };
    a_flood_beside_a_reader_of_48_kb_a_second_delays_nobody: FLOOD_READ_SLOWLY;
    a_flood_beside_a_reader_of_60_kb_a_second_delays_nobody: Attack {
        attackers: &[FLOODER, reader(60_000)],
        ..ATTACK
    };
    a_flood_from_elsewhere_beside_a_slow_reader_from_there_delays_nobody: Attack {
        attackers: &[Attacker { from: ELSEWHERE, ..FLOODER }, Attacker { from: ELSEWHERE, ..reader(48_000) }],
        ..ATTACK
    };
    a_flood_beside_a_reader_of_64_kib_a_second_delays_nobody_and_spares_the_reader: Attack {
        attackers: &[FLOODER, STEADY],
        ..ATTACK
    };
    /// They have the same address, and the account of that address is overdrawn all the time.
    a_deaf_neighbour_does_not_get_a_reader_of_64_kib_a_second_disconnected: Attack {
        attackers: &[FLOODER, DEAF, STEADY],
        ..ATTACK
    };
    a_deaf_neighbour_does_not_get_a_fast_reader_disconnected: Attack {
        attackers: &[FLOODER, DEAF, Attacker { count: 20, must_stay: true, ..ATTACKER }],
        ..ATTACK
    };
    coming_back_deaf_to_a_little_speech_delays_nobody: Attack {
        attackers: &[
            DEAF,
            Attacker { repeats: |_| "\n".repeat(48_000), every: Duration::from_secs(5), ..ATTACKER },
        ],
        ..ATTACK
    };
    long_lines_at_a_low_rate_beside_a_slow_reader_delay_nobody: Attack {
        options: &["--rate", "5"],
        every: Duration::from_millis(500),
        attackers: &[
            Attacker { repeats: |_| format!("{}\n", filler(60_000)), ..ATTACKER },
            Attacker { reads: 48_000, ..ATTACKER },
        ],
        ..ATTACK
    };
    whispering_to_somebody_who_reads_nothing_delays_nothing_else: Attack {
        attackers: &[Attacker { first: |_| "/name deaf\n".to_owned(), repeats: HELP.repeats, ..DEAF }],
        alice_also: "/msg deaf psst",
        ..ATTACK
    };
    calling_and_never_closing_keeps_no_other_address_out: Attack {
        options: &["--max-per-address", "2"],
        before: "ulimit -n 300",
        also: &[never_closes, another_address_gets_in],
        ..ATTACK
    };
    /// A newline becomes a line of 60 bytes, and a longer one in the transcript.
    newlines_in_400_rooms_take_little_memory_with_a_transcript: Attack {
        options: &["--transcript", "/dev/null"],
        attackers: &[Attacker {
            count: 400,
            repeats: |_| "\n".repeat(256 << 10),
            every: Duration::MAX,
            ..ALONE
        }],
        memory: |_| 150_000_000,
        ..ATTACK
    };
    listing_three_thousand_rooms_delays_nobody: Attack {
        attackers: &[
            Attacker { count: 3000, from: ELSEWHERE, ..ALONE },
            Attacker { repeats: |_| "/rooms\n".repeat(286), every: Duration::from_millis(10), ..ATTACKER },
        ],
        ..ATTACK
    };
    leaving_at_once_after_ignoring_all_others_delays_nobody: Attack {
        attackers: &[Attacker {
            count: 1500,
            from: ELSEWHERE,
            first: |n| format!("/name m{n}\n"),
            repeats: |_| (0..1500).map(|n| format!("/ignore m{n}\n")).collect(),
            every: Duration::MAX,
            stays: Duration::from_secs(10),
            ..ATTACKER
        }],
        ..ATTACK
    };
    calling_again_and_again_although_denied_delays_nobody: Attack {
        options: &["--deny", "127.0.0.3"],
        attackers: &[Attacker { count: 64, from: [127, 0, 0, 3], stays: Duration::from_millis(1), ..ATTACKER }],
        ..ATTACK
    };

    /// Each says little enough to be heard before those who say much.
    chatter_of_50_members_beside_a_deaf_one_delays_nobody: Attack {
        attackers: &[FLOODER, DEAF, CHATTERER],
        ..ATTACK
    };
    chatter_of_50_members_elsewhere_beside_a_deaf_one_delays_nobody: Attack {
        attackers: &[
            Attacker { from: ELSEWHERE, ..FLOODER },
            Attacker { from: ELSEWHERE, ..DEAF },
            Attacker { from: ELSEWHERE, ..CHATTERER },
        ],
        ..ATTACK
    };
    small_lines_of_200_members_delay_nobody: Attack {
        attackers: &[Attacker { count: 200, repeats: |_| "x\n".repeat(1000), ..ATTACKER }],
        ..ATTACK
    };
    newlines_of_200_members_delay_nobody: Attack {
        attackers: &[Attacker { count: 200, repeats: |_| "\n".repeat(64 << 10), ..ATTACKER }],
        ..ATTACK
    };
    /// What they do not read takes memory.
    two_hundred_deaf_members_who_ask_for_help_take_little_memory: Attack {
        attackers: &[Attacker { count: 200, repeats: |_| "/help\n".repeat(1000), ..DEAF }],
        ..ATTACK
    };
    two_hundred_pairs_of_a_flooder_and_a_deaf_member_take_little_memory: Attack {
        attackers: &[
            Attacker { count: 200, first: |n| format!("/join pair{n}\n"), ..FLOODER },
            Attacker { count: 200, first: |n| format!("/join pair{n}\n"), ..DEAF },
        ],
        ..ATTACK
    };
    renaming_all_the_time_delays_nobody: Attack {
        attackers: &[
            Attacker { count: 50, repeats: |n| format!("/name a{n}\n/name b{n}\n").repeat(1000), ..ATTACKER },
            DEAF,
        ],
        ..ATTACK
    };
    changing_rooms_all_the_time_delays_nobody: Attack {
        attackers: &[
            Attacker { count: 50, repeats: |_| "/join lobby\n/join tea\n".repeat(1000), ..ATTACKER },
            DEAF,
        ],
        ..ATTACK
    };
    two_hundred_flooders_beside_a_reader_of_64_kib_a_second_delay_nobody_and_spare_the_reader: Attack {
        attackers: &[Attacker { count: 200, ..FLOODER }, STEADY],
        ..ATTACK
    };
    whispering_all_the_time_to_somebody_who_reads_nothing_delays_nobody: Attack {
        attackers: &[
            Attacker { first: |_| "/name deaf\n".to_owned(), ..DEAF },
            Attacker { count: 20, repeats: |_| format!("/msg deaf {}\n", filler(999)).repeat(60), ..ATTACKER },
        ],
        ..ATTACK
    };
}
