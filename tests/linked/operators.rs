//! Each hub has an operator, and what one of them does holds at all hubs.

use super::*;

#[test]
fn the_operator_of_each_hub_has_its_name_behind_a_slash() {
    let (_redis, hubs) = three_hubs();
    let [_ada, mut bob, _carol] = three_members(&hubs);
    let [mut east, west, north] = hubs;
    east.program.types("hello\n");
    bob.hears("<@operator/east> hello");
    north.program.out.wait_for("<@operator/east> hello\n");
    bob.says("/msg @operator/east good evening");
    east.program.out.wait_for("[bob -> you] good evening\n");
    east.program.types("/reply good night\n");
    bob.hears_next("[@operator/east -> you] good night");
    bob.says("/msg operator hello, west");
    west.program.out.wait_for("[bob -> you] hello, west\n");
}

#[test]
fn a_kick_reaches_a_member_of_another_hub() {
    let (_redis, mut hubs) = three_hubs();
    let [mut ada, bob, mut carol] = three_members(&hubs);
    hubs[0].program.types("/kick bob\n");
    ada.hears("* bob was kicked");
    carol.hears("* bob was kicked");
    bob.hears_88();
    hubs[0].program.types("/kick @operator/west\n");
    hubs[0].program.out.wait_for("* hub: the operator cannot be kicked");
    hubs[0].program.types("/kick bob\n");
    hubs[0].program.out.wait_for("* hub: nobody here is called bob\n");
    // The name is free, and the address is welcome.
    hubs[1].member("bob").leaves();
    carol.hears("* bob left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_ban_holds_at_all_hubs_also_at_those_that_come_later() {
    let (redis, mut hubs) = three_hubs();
    let [mut ada, _bob, _carol] = three_members(&hubs);
    let from_there = |hub: &Hub| Client::on(client::call_from([127, 0, 0, 9], hub.port, None));
    let dan = from_there(&hubs[1]).greeted();
    ada.hears(&format!("* {} joined", dan.name));
    hubs[0].program.types("/ban 127.0.0.9\n");
    ada.hears(&format!("* {} was banned", dan.name));
    dan.hears_88();
    let later = Hub::joins(&redis, "later", &[]);
    let refused = ["* hub: this address is not allowed here"];
    // North has read the ban, too, when it has read what comes behind it.
    let mut erin = hubs[2].member("erin");
    ada.says("go on");
    erin.hears("<ada> go on");
    for hub in hubs.iter().chain([&later]) {
        assert_eq!(from_there(hub).hears_88(), refused);
    }
}

#[test]
fn members_who_are_no_operators_can_neither_kick_nor_ban() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    ada.says("/kick bob");
    ada.says("/ban 127.0.0.1");
    for heard in hear_everything(&mut [&mut bob, &mut carol, &mut ada]) {
        assert_eq!(heard, [""; 0]);
    }
}
