//! Faults that nobody thought of, on real processes: whatever happens, no line is lost.
//!
//! A run is made by its seed, as far as the machine lets it: hubs, clients, and a network between them ([`proxy`]) that breaks in
//! many ways, while programs are stopped and killed ([`plan`]). Then the faults end, and everything must arrive. The checker of
//! the simulator compares what each client said and heard with what the hubs recorded ([`verdict`]).
//!
//! ```sh
//! THREADCHAT_FAULTS=600 cargo test --release --test faults -- --include-ignored whatever --nocapture --test-threads 1
//! ```
//!
//! takes 600 s for each kind of hub, in runs of 30 s, and prints the figures. `THREADCHAT_FAULTS_SEED` is the first seed.

#[allow(dead_code, reason = "linked hubs are only simulated")]
#[path = "../simulator/checker.rs"]
mod checker;
mod clients;
mod hubs;
mod limits;
mod plan;
mod proxy;
mod run;
mod subject;
mod verdict;

use plan::Fault;
use run::Figures;
use std::time::Duration;
use subject::Subject;

/// How long faults happen if nobody says it, and how long at most in one run.
const SHORT: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(30);

/// Runs one seed after the other.
#[track_caller]
fn whatever_happens(subject: Subject) {
    let time = std::env::var("THREADCHAT_FAULTS").ok().and_then(|seconds| seconds.parse().ok());
    let time = time.map_or(SHORT, Duration::from_secs);
    let seed = std::env::var("THREADCHAT_FAULTS_SEED").ok();
    let mut seed =
        seed.and_then(|seed| u64::from_str_radix(&seed, 16).ok()).unwrap_or_else(|| fastrand::u64(..));
    let mut figures = Figures::default();
    while figures.time < time {
        match run::run(subject, seed, LONGEST.min(time - figures.time), None) {
            Ok(more) => figures.add(more),
            Err(error) => panic!("{error}"),
        }
        seed = seed.wrapping_add(1);
    }
    println!("{}", run::table(&[(subject, figures)]));
}

#[test]
fn whatever_happens_to_threads_nothing_is_lost() {
    whatever_happens(Subject::hub("threads"));
}

#[test]
#[cfg(poll)]
fn whatever_happens_to_select_nothing_is_lost() {
    whatever_happens(Subject::hub("select"));
}

#[test]
#[ignore = "slow"]
#[cfg(feature = "secure")]
fn whatever_happens_to_encrypted_threads_nothing_is_lost() {
    whatever_happens(Subject::encrypted("threads"));
}

#[test]
#[ignore = "slow"]
#[cfg(all(feature = "secure", poll))]
fn whatever_happens_to_encrypted_select_nothing_is_lost() {
    whatever_happens(Subject::encrypted("select"));
}

#[test]
#[ignore = "slow"]
#[cfg(feature = "link")]
fn whatever_happens_to_linked_threads_nothing_is_lost() {
    whatever_happens(Subject::linked("threads"));
}

#[test]
#[ignore = "slow"]
#[cfg(all(feature = "link", poll))]
fn whatever_happens_to_linked_select_nothing_is_lost() {
    whatever_happens(Subject::linked("select"));
}

/// Nor would it be if a hub left out one line.
#[test]
fn a_single_byte_that_gets_lost_is_noticed() {
    for way in [proxy::UP, proxy::DOWN] {
        let lost = Fault::LosesByte(0, way);
        let error = run::run(Subject::hub("threads"), 1, Duration::from_millis(300), Some(lost)).unwrap_err();
        println!("{error}");
    }
}
