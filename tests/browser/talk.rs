//! People talk, with whatever they have.

use super::*;
use crate::common::foreign::command;
use std::io::Write;

#[test]
#[ignore = "needs chromium"]
fn browsers_netcat_and_threadchat_are_in_one_room() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name nora\nhello from netcat\n").unwrap();
    let mut ncat = Program::start(command("ncat 127.0.0.1 PORT", hub.port));
    ncat.types("/name nick\nhello from ncat\n");
    let mut tom = connect(hub.port, &["--name", "tom"]);
    tom.types("hello from threadchat\n");
    ann.says("hello from a browser");
    for heard in [
        "<ann> hello from a browser",
        "<nora> hello from netcat",
        "<nick> hello from ncat",
        "<tom> hello from threadchat",
    ] {
        ann.sees(heard);
        bob.sees(heard);
    }
    tom.out.wait_for("<ann> hello from a browser");
    ncat.out.wait_for("<ann> hello from a browser");
    bob.says("/me waves");
    for person in [&ann, &bob] {
        person.sees("* <bob> waves");
        person.waits_for("who is here", "document.querySelector('#count').textContent === '6'");
        person.has_no_errors();
    }
    tom.types("88\n");
    ann.sees("* tom left");
}

#[test]
#[ignore = "needs chromium"]
fn what_is_said_before_the_history_has_come_is_said_once_and_not_given_back() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let bob = Person(Page::open(&hub.link()));
    // Between the message that says his name, and the next one, which is the history.
    bob.evaluate(
        "new MutationObserver((_, observer) => {
            observer.disconnect();
            const box = document.querySelector('#box');
            box.value = 'at once';
            box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true }));
        }).observe(document.querySelector('#me'), { childList: true }) ?? true",
    );
    bob.types("bob");
    bob.presses("Enter");
    for person in [&ann, &bob] {
        person.sees("<bob> at once");
    }
    bob.has_draft("");
    bob.says("later");
    ann.sees("<bob> later");
    ann.has_once(&["<bob> at once", "<bob> later"]);
}

#[test]
#[ignore = "needs chromium"]
fn names_rooms_and_private_messages_are_shown_where_they_belong() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    bob.says("/name robert");
    bob.is_called("robert");
    ann.sees("* bob is now robert");

    ann.says("/msg robert psst");
    ann.sees("[you -> robert] psst");
    bob.sees("[ann -> you] psst");
    bob.says("/reply what?");
    ann.sees("[robert -> you] what?");

    ann.says("hello Robert!");
    bob.waits_for(
        "his name is marked",
        "document.querySelector('.line.named mark')?.textContent === 'Robert'",
    );

    ann.says("in the lobby");
    bob.sees("<ann> in the lobby");
    bob.says("/join sport");
    bob.is_in("sport");
    ann.sees("* robert left for sport");
    bob.says("in sport");
    bob.sees("<robert> in sport");
    ann.says("back in the lobby");
    ann.sees("<ann> back in the lobby");
    // Nothing is shown twice when somebody comes back, and what was said meanwhile is there.
    bob.clicks("#rooms button[value=lobby]");
    bob.is_in("lobby");
    bob.sees("<ann> back in the lobby");
    bob.has_once(&[
        "<ann> in the lobby",
        "<robert> in sport",
        "-- You are in lobby now.",
        "<ann> back in the lobby",
    ]);
    assert!(!ann.lines().contains(&"<robert> in sport".to_owned()));

    // Clicks do what commands do.
    ann.clicks("#people button[value=robert]");
    ann.has_draft("/msg robert ");
    ann.says("by a click");
    bob.sees("[ann -> you] by a click");
    ann.clicks("#leave");
    ann.waits_for("she is out", "document.querySelector('#why').textContent === 'You have left the chat.'");
    bob.sees("* ann left");
    ann.clicks("#join .main");
    ann.is_called("ann");
}

#[test]
#[ignore = "needs chromium"]
fn tab_completes_commands_names_and_rooms() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    ann.waits_for("bob is listed", "document.querySelector('#people button[value=bob]')");
    bob.says("/join tea");
    bob.is_in("tea");
    bob.says("/part");
    bob.is_in("lobby");
    bob.says("/join tea");
    bob.is_in("tea");
    ann.waits_for("tea is listed", "document.querySelector('#rooms button[value=tea]')");

    ann.types("/j");
    ann.presses("Tab");
    ann.has_draft("/join ");
    ann.types("t");
    ann.presses("Tab");
    ann.has_draft("/join tea ");
    ann.presses("Enter");
    ann.is_in("tea");
    ann.waits_for("bob is listed", "document.querySelector('#people button[value=bob]')");

    ann.types("b");
    ann.presses("Tab");
    ann.has_draft("bob: ");
    ann.says("hello");
    bob.sees("<ann> bob: hello");

    // With arrows and Enter, and with the mouse.
    ann.types("/m");
    ann.presses("ArrowDown");
    ann.presses("Enter");
    ann.has_draft("/msg ");
    ann.clicks("#choices li");
    ann.has_draft("/msg bob ");
    ann.says("psst");
    bob.sees("[ann -> you] psst");

    // In an empty box, Tab goes on to the next element.
    ann.presses("Tab");
    ann.waits_for("the button has the focus", "document.activeElement.textContent === 'Send'");
}

#[test]
#[ignore = "needs chromium"]
fn every_command_of_a_member_can_be_completed() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    ann.types("/");
    let offered =
        ann.evaluate("[...document.querySelectorAll('#choices bdi')].map(option => option.textContent)");
    assert_eq!(offered, json!(threadchat::rules::commands::names(false)));
}

#[test]
#[ignore = "needs chromium"]
fn several_lines_in_the_box_are_several_messages() {
    let hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins(&hub, name));
    ann.types("one");
    ann.presses("Shift+Enter");
    ann.types("two");
    ann.has_draft("one\ntwo");
    ann.presses("Enter");
    ann.has_draft("");
    bob.sees("<ann> two");
    bob.has_once(&["<ann> one", "<ann> two"]);
}

#[test]
#[ignore = "needs chromium"]
fn who_reads_further_up_is_told_of_new_messages() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let mut netcat = call(hub.port);
    netcat.write_all(many_lines(20_000).as_bytes()).unwrap();
    ann.waits_for(
        "there is something to scroll",
        "scroller.scrollHeight > 2 * scroller.clientHeight && !queue.length",
    );
    ann.evaluate("scroller.scrollTop = 100");
    ann.waits_for("she reads further up", "!follows");
    netcat.write_all(b"news\n").unwrap();
    ann.waits_for("she is told", "!below.hidden && document.title.startsWith('(')");
    assert_eq!(ann.evaluate("scroller.scrollTop"), 100);
    ann.clicks("#below");
    ann.waits_for("she is at the bottom", "follows && below.hidden && !document.title.startsWith('(')");
}

#[test]
#[ignore = "needs chromium"]
fn a_wrong_ticket_does_not_let_in_and_the_right_one_can_be_typed() {
    let hub = Hub::start(&[]);
    let page = Page::open(&format!("http://127.0.0.1:{}/#wrong", hub.web));
    page.waits_for("the page asks for a name", "document.activeElement === document.querySelector('#name')");
    page.types("ann");
    page.presses("Enter");
    page.waits_for(
        "the page asks for the code",
        "document.activeElement === document.querySelector('#ticket')",
    );
    assert!(page.text("#why").starts_with("This link is not valid"));
    page.types(&hub.ticket);
    page.presses("Enter");
    Person(page).is_called("ann");
}

#[test]
#[ignore = "needs chromium"]
fn who_was_sent_away_stays_away() {
    let mut hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    hub.program.types("/kick ann\n");
    ann.waits_for(
        "she is out",
        "document.querySelector('#why').textContent === 'The operator sent you away.'",
    );
    hub.program.out.wait_for("ann was kicked");
    ann.reloads();
    ann.waits_for("the page asks before it comes back", "!document.querySelector('#door').hidden");
}

#[test]
#[ignore = "needs chromium"]
fn a_copy_of_a_tab_is_somebody_else() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let copy = Person(ann.opens_a_copy());
    copy.is_called("user1");
    copy.says("hello from the copy");
    ann.sees("<user1> hello from the copy");
    ann.says("hello from ann");
    copy.sees("<ann> hello from ann");
    ann.is_called("ann");
}

#[cfg(feature = "secure")]
#[test]
#[ignore = "needs chromium"]
fn an_encrypted_hub_is_joined_without_a_warning() {
    let files = tls::files();
    let hub = Hub::start(&["--cert", &files.certificate, "--key", &files.key]);
    let link = hub.link().replace("http:", "https:");
    let [ann, bob] = ["ann", "bob"].map(|name| Person::joins_at(&link, name));
    ann.says("hello");
    bob.sees("<ann> hello");
    assert_eq!(
        ann.evaluate(
            "[...document.querySelectorAll('.plain')].some(warning => warning.getClientRects().length)"
        ),
        false
    );
    ann.has_no_errors();
}
