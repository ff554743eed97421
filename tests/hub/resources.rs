//! The hub releases threads, descriptors, names and rooms.

use super::*;
use std::io::Write;
use std::net::TcpStream;

/// Joins, and leaves in one of several ways.
fn comes_and_goes(port: u16, n: usize) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    match n % 5 {
        0 => drop(socket),
        1 => reset(socket),
        2 => Client::on(socket).greeted().leaves(),
        // Some may be reset before they have sent anything.
        3 => drop(socket.write_all(b"88\n")),
        _ => drop(socket.write_all(b"half a line")),
    }
}

#[test]
fn five_hundred_members_who_come_and_go_leave_nothing_behind() {
    let (hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    comes_and_goes(port, 2);
    bob.hears("* user2 left");
    let before = (hub.threads().len(), hub.descriptors());
    (0..500).for_each(|n| comes_and_goes(port, n));
    wait_until("threads and descriptors are back", || {
        let now = (hub.threads().len(), hub.descriptors());
        now.0 <= before.0 && now.1 <= before.1
    });
    bob.catches_up();
    let mut alice = Client::joins_as(port, "alice");
    alice.says("hello");
    bob.hears("<alice> hello");
    assert!(hub.peak_memory() < 64 << 20, "{} bytes", hub.peak_memory());
}

#[test]
fn refused_callers_leave_nothing_behind() {
    let (hub, port) = hub(&["--max-clients", "1"]);
    let mut bob = Client::joins(port);
    let before = (hub.threads().len(), hub.descriptors());
    let callers: Vec<_> = (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    drop(callers);
    wait_until("threads and descriptors are back", || {
        let now = (hub.threads().len(), hub.descriptors());
        now.0 <= before.0 && now.1 <= before.1
    });
    bob.has_heard(&[]);
}

#[test]
fn names_and_rooms_of_former_members_are_free() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    for n in 0..20 {
        let mut guest = Client::joins(port);
        guest.says(&format!("/name guest\n/join room{n}"));
        guest.hears(&from_hub("you are now guest"));
        guest.catches_up();
        guest.leaves();
    }
    bob.catches_up();
    let mut alice = Client::joins_as(port, "guest");
    alice.says("/join tea");
    alice.catches_up();
    bob.says("/rooms");
    // Summaries of who came and went may come in between.
    bob.hears("* hub: 2 rooms: lobby (2), tea (1)");
}
