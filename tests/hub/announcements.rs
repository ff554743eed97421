//! Who comes, goes and changes the name is told to the others.

use super::*;
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[test]
fn coming_going_and_another_name_are_told_to_the_others() {
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
    for told in ["* user1 joined\n", "* user1 is now bob\n", "* user2 joined\n", "* user2 is now alice\n"] {
        assert!(hub.out.text().contains(told), "{told:?} in {:?}", hub.out.text());
    }
    bob.has_heard(&[]);
}

#[test]
fn how_somebody_left_is_told() {
    let (_hub, [mut bob, alice, carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.leaves();
    bob.hears("* alice left");
    carol.ends_without_88();
    bob.hears_next("* carol left without 88");
}

#[cfg(unix)]
#[test]
fn a_connection_that_was_reset_is_told_with_the_error() {
    let (_hub, [mut bob, alice]) = hub_with(&[], ["bob", "alice"]);
    alice.resets();
    let (before, told) = bob.hears_until_one(|line| line.starts_with("* alice "));
    assert_eq!(before.iter().filter(|line| !line.starts_with("* ")).count(), 0);
    let error = told.strip_prefix("* alice lost the connection: ").unwrap_or_else(|| panic!("{told}"));
    assert!(error.to_lowercase().contains("reset"), "{told}");
}

/// What was told of: so many single lines, and the sum over all.
#[derive(Default)]
struct Told {
    single: usize,
    lines: usize,
    of: [usize; 3],
}

impl Told {
    /// Reads until so many have been told of. Nothing else may be told.
    #[track_caller]
    fn read(&mut self, client: &mut Client, count: usize) {
        while self.of.iter().sum::<usize>() < count {
            let line = client.hears_a_line();
            if let Some(counts) = in_one_line(&line) {
                self.lines += 1;
                self.of.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                continue;
            }
            self.single += 1;
            let told = line.strip_prefix("* ").unwrap_or_else(|| panic!("{line:?}"));
            let what = told.split_once(' ').unwrap().1;
            let ends = [what == "joined", what.starts_with("left"), what.starts_with("is now ")];
            self.of[ends.iter().position(|is_it| *is_it).unwrap_or_else(|| panic!("{line:?}"))] += 1;
        }
    }

    /// At most ten in a second are told one by one, if all happened within this time.
    #[track_caller]
    fn is_short(&self, within: Duration) {
        let seconds = usize::try_from(within.as_secs()).unwrap() + 1;
        assert!(self.single <= 10 * seconds, "{} lines in {seconds} s", self.single);
        assert!((1..=seconds).contains(&self.lines), "{} lines in {seconds} s", self.lines);
    }
}

#[test]
fn of_thirty_who_join_at_once_ten_are_told_one_by_one_and_the_rest_in_one_line() {
    let (_hub, port) = hub(&[]);
    let began = Instant::now();
    let mut watcher = Client::joins(port);
    let crowd: Vec<_> = (0..30).map(|_| Client::joins(port)).collect();
    let within = began.elapsed();
    let mut told = Told::default();
    told.read(&mut watcher, 30);
    assert_eq!(told.of, [30, 0, 0]);
    told.is_short(within);
    // The rest, as far as there is one, is told when the second is over; then it begins anew.
    watcher.has_heard(&[]);
    drop(crowd);
}

#[test]
fn joins_renamings_and_leavings_are_counted_in_one_line() {
    let (_hub, port) = hub(&[]);
    let began = Instant::now();
    let mut watcher = Client::joins(port);
    let mut crowd: Vec<_> = (0..15).map(|_| Client::joins(port)).collect();
    for (n, client) in crowd.iter_mut().enumerate().take(7) {
        client.says(&format!("/name member{n}"));
        // It is told the announcements of others, too, until it has its answer.
        client.hears(&format!("* hub: you are now member{n}"));
    }
    crowd.drain(..4).for_each(Client::leaves);
    let within = began.elapsed();
    let mut told = Told::default();
    told.read(&mut watcher, 26);
    assert_eq!(told.of, [15, 4, 7]);
    told.is_short(within);
    watcher.has_heard(&[]);
}

#[test]
fn what_is_said_is_not_held_back_with_the_announcements() {
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
fn announcements_are_for_their_room_alone() {
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
