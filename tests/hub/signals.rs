//! A signal ends the hub cleanly.

use super::*;
use rustix::process::Signal;

#[test]
fn a_signal_says_88_to_everybody_and_sets_the_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        for args in [&[][..], &["--no-operator"]] {
            // To a service, this one only says to open its files again.
            if signal == Signal::HUP && !args.is_empty() {
                continue;
            }
            let (mut hub, [mut bob, alice]) = hub_with(args, ["bob", "alice"]);
            bob.says("last words");
            bob.catches_up();
            hub.signal(signal);
            assert!(alice.hears_88().contains(&"<bob> last words".to_owned()));
            bob.hears_88();
            hub.exits(code);
        }
    }
}

#[test]
fn a_signal_ends_a_hub_that_nobody_has_called() {
    let (mut hub, _) = hub(&[]);
    hub.signal(Signal::TERM);
    hub.exits(143);
}

#[test]
fn a_signal_ends_the_hub_while_one_member_floods_and_another_does_not_read() {
    let (mut hub, [bob, alice]) = hub_with(&["--stall", "60"], ["bob", "alice"]);
    let mut voice = bob.voice();
    voice.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    let lines = format!("{}\n", filler(1000)).repeat(100);
    // Until the hub takes no more, because nothing of it reaches alice.
    while std::io::Write::write_all(&mut voice, lines.as_bytes()).is_ok() {}
    hub.signal(Signal::TERM);
    hub.exits(143);
    drop(alice);
}
