//! `threadchat timeline`, on traces of real conversations.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The design of tests that do not choose one.
const DESIGN: &str = "threads";

const DESIGNS: &[&str] =
    if cfg!(poll) { &["threads", "select", "half-duplex"] } else { &["threads", "half-duplex"] };

fn timeline(traces: &[&Path], more: &[&str]) -> Output {
    threadchat(&["timeline"]).args(traces).args(more).output().unwrap()
}

/// The page as `timeline` prints it.
fn page(traces: &[&Path]) -> String {
    let output = timeline(traces, &["-o", "-"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the tracks on the page, without those of helper threads.
fn tracks(page: &str) -> Vec<&str> {
    let names = page.split("class=\"track\">").skip(1);
    names.map(|name| name.split('<').next().unwrap()).collect()
}

/// The direction, number and duration of each message in the table.
fn messages(page: &str) -> Vec<[&str; 3]> {
    let rows = page.split("<tr data-m=").skip(1);
    rows.map(|row| {
        let cells: Vec<_> = row.split("<td>").skip(1).map(|cell| cell.split('<').next().unwrap()).collect();
        [cells[1], cells[2], cells[5]]
    })
    .collect()
}

/// Checks that the browser has nothing else to load.
fn assert_self_contained(page: &str) {
    for outside in ["http://", "https://", "<link", "src=", "@import", "url(h"] {
        // The XML namespace of SVG is not loaded.
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
    }
}

/// The traces are joined as docs/trace.md describes.
#[test]
fn two_traces_joined_in_one_file_are_a_json_array_and_drawn_like_two_files() {
    let files = TempDir::new().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let [one, other] = [&a, &b].map(|path| fs::read_to_string(path).unwrap());
    let joined = one.strip_suffix("]\n").unwrap().to_owned() + ",\n" + other.strip_prefix("[\n").unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&joined).unwrap().is_array());
    let both = files.path().join("both.json");
    fs::write(&both, joined).unwrap();
    let [joined, apart] = [page(&[&both]), page(&[&a, &b])];
    assert_eq!(tracks(&joined), tracks(&apart));
    assert_eq!(messages(&joined), messages(&apart));
}

#[test]
fn the_page_shows_every_message_of_both_directions_and_the_goodbye() {
    for design in DESIGNS {
        let files = TempDir::new().unwrap();
        let [a, b] = record_traces(design, &files);
        let page = page(&[&a, &b]);
        assert_self_contained(&page);
        let messages = messages(&page);
        assert_eq!(messages.len(), 7, "{design}: {messages:?}");
        for direction in ["A → B", "B → A"] {
            for number in ["1", "2", "3"] {
                let found = messages.iter().find(|row| row[..2] == [direction, number]);
                let [_, _, took] =
                    found.unwrap_or_else(|| panic!("{design}: {direction} {number}: {messages:?}"));
                assert!(took.ends_with('s') && !took.starts_with('-'), "{design}: {took}");
            }
            // Each message has an arrow from one endpoint to the other.
            let class = if direction == "A → B" { "arrow wire there" } else { "arrow wire back" };
            assert_eq!(page.matches(&format!(" class=\"{class}\"")).count(), 3 + LEGEND, "{design}");
        }
        assert_eq!(messages.iter().filter(|row| row[..2] == ["B → A", "88"]).count(), 1, "{design}");
        for mark in ["B decides: 88", "B wrote 88", "A heard 88"] {
            assert!(page.contains(&format!(">{mark}</text>")), "{design}: {mark}");
        }
    }
}

/// The legend has one arrow and one box of each kind.
const LEGEND: usize = 1;

#[test]
fn each_thread_has_a_track_and_the_select_design_has_one() {
    for design in DESIGNS {
        let files = TempDir::new().unwrap();
        let [a, b] = record_traces(design, &files);
        let page = page(&[&a, &b]);
        let expected: &[&str] = match *design {
            "threads" => &["stdin-reader", "socket-reader", "main", "socket-writer", "screen-writer"],
            _ => &["main"],
        };
        assert_eq!(tracks(&page), expected.repeat(2), "{design}");
        let helpers = page.matches("class=\"track helper\">").count();
        assert_eq!(helpers > 0, *design == "threads", "{design}: {helpers}");
        assert_eq!(page.contains(">channel</text>"), *design == "threads", "{design}");
    }
}

#[test]
fn one_trace_alone_shows_its_half_of_each_message() {
    let files = TempDir::new().unwrap();
    let [a, _] = record_traces(DESIGN, &files);
    let page = page(&[&a]);
    assert_eq!(messages(&page).len(), 6);
    assert!(page.contains(">network</text>"));
}

#[test]
fn an_incomplete_trace_is_drawn_with_a_note() {
    let files = TempDir::new().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let whole = fs::read_to_string(&a).unwrap();
    // Cut it in the middle of a line, after the step that shows the first message.
    let shown = whole.find("\"what\":\"screen\",\"bytes\"").unwrap();
    let cut = shown + whole[shown..].find("\"takes\"").unwrap() + 20;
    fs::write(&a, &whole[..cut]).unwrap();
    let output = timeline(&[&a, &b], &["-o", "-"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("the trace a.json has no end"), "{said}");
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(messages(&page).iter().any(|row| row[..2] == ["B → A", "1"] && row[2] != "–"));
    assert!(page.contains("Note: the trace a.json has no end"));
}

#[test]
fn a_file_that_is_not_a_trace_is_refused_with_its_name_and_line() {
    let files = TempDir::new().unwrap();
    let path = files.path().join("notes.txt");
    for (text, expected) in [
        ("", "it holds no steps"),
        ("hello\n", "line 1: "),
        ("[\n{\"name\":\"x\",\"ph\":\"i\",\"pid\":1}\n", "line 2: "),
        (
            "[\n{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":1,\"args\":{\"format\":2}}\n",
            "line 2: it has the format 2",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let output = timeline(&[&path], &["-o", "-"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(
            said.starts_with("threadchat: ") && said.contains("notes.txt") && said.contains(expected),
            "{said}"
        );
    }
    let output = timeline(&[Path::new("/nowhere/a.json")], &["-o", "-"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("cannot read /nowhere/a.json: "), "{said}");
}

#[test]
fn a_trace_can_come_from_standard_input_beside_one_from_a_file() {
    let files = TempDir::new().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let timeline = |args: &[&Path]| {
        let mut timeline = threadchat(&["timeline", "-o", "-"]);
        timeline.args(args).stdin(fs::File::open(&b).unwrap()).output().unwrap()
    };
    let piped = timeline(&[&a, Path::new("-")]);
    let drawn = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    assert_eq!(messages(&drawn), messages(&page(&[&a, &b])));
    assert!(drawn.contains("standard input"), "{drawn}");
    let twice = timeline(&[Path::new("-"), Path::new("-")]);
    let said = String::from_utf8_lossy(&twice.stderr);
    assert!(twice.status.code() == Some(1) && said.contains("can be read only once"), "{said}");
}

#[test]
fn one_message_is_drawn_as_a_slide() {
    let files = tempfile::tempdir().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let slide = files.path().join("slide.svg");
    let draw = |number| timeline(&[&a, &b], &["--svg", slide.to_str().unwrap(), "--message", number]);
    assert!(draw("1").status.success());
    let drawn = fs::read_to_string(&slide).unwrap();
    assert!(drawn.contains("viewBox=\"0 0 1600 900\""));
    assert!(drawn.contains(">Message 1, A → B: ") || drawn.contains(">Message 1, B → A: "));
    for (letter, meaning) in
        [("w", "writes"), ("W", "wrote"), ("d", "decides"), ("i", "reports"), ("8", "the goodbye")]
    {
        let text = format!(">{letter}</text>");
        let is_drawn = drawn.lines().any(|line| line.starts_with("<g class=\"step") && line.contains(&text));
        assert_eq!(is_drawn, drawn.contains(&format!(">{letter} {meaning}</text>")), "{letter}");
    }
    // No label begins where the slide does not.
    let number = |text: &str, name: &str| -> f64 {
        let value = text.split(name).nth(1).unwrap().split(['"', ',', ' ']).next().unwrap();
        value.parse().unwrap()
    };
    let part = drawn.rsplit("<svg ").next().unwrap();
    let begin = number(part, "viewBox=\"");
    let end = begin + number(part, "width=\"");
    let labelled =
        drawn.lines().filter(|line| line.starts_with("<g class=\"step") && !line.contains("\"/><title>"));
    let places = labelled.map(|line| number(line, "translate(") + number(line, "<text x=\""));
    let places: Vec<f64> = places.collect();
    assert!(places.iter().filter(|place| **place >= begin).count() > 5, "{places:?}");
    assert!(places.iter().all(|place| (begin..=end).contains(place)), "from {begin} to {end}: {places:?}");
    for number in ["0", "999"] {
        let output = draw(number);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(&format!("there is no row {number}")), "{said}");
    }
}

#[test]
fn wrong_usage_is_an_error() {
    assert_eq!(timeline(&[Path::new("a.json")], &[]).status.code(), Some(2));
    assert_eq!(timeline(&[], &["-o", "-"]).status.code(), Some(2));
    assert_eq!(timeline(&[Path::new("a.json")], &["-o", "b", "--svg", "b"]).status.code(), Some(1));
}

#[test]
fn the_svg_is_self_contained() {
    let files = TempDir::new().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let svg = files.path().join("way.svg");
    assert!(timeline(&[&a, &b], &["--svg", svg.to_str().unwrap()]).status.success());
    let picture = fs::read_to_string(svg).unwrap();
    assert_self_contained(&picture);
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("<style>") && !picture.contains("<script") && !picture.contains("var("));
}

#[test]
fn only_as_many_steps_as_a_browser_can_show_are_drawn_and_a_note_says_so() {
    let files = TempDir::new().unwrap();
    let path = files.path().join("a.json");
    let mut trace = String::from(
        "[\n{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":1,\"args\":{\"format\":1,\"command\":\"serve\",\"design\":\"threads\"}},\n",
    );
    for ts in 0..30_000 {
        trace += &format!(
            "{{\"name\":\"tells\",\"cat\":\"step\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":{ts},\"dur\":1}},\n"
        );
    }
    fs::write(&path, trace).unwrap();
    let output = timeline(&[&path], &["-o", "-"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("only the first 20000 steps are drawn"), "{said}");
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(page.matches("<g class=\"step ").count(), 20_000 + LEGEND);
    assert!(page.contains("Note: only the first 20000 steps"));
}

#[cfg(feature = "hub")]
#[test]
fn a_message_can_be_followed_through_a_hub_to_the_other_client() {
    let files = TempDir::new().unwrap();
    let [a, b, c] = ["hub.json", "alice.json", "bob.json"].map(|name| files.path().join(name));
    let (mut hub, port) = serve_with(threadchat(&["hub", "0", "--trace", a.to_str().unwrap()]));
    let mut alice = connect(port, &["--trace", b.to_str().unwrap()]);
    alice.out.wait_for("help");
    let mut bob = connect(port, &["--trace", c.to_str().unwrap()]);
    alice.out.wait_for("joined");
    bob.types("hello\n");
    alice.out.wait_for("> hello\n");
    hub.types("88\n");
    hub.exits(0);
    alice.exits(0);
    bob.exits(0);
    let page = page(&[&a, &b, &c]);
    let said_on: Vec<_> = page.lines().filter(|line| line.contains(" data-with=")).collect();
    assert!(said_on.iter().any(|row| row.contains("<td>A → B</td>") && !row.contains("–")), "{said_on:?}");
    assert!(messages(&page).iter().any(|row| row[..2] == ["C → A", "1"]), "{:?}", messages(&page));
}

/// Run it with `cargo test --test timeline -- --ignored`.
#[test]
#[ignore = "needs chromium"]
fn the_script_of_the_page_selects_steps_and_messages() {
    let files = TempDir::new().unwrap();
    let [a, b] = record_traces(DESIGN, &files);
    let path = files.path().join("page.html");
    assert!(timeline(&[&a, &b], &["-o", path.to_str().unwrap()]).status.success());
    let show = |hash: &str| {
        let chromium = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!("file://{}{hash}", path.display()))
            .output()
            .expect("chromium is installed");
        let shown = String::from_utf8_lossy(&chromium.stdout).into_owned();
        let root = shown[shown.find("<html").unwrap()..].split('>').next().unwrap().to_owned();
        assert!(root.contains("data-ready=") && !root.contains("data-error"), "{hash}: {root}");
        (root, shown)
    };
    let details =
        |shown: &str| shown.split("id=\"details\"").nth(1).unwrap().split("</p>").next().unwrap().to_owned();

    let (_, first) = show("");
    assert!(details(&first).contains("(line 1) from the keyboard"), "{}", details(&first));
    assert_eq!(messages(&first).len(), 7);
    assert!(first.contains("class=\"moves\""), "the script does not run");

    let (root, third) = show("#step=3&theme=dark&scale=true");
    assert!(root.contains("data-step=\"3\"") && root.contains("color-scheme: dark"), "{root}");
    let button = third.split("id=\"true\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(button.contains("aria-pressed=\"true\""), "{button}");
    let (_, fourth) = show("#step=4");
    assert_ne!(details(&third), details(&fourth));

    let (_, chosen) = show("#message=7&helpers=1&zoom=2");
    assert!(chosen.contains("timeline chosen") && chosen.contains(" lit\""));
    let (_, none) = show("#message=8");
    assert!(!none.contains(" lit\""));
}

/// Each text of the trace, and the name of its file, is markup.
#[cfg(all(unix, feature = "web"))]
#[test]
#[ignore = "needs chromium"]
fn markup_in_a_trace_is_shown_as_text() {
    use chromium::{MARKUP, Page};
    use serde_json::{Value, json};

    let files = TempDir::new().unwrap();
    let trace = files.path().join("\"'><img src=x onerror=owned()><script>owned()<!--]]>.json");
    let step = |name: &str, tid: u32, ts: u32, args: Value| json!({ "name": name, "ph": "X", "pid": 1, "tid": tid, "ts": ts, "dur": 1, "args": args });
    let events = [
        json!({ "name": "threadchat", "ph": "M", "pid": 1, "args": { "format": 1, "command": MARKUP, "design": MARKUP } }),
        json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": { "name": MARKUP } }),
        // The steps of main are shown one by one.
        json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": 2, "args": { "name": "main" } }),
        step("sends", 1, 1, json!({ "what": MARKUP, "waiting": 1 })),
        step("takes", 2, 3, json!({ "what": MARKUP, "waiting": 0 })),
        step("tells", 2, 5, json!({ "text": MARKUP })),
        step(MARKUP, 2, 7, json!({ "what": MARKUP, "text": MARKUP, "peer": MARKUP })),
    ];
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    fs::write(&trace, format!("[\n{}\n", lines.join(",\n"))).unwrap();
    let page = files.path().join("page.html");
    let drawn = timeline(&[&trace], &["-o", page.to_str().unwrap()]);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let home = format!("file://{}", page.display());
    let page = Page::open(&home);
    page.waits_for("the script of the page runs", "document.documentElement.dataset.ready !== undefined");
    let mut shown = String::new();
    for _ in 0..4 {
        page.clicks("#forth");
        shown += &page.text("#details");
    }
    assert!(shown.contains(MARKUP), "{shown}");
    assert!(page.text("#names").contains("</script></title>"), "{}", page.text("#names"));
    // For print, the page puts copies of the drawing into itself.
    page.evaluate("dispatchEvent(new Event('beforeprint'))");
    page.is_unharmed(&home);
}
