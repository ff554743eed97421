//! Rooms: each member is in one.

use super::*;

#[test]
fn a_member_who_joins_another_room_is_greeted_there_and_hears_nothing_of_the_first() {
    let (hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.says("/join tea");
    let heard = alice.heard_so_far();
    assert_eq!(heard[0], "* hub: welcome to tea, alice; 88 leaves, /help lists the commands");
    assert_eq!(present(&heard[1]).unwrap().names, ["alice"]);
    assert_eq!(heard[2..], [""; 0]);
    bob.hears_next("* alice left for tea");
    bob.says("to the lobby");
    carol.hears("<bob> to the lobby");
    alice.has_heard(&[]);
    alice.says("to nobody");
    alice.catches_up();
    carol.says("/join tea");
    let heard = carol.heard_so_far();
    assert_eq!(heard[0], "* hub: welcome to tea, carol; 88 leaves, /help lists the commands");
    assert_eq!(heard[1], "* hub: 2 are here: carol, alice");
    assert_eq!(heard[2..], ["<alice> to nobody"]);
    alice.hears_next("* carol joined");
    carol.says("tea is ready");
    alice.hears_next("<carol> tea is ready");
    bob.hears_next("* carol left for tea");
    bob.has_heard(&[]);
    hub.out.wait_for("* carol left for tea\n");
    assert!(!hub.out.text().contains("tea is ready"));
}

#[test]
fn history_and_who_belong_to_the_room() {
    let (mut hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("in the lobby");
    alice.hears_next("<bob> in the lobby");
    alice.says("/join tea");
    alice.says("in the tea room");
    alice.catches_up();
    bob.catches_up();
    bob.is_answered("/who", "2 are in lobby: bob, @operator");
    bob.says("/join tea");
    bob.catches_up();
    bob.is_answered("/who", "2 are in tea: bob, alice");
    alice.catches_up();
    alice.says("/join lobby");
    let heard = alice.heard_so_far();
    assert_eq!(heard[2..], ["<bob> in the lobby"]);
    bob.hears_next("* alice left for lobby");
    // The operator can change rooms, too.
    hub.types("/join tea\n");
    hub.out.wait_for("<alice> in the tea room\n");
    bob.hears_next("* @operator joined");
    hub.types("hello\n");
    bob.hears_next("<@operator> hello");
    alice.has_heard(&["* @operator left for tea"]);
}

#[test]
fn rooms_are_listed_with_the_number_of_their_members() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    alice.says("/join tea");
    alice.catches_up();
    bob.catches_up();
    bob.is_answered("/rooms", "2 rooms: lobby (2), tea (1)");
    alice.is_answered("/rooms", "2 rooms: lobby (2), tea (1)");
}

#[test]
fn all_members_of_a_room_get_the_same_order() {
    let (_hub, [mut a, mut b, mut c, mut d]) = hub_with(&[], ["a", "b", "c", "d"]);
    for client in [&mut a, &mut b] {
        client.says("/join tea");
        client.catches_up();
    }
    for client in [&mut a, &mut b, &mut c, &mut d] {
        client.catches_up();
    }
    for n in 0..100 {
        a.says(&format!("tea {n}"));
        c.says(&format!("lobby {n}"));
    }
    for n in 0..100 {
        b.hears_next(&format!("<a> tea {n}"));
        d.hears_next(&format!("<c> lobby {n}"));
    }
}
