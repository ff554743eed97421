//! What a new member gets first.

use super::*;
use std::io::Write;

/// The greeting of a new member, and the history after it.
fn greeting_and_history(port: u16) -> (Vec<String>, Vec<String>) {
    let mut newcomer = Client::joins(port);
    (newcomer.greeting.clone(), newcomer.heard_so_far())
}

#[test]
fn the_greeting_has_a_name_how_to_leave_where_help_is_and_who_is_here() {
    let (_hub, port) = hub(&[]);
    let first = Client::joins(port);
    assert_eq!(
        first.greeting,
        [
            "* hub: welcome to lobby, user1; 88 leaves, /help lists the commands",
            "* hub: 2 are here: user1, @operator"
        ]
    );
    let _bob = Client::joins_as(port, "bob");
    let (greeting, history) = greeting_and_history(port);
    assert_eq!(greeting[0], "* hub: welcome to lobby, user3; 88 leaves, /help lists the commands");
    assert_eq!(greeting[1], "* hub: 4 are here: user3, bob, user1, @operator");
    assert_eq!(history, [""; 0]);
    drop(first);
}

#[test]
fn without_an_operator_the_first_member_is_alone() {
    let (_hub, port) = hub(&["--no-operator"]);
    let here = present(&Client::joins(port).greeting[1]).unwrap();
    assert_eq!((here.count, here.names), (1, vec!["user1".to_owned()]));
}

#[test]
fn the_greeting_lists_twenty_members_and_counts_the_others() {
    let (_hub, port) = hub(&[]);
    let crowd: Vec<_> = (0..36).map(|_| Client::joins(port)).collect();
    for (n, client) in crowd.iter().enumerate() {
        let here = present(&client.greeting[1]).unwrap();
        // Those who came before, the operator, and the new member.
        assert_eq!(here.count, n + 2);
        assert_eq!(here.names.len(), (n + 2).min(20));
        assert_eq!(here.more, (n + 2).saturating_sub(20));
    }
    assert!(crowd[35].greeting[1].ends_with(" and 17 more"), "{:?}", crowd[35].greeting);
    let mut bob = Client::joins(port);
    bob.says("/who");
    let (_, who) = bob.hears_until_one(|line| present(line).is_some());
    assert_eq!((present(&who).unwrap().names.len(), present(&who).unwrap().more), (38, 0));
}

#[test]
fn a_new_member_does_not_get_a_name_that_somebody_chose() {
    let (_hub, port) = hub(&[]);
    let _first = Client::joins_as(port, "User2");
    let second = Client::joins(port);
    assert!(second.name.starts_with("user") && second.name != "user2", "{}", second.name);
}

#[test]
fn the_message_of_the_day_comes_first() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"be kind\r\n\nand \x1b[1mbrief").unwrap();
    let (_hub, port) = hub(&["--motd", file.path().to_str().unwrap()]);
    let newcomer = Client::joins(port);
    let motd = ["* hub: be kind", "* hub: ", "* hub: and ^[[1mbrief"];
    assert_eq!(newcomer.greeting[..3], motd);
    assert!(newcomer.greeting[3].starts_with("* hub: welcome to lobby, user1;"));
}

#[test]
fn the_history_has_the_last_messages_without_announcements() {
    let (mut hub, port) = hub(&["--history", "4"]);
    let mut bob = Client::joins_as(port, "bob");
    let mut alice = Client::joins_as(port, "alice");
    bob.catches_up();
    for line in
        ["zero", "one", "/msg alice secret", "/me waves", "/who", "//help", "/nonsense", "/name robert"]
    {
        bob.says(line);
    }
    alice.hears("* bob is now robert");
    hub.types("from the operator\n");
    alice.hears_next("<@operator> from the operator");
    alice.leaves();
    let (_, history) = greeting_and_history(port);
    assert_eq!(history, ["<bob> one", "* <bob> waves", "<bob> /help", "<@operator> from the operator"]);
}

#[test]
fn a_line_of_the_history_has_its_original_stamp() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins(port);
    let mut alice = Client::joins(port);
    bob.says("hello");
    let sent = alice.stamped_line().unwrap();
    // Stamps count seconds: without this pause both could have the same one by chance.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mut newcomer = Client::joins(port);
    assert_eq!(newcomer.stamped_line().unwrap(), sent);
    newcomer.has_heard(&[]);
}

#[test]
fn the_history_has_twenty_messages_by_default_and_none_with_history_0() {
    for (args, kept) in [(&[][..], 20), (&["--history", "0"], 0), (&["--history", "3"], 3)] {
        let (_hub, port) = hub(args);
        let mut bob = Client::joins(port);
        (0..25).for_each(|n| bob.says(&n.to_string()));
        bob.catches_up();
        bob.leaves();
        let (_, history) = greeting_and_history(port);
        assert_eq!(history, (25 - kept..25).map(|n| format!("<user1> {n}")).collect::<Vec<_>>());
    }
}
