//! A connection ends, or nobody answers any more, and what people see then.

use super::proxy::Network;
use super::*;
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::thread;
use std::time::Duration;

/// What somebody types while there is no connection.
const UNSENT: &str = "a line that is not sent";

/// Types a line that cannot be sent: it stays in the box.
#[track_caller]
fn types_without_a_connection(person: &Person) {
    person.is_cut_off();
    person.says(UNSENT);
    person.has_draft(UNSENT);
}

#[test]
#[ignore = "needs chromium"]
fn a_hub_that_stood_still_is_called_again_and_what_was_said_arrives_once() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    ann.says("before");
    bob.sees("<ann> before");
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name nora\n").unwrap();
    ann.sees("* user1 is now nora");
    hub.program.signal(Signal::STOP);
    // Both are said while the hub stands still.
    netcat.write_all(b"said meanwhile\n").unwrap();
    ann.says("said into the void");
    ann.waits_for("it is pending", "document.querySelector('#pending').textContent === 'said into the void'");
    ann.is_cut_off();
    // How long it stands still is what this is about.
    thread::sleep(Duration::from_secs(3));
    hub.program.signal(Signal::CONT);
    for person in [&ann, &bob] {
        person.is_connected();
        person.sees("<nora> said meanwhile");
    }
    ann.is_called("ann");
    // It either was heard after all, or it is in the box again.
    if ann.draft().is_empty() {
        bob.sees("<ann> said into the void");
    } else {
        ann.has_draft("said into the void");
        ann.presses("Enter");
    }
    for person in [&ann, &bob] {
        person.sees("<ann> said into the void");
    }
    ann.says("after");
    for person in [&ann, &bob] {
        person.sees("<ann> after");
        let lines = person.lines();
        for line in ["<ann> before", "<nora> said meanwhile", "<ann> said into the void", "<ann> after"] {
            assert_eq!(lines.iter().filter(|shown| *shown == line).count(), 1, "{line}: {lines:#?}");
        }
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_restarted_hub_is_called_again_and_the_draft_is_still_there() {
    let mut hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    ann.says("before");
    bob.sees("<ann> before");
    ann.says("/join sport");
    ann.is_in("sport");
    hub.program.kill();
    types_without_a_connection(&ann);
    bob.is_cut_off();
    hub.restarts();
    for (person, name, room) in [(&ann, "ann", "sport"), (&bob, "bob", "lobby")] {
        person.sees("-- The hub was restarted.");
        person.is_called(name);
        person.is_in(room);
        person.is_connected();
    }
    ann.has_draft(UNSENT);
    ann.presses("Enter");
    ann.sees(&format!("<ann> {UNSENT}"));
}

#[test]
#[ignore = "needs chromium"]
fn a_network_that_falls_silent_is_noticed_and_tried_again() {
    let hub = Hub::start(&[]);
    let network = Network::to(hub.web);
    let ann = Person::joins_at(&hub.link_through(network.port), "ann");
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name nora\nbefore\n").unwrap();
    ann.sees("<nora> before");
    ann.says("/name annie");
    ann.is_called("annie");
    network.falls_silent();
    netcat.write_all(b"one\ntwo\n").unwrap();
    types_without_a_connection(&ann);
    network.is_another();
    ann.sees("<nora> two");
    ann.is_connected();
    // The hub has not noticed yet that her first connection is gone.
    ann.is_called("annie");
    ann.has_once(&["<nora> before", "<nora> one", "<nora> two"]);
    ann.has_draft(UNSENT);
}

#[test]
#[ignore = "needs chromium"]
fn what_the_history_does_not_keep_is_counted() {
    let hub = Hub::start(&["--history", "3"]);
    let network = Network::to(hub.web);
    let ann = Person::joins_at(&hub.link_through(network.port), "ann");
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name nora\nbefore\n").unwrap();
    ann.sees("<nora> before");
    network.falls_silent();
    netcat.write_all(b"1\n2\n3\n4\n5\n6\n7\n").unwrap();
    ann.is_cut_off();
    network.is_back();
    ann.sees("<nora> 7");
    ann.has_once(&[
        "<nora> before",
        "-- 4 lines that were said meanwhile are not kept any more.",
        "<nora> 5",
        "<nora> 6",
        "<nora> 7",
    ]);
    assert!(!ann.lines().contains(&"<nora> 4".to_owned()));
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_without_network_comes_back_with_it() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    ann.says("before");
    ann.sees("<ann> before");
    goes(&ann, true);
    hub.program.signal(Signal::STOP);
    types_without_a_connection(&ann);
    hub.program.signal(Signal::CONT);
    goes(&ann, false);
    ann.is_connected();
    ann.presses("Enter");
    ann.sees(&format!("<ann> {UNSENT}"));
    ann.has_once(&["<ann> before", &format!("<ann> {UNSENT}")]);
}

fn goes(person: &Person, offline: bool) {
    let conditions =
        json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    person.command("Network.emulateNetworkConditions", &conditions);
}

#[test]
#[ignore = "needs chromium"]
fn a_reload_keeps_the_log_the_name_the_room_and_the_draft() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    ann.says("/join sport");
    ann.is_in("sport");
    ann.says("before");
    ann.sees("<ann> before");
    ann.types(UNSENT);
    ann.reloads();
    ann.is_in("sport");
    ann.is_called("ann");
    ann.is_connected();
    ann.has_once(&["<ann> before"]);
    ann.has_draft(UNSENT);
    ann.presses("Enter");
    ann.sees(&format!("<ann> {UNSENT}"));
    bob.has_no_errors();
    ann.has_no_errors();
}

#[test]
#[ignore = "needs chromium"]
fn lines_whose_arrival_is_unknown_are_not_said_twice() {
    let hub = Hub::start(&[]);
    let network = Network::to(hub.web);
    let ann = Person::joins_at(&hub.link_through(network.port), "ann");
    let bob = Person::joins(&hub, "bob");
    ann.says("before");
    bob.sees("<ann> before");
    // The hub hears the first line, but its confirmation is lost; the others are lost on the way.
    network.loses_answers();
    ann.says("heard");
    bob.sees("<ann> heard");
    network.falls_silent();
    ann.says("lost");
    ann.says("lost, too");
    ann.waits_for(
        "three are pending",
        "document.querySelector('#pending').textContent.split('\\n').length === 3",
    );
    network.breaks();
    ann.has_draft("lost\nlost, too");
    ann.sees("<ann> heard");
    ann.has_once(&["<ann> before", "<ann> heard"]);
    ann.presses("Enter");
    bob.sees("<ann> lost, too");
    bob.has_once(&["<ann> before", "<ann> heard", "<ann> lost", "<ann> lost, too"]);
}

#[test]
#[ignore = "needs chromium"]
fn a_line_that_is_too_long_stays_in_the_box() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let long = "ä".repeat(31 * 1024);
    ann.says(&long);
    ann.waits_for("the page says why", "document.querySelector('#status').textContent.includes('62 KiB')");
    assert_eq!(ann.evaluate("document.querySelector('#box').value.length"), Value::from(31 * 1024));
}

#[test]
#[ignore = "needs chromium"]
fn a_page_that_was_frozen_shows_what_was_said_meanwhile_once() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name nora\nbefore\n").unwrap();
    ann.sees("<nora> before");
    ann.command("Page.setWebLifecycleState", &json!({ "state": "frozen" }));
    netcat.write_all(b"one\ntwo\n").unwrap();
    let bob = Person::joins(&hub, "bob");
    bob.sees("<nora> two");
    ann.command("Page.setWebLifecycleState", &json!({ "state": "active" }));
    ann.sees("<nora> two");
    ann.is_connected();
    ann.has_once(&["<nora> before", "<nora> one", "<nora> two"]);
}
