//! Browsers in a hub.

use super::{World, settings};
use std::time::Duration;
use threadchat::rules::exit::Exit;
use threadchat::rules::hub::{Action, Event, Id, OPERATOR, Port, Refusal, Settings, WebSettings};
use threadchat::rules::signal::Signal;
use threadchat::rules::web::{Ticket, Tickets};

pub(super) const REQUEST: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const SIGTERM: Signal = Signal { name: "SIGTERM", number: 15 };

fn web() -> (World, Tickets) {
    web_with(settings())
}

fn web_with(settings: Settings) -> (World, Tickets) {
    let mut world = World::new(settings);
    let tickets = open(&mut world);
    (world, tickets)
}

/// Lets browsers into a hub.
pub(super) fn open(world: &mut World) -> Tickets {
    let tickets = Tickets::generate().unwrap();
    world.hub.open_web(WebSettings {
        names: Vec::new(),
        tickets: tickets.clone(),
        hosts: vec![[127, 0, 0, 1].into()],
        port: 21568,
    });
    tickets
}

/// A frame of a browser.
pub(super) fn frame(kind: u8, payload: &str) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let masked = payload.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let length = u16::try_from(payload.len()).unwrap();
    let head = match length {
        0..126 => vec![0x80 | kind, 0x80 | u8::try_from(length).unwrap()],
        _ => [&[0x80 | kind, 0x80 | 126][..], &length.to_be_bytes()].concat(),
    };
    head.into_iter().chain(mask).chain(masked).collect()
}

pub(super) fn text(payload: &str) -> Vec<u8> {
    frame(1, payload)
}

impl World {
    /// Somebody calls the port for browsers.
    fn visits_from(&mut self, address: &str) -> Result<Id, Refusal> {
        self.calls_from(address, Port::Web)
    }

    pub(super) fn visits(&mut self) -> Id {
        self.visits_from("127.0.0.1").unwrap()
    }

    /// A browser opens the WebSocket and sends this first.
    pub(super) fn browses_with(&mut self, hello: &str) -> Id {
        let id = self.visits();
        self.says(id, REQUEST.as_bytes());
        self.says(id, &text(hello));
        self.settles();
        id
    }

    /// A browser joins with this name.
    pub(super) fn browses(&mut self, tickets: &Tickets, name: &str) -> Id {
        self.browses_with(&format!("threadchat 1\nticket {}\nname {name}\n", tickets.chat.reveal()))
    }

    /// A page sends a line.
    pub(super) fn types(&mut self, id: Id, line: &str) {
        self.says(id, &text(line));
        self.settles();
    }

    /// What a browser was sent behind the answer to its request: texts as they are without stamps, and the code of a Close frame.
    pub(super) fn messages(&self, id: Id) -> Vec<String> {
        let sent = self.sent.get(&id).map_or(&[][..], |sent| sent);
        let head = sent.windows(4).position(|end| end == b"\r\n\r\n").map_or(sent.len(), |at| at + 4);
        let (mut rest, mut messages) = (&sent[head..], Vec::new());
        while let [kind, length, behind @ ..] = rest {
            let (length, behind) = match length {
                126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
                length => (usize::from(*length), behind),
            };
            let (payload, behind) = behind.split_at(length);
            rest = behind;
            messages.push(match kind {
                0x81 => {
                    String::from_utf8(payload.to_vec()).unwrap().replace("[Thu Jan  1 00:00:00 1970] ", "")
                }
                0x88 => format!("close {}", u16::from_be_bytes([payload[0], payload[1]])),
                kind => format!("{kind:#x} {}", String::from_utf8_lossy(payload)),
            });
        }
        messages
    }

    /// The last message of this kind.
    pub(super) fn last(&self, id: Id, kind: &str) -> String {
        let messages = self.messages(id);
        let found = messages.iter().rev().find(|message| message.split(' ').next() == Some(kind));
        assert!(found.is_some(), "no {kind} in {messages:?}");
        found.unwrap().clone()
    }

    fn head(&self, id: Id) -> String {
        String::from_utf8_lossy(self.sent.get(&id).map_or(&[][..], |sent| sent))
            .lines()
            .next()
            .unwrap_or("")
            .to_owned()
    }
}

#[test]
fn a_browser_is_a_member_like_any_other() {
    let (mut world, tickets) = web();
    let netcat = world.joins();
    let bob = world.browses(&tickets, "bob");
    let ann = world.browses(&tickets, "ann");
    world.types(bob, "hello");
    world.types(bob, "/me waves");
    world.says(netcat, b"hi bob\n/msg bob psst\n");
    world.settles();
    world.types(bob, "/msg user1 yes");
    assert_eq!(
        world.lines(netcat)[2..],
        ["* bob joined", "* ann joined", "<bob> hello", "* <bob> waves", "[bob -> you] yes"]
    );
    let (b, a, n) = (bob, ann, netcat);
    assert_eq!(
        world.messages(ann)[2..],
        [
            format!("said 1 {b} <bob> hello\n"),
            format!("said 2 {b} * <bob> waves\n"),
            format!("said 3 {n} <user1> hi bob\n")
        ]
    );
    let own = world.messages(bob);
    assert!(own[0].starts_with(&format!("you {b} bob lobby ")), "{own:?}");
    assert_eq!(own[1], "past 0 ");
    assert_eq!(
        own[2..],
        [
            "news * ann joined\n".to_owned(),
            format!("said 1 {b} <bob> hello\n"),
            "done 1 ".to_owned(),
            format!("said 2 {b} * <bob> waves\n"),
            "done 2 ".to_owned(),
            format!("said 3 {n} <user1> hi bob\n"),
            "told [user1 -> you] psst\n".to_owned(),
            "told [you -> user1] yes\n".to_owned(),
            "done 3 ".to_owned(),
        ]
    );
    world.types(ann, "/name anna");
    assert!(world.last(ann, "you").starts_with(&format!("you {a} anna lobby ")));
    assert_eq!(world.last(bob, "news"), "news * ann is now anna\n");
    world.types(ann, "88");
    assert_eq!(world.messages(ann).last().unwrap(), "close 1000");
    assert_eq!(world.last(bob, "news"), "news * anna left\n");
}

#[test]
fn lines_that_come_with_the_first_message_are_not_lost() {
    let (mut world, tickets) = web();
    let netcat = world.joins();
    let id = world.visits();
    let hello = format!("threadchat 1\nticket {}\nname bob\n", tickets.chat.reveal());
    world.says(id, &[REQUEST.as_bytes(), &text(&hello), &text("one"), &text("two")].concat());
    world.settles();
    assert_eq!(world.lines(netcat)[2..], ["* bob joined", "<bob> one", "<bob> two"]);
}

#[test]
fn a_room_shows_its_history_to_a_browser_with_numbers() {
    let (mut world, tickets) = web();
    let netcat = world.joins();
    world.says(netcat, b"one\ntwo\n/join tea\nthree\n");
    world.settles();
    let bob = world.browses(&tickets, "bob");
    let n = netcat;
    assert_eq!(world.last(bob, "past"), format!("past 0 1 {n} <user1> one\n2 {n} <user1> two\n"));
    world.types(bob, "/join tea");
    assert_eq!(world.last(bob, "you").split(' ').nth(3), Some("tea"));
    assert_eq!(world.last(bob, "past"), format!("past 0 1 {n} <user1> three\n"));
    assert_eq!(world.last(bob, "you").split(' ').nth(5), Some("2"), "the number of the next line");
}

#[test]
fn who_comes_back_gets_what_was_missed_and_the_name_and_the_room() {
    let (mut world, tickets) = web_with(Settings { history: 2, ..settings() });
    let netcat = world.joins();
    let bob = world.browses(&tickets, "bob");
    world.types(bob, "/join tea");
    world.says(netcat, b"/join tea\nseen\n");
    world.settles();
    let you = world.last(bob, "you");
    let (epoch, token) = (you.split(' ').nth(4).unwrap(), you.split(' ').nth(6).unwrap());
    let again = format!(
        "threadchat 1\nticket {}\nname bob\nroom tea\nafter {epoch} 1\nagain {token}\n",
        tickets.chat.reveal()
    );
    world.says(netcat, b"missed 1\nmissed 2\n");
    // The hub does not know yet that the old connection is dead.
    let back = world.browses_with(&again);
    assert_eq!(world.messages(bob).last().unwrap(), "close 4003");
    let n = netcat;
    assert!(world.last(back, "you").starts_with(&format!("you {back} bob tea {epoch} 4 ")));
    assert_eq!(world.last(back, "past"), format!("past 0 2 {n} <user1> missed 1\n3 {n} <user1> missed 2\n"));
    assert_eq!(world.lines(netcat).last().unwrap(), "* bob joined");
    world.says(netcat, b"3\n4\n5\n");
    let later = world.browses_with(&again.replace("name bob", "name bobby"));
    assert_eq!(world.last(later, "past"), format!("past 3 5 {n} <user1> 4\n6 {n} <user1> 5\n"));
    let other = world.browses_with(&again.replace(epoch, "another").replace("name bob", "name eve"));
    assert_eq!(world.last(other, "past"), format!("past 0 5 {n} <user1> 4\n6 {n} <user1> 5\n"));
}

#[test]
fn a_name_that_is_taken_or_none_is_not_given() {
    let (mut world, tickets) = web();
    let [_, bob, other, third] = ["ann", "bob", "bob", "a b"].map(|name| world.browses(&tickets, name));
    assert!(world.last(bob, "you").contains(" bob lobby "));
    assert!(world.last(other, "you").contains(" user1 lobby "));
    assert!(world.last(third, "you").contains(" user2 lobby "));
    assert!(world.last(third, "hub").contains("name"), "{}", world.last(third, "hub"));
    world.passes(Duration::from_secs(20));
    world.settles();
    assert!(
        world.messages(other).iter().any(|message| message.starts_with("hub ") && message.contains("bob"))
    );
}

#[test]
fn only_who_has_the_ticket_comes_in() {
    let (mut world, tickets) = web();
    let (chat, live) = (tickets.chat.reveal(), tickets.live.reveal());
    for (hello, code) in [
        (format!("threadchat 1\nticket {live}\n"), 4001),
        ("threadchat 1\nticket \n".to_owned(), 4001),
        ("threadchat 1\n".to_owned(), 4001),
        (format!("threadchat 1\nticket {}\n", Ticket::generate().unwrap().reveal()), 4001),
        (format!("threadchat 2\nticket {chat}\n"), 4002),
        (format!("threadchat-live 1\nticket {chat}\n"), 4001),
        ("hello".to_owned(), 4002),
        ("x".repeat(1025), 1009),
    ] {
        let id = world.browses_with(&hello);
        assert_eq!(world.messages(id), [format!("close {code}")], "{hello}");
    }
    world.says(OPERATOR, b"/link new\n");
    world.settles();
    let id = world.browses(&tickets, "late");
    assert_eq!(world.messages(id), ["close 4001"]);
    assert!(world.reported.iter().all(|report| !report.contains("late")));
}

#[test]
fn the_operator_sees_the_link_to_scan_and_a_new_one_is_kept() {
    let (mut world, tickets) = web();
    world.act();
    let link = format!("http://127.0.0.1:21568/#{}", tickets.chat.reveal());
    assert!(world.reported[0].contains(&link), "{:?}", world.reported);
    world.says(OPERATOR, b"/link\n");
    let shown = world.reported.last().unwrap().clone();
    assert!(shown.starts_with(&link) && shown.contains('█'), "{shown}");
    world.hub.handle(
        Event::Read(OPERATOR, threadchat::rules::buffer::Buffer::with_input(b"/link new\n")),
        world.moment(),
    );
    world.hub.handle_timeout(world.moment());
    let kept = std::iter::from_fn(|| world.hub.poll_action()).find_map(|action| match action {
        Action::KeepTickets(tickets) => Some(tickets),
        _ => None,
    });
    let kept = kept.unwrap();
    assert!(kept.chat != tickets.chat && kept.live == tickets.live);
    let id = world.browses(&kept, "bob");
    assert!(world.last(id, "you").contains(" bob "));
}

#[test]
fn a_page_is_sent_and_then_the_connection_ends() {
    let (mut world, _) = web();
    for (request, answer) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        ("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("hello\n", "HTTP/1.1 400 Bad Request"),
    ] {
        let id = world.visits();
        world.says(id, request.as_bytes());
        world.settles();
        assert_eq!(world.head(id), answer);
        assert_eq!(String::from_utf8_lossy(&world.sent[&id]).matches("HTTP/1.1 ").count(), 1, "one answer");
        assert!(!world.gone.contains(&id), "it may read that");
        world.ends(id, Ok(()));
        assert!(world.gone.contains(&id));
    }
}

#[test]
fn who_asks_slowly_or_not_at_all_is_disconnected() {
    let (mut world, _) = web();
    let (silent, slow, deaf, opened) = (world.visits(), world.visits(), world.visits(), world.visits());
    world.says(deaf, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    world.says(opened, REQUEST.as_bytes());
    for byte in REQUEST.bytes().take(5) {
        world.says(slow, &[byte]);
        world.passes(Duration::from_secs(1));
    }
    for id in [silent, slow, opened] {
        world.takes(id, usize::MAX);
    }
    assert_eq!([silent, slow].map(|id| world.head(id)), ["HTTP/1.1 408 Request Timeout"; 2]);
    assert_eq!(world.messages(opened), ["close 1008"]);
    world.passes(Duration::from_secs(10));
    assert!([silent, slow, deaf, opened].iter().all(|id| world.gone.contains(id)));
}

#[test]
fn visitors_are_bounded_and_do_not_keep_members_out() {
    let (mut world, tickets) = web();
    for _ in 0..32 {
        world.visits();
    }
    assert_eq!(world.visits_from("127.0.0.1"), Err(Refusal::TooManyCallers));
    for address in 0..7 {
        for _ in 0..32 {
            world.visits_from(&format!("192.0.2.{address}")).unwrap();
        }
    }
    assert_eq!(world.visits_from("192.0.2.99"), Err(Refusal::TooManyCallers));
    let netcat = world.joins();
    assert_eq!(world.lines(netcat).len(), 0);
    world.passes(Duration::from_secs(5));
    world.passes(Duration::from_secs(10));
    let bob = world.browses(&tickets, "bob");
    assert!(world.last(bob, "you").contains(" bob "));
    world.says(OPERATOR, b"/ban 192.0.2.0/24\n");
    assert_eq!(world.visits_from("192.0.2.99"), Err(Refusal::NotAllowed));
}

#[test]
fn a_browser_learns_why_its_connection_ends() {
    let (mut world, tickets) = web();
    let [kicked, closing, wrong, replaced] =
        ["kicked", "closing", "wrong", "last"].map(|name| world.browses(&tickets, name));
    world.says(OPERATOR, b"/kick kicked\n");
    world.says(closing, &frame(8, ""));
    world.says(wrong, &[0xff; 20]);
    world.settles();
    world.handle(Event::Signal(SIGTERM));
    world.settles();
    let ends = [kicked, closing, wrong, replaced].map(|id| world.messages(id).pop().unwrap());
    assert_eq!(ends, ["close 4000", "close 1000", "close 1002", "close 1001"]);
    let news = world.messages(replaced).concat();
    for how in
        ["kicked was kicked", "* closing left\n", "wrong was disconnected: it broke the rules of WebSocket"]
    {
        assert!(news.contains(how), "{news}");
    }
    for id in [kicked, closing, wrong, replaced] {
        world.ends(id, Ok(()));
    }
    assert_eq!(world.exit, Some(Exit::Signal(SIGTERM)));
}

#[test]
fn a_ping_is_answered_and_questions_of_the_page_too() {
    let (mut world, tickets) = web();
    let bob = world.browses(&tickets, "bob");
    world.joins();
    world.says(
        bob,
        &[frame(9, "mark"), frame(2, "who"), frame(2, "rooms"), frame(2, "alive"), frame(2, "what")].concat(),
    );
    world.settles();
    let all = world.messages(bob);
    assert_eq!(
        all[all.len() - 4..],
        ["0x8a mark", "who 3 user1\nbob\n@operator\n", "rooms 1 lobby 3\n", "alive "]
    );
    world.says(bob, &[frame(2, "who"), frame(2, "alive")].concat());
    world.settles();
    assert_eq!(world.messages(bob).len(), all.len() + 1, "who asks too often gets no answer");
    world.passes(Duration::from_secs(1));
    world.says(bob, &frame(2, "who"));
    world.settles();
    assert!(world.messages(bob).last().unwrap().starts_with("who 3 "));
}

#[test]
fn a_browser_that_pings_and_does_not_read_takes_bounded_memory() {
    let (mut world, tickets) = web();
    let bob = world.browses(&tickets, "bob");
    for _ in 0..10_000 {
        world.says(bob, &[frame(9, &"x".repeat(125)), frame(2, "alive")].concat());
    }
    let pending = world.hub.outbox(bob).unwrap().pending();
    assert!(pending < 128 * 1024, "{pending}");
}

#[test]
fn a_message_that_has_not_come_whole_is_not_said() {
    let (mut world, tickets) = web();
    let netcat = world.joins();
    let bob = world.browses(&tickets, "bob");
    let mut first = text("half");
    first[0] = 1;
    world.says(bob, &first);
    world.passes(Duration::from_secs(9));
    world.ends(bob, Ok(()));
    world.settles();
    assert_eq!(world.lines(netcat)[2..], ["* bob joined", "* bob left"]);
}

/// How often there is a picture of the hub.
const TICK: Duration = Duration::from_millis(100);

impl World {
    /// A projector page looks at the hub.
    fn views(&mut self, tickets: &Tickets) -> Id {
        let viewer = self.browses_with(&format!("threadchat-live 1\nticket {}\n", tickets.live.reveal()));
        // The first one came before it had read the answer to its request.
        self.passes(TICK);
        self.settles();
        viewer
    }

    /// The lines of the next picture.
    fn picture(&mut self, viewer: Id) -> Vec<String> {
        while self.takes(viewer, usize::MAX) > 0 {}
        self.sent.remove(&viewer);
        self.passes(TICK);
        while self.takes(viewer, usize::MAX) > 0 {}
        // The answer to the request is gone.
        self.sent.get_mut(&viewer).unwrap().splice(..0, *b"\r\n\r\n");
        self.last(viewer, "live").lines().map(str::to_owned).collect()
    }
}

#[test]
fn whoever_views_the_hub_gets_pictures_and_is_no_member() {
    let (mut world, tickets) = web();
    let netcat = world.joins();
    assert!(!world.is_watched);
    let viewer = world.views(&tickets);
    assert!(world.is_watched);
    let expected = [
        "live 0 members 2 1 0 0 65536".to_owned(),
        "member 0 0 0 ok - lobby @operator".to_owned(),
        format!("member {netcat} 0 0 ok - lobby user1"),
        format!("steps of [Id(0), Id({netcat})]"),
    ];
    world.settles();
    assert_eq!(world.picture(viewer), expected);
    assert_eq!(world.lines(netcat).len(), 2, "nobody is told");
    world.says(viewer, &frame(8, ""));
    world.settles();
    assert_eq!(world.messages(viewer).last().unwrap(), "close 1000");
    assert!(!world.is_watched);
    assert!(
        world.hub.poll_timeout().is_none_or(|due| due > world.now + Duration::from_secs(1)),
        "no more pictures"
    );
    let viewers: Vec<_> = (0..9).map(|_| world.views(&tickets)).collect();
    assert_eq!(world.messages(viewers[8]), ["close 1013"]);
}

#[test]
fn a_projector_that_reads_nothing_for_a_minute_is_disconnected() {
    let (mut world, tickets) = web();
    let viewer = world.views(&tickets);
    for _ in 0..590 {
        world.passes(Duration::from_millis(100));
    }
    assert!(!world.gone.contains(&viewer));
    for _ in 0..20 {
        world.passes(Duration::from_millis(100));
    }
    assert!(world.gone.contains(&viewer) && !world.is_watched);
}

#[test]
fn a_picture_tells_whose_outbox_is_full_and_who_waits_for_it() {
    let (mut world, tickets) = web();
    let [slow, talker] = world.join_as(["slow", "talker"]);
    let viewer = world.views(&tickets);
    world.says(talker, &b"a line of some length, which is said many times\n".repeat(5000));
    assert!(world.waits(talker));
    while world.takes(OPERATOR, usize::MAX) > 0 {}
    let picture = world.picture(viewer);
    assert_eq!(picture[0], "live 0 members 3 1 1 1 65536");
    let words: Vec<_> = picture[2].split(' ').collect();
    assert_eq!((words[1], words[4], words[7]), (&*slow.to_string(), "full", "slow"));
    assert!(
        words[2].parse::<usize>().unwrap() > 0 && words[3].parse::<usize>().unwrap() >= 65536,
        "{words:?}"
    );
    assert_eq!(picture[3], format!("member {talker} 0 0 ok {slow} lobby talker"));
    world.settles();
    assert!(world.picture(viewer).iter().all(|line| !line.contains("full")));
}

#[test]
fn a_page_that_is_behind_misses_pictures_and_is_told_how_many() {
    let (mut world, tickets) = web();
    let viewer = world.views(&tickets);
    (0..5).for_each(|_| world.passes(TICK));
    let waits = world.hub.outbox(viewer).unwrap().pending();
    (0..50).for_each(|_| world.passes(TICK));
    assert_eq!(world.hub.outbox(viewer).unwrap().pending(), waits, "they are not kept for it");
    assert!(world.picture(viewer)[0].starts_with("live 54 "));
    assert!(world.picture(viewer)[0].starts_with("live 0 "));
}

#[test]
fn of_many_members_some_are_told_one_by_one_first_those_who_hold_up_others() {
    let (mut world, tickets) = web();
    let many = world.join_many("127.0.0.1", 200);
    let viewer = world.views(&tickets);
    world.settles();
    let (slow, talker) = (many[150], many[160]);
    world.says(talker, &b"a line of some length, which is said many times\n".repeat(5000));
    for id in many.iter().chain([&OPERATOR]).filter(|id| **id != slow) {
        while world.takes(*id, usize::MAX) > 0 {}
    }
    let picture = world.picture(viewer);
    assert_eq!(picture[0], "live 0 members 201 1 1 1 65536");
    let listed: Vec<_> = picture.iter().filter(|line| line.starts_with("member ")).collect();
    assert_eq!(listed.len(), 48);
    for id in [slow, talker] {
        assert!(listed.iter().any(|line| line.starts_with(&format!("member {id} "))), "{listed:#?}");
    }
}
