//! The chat page in real browsers. The tests are the same for each design.

mod connection;
mod hostile;
mod live;
mod looks;
mod proxy;
mod talk;

use crate::common::chromium::Page;
use crate::common::web::Hub;
use crate::common::*;
use serde_json::json;
use std::ops::Deref;

/// The lines of the log as netcat would see them, without their stamps. Lines of the page itself begin with `--`.
const LINES: &str = "[...document.querySelectorAll('#log > p')].map(line => {
    const [from, to] = [...line.querySelectorAll('.head b')].map(name => name.textContent);
    const text = line.querySelector('.text')?.textContent ?? line.textContent;
    const is = kind => line.classList.contains(kind);
    if (is('mark')) return `-- ${text}`;
    if (is('hub')) return `* hub: ${text}`;
    if (is('news')) return `* ${text}`;
    if (is('told')) return `[${from} -> ${to}] ${text}`;
    return `${is('emote') ? '* ' : ''}<${from}> ${text}`;
})";

/// Somebody with a browser.
pub struct Person(Page);

impl Deref for Person {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.0
    }
}

impl Person {
    /// Opens the link of the hub, types a name, and is in the chat.
    #[track_caller]
    pub fn joins(hub: &Hub, name: &str) -> Self {
        Self::joins_at(&hub.link(), name)
    }

    #[track_caller]
    pub fn joins_at(link: &str, name: &str) -> Self {
        let person = Self(Page::open(link));
        person.waits_for(
            "the page asks for a name",
            "document.activeElement === document.querySelector('#name')",
        );
        person.types(name);
        person.presses("Enter");
        person.is_called(name);
        person
    }

    #[track_caller]
    pub fn is_called(&self, name: &str) {
        self.waits_for(name, &format!("document.querySelector('#me').textContent === {}", json!(name)));
    }

    #[track_caller]
    pub fn is_in(&self, room: &str) {
        self.waits_for(room, &format!("document.querySelector('#room').textContent === {}", json!(room)));
    }

    /// Types a line, and Enter.
    #[track_caller]
    pub fn says(&self, line: &str) {
        self.types(line);
        self.presses("Enter");
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub fn sees(&self, line: &str) {
        self.waits_for(line, &format!("{LINES}.includes({})", json!(line)));
    }

    /// Waits until there is a connection, and everything that was said is confirmed.
    #[track_caller]
    pub fn is_connected(&self) {
        self.waits_for("there is a connection", "!document.querySelector('#pending').textContent && !document.querySelector('#status').textContent");
    }

    /// Waits until the page says that there is no connection.
    #[track_caller]
    pub fn is_cut_off(&self) {
        self.waits_for(
            "the connection is lost",
            "document.querySelector('#status').textContent.startsWith('No connection')",
        );
    }

    /// The lines of the log now.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        serde_json::from_value(self.evaluate(LINES)).unwrap()
    }

    /// Each of these is in the log once, and in this order.
    #[track_caller]
    pub fn has_once(&self, expected: &[&str]) {
        let lines = self.lines();
        let found: Vec<_> = lines.iter().filter(|line| expected.contains(&line.as_str())).collect();
        assert_eq!(found, expected, "{lines:#?}");
    }

    /// What is in the box.
    #[track_caller]
    pub fn draft(&self) -> String {
        self.evaluate("document.querySelector('#box').value").as_str().unwrap().to_owned()
    }

    /// Waits until this is in the box.
    #[track_caller]
    pub fn has_draft(&self, draft: &str) {
        self.waits_for(draft, &format!("document.querySelector('#box').value === {}", json!(draft)));
    }
}
