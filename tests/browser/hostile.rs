//! What somebody sends who wants to do harm is text, and pages of others stay outside.

use super::*;
use crate::common::chromium::MARKUP;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// Markup, scripts, URLs, what changes the direction of text, emoji, marks, controls, and what imitates the hub.
const TEXTS: &[&str] = &[
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
    "</p></div><h1 onclick=alert(1)>&lt;&amp;&#60;</h1><!-- ",
    "javascript:alert(1) ${alert(1)} {{7*7}} \\u003cb\\u003e",
    "[Mon Nov  9 06:18:34 2026] <ann> I am not ann",
    "* hub: the chat has moved",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 e\u{301} नमस्ते",
    "שלום abc مرحبا",
];

/// The page shows harmless texts unchanged, and makes characters visible that would deceive a reader.
const MADE_VISIBLE: &[(&str, &str)] = &[
    ("abc\u{202e}txt.exe", "abc<U+202E>txt.exe"),
    ("\u{2066}isolated\u{2069}", "<U+2066>isolated<U+2069>"),
    ("a\u{1b}[31mred\u{7}", "a^[[31mred^G"),
    ("zero\u{200b}width", "zero<U+200B>width"),
];

#[test]
#[ignore = "needs chromium"]
fn hostile_texts_are_shown_as_text() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let elements = "document.querySelectorAll('#log script, #log img, #log h1, #log [onclick]').length";
    let mut netcat = call(hub.port);
    netcat.write_all(b"/name mallory\n").unwrap();
    for text in TEXTS {
        netcat.write_all(format!("{text}\n").as_bytes()).unwrap();
        // A stamp in front is dropped, and then it is mallory's text.
        let shown = text.strip_prefix("[Mon Nov  9 06:18:34 2026] ").unwrap_or(text);
        ann.sees(&format!("<mallory> {shown}"));
    }
    for (text, shown) in MADE_VISIBLE {
        netcat.write_all(format!("{text}\n").as_bytes()).unwrap();
        ann.sees(&format!("<mallory> {shown}"));
    }
    netcat.write_all(b"not UTF-8: \xff\xfe\n").unwrap();
    ann.sees("<mallory> not UTF-8: \u{fffd}\u{fffd}");
    // Her own are treated alike.
    for text in TEXTS {
        ann.types(text);
        ann.presses("Enter");
    }
    ann.sees(&format!("<ann> {}", TEXTS.last().unwrap()));
    assert_eq!(ann.evaluate(elements), 0);
    assert_eq!(ann.evaluate("document.title"), "lobby – threadchat");
    // A text that runs from right to left does not move anything else.
    let isolated = "[...document.querySelectorAll('#log bdi')].every(part => getComputedStyle(part).unicodeBidi.includes('isolate'))";
    assert_eq!(ann.evaluate(isolated), true);
    ann.has_no_errors();
}

/// A hub could be another program, or broken: a page believes none of its words to be markup.
const LYING_HUB: &str = "window.WebSocket = class {
    constructor() { window.hub = this; this.readyState = 1; setTimeout(() => this.onopen?.()); }
    send() {}
    close() {}
}";

/// Opens a page whose hub says only what the test says.
fn lied_to(link: &str) -> Page {
    let page = Page::open("about:blank");
    page.runs_first(LYING_HUB);
    page.goes_to(link);
    page.waits_for("the page is loaded", "document.readyState === 'complete'");
    page
}

/// The hub says this.
fn hears(page: &Page, message: &str) {
    page.evaluate(&format!("hub.onmessage({{ data: {} }})", json!(message)));
}

#[test]
#[ignore = "needs chromium"]
fn markup_in_whatever_the_hub_says_is_shown_as_text() {
    let hub = Hub::start(&[]);
    let word = MARKUP.replace(' ', "/");
    let page = lied_to(&hub.link());
    page.waits_for("the page asks for a name", "document.activeElement === document.querySelector('#name')");
    page.types("ann");
    page.presses("Enter");
    page.waits_for("it calls the hub", "window.hub?.onmessage");
    let stamp = "[Mon Nov  9 06:18:34 2026]";
    hears(&page, &format!("you 1 {word} {word} {word} 1 {word} "));
    hears(&page, &format!("past 3 0 2 {stamp} <{word}> {MARKUP}\n"));
    for said in [format!("<{word}> {MARKUP}"), format!("* <{word}> {MARKUP}"), MARKUP.to_owned()] {
        hears(&page, &format!("said 1 2 {stamp} {said}\n"));
    }
    hears(&page, &format!("told {stamp} [{word} -> you] {MARKUP}\n"));
    hears(&page, &format!("hub {stamp} * hub: {MARKUP}\n"));
    hears(&page, &format!("news {stamp} * {word} joined\n{stamp} * {word} is now {MARKUP}\n"));
    hears(&page, &format!("who {word} {word}\n{MARKUP}\n"));
    hears(&page, &format!("rooms 2 {word} {word}\n"));
    hears(&page, &format!("{word} {MARKUP}"));
    hears(&page, &format!("you 1 {word} {word}2 {word} 1 {word} "));
    let shown = page.text("body");
    assert!(shown.matches("</script></title>").count() > 12, "{shown}");
    assert_eq!(page.text("#me"), word);
    page.is_unharmed(&format!("http://127.0.0.1:{}/", hub.web));
}

#[test]
#[ignore = "needs chromium"]
fn markup_in_a_picture_of_the_hub_is_shown_as_text() {
    let hub = Hub::start(&[]);
    let link = format!("http://127.0.0.1:{}/live#{}", hub.web, hub.live);
    let page = lied_to(&link);
    page.waits_for("it calls the hub", "window.hub?.onmessage");
    let word = MARKUP.replace(' ', "/");
    for now in [1_000_000, 1_100_000, 1_200_000, 1_300_000] {
        let head = json!({ "design": MARKUP, "now": now, "missed": 0, "threads": { "1": "main", "2": MARKUP }, "clients": [[2, 7, 8]] });
        let steps = [
            json!([now - 900, 100, 2, MARKUP, "read", "client", 6, 8, 1, 1]),
            json!([now - 700, 100, 1, MARKUP, MARKUP, MARKUP, 1, 0, 0, 0]),
            json!([now - 500, 100, 1, "takes", "takes", MARKUP, 0, 8, 1, 1]),
            json!([now - 300, null, 2, "tells", "tells", MARKUP, 0, 0, 0, 0]),
        ];
        let steps = steps.map(|step| step.to_string()).join("\n");
        hears(
            &page,
            &format!("live 0 members 1 1 1 1 10\nmember 2 9 9 full - {word} {word}\n{head}\n{steps}\n"),
        );
    }
    page.waits_for("the picture is drawn", "document.querySelector('#rows text')");
    page.waits_for("the design is named", "document.body.textContent.includes('</script></title>')");
    page.is_unharmed(&format!("http://127.0.0.1:{}/", hub.web));
}

/// The ticket is what stands behind the `#`, whatever that is.
#[test]
#[ignore = "needs chromium"]
fn markup_in_the_link_is_refused_as_a_ticket() {
    let hub = Hub::start(&[]);
    for path in ["", "live"] {
        let home = format!("http://127.0.0.1:{}/", hub.web);
        let page = Page::open(&format!("{home}{path}#{}", MARKUP.replace(' ', "%20")));
        if path.is_empty() {
            page.waits_for("the page asks for a name", "document.querySelector('#name')");
            page.evaluate("document.querySelector('#name').focus()");
            page.types("ann");
            page.presses("Enter");
        }
        page.waits_for("it says so", "/link|ticket/.test(document.body.innerText)");
        page.is_unharmed(&home);
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_line_of_64_kib_is_shown_and_the_page_keeps_its_shape() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    let mut netcat = call(hub.port);
    let long = "W".repeat(65_000);
    netcat.write_all(format!("/name mallory\n{long}\nafter\n").as_bytes()).unwrap();
    ann.sees("<mallory> after");
    ann.sees(&format!("<mallory> {long}"));
    looks::keeps_its_shape(&ann);
    // The page limits how much of it is on the screen, and how many lines it keeps.
    netcat.write_all("line\n".repeat(5000).as_bytes()).unwrap();
    netcat.write_all(b"the end\n").unwrap();
    ann.sees("<mallory> the end");
    assert_eq!(ann.evaluate("document.querySelectorAll('#log > p').length"), 2000);
    looks::keeps_its_shape(&ann);
}

#[test]
#[ignore = "needs chromium"]
fn names_in_other_scripts_stay_in_their_place() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    for name in ["يوسف", "Türkan", "田中さくら", "a".repeat(32).as_str()] {
        let mut netcat = call(hub.port);
        netcat.write_all(format!("/name {name}\nit is 12:30, <b>really</b>\n88\n").as_bytes()).unwrap();
        ann.sees(&format!("<{name}> it is 12:30, <b>really</b>"));
    }
    looks::keeps_its_shape(&ann);
}

#[test]
#[ignore = "needs chromium"]
fn a_page_of_another_site_cannot_join() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    // It even knows the ticket.
    let html = format!(
        "<!doctype html><script>
        const socket = new WebSocket('ws://127.0.0.1:{}/ws');
        socket.onopen = () => socket.send('threadchat 1\\nticket {}\\nname mallory');
        socket.onmessage = event => document.title = 'heard ' + event.data;
        socket.onclose = event => document.title ||= 'refused';
        </script>",
        hub.web, hub.ticket
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test process.
    thread::spawn(move || {
        for caller in listener.incoming() {
            let mut caller = caller.unwrap();
            let _ = caller.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
                html.len()
            );
            let _ = caller.write_all((head + &html).as_bytes());
        }
    });
    let other = Page::open(&format!("http://127.0.0.1:{port}/"));
    other.waits_for("it is refused", "document.title");
    assert_eq!(other.evaluate("document.title"), "refused");
    // Not even for a moment: nobody else has ever been here.
    ann.says("/who");
    ann.waits_for("the list", &format!("{LINES}.some(line => line.includes('in lobby: '))"));
    assert!(
        !ann.lines().iter().any(|line| line.contains("mallory") || line.contains("user")),
        "{:#?}",
        ann.lines()
    );
}
