//! Members with a program for terminals.

use super::super::*;
use crate::common::foreign::*;
use crate::common::terminal::Terminal;

/// How a person says who they are.
const NAME: &str = "/name tess\r";

/// A hub, bob, and a person who has joined it at a terminal as tess.
fn joined_by(line: &str, name: &str) -> (Program, Client, Terminal) {
    let (hub, port) = hub(&["-v"]);
    let mut bob = Client::joins_as(port, "bob");
    let tess = at_terminal(line, port);
    tess.wait_until("the greeting", |seen| seen.contains("are here") || seen.contains("are in lobby"));
    tess.types(name);
    shows(&tess, &from_hub("you are now tess"));
    bob.hears_until_one(|line| line.ends_with(" is now tess"));
    (hub, bob, tess)
}

/// Both say something to the other.
fn chat(bob: &mut Client, tess: &Terminal) {
    tess.types("hello\r");
    bob.hears_next("<tess> hello");
    bob.says("one");
    bob.says("two");
    shows(tess, "<bob> one");
    shows(tess, "<bob> two");
}

/// The person leaves, and each line that was shown began in the first column.
fn leaves(mut bob: Client, tess: &Terminal) {
    tess.types("88\r");
    bob.hears_next("* tess left");
    assert!(messages(tess)[0].starts_with("* hub: welcome to lobby, user"), "{}", tess.seen());
    let shown: Vec<_> = messages(tess).into_iter().filter(|line| line.starts_with("<bob> ")).collect();
    assert_eq!(shown, ["<bob> one", "<bob> two"]);
}

#[test]
#[ignore = "needs telnet of inetutils and of netkit"]
fn telnet_goes_on_after_an_interrupt_and_learns_that_the_hub_is_there() {
    for line in TELNETS {
        let (hub, mut bob, mut tess) = joined_by(line, NAME);
        chat(&mut bob, &tess);
        tess.types("not this");
        interrupts(&tess, &hub, 1);
        tess.types("but this\r");
        bob.hears_next("<tess> but this");
        is_there(&tess);
        tess.types("again\r");
        bob.hears_next("<tess> again");
        interrupts(&tess, &hub, 2);
        leaves(bob, &tess);
        tess.status();
        tess.wait_for_end("Connection closed by foreign host.");
    }
}

#[test]
#[ignore = "needs plink"]
fn plink_negotiates_without_saying_anything_by_it() {
    let (_hub, mut bob, mut tess) = joined_by(PLINK, NAME);
    chat(&mut bob, &tess);
    leaves(bob, &tess);
    tess.status();
}

#[test]
#[ignore = "needs tinyfugue"]
fn tinyfugue_chats() {
    // It takes lines with a slash for its own commands.
    let (_hub, mut bob, tess) = joined_by(TINY_FUGUE, &format!("/send {NAME}"));
    chat(&mut bob, &tess);
    leaves(bob, &tess);
}

#[test]
#[ignore = "needs nc"]
fn a_line_that_is_typed_slowly_key_by_key_is_one_message_and_can_be_corrected() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    let tess = at_terminal(RAW_NC, port);
    tess.wait_until("the greeting", |seen| seen.contains("are here") || seen.contains("are in lobby"));
    types_slowly(&tess, "/name tesx\x7fs\r");
    bob.hears_until_one(|line| line.ends_with(" is now tess"));
    types_slowly(&tess, "hello\r");
    bob.hears_next("<tess> hello");
    bob.says("one");
    bob.says("two");
    shows(&tess, "<bob> one");
    shows(&tess, "<bob> two");
    types_slowly(&tess, "88\r");
    bob.hears_next("* tess left");
}
