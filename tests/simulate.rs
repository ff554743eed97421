//! Some seconds of histories that nobody thought of. `cargo test -- SEED` shows the one of a seed.

#![cfg(feature = "hub")]
#![allow(clippy::print_stdout, clippy::panic, clippy::unwrap_used)]

mod simulator;

use libtest_mimic::{Arguments, Failed, Trial};
use simulator::{Kind, Seed};
use std::process::ExitCode;
use std::time::Duration;

/// How long all of it takes.
const TIME: Duration = Duration::from_secs(20);

/// The histories that broke a promise once, or seemed to.
#[cfg(feature = "link")]
const FOUND: &[&str] = &[
    // A side that cannot read although something has arrived.
    "chat-c95b411ff6efc865",
    // A browser that does not read holds up nobody with its own lines, which it gets back.
    "hub-cf268a5746d8e08f",
    // Who comes when others at the same address have held up the room, and reads, stays, also who says nothing.
    "hub-91451b087fb02a6f",
    "hub-e56c6532c8e27175",
    // Somebody who is ignored at another hub stays ignored when Redis has lost data, and when that hub was away.
    "linked-0000000000000063",
    "linked-0000000000006441",
    "linked-0000000000000e38",
    // No two names are alike, although Redis has forgotten which numbers it gave, or remembers a hub as it was before.
    "linked-0000000000000089",
    "linked-000000000000199f",
    // No line is missing in a room's history.
    "linked-0000000000000108",
    // A hub that was stopped while it could take nothing rests.
    "linked-0000000000000122",
    // Nothing comes behind the hub's 88.
    "linked-00000000000005a6",
    // Nobody waits for a hub that cannot know of entries that were thrown away.
    "linked-0000000000002a1a",
    // A line of somebody whose joining was thrown away is said to be missing.
    "linked-0000000000000f49",
    // Nor is a line shown under an old name or in an old room, to whom it is ignored, or of a newcomer whom nobody was told of.
    "linked-94840917079753a1",
    "linked-86d2d0db2b82d1d2",
    "linked-cd94e5828eeaa9d6",
    "linked-f9aae1650eca6940",
    "linked-d68aa5774c700f55",
    // A hub whose own lines Redis has lost says so, although the log has grown beyond them.
    "linked-a2db289036c36a08",
    // A hub gives back what thousands of empty lines at once needed.
    "linked-a3129cca3501133e",
    // What is in the history that a hub got when it came, and is lost then, is said once more.
    "linked-c18241095314f1bb",
    // Who changes rooms while its name is refused has the other name.
    "linked-aed8bfcdac68dd9c",
    // Who has got a name, and whose hub is gone before it hears of that, writes under that name.
    "linked-0197e48ccfa45fc8",
    // A private message that Redis has lost before its hub heard of it may come once more.
    "linked-e2bf9dedb5461437",
    // Who has lost its name to somebody at another hub has another one before that one says anything.
    "linked-6bd50e764837d91a",
    // Who asks for a room and says something at once, while Redis loses data, says it there and nowhere else.
    "linked-3c143c4c54a783d4",
    // All hear of a loss that only one hub can find.
    "linked-0a726e921615640b",
    // Also if Redis has lost the name of the loss before.
    "linked-66fbbfd4c07fe446",
    // They hear of it once if Redis loses data again before anything else has come.
    "linked-1e1fa5e600ec6f06",
    // A hub that has left has lost nothing, and one that is gone knows others under the names of its own members.
    "linked-e72f68c5991f8a58",
    "linked-a66d81b2fcc3aeba",
    // Who joined in a batch that Redis lost and that was added again is there again.
    "linked-419a7e023c1fe6a4",
    // A hub that was removed before Redis went back to when it was there does not wait to be registered.
    "linked-886a701fce9c7525",
    // A private message reaches somebody by the name that only its own hub knows yet.
    "linked-d7c8106c001ad118",
    // Who was kicked while the hub ended is heard to the end, as everywhere.
    "linked-00000000000046b4",
    // A hub that was away says of those who left meanwhile why.
    "linked-0000000000003ba2",
    "linked-0000000000000018",
    "linked-000000000000005a",
    "linked-0000000000000083",
];
#[cfg(not(feature = "link"))]
const FOUND: &[&str] = &["chat-c95b411ff6efc865"];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let seed: Option<Seed> = arguments.filter.as_deref().and_then(|filter| filter.parse().ok());
    let trials = match seed {
        Some(seed) => {
            println!("{}", simulator::tell(seed).join("\n"));
            arguments.exact = true;
            vec![Trial::test(seed.to_string(), move || run(seed))]
        }
        None => trials(),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials() -> Vec<Trial> {
    let seconds = std::env::var("THREADCHAT_SIMULATE").ok().and_then(|seconds| seconds.parse().ok());
    let time = seconds.map_or(TIME, Duration::from_secs) / Kind::ALL.len() as u32;
    let kinds = Kind::ALL.iter().copied();
    let random = kinds.clone().map(|kind| {
        Trial::test(format!("whatever_happens_no_promise_of_{kind}_is_broken"), move || {
            let tried = simulator::run_for(kind, fastrand::u64(..), time)?;
            println!("{tried}");
            Ok(())
        })
    });
    let same = kinds.map(|kind| {
        Trial::test(format!("a_seed_tells_the_same_history_of_{kind}_each_time"), move || {
            for n in 0..20 {
                let seed = Seed { kind, number: n };
                if simulator::tell(seed) != simulator::tell(seed) {
                    return Err(format!("{seed} does not").into());
                }
            }
            Ok(())
        })
    });
    let found = FOUND.iter().map(|seed| {
        let seed: Seed = seed.parse().unwrap();
        Trial::test(format!("found_{seed}"), move || run(seed))
    });
    random.chain(same).chain(found).collect()
}

fn run(seed: Seed) -> Result<(), Failed> {
    simulator::run(seed)?;
    Ok(())
}
