//! What somebody sends who wants to do harm is text, and pages of others stay outside.

use super::*;
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
