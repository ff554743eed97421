//! The person at the hub's keyboard.

use super::*;

#[test]
fn the_operator_is_a_member_who_sees_the_chat_and_is_heard() {
    let (mut hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    hub.types("hello\r\n/me waves\n//who\n\n");
    for client in [&mut bob, &mut alice] {
        client.hears_next("<@operator> hello");
        client.hears_next("* <@operator> waves");
        client.hears_next("<@operator> /who");
        client.hears_next("<@operator> ");
    }
    bob.says("hello, operator");
    hub.out.wait_for("<bob> hello, operator\n");
    assert!(!hub.out.text().contains("<@operator>"), "an echo: {}", hub.out.text());
    hub.out.text().lines().for_each(|line| check_stamp(line.as_bytes()));
}

#[test]
fn the_byte_order_mark_of_what_is_piped_to_the_hub_is_not_said() {
    let (mut hub, [mut bob]) = hub_with(&[], ["bob"]);
    hub.types("\u{feff}hello\n\u{feff}again\n");
    bob.hears_next("<@operator> hello");
    bob.hears_next("<@operator> <U+FEFF>again");
}

#[test]
fn the_operator_sees_addresses() {
    let (mut hub, [bob, alice]) = hub_with(&[], ["bob", "alice"]);
    hub.types("/who\n");
    let (bob, alice) = (bob.address(), alice.address());
    hub.out.wait_for(&format!("* hub: 3 are in lobby: alice ({alice}), bob ({bob}), @operator\n"));
}

#[test]
fn the_operator_cannot_take_a_taken_name_or_one_with_the_sign() {
    let (mut hub, [mut bob]) = hub_with(&[], ["bob"]);
    hub.types("/name bob\n/name @x\nstill here\n");
    hub.out.wait_for("* hub: the name @bob is taken\n");
    hub.out.wait_for("* hub: a name has 1 to 32 letters, digits, _ and -\n");
    bob.hears_next("<@operator> still here");
}

#[test]
fn a_kicked_member_is_disconnected_and_the_others_are_told() {
    let (mut hub, [bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.catches_up();
    hub.types("/kick bob\n");
    alice.hears_next("* bob was kicked");
    carol.hears_next("* bob was kicked");
    bob.hears_88();
    hub.types("/kick bob\n");
    hub.out.wait_for("* hub: nobody here is called bob\n");
    alice.says("peace");
    carol.hears_next("<alice> peace");
}

#[test]
fn the_operator_cannot_be_kicked() {
    let (mut hub, [mut bob]) = hub_with(&[], ["bob"]);
    hub.types("/kick operator\n/kick @operator\n/name ann\n/kick operator\n/kick ann\nstill here\n");
    bob.hears_next("* @operator is now @ann");
    bob.hears_next("<@ann> still here");
    let refused = from_hub("the operator cannot be kicked; 88 ends the hub");
    wait_until("each of them is answered", || hub.out.text().matches(&refused).count() == 4);
}

#[cfg(target_os = "linux")]
#[test]
fn a_ban_disconnects_members_and_refuses_callers_from_that_address() {
    let (mut hub, port) = hub(&[]);
    let mut alice = Client::joins(port);
    let from_there = |last| Client::on(call_from([127, 0, 0, last], port, None));
    let (bob, carol) = (from_there(2).greeted(), from_there(2).greeted());
    let mut dave = from_there(3).greeted();
    hub.types("/ban 127.0.0.2\n");
    alice.hears(&format!("* {} was banned", bob.name));
    alice.hears(&format!("* {} was banned", carol.name));
    bob.hears_88();
    carol.hears_88();
    let refused = ["* hub: this address is not allowed here"];
    assert_eq!(from_there(2).hears_88(), refused);
    dave.says("I am not");
    alice.hears(&format!("<{}> I am not", dave.name));
    // A network may be banned as well.
    hub.types("/ban 127.0.0.2/31\n");
    alice.hears(&format!("* {} was banned", dave.name));
    dave.hears_88();
    assert_eq!(from_there(3).hears_88(), refused);
    from_there(4).greeted();
    hub.types("/ban nonsense\n/ban\nstill here\n");
    alice.hears("<@operator> still here");
}

#[test]
fn the_operators_88_delivers_what_is_queued_and_says_goodbye_to_everybody() {
    let (mut hub, [bob, alice]) = hub_with(&[], ["bob", "alice"]);
    let lines: String = (0..1000).map(|n| format!("{n} {}\n", filler(200))).collect();
    hub.types(format!("{lines}88\n"));
    for client in [bob, alice] {
        let heard = client.hears_88();
        let said: Vec<_> = heard.iter().filter_map(|line| line.strip_prefix("<@operator> ")).collect();
        assert_eq!(said, lines.lines().collect::<Vec<_>>());
    }
    hub.exits(0);
}

#[test]
fn what_members_said_is_delivered_before_the_hubs_goodbye() {
    let (mut hub, [mut bob, alice]) = hub_with(&[], ["bob", "alice"]);
    (0..1000).for_each(|n| bob.says(&format!("line {n}")));
    bob.catches_up();
    hub.types("88\n");
    let heard = alice.hears_88();
    let said: Vec<_> = heard.iter().filter_map(|line| line.strip_prefix("<bob> ")).collect();
    assert_eq!(said, (0..1000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    bob.hears_88();
    hub.exits(0);
}

#[test]
fn a_connect_exits_with_0_when_the_hub_says_88() {
    let (mut hub, port) = hub(&[]);
    let mut connect = connect(port, &[]);
    connect.out.wait_for("are here");
    hub.types("88\n");
    connect.exits(0);
    hub.exits(0);
}

#[test]
fn the_end_of_the_operators_input_counts_as_88() {
    let (mut hub, [bob]) = hub_with(&[], ["bob"]);
    hub.types("last words");
    hub.ends_input();
    assert!(bob.hears_88().contains(&"<@operator> last words".to_owned()));
    hub.exits(0);
}

#[test]
fn a_hub_that_never_read_a_line_continues_after_the_end_of_its_input() {
    let mut command = threadchat(&["hub", "0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut hub, port) = Program::spawn(command).with_port();
    let (mut bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    bob.says("hello");
    alice.hears("<bob> hello");
    hub.out.wait_for("<bob> hello\n");
    assert!(hub.is_running());
}

#[test]
fn without_an_operator_the_keyboard_is_not_read_and_nothing_is_shown() {
    let (mut hub, port) = hub(&["--no-operator"]);
    hub.types("hello\n88\n");
    hub.ends_input();
    let (mut bob, mut alice) = (Client::joins_as(port, "bob"), Client::joins_as(port, "alice"));
    alice.catches_up();
    bob.says("hello");
    alice.hears_next("<bob> hello");
    alice.is_answered("/who", "2 are in lobby: alice, bob");
    assert!(hub.is_running());
    assert_eq!(hub.out.text(), "");
}
