//! A name belongs to one member of all hubs.

use super::*;

/// Asks for a name. Returns the answer, which must be the next line.
#[track_caller]
fn asks_for(client: &mut Client, name: &str) -> String {
    client.says(&format!("/name {name}"));
    client.hears_a_line()
}

#[test]
fn a_name_that_a_member_of_another_hub_has_is_taken_in_every_spelling() {
    let (_redis, hubs) = three_hubs();
    let [_ada, mut bob, mut carol] = three_members(&hubs);
    for name in ["ada", "ADA", "ａｄａ"] {
        for client in [&mut bob, &mut carol] {
            let answer = asks_for(client, name);
            assert!(answer.starts_with("* hub: the name ") && answer.contains(" is taken"), "{answer}");
        }
    }
    let answer = asks_for(&mut bob, "caro1");
    assert_eq!(answer, "* hub: the name caro1 looks like carol, which is taken");
}

#[test]
fn of_two_who_ask_for_a_name_at_once_at_two_hubs_one_gets_it() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    for round in 0..3 {
        // Those that look alike are one name, too.
        let [one, other] = [format!("l-{round}"), format!("1-{round}")];
        ada.says(&format!("/name {one}"));
        bob.says(&format!("/name {other}"));
        let is_answer = |line: &str| line.starts_with("* hub: ");
        let answers = [&mut ada, &mut bob].map(|client| client.hears_until_one(is_answer).1);
        let won: Vec<_> = answers.iter().filter(|answer| answer.starts_with("* hub: you are now ")).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(
            answers.iter().any(|answer| answer.contains(" is taken") || answer.contains("looks like")),
            "{answers:?}"
        );
        let (winner, name, old) = match answers[0] == format!("* hub: you are now {one}") {
            true => (&mut ada, one, "ada"),
            false => (&mut bob, other, "bob"),
        };
        carol.hears(&format!("* {old} is now {name}"));
        winner.says(&format!("/name {old}"));
        winner.hears(&format!("* hub: you are now {old}"));
        carol.hears_next(&format!("* {name} is now {old}"));
    }
}

#[test]
fn newcomers_of_different_hubs_have_different_names() {
    let (_redis, hubs) = three_hubs();
    let members: Vec<_> = (0..30).map(|number| Client::joins(hubs[number % 3].port)).collect();
    let names: BTreeSet<_> = members.iter().map(|member| &member.name).collect();
    assert_eq!(names.len(), 30, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("user")), "{names:?}");
    let mut ada = hubs[0].member("ada");
    let answer = asks_for(&mut ada, "user999");
    assert_eq!(answer, "* hub: the name user999 looks like that of a newcomer, and is reserved");
}

#[test]
fn a_name_is_free_at_all_hubs_when_its_owner_has_left_or_has_another_one() {
    let (_redis, hubs) = three_hubs();
    let [ada, mut bob, carol] = three_members(&hubs);
    let adam = ada.calls_themselves("adam");
    bob.hears("* ada is now adam");
    let mut bob = bob.calls_themselves("ada");
    carol.leaves();
    bob.hears("* carol left");
    bob.calls_themselves("carol");
    drop(adam);
}
