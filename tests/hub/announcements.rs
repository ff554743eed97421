//! Announcements: members join, leave and change their names.

use super::*;
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[test]
fn joining_leaving_and_renaming_are_announced_to_the_others() {
    let (hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    bob.catches_up();
    let mut other = Client::joins(port);
    bob.hears_next("* user2 joined");
    other.says("/name alice");
    other.has_heard(&["* hub: you are now alice"]);
    bob.hears_next("* user2 is now alice");
    other.leaves();
    bob.hears_next("* alice left");
    hub.out.wait_for("* alice left\n");
    for seen in ["* user1 joined\n", "* user1 is now bob\n", "* user2 joined\n", "* user2 is now alice\n"] {
        assert!(hub.out.text().contains(seen), "{seen:?} in {:?}", hub.out.text());
    }
    bob.has_heard(&[]);
}

#[test]
fn the_announcement_says_how_somebody_left() {
    let (_hub, [mut bob, alice, carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.leaves();
    bob.hears("* alice left");
    carol.ends_without_88();
    bob.hears_next("* carol left without 88");
}

#[cfg(unix)]
#[test]
fn a_reset_connection_is_announced_with_the_error() {
    let (_hub, [mut bob, alice]) = hub_with(&[], ["bob", "alice"]);
    alice.resets();
    let (before, seen) = bob.hears_until_one(|line| line.starts_with("* alice "));
    assert_eq!(before.iter().filter(|line| !line.starts_with("* ")).count(), 0);
    let error = seen.strip_prefix("* alice lost the connection: ").unwrap_or_else(|| panic!("{seen}"));
    assert!(error.to_lowercase().contains("reset"), "{seen}");
}

/// What was announced of joins, leaves and new names: how many by name, how many summaries, and the sums over all.
#[derive(Default)]
struct Seen {
    single: [usize; 3],
    lines: usize,
    of: [usize; 3],
}

impl Seen {
    /// Reads until `count` events have been announced. No other line may come.
    #[track_caller]
    fn read(&mut self, client: &mut Client, count: usize) {
        while self.of.iter().sum::<usize>() < count {
            let line = client.hears_a_line();
            if let Some([joined, left]) = summary(&line) {
                self.lines += 1;
                self.of[0] += joined;
                self.of[1] += left;
                continue;
            }
            if line.ends_with(" is one of those who joined") {
                // On a loaded machine a summary has come before one of them did something.
                continue;
            }
            for seen in line.strip_prefix("* ").unwrap_or_else(|| panic!("{line:?}")).split(", ") {
                let what = seen.split_once(' ').unwrap().1;
                let ends = [what == "joined", what.starts_with("left"), what.starts_with("is now ")];
                let kind = ends.iter().position(|is_it| *is_it).unwrap_or_else(|| panic!("{line:?}"));
                self.single[kind] += 1;
                self.of[kind] += 1;
            }
        }
    }

    /// Checks that at most ten of each kind per second were announced one by one, if all happened within this time.
    #[track_caller]
    fn is_short(&self, within: Duration) {
        let seconds = usize::try_from(within.as_secs()).unwrap() + 1;
        assert!(self.single.iter().all(|single| *single <= 10 * seconds), "{:?} in {seconds} s", self.single);
        // None where it took so long that all were announced one by one.
        assert!(self.lines <= seconds, "{} lines in {seconds} s", self.lines);
    }
}

#[test]
fn of_thirty_who_join_at_once_ten_are_announced_one_by_one_and_the_rest_in_one_line() {
    let (_hub, port) = hub(&[]);
    let began = Instant::now();
    let mut watcher = Client::joins(port);
    let crowd: Vec<_> = (0..30).map(|_| Client::joins(port)).collect();
    let within = began.elapsed();
    let mut seen = Seen::default();
    seen.read(&mut watcher, 30);
    assert_eq!(seen.of, [30, 0, 0]);
    seen.is_short(within);
    // The summary comes when the second is over; then the next window begins.
    watcher.has_heard(&[]);
    drop(crowd);
}

#[test]
fn a_summary_counts_who_joined_and_left_and_leaves_new_names_alone() {
    let (_hub, port) = hub(&[]);
    let began = Instant::now();
    let mut watcher = Client::joins(port);
    let mut crowd: Vec<_> = (0..25).map(|_| Client::joins(port)).collect();
    for (n, client) in crowd.iter_mut().enumerate().take(7) {
        client.says(&format!("/name member{n}"));
        // Announcements about others may come before the answer.
        client.hears(&format!("* hub: you are now member{n}"));
    }
    crowd.drain(..14).for_each(Client::leaves);
    let within = began.elapsed();
    let mut seen = Seen::default();
    seen.read(&mut watcher, 46);
    assert_eq!(seen.of, [25, 14, 7]);
    seen.is_short(within);
    watcher.has_heard(&[]);
}

#[test]
fn messages_do_not_wait_for_announcements() {
    let (_hub, port) = hub(&[]);
    let mut watcher = Client::joins(port);
    let mut crowd: Vec<_> = (0..30).map(|_| Client::joins(port)).collect();
    for (n, client) in crowd.iter_mut().enumerate() {
        client.says(&n.to_string());
    }
    let said = crowd.iter().enumerate().map(|(n, client)| format!("<{}> {n}", client.name));
    let mut due: HashSet<_> = said.collect();
    while !due.is_empty() {
        due.remove(&watcher.hears_a_line());
    }
}

#[test]
fn announcements_stay_in_their_room() {
    let (_hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.says("/join tea");
    bob.hears_next("* alice left for tea");
    carol.hears_next("* alice left for tea");
    alice.catches_up();
    carol.says("/name carla");
    bob.hears_next("* carol is now carla");
    carol.leaves();
    bob.hears_next("* carla left");
    alice.has_heard(&[]);
}

#[test]
fn a_member_who_changes_the_name_again_and_again_is_announced_before_speaking_and_does_not_hide_others() {
    let (hub, [mut bob, mut alice, mut mallory]) = hub_with(&[], ["bob", "alice", "mallory"]);
    bob.catches_up();
    for n in 0..20 {
        mallory.says(&format!("/name x{n}"));
    }
    mallory.catches_up();
    alice.says("/name alicia");
    bob.hears("* alice is now alicia");
    mallory.says("/name alice");
    mallory.says("forget what I said");
    let (before, said) = bob.hears_until_one(|line| line.starts_with('<'));
    assert_eq!(said, "<alice> forget what I said");
    assert!(before.last().unwrap().ends_with(" is now alice"), "{before:#?}");
    hub.out.wait_for(" is now alice\n");
}
