//! Who is let in, and how the others are turned away.

use super::*;

#[test]
fn callers_over_the_limit_are_told_that_it_is_full_and_get_in_when_somebody_has_left() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    for _ in 0..3 {
        let heard = Client::calls(port).hears_88();
        assert_eq!(heard, ["* hub: the hub is full (2 clients at most); please try again later"]);
    }
    // Nobody is told of those.
    alice.catches_up();
    bob.leaves();
    alice.hears("* bob left");
    let next = Client::joins(port);
    alice.hears_next(&format!("* {} joined", next.name));
}

/// However many call at once, none is just closed.
#[cfg(unix)]
#[test]
fn a_crowd_over_the_limit_is_told_why_each_of_it() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (_bob, _alice) = (Client::joins(port), Client::joins(port));
    let crowd: Vec<_> = (0..60).map(|_| Client::calls(port)).collect();
    for caller in crowd {
        assert_eq!(caller.hears_88(), ["* hub: the hub is full (2 clients at most); please try again later"]);
    }
}

#[test]
fn who_is_turned_away_is_not_reset_for_what_they_have_said() {
    let (_hub, port) = hub(&["--max-clients", "2"]);
    let (_bob, _alice) = (Client::joins(port), Client::joins(port));
    let mut connect = connect(port, &[]);
    connect.types("let me in\n");
    connect.exits(0);
    let told = connect.out.wait_for_texts(1);
    assert_eq!(told, ["* hub: the hub is full (2 clients at most); please try again later"]);
}

#[cfg(target_os = "linux")]
#[test]
fn only_so_many_are_let_in_from_one_address() {
    let (_hub, port) = hub(&["--max-per-address", "2"]);
    let (bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    let heard = Client::calls(port).hears_88();
    assert_eq!(heard, ["* hub: too many clients from your address (2 clients at most)"]);
    // From another one they are.
    let _there = Client::on(call_from([127, 0, 0, 2], port, None)).greeted();
    bob.leaves();
    alice.hears("* bob left");
    Client::joins(port);
}

#[cfg(target_os = "linux")]
#[test]
fn networks_are_allowed_and_denied() {
    let is_let_in = |port, last| {
        let mut client = Client::on(call_from([127, 0, 0, last], port, None));
        let told = client.hears_a_line();
        if told == "* hub: your address is not allowed here" {
            assert_eq!(client.hears_88(), [""; 0]);
            return false;
        }
        assert!(told.starts_with("* hub: welcome to lobby"), "{told}");
        true
    };
    for (args, let_in, refused) in [
        (&["--allow", "127.0.0.0/30"][..], &[1, 3][..], &[4][..]),
        (&["--allow", "127.0.0.2"], &[2], &[1, 3]),
        (&["--allow", "127.0.0.2,127.0.0.4"], &[2, 4], &[3]),
        (&["--allow", "127.0.0.2", "--allow", "127.0.0.4/31"], &[2, 5], &[1]),
        (&["--deny", "127.0.0.2"], &[1, 3], &[2]),
        (&["--deny", "127.0.0.2/31,127.0.0.8"], &[1, 4], &[3, 8]),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.3"], &[2], &[3]),
        (&["--allow", "::1"], &[], &[1]),
    ] {
        let (_hub, port) = hub(args);
        let_in.iter().for_each(|last| assert!(is_let_in(port, *last), "{args:?} {last}"));
        refused.iter().for_each(|last| assert!(!is_let_in(port, *last), "{args:?} {last}"));
    }
}

/// One that listens to both kinds of addresses sees those of the old kind in clothes of the new.
#[cfg(target_os = "linux")]
#[test]
fn an_address_is_the_same_to_a_hub_that_listens_to_both_kinds() {
    let Ok(_has_both) = std::net::TcpListener::bind("[::]:0") else { return };
    let listening = threadchat(&["hub", "[::]:0", "--deny", "127.0.0.2"]);
    let (_hub, port) = serve_with(listening);
    let heard = Client::on(call_from([127, 0, 0, 2], port, None)).hears_88();
    assert_eq!(heard, ["* hub: your address is not allowed here"]);
    Client::joins(port);
}

#[cfg(target_os = "linux")]
mod out_of_descriptors {
    use super::*;

    const TOLD: &str = "* hub: the hub is out of threads or file descriptors; please try again later";

    #[test]
    fn newcomers_are_told_and_closed_and_those_who_are_there_chat_on() {
        let (mut hub, port) = serve_with(threadchat_after("ulimit -n 40", &["hub", "0"]));
        let (mut bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
        let mut crowd = Vec::new();
        // Sooner or later there is none left.
        let heard = loop {
            assert!(crowd.len() < 60, "nobody is turned away");
            let mut caller = Client::calls(port);
            if caller.hears_a_line() == TOLD {
                break caller.hears_88();
            }
            crowd.push(caller);
        };
        assert_eq!(heard, [""; 0]);
        assert!(crowd.len() >= 5, "{} only", crowd.len());
        for n in 0..3 {
            let told = Client::calls(port).hears_88();
            assert_eq!(told, [TOLD]);
            bob.says(&n.to_string());
            alice.hears(&format!("<bob> {n}"));
        }
        hub.types("hello\n");
        alice.hears("<@operator> hello");
        // When some have left others are let in again.
        drop(crowd);
        wait_until("a newcomer is let in", || {
            Client::calls(port).hears_a_line().starts_with("* hub: welcome to lobby")
        });
        assert!(hub.is_running());
    }
}
