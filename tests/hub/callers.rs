//! Who may join, and how the others are refused.

use super::*;
use std::time::Instant;

#[test]
fn callers_over_the_limit_are_refused_until_somebody_leaves() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    for _ in 0..3 {
        let heard = Client::calls(port).hears_88();
        assert_eq!(heard, ["* hub: the hub is full (2 clients at most); please try again later"]);
    }
    // Refused callers are not announced.
    alice.catches_up();
    bob.leaves();
    alice.hears("* bob left");
    let next = Client::joins(port);
    alice.hears_next(&format!("* {} joined", next.name));
}

/// However many call at once, none is closed without a reason.
#[cfg(unix)]
#[test]
fn every_caller_of_a_crowd_over_the_limit_gets_the_reason() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (_bob, _alice) = (Client::joins(port), Client::joins(port));
    let crowd: Vec<_> = (0..60).map(|_| Client::calls(port)).collect();
    for caller in crowd {
        assert_eq!(caller.hears_88(), ["* hub: the hub is full (2 clients at most); please try again later"]);
    }
}

#[test]
fn a_refused_caller_that_has_sent_something_is_not_reset() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (_bob, _alice) = (Client::joins(port), Client::joins(port));
    let mut connect = connect(port, &[]);
    connect.types("let me in\n");
    connect.exits(1);
    let said = connect.err.text();
    let reason = "did not let us in: the hub is full (2 clients at most); please try again later\n";
    assert!(said.contains(reason) && connect.out.text().is_empty(), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_number_of_clients_from_one_address_is_limited() {
    let (_hub, port) = hub(&["--max-per-address", "2"]);
    let (bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    let heard = Client::calls(port).hears_88();
    assert_eq!(heard, ["* hub: too many clients from this address (2 clients at most)"]);
    // Another address has a limit of its own.
    let _there = Client::on(call_from([127, 0, 0, 2], port, None)).greeted();
    bob.leaves();
    alice.hears("* bob left");
    Client::joins(port);
}

#[cfg(target_os = "linux")]
#[test]
fn networks_are_allowed_and_denied() {
    let may_join = |port, last| {
        let mut client = Client::on(call_from([127, 0, 0, last], port, None));
        let answer = client.hears_a_line();
        if answer == "* hub: this address is not allowed here" {
            assert_eq!(client.hears_88(), [""; 0]);
            return false;
        }
        assert!(answer.starts_with("* hub: welcome to lobby"), "{answer}");
        true
    };
    let cases = [
        (&["--allow", "127.0.0.0/30"][..], &[1, 3][..], &[4][..]),
        (&["--allow", "127.0.0.2"], &[2], &[1, 3]),
        (&["--allow", "127.0.0.2,127.0.0.4"], &[2, 4], &[3]),
        (&["--allow", "127.0.0.2", "--allow", "127.0.0.4/31"], &[2, 5], &[1]),
        (&["--deny", "127.0.0.2"], &[1, 3], &[2]),
        (&["--deny", "127.0.0.2/31,127.0.0.8"], &[1, 4], &[3, 8]),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.3"], &[2], &[3]),
        (&["--allow", "::1"], &[], &[1]),
    ];
    // At once, because who says nothing is refused for most of a second.
    std::thread::scope(|scope| {
        for (args, admitted, refused) in cases {
            scope.spawn(move || {
                let (_hub, port) = hub(args);
                admitted.iter().for_each(|last| assert!(may_join(port, *last), "{args:?} {last}"));
                refused.iter().for_each(|last| assert!(!may_join(port, *last), "{args:?} {last}"));
            });
        }
    });
}

/// A hub that listens to IPv6 and IPv4 sees IPv4 addresses as mapped IPv6 addresses.
#[cfg(target_os = "linux")]
#[test]
fn a_mapped_ipv4_address_counts_as_the_ipv4_address() {
    let Ok(_has_both) = std::net::TcpListener::bind("[::]:0") else { return };
    let listening = threadchat(&["hub", "[::]:0", "--deny", "127.0.0.2"]);
    let (_hub, port) = serve_with(listening);
    let heard = Client::on(call_from([127, 0, 0, 2], port, None)).hears_88();
    assert_eq!(heard, ["* hub: this address is not allowed here"]);
    Client::joins(port);
}

/// How many callers each line of standard error reports as turned away.
fn reported_refusals(hub: &Program) -> Vec<usize> {
    let count = |line: &str| match line.split_once(" more callers were turned away; ") {
        Some((count, _)) => count.parse().ok(),
        None => line.contains(" was not admitted: ").then_some(1),
    };
    hub.err.text().lines().filter_map(count).collect()
}

#[test]
fn refused_callers_are_counted_and_reported_once_a_second() {
    let (hub, port) = hub(&["--deny", "127.0.0.1,::1"]);
    let began = Instant::now();
    let callers: Vec<_> = (0..200).map(|_| Client::calls(port)).collect();
    callers.into_iter().for_each(|caller| drop(caller.hears_the_rest()));
    wait_until("all are reported", || reported_refusals(&hub).iter().sum::<usize>() == 200);
    let lines = reported_refusals(&hub).len() as u64;
    assert!(lines <= began.elapsed().as_secs() + 2, "{}", hub.err.text());
    let first = hub.err.text().lines().find(|line| line.contains("was not admitted")).unwrap().to_owned();
    assert!(
        first.starts_with("127.0.0.1:") && first.ends_with("this address is not allowed here"),
        "{first}"
    );
}

#[test]
fn refused_callers_are_not_reported_with_q() {
    let (mut hub, port) = hub(&["-q", "--max-clients", "1"]);
    let member = Client::joins(port);
    (0..5).for_each(|_| drop(Client::calls(port).hears_the_rest()));
    hub.types("88\n");
    member.hears_88();
    hub.exits(0);
    assert_eq!(reported_refusals(&hub), [0; 0], "{}", hub.err.text());
}

#[cfg(all(unix, signals))]
#[test]
fn without_an_operator_refused_callers_are_a_line_a_minute_and_one_at_the_end() {
    let (mut hub, port) = hub(&["--no-operator", "--max-clients", "1"]);
    let member = Client::joins(port);
    let began = Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(1500) {
        Client::calls(port).hears_the_rest();
    }
    hub.signal(rustix::process::Signal::TERM);
    member.hears_88();
    hub.exits(143);
    assert_eq!(reported_refusals(&hub).len(), 2, "{}", hub.err.text());
}

#[cfg(target_os = "linux")]
mod out_of_descriptors {
    use super::*;
    use std::collections::VecDeque;
    use std::io::Write;

    const ANSWER: &str = "* hub: the hub is out of threads or file descriptors; please try again later";

    #[test]
    fn an_address_that_comes_and_leaves_without_closing_takes_no_descriptors_from_others() {
        // About 30 with the limit, and as many more as the hub has just disconnected: on a busy machine up to a hundred. Without it,
        // callers are clients until the hub has read their 88. Others can always join.
        for (limit, max_descriptors) in [(&["--max-per-address", "2"][..], 200), (&[], 300)] {
            let (hub, port) = serve_with(threadchat_after("ulimit -n 300", &[&["hub", "0"], limit].concat()));
            std::thread::scope(|scope| {
                let flood = scope.spawn(|| {
                    let mut open = VecDeque::new();
                    for _ in 0..1000 {
                        let mut caller = call_from([127, 0, 0, 2], port, None);
                        // It may have been refused and disconnected by now.
                        let _ = caller.write_all(b"88\n");
                        open.push_back(caller);
                        if open.len() > 400 {
                            open.pop_front();
                        }
                    }
                });
                let mut most = 0;
                while !flood.is_finished() {
                    Client::joins(port).leaves();
                    most = most.max(hub.descriptors());
                }
                assert!(most < max_descriptors, "{most} descriptors");
            });
        }
    }

    #[test]
    fn callers_are_refused_and_members_chat_on() {
        let (mut hub, port) = serve_with(threadchat_after("ulimit -n 40", &["hub", "0"]));
        let (mut bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
        let mut crowd = Vec::new();
        // Sooner or later no descriptor is left.
        let heard = loop {
            assert!(crowd.len() < 60, "nobody is refused");
            let mut caller = Client::calls(port);
            if caller.hears_a_line() == ANSWER {
                break caller.hears_88();
            }
            crowd.push(caller);
        };
        assert_eq!(heard, [""; 0]);
        assert!(crowd.len() >= 5, "{} only", crowd.len());
        for n in 0..3 {
            let answer = Client::calls(port).hears_88();
            assert_eq!(answer, [ANSWER]);
            bob.says(&n.to_string());
            alice.hears(&format!("<bob> {n}"));
        }
        hub.types("hello\n");
        alice.hears("<@operator> hello");
        // When some have left, others may join again.
        drop(crowd);
        wait_until("a caller may join", || {
            Client::calls(port).hears_a_line().starts_with("* hub: welcome to lobby")
        });
        assert!(hub.is_running());
    }
}
