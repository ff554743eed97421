//! People who call with a program for terminals.

use crate::common::foreign::*;
use crate::common::terminal::Terminal;
use crate::common::*;

/// Our `serve`, and a person who has called it.
fn called_by(line: &str) -> (Program, Terminal) {
    let (ours, port) = serve(&["--once", "-v"]);
    let theirs = at_terminal(line, port);
    ours.err.wait_for("...connected from");
    (ours, theirs)
}

/// The person says a line, and is answered with two.
fn chats(ours: &mut Program, theirs: &Terminal) {
    theirs.types("hello\r");
    ours.out.wait_for("hello\n");
    ours.types("one\ntwo\n");
    shows(theirs, "one");
    shows(theirs, "two");
}

/// The person says goodbye, and has said nothing but this.
fn leaves(mut ours: Program, theirs: &Terminal, said: &str) {
    theirs.types("88\r");
    ours.exits(0);
    assert_eq!(ours.out.text(), said);
    assert!(ours.err.text().contains("they said 88"), "{}", ours.err.text());
}

#[test]
#[ignore = "needs telnet of inetutils and of netkit"]
fn telnet_goes_on_after_an_interrupt_and_learns_that_we_are_there() {
    for line in TELNETS {
        let (mut ours, mut theirs) = called_by(line);
        chats(&mut ours, &theirs);
        theirs.types("not this");
        interrupts(&theirs, &ours, 1);
        theirs.types("but this\r");
        ours.out.wait_for("but this\n");
        ours.types("three\n");
        shows(&theirs, "three");
        is_there(&theirs);
        theirs.types("again\r");
        ours.out.wait_for("again\n");
        leaves(ours, &theirs, "hello\nbut this\nagain\n");
        assert_eq!(messages(&theirs), ["one", "two", "three"]);
        theirs.status();
        theirs.wait_for_end("Connection closed by foreign host.");
    }
}

#[test]
#[ignore = "needs telnet of inetutils and of netkit"]
fn an_88_right_after_an_interrupt_of_telnet_ends_the_chat() {
    for line in TELNETS {
        let (mut ours, theirs) = called_by(line);
        chats(&mut ours, &theirs);
        interrupts(&theirs, &ours, 1);
        leaves(ours, &theirs, "hello\n");
    }
}

#[test]
#[ignore = "needs telnet of inetutils and of netkit"]
fn telnet_is_told_that_we_leave() {
    for line in TELNETS {
        let (mut ours, mut theirs) = called_by(line);
        chats(&mut ours, &theirs);
        ours.types("88\n");
        ours.exits(0);
        theirs.status();
        theirs.wait_until("the goodbye", |seen| seen.contains("\n88"));
    }
}

#[test]
#[ignore = "needs plink"]
fn plink_negotiates_without_saying_anything_by_it() {
    let (mut ours, mut theirs) = called_by(PLINK);
    chats(&mut ours, &theirs);
    leaves(ours, &theirs, "hello\n");
    assert_eq!(messages(&theirs), ["one", "two"]);
    theirs.status();
}

#[test]
#[ignore = "needs tinyfugue"]
fn tinyfugue_chats() {
    let (mut ours, theirs) = called_by(TINY_FUGUE);
    chats(&mut ours, &theirs);
    leaves(ours, &theirs, "hello\n");
    assert_eq!(messages(&theirs), ["one", "two"]);
}

#[test]
#[ignore = "needs nc"]
fn a_line_that_is_typed_slowly_key_by_key_is_one_message_and_can_be_corrected() {
    let (mut ours, theirs) = called_by(RAW_NC);
    types_slowly(&theirs, "helx\x7flo\r");
    ours.out.wait_for("hello\n");
    ours.types("one\ntwo\n");
    shows(&theirs, "one");
    shows(&theirs, "two");
    types_slowly(&theirs, "88\r");
    ours.exits(0);
    assert_eq!(ours.out.text(), "hello\n");
}
