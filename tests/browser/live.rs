//! The projector page `/live`, and the pictures of the hub that it gets.

use super::*;
use crate::DESIGN;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use tungstenite::{Message, WebSocket};

/// Somebody who views the hub without a browser.
struct Viewer(WebSocket<TcpStream>);

/// A picture of the hub.
struct Picture {
    /// How many of the ones before this viewer has missed.
    missed: u64,
    /// The members by their names, each with the words about it.
    members: HashMap<String, Vec<String>>,
    head: Value,
    /// The steps: when, how long, which thread, how it is drawn, its name and its arguments.
    steps: Vec<Value>,
}

impl Viewer {
    fn opens(hub: &Hub, ticket: &str) -> Self {
        Self(opens(hub, &format!("threadchat-live 1\nticket {ticket}")))
    }

    fn sees(&mut self) -> Picture {
        let text = self.0.read().unwrap().into_text().unwrap();
        let (missed, lines) = text.strip_prefix("live ").unwrap().split_once(' ').unwrap();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let members = lines.lines().filter(|line| line.starts_with("member ")).map(words);
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        Picture {
            missed: missed.parse().unwrap(),
            members: members.map(|words| (words.last().unwrap().clone(), words)).collect(),
            head: parse(lines.lines().find(|line| line.starts_with('{')).unwrap()),
            steps: lines.lines().filter(|line| line.starts_with('[')).map(parse).collect(),
        }
    }
}

impl Picture {
    /// The streams of a member: to it, and from it.
    fn streams(&self, name: &str) -> Option<[u64; 2]> {
        let id: u64 = self.members.get(name)?[1].parse().unwrap();
        let streams = self.head["clients"].as_array().unwrap().iter().find(|client| client[0] == id)?;
        Some([streams[1].as_u64().unwrap(), streams[2].as_u64().unwrap()])
    }
}

/// Opens the WebSocket, and sends this first.
fn opens(hub: &Hub, hello: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", hub.web)).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://127.0.0.1:{}/ws", hub.web), stream).unwrap();
    socket.send(Message::text(hello)).unwrap();
    socket
}

fn joins(hub: &Hub, name: &str) -> TcpStream {
    let mut socket = call(hub.port);
    socket.write_all(format!("/name {name}\n").as_bytes()).unwrap();
    socket
}

#[test]
fn whoever_views_the_hub_is_told_the_steps_of_its_threads_and_the_way_of_each_message() {
    let hub = Hub::start(&["--no-operator"]);
    let mut ann = joins(&hub, "ann");
    sees_the_way_of(&hub, || ann.write_all(b"hello\n").unwrap());
}

#[test]
fn the_message_of_a_browser_goes_the_same_way_and_what_its_page_asks_does_not() {
    let hub = Hub::start(&["--no-operator"]);
    let mut ann = opens(&hub, &format!("threadchat 1\nticket {}\nname ann", hub.ticket));
    while !ann.read().unwrap().into_text().unwrap().starts_with("past ") {}
    sees_the_way_of(&hub, || {
        ann.send(Message::binary("who")).unwrap();
        while !ann.read().unwrap().into_text().unwrap().starts_with("who ") {}
        ann.send(Message::text("hello")).unwrap();
    });
}

/// Somebody views the hub while ann says something.
fn sees_the_way_of(hub: &Hub, says: impl FnOnce()) {
    let _bob = joins(hub, "bob");
    let mut viewer = Viewer::opens(hub, &hub.live);
    let (mut missed, mut steps) = (0, Vec::new());
    let [(_, from_ann), (to_bob, _)] = loop {
        let picture = viewer.sees();
        missed = picture.missed.max(missed);
        if let (Some([to, from]), Some([to_bob, from_bob])) = (picture.streams("ann"), picture.streams("bob"))
        {
            break [(to, from), (to_bob, from_bob)];
        }
    };
    says();
    // Each station of the message: the thread, its step, and what it is about.
    while !steps.iter().any(|(_, [_, name, _]): &(_, [String; 3])| name == "wrote") {
        let picture = viewer.sees();
        assert_eq!(picture.head["design"], DESIGN);
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        for step in &picture.steps {
            let thread = word(&picture.head["threads"][step[2].to_string()]);
            let (name, stream) = (word(&step[4]), step[7].as_u64().unwrap());
            if stream == from_ann || stream == to_bob && name == "wrote" {
                steps.push((step[8].as_u64(), [thread, name, word(&step[5])]));
            }
        }
    }
    let expected: &[[&str; 3]] = match DESIGN {
        "threads" => &[
            ["client-reader", "read", "client"],
            ["main", "takes", "Heard"],
            ["main", "decides", "relay"],
            ["main", "wrote", "client"],
        ],
        _ => &[["main", "read", "client"], ["main", "decides", "relay"], ["main", "wrote", "client"]],
    };
    // A question of a page is read, and not decided about.
    let (number, _) = steps.iter().find(|(_, [_, name, _])| name == "decides").unwrap();
    let is_of_message = |of: &Option<u64>, name: &str| of == number || name == "wrote";
    let way: Vec<_> = steps.iter().filter(|(of, [_, name, _])| is_of_message(of, name)).collect();
    assert_eq!(way.iter().map(|(_, step)| step.each_ref().map(|word| &**word)).collect::<Vec<_>>(), expected);
    assert!(missed <= 1, "{missed}");
}

#[test]
fn the_link_to_the_chat_does_not_let_anybody_view_the_hub() {
    let hub = Hub::start(&["--no-operator"]);
    let mut stranger = Viewer::opens(&hub, &hub.ticket);
    match stranger.0.read().unwrap() {
        Message::Close(Some(close)) => assert_eq!(u16::from(close.code), 4001),
        other => panic!("{other:?}"),
    }
}

const MEMBERS: [&str; 6] = ["ann", "bob", "carla", "dan", "eve", "frank"];

/// A hub with these members, of whom nobody reads anything, and a page that shows it.
fn shown() -> (Hub, Vec<TcpStream>, Page) {
    let hub = Hub::start(&["--no-operator", "--stall", "60"]);
    let members = MEMBERS.map(|name| joins(&hub, name));
    let page = Page::open(&format!("http://127.0.0.1:{}/live#{}", hub.web, hub.live));
    for name in MEMBERS {
        page.waits_for(name, &format!("[...document.querySelectorAll('#rows text.track')].some(text => text.textContent === {name:?})"));
    }
    (hub, members.into(), page)
}

/// Waits until a text is on the page.
#[track_caller]
fn shows(page: &Page, text: &str) {
    page.waits_for(
        text,
        &format!(
            "document.body.innerText.includes({text:?}) || [...document.querySelectorAll('#picture text')]
        .some(element => element.textContent.includes({text:?}))"
        ),
    );
}

#[test]
#[ignore = "needs chromium"]
fn the_page_shows_the_way_of_a_message_and_steps_back_to_it() {
    let (_hub, mut members, page) = shown();
    shows(&page, &format!("{DESIGN} design"));
    members[0].write_all(b"hello\n").unwrap();
    shows(&page, "ann 1 → 5");
    members[1].write_all(b"hello yourself\n").unwrap();
    shows(&page, "bob 1 → 5");
    // It is not clicked before it is pointed at.
    page.clicks(".entry");
    shows(&page, "Message 1 of bob, 15 B");
    shows(&page, "decides: relay");
    shows(&page, "writes to 5 clients");
    page.waits_for(
        "one way to main and five from it",
        "document.querySelectorAll('#ways .lit').length === 6",
    );
    page.presses("Home");
    page.waits_for("an earlier moment", "document.querySelector('#when').value === '0'");
    shows(&page, "before");
    page.presses("End");
    page.waits_for("it is live again", "document.querySelector('#shown').textContent === 'live'");
    page.has_no_errors();
}

#[test]
#[ignore = "needs chromium"]
fn the_page_shows_who_does_not_read_and_who_waits_for_it() {
    let (_hub, mut members, page) = shown();
    let mut readers: Vec<_> = members[..5].iter().map(|member| member.try_clone().unwrap()).collect();
    for mut reader in readers.drain(..) {
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    }
    // Until the system and the outbox of frank have no capacity left.
    let mut ann = members.swap_remove(0);
    std::thread::spawn(move || while ann.write_all(&[b"x".repeat(1000), b"\n".to_vec()].concat()).is_ok() {});
    shows(&page, "1 full outbox, 1 waiting");
    shows(&page, "full: ann waits");
    shows(&page, "waits for frank");
    if DESIGN == "threads" {
        shows(&page, "waits: no buffer");
        shows(&page, "writes client");
    }
    page.has_no_errors();
}

#[test]
#[ignore = "needs chromium"]
fn the_page_fits_on_projectors_and_laptops_in_both_themes() {
    let (_hub, mut members, page) = shown();
    for size in [[1920, 1080], [1280, 800], [1024, 768]] {
        for is_dark in [false, true] {
            page.has_size(size, is_dark);
            members[0].write_all(b"hello\n").unwrap();
            shows(&page, "ann");
            let fits = "document.documentElement.scrollWidth <= innerWidth && document.querySelector('footer')
                .getBoundingClientRect().bottom <= innerHeight && document.querySelector('#picture').clientHeight > innerHeight / 2";
            page.waits_for("nothing is cut off", fits);
            if let Some(folder) = std::env::var_os(looks::PICTURES) {
                let name = format!("live-{DESIGN}-{}x{}-{is_dark}.png", size[0], size[1]);
                page.is_photographed(&Path::new(&folder).join(name));
            }
        }
    }
    page.has_no_errors();
}
