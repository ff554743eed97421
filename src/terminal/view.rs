//! What a person sees of a chat: how messages, notices and one's own lines look, and what the prompt says.
//!
//! No received line can look like something that the program reports or that the user typed: after the time, which is always
//! there unless nobody wants it, there is a mark or a name, and each kind of line has its own. `docs/terminal.md` lists them.

use super::days::{Clock, Days};
use super::mention;
use super::palette;
use super::seen::Seen;
use crate::rules::commands::{self, Line};
use crate::rules::notice::Kind;
use crate::rules::said::{News, Said};
use crate::rules::sanitize::sanitize;
use crate::rules::wire::{GOODBYE, STAMP_LEN, Stamp};
use anstyle::Style;
use std::io::Write;

/// How the time of a line is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As it is sent: `[Mon Nov  9 06:18:34 2026]`.
    Wire,
    /// `06:18:34`, and the day on a line of its own when it changes.
    #[default]
    Short,
    /// Not at all.
    None,
}

/// How lines look at a terminal, and what has been learned from them.
#[derive(Debug)]
pub struct View {
    timestamps: Timestamps,
    color: bool,
    bell: bool,
    days: Days,
    /// Whom the user talks to, or what the program waits for.
    state: String,
    peer: Peer,
    seen: Seen,
}

/// Who sends the lines.
#[derive(Debug)]
enum Peer {
    /// It has not said anything yet.
    Unknown,
    Person,
    Hub(Membership),
}

/// What the user is in a hub. The hub tells, so either may be empty.
#[derive(Debug, Default)]
struct Membership {
    room: String,
    name: String,
    is_operator: bool,
}

/// Whether a line is something that the user may want to notice while looking elsewhere.
type Calls = bool;

impl View {
    /// A view of nothing yet. `bell` rings when the user is mentioned or gets a private message.
    #[must_use]
    pub fn new(timestamps: Timestamps, color: bool, bell: bool) -> Self {
        let (peer, state) = (Peer::Unknown, String::new());
        Self { timestamps, color, bell, days: Days::default(), state, peer, seen: Seen::default() }
    }

    /// Appends how lines look that the peer or the hub sent, which are sanitized and end with a newline each. `now` is when they
    /// arrived.
    pub fn messages(&mut self, lines: &[u8], now: &Stamp, out: &mut Vec<u8>) {
        let lines = String::from_utf8_lossy(lines);
        let mut calls = false;
        for line in lines.split_terminator('\n') {
            calls |= self.message(line, now, out);
        }
        if calls && self.bell {
            out.push(b'\x07');
        }
    }

    /// Appends how a notice looks, which may have several lines.
    pub fn notice(&mut self, kind: Kind, text: &str, now: &Stamp, out: &mut Vec<u8>) {
        let (mark, style) = match kind {
            Kind::Message => return self.messages(format!("{text}\n").as_bytes(), now, out),
            Kind::Notice => ("* ", palette::NOTICE),
            Kind::Error => ("! ", palette::ERROR),
        };
        for line in text.lines() {
            self.time(Clock::Own, now, now, out);
            self.paint(style, &[mark, line], out);
            out.push(b'\n');
        }
    }

    /// Appends how a line looks that the user has just typed, without its newline. The goodbye is not shown: a notice follows.
    pub fn own(&mut self, line: &[u8], now: &Stamp, out: &mut Vec<u8>) {
        if line == GOODBYE {
            return;
        }
        self.time(Clock::Own, now, now, out);
        match &self.peer {
            Peer::Hub(member) => self.own_in_hub(member, line, out),
            _ => self.own_text(&["> "], palette::PLAIN, line, out),
        }
        out.push(b'\n');
    }

    /// Another session begins, or the program waits for one: `state` says for whom. It is the prompt until a hub says more.
    pub fn begin(&mut self, state: &str) {
        state.clone_into(&mut self.state);
        self.peer = Peer::Unknown;
        self.seen.clear();
    }

    /// The user is the operator of a hub.
    pub fn operate(&mut self, room: &str, name: &str) {
        self.peer = Peer::Hub(Membership { room: room.to_owned(), name: name.to_owned(), is_operator: true });
        self.seen.clear();
    }

    /// What stands in front of the line that is typed, without `> `: the room and the user's name in a hub, otherwise whom the
    /// user talks to.
    #[must_use]
    pub fn prompt(&self) -> String {
        match &self.peer {
            Peer::Hub(Membership { room, name, .. }) if !name.is_empty() => match room.is_empty() {
                true => name.clone(),
                false => format!("{room} {name}"),
            },
            _ => self.state.clone(),
        }
    }

    /// The names of others that were seen in a hub, the last one first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.seen.names();
        names.retain(|name| *name != self.own_name());
        names
    }

    /// The commands that the user can type: none unless the peer is a hub.
    #[must_use]
    pub fn commands(&self) -> &'static [&'static str] {
        match &self.peer {
            Peer::Hub(member) => commands::names(member.is_operator),
            _ => &[],
        }
    }

    fn own_name(&self) -> &str {
        if let Peer::Hub(member) = &self.peer { &member.name } else { "" }
    }

    fn message(&mut self, line: &str, now: &Stamp, out: &mut Vec<u8>) -> Calls {
        let stamp = Stamp::parse(line.as_bytes());
        let text = if stamp.is_some() { &line[STAMP_LEN..] } else { line };
        let clock = if stamp.is_some() { Clock::Theirs } else { Clock::Own };
        self.time(clock, &stamp.unwrap_or(*now), now, out);
        let said = self.interpret(text);
        self.learn(&said);
        let calls = self.said(&said, out);
        out.push(b'\n');
        calls
    }

    /// What a line says. Only a hub begins with a line of its own, and from then on only a hub can say who says something.
    fn interpret<'a>(&mut self, text: &'a str) -> Said<'a> {
        let said = match self.peer {
            Peer::Person => Said::Other(text),
            _ => Said::parse(text),
        };
        if let Peer::Unknown = self.peer {
            match said {
                Said::Answer(_) => self.peer = Peer::Hub(Membership::default()),
                _ => {
                    self.peer = Peer::Person;
                    return Said::Other(text);
                }
            }
        }
        said
    }

    /// Remembers who is here, and what the user's room and name are.
    fn learn(&mut self, said: &Said<'_>) {
        let Peer::Hub(member) = &mut self.peer else { return };
        if let Said::Text { from, .. } | Said::Emote { from, .. } | Said::Private { from, .. } = said {
            return self.seen.see(from);
        }
        match said.news() {
            None => {}
            Some(News::Welcome { room, name }) => {
                room.clone_into(&mut member.room);
                name.clone_into(&mut member.name);
            }
            Some(News::YouAreNow(name)) => {
                self.seen.forget(&member.name);
                name.clone_into(&mut member.name);
            }
            // The newest is listed first.
            Some(News::Present(present)) => {
                let names: Vec<_> = present.names().collect();
                names.iter().rev().for_each(|name| self.seen.see(name));
            }
            Some(News::Joined(name)) => self.seen.see(name),
            Some(News::Left(name)) => self.seen.forget(name),
            Some(News::Renamed(renamed)) => {
                for (old, new) in renamed.names() {
                    self.seen.forget(old);
                    self.seen.see(new);
                }
            }
        }
    }

    fn said(&self, said: &Said<'_>, out: &mut Vec<u8>) -> Calls {
        match *said {
            Said::Text { from, text } => {
                let calls = self.mentions(text);
                self.paint(palette::name(from), &[from], out);
                out.extend_from_slice(if calls { b"! " } else { b"  " });
                self.text(text, out);
                calls
            }
            Said::Emote { from, text } => {
                self.paint(palette::name(from), &["* <", from, ">"], out);
                out.push(b' ');
                self.text(text, out);
                self.mentions(text)
            }
            Said::Private { from, text } => {
                self.paint(palette::PRIVATE, &["[", from, " -> you]"], out);
                out.push(b' ');
                self.text(text, out);
                true
            }
            Said::Answer(text) | Said::Announcement(text) => {
                self.paint(palette::HUB, &["hub: ", text], out);
                false
            }
            Said::Other(text) => {
                self.paint(palette::THEIRS, &["<"], out);
                out.push(b' ');
                out.extend_from_slice(text.as_bytes());
                false
            }
        }
    }

    fn mentions(&self, text: &str) -> Calls {
        mention::find(text, 0, self.own_name().trim_start_matches('@')).is_some()
    }

    /// What somebody else says in a hub. The user's name stands out.
    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let (name, mut done) = (self.own_name().trim_start_matches('@'), 0);
        while self.color
            && let Some(found) = mention::find(text, done, name)
        {
            out.extend_from_slice(&text.as_bytes()[done..found.start]);
            self.paint(palette::MENTION, &[&text[found.clone()]], out);
            done = found.end;
        }
        out.extend_from_slice(&text.as_bytes()[done..]);
    }

    fn own_in_hub(&self, member: &Membership, line: &[u8], out: &mut Vec<u8>) {
        let name = &*member.name;
        match Line::parse(line, None, member.is_operator) {
            Line::Text(text) => self.own_text(&[name, "> "], palette::PLAIN, text, out),
            Line::Me(text) => self.own_text(&["* ", name, "> "], palette::PLAIN, text, out),
            Line::Message { to, text } => {
                self.paint(palette::PRIVATE, &["[you -> "], out);
                let mut shown = Vec::new();
                sanitize(to.as_bytes(), &mut shown);
                self.paint(palette::PRIVATE, &[&String::from_utf8_lossy(&shown), "]"], out);
                out.push(b' ');
                sanitize(text, out);
            }
            Line::Reply(text) => {
                self.paint(palette::PRIVATE, &["[your reply]"], out);
                out.push(b' ');
                sanitize(text, out);
            }
            _ => self.own_text(&["> "], palette::COMMAND, line, out),
        }
    }

    fn own_text(&self, mark: &[&str], style: Style, text: &[u8], out: &mut Vec<u8>) {
        self.paint(palette::OWN, mark, out);
        self.begin_style(style, out);
        sanitize(text, out);
        self.end_style(style, out);
    }

    /// Appends the time, and before it the day if that is another one.
    fn time(&mut self, clock: Clock, stamp: &Stamp, now: &Stamp, out: &mut Vec<u8>) {
        let time = match self.timestamps {
            Timestamps::None => return,
            Timestamps::Wire => stamp.as_bytes().trim_ascii_end(),
            Timestamps::Short => {
                if let Some(day) = self.days.next(clock, stamp, now) {
                    self.paint(palette::TIME, &["--- ", &String::from_utf8_lossy(&day), " ---"], out);
                    out.push(b'\n');
                }
                stamp.time()
            }
        };
        self.begin_style(palette::TIME, out);
        out.extend_from_slice(time);
        self.end_style(palette::TIME, out);
        out.push(b' ');
    }

    fn paint(&self, style: Style, parts: &[&str], out: &mut Vec<u8>) {
        self.begin_style(style, out);
        parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        self.end_style(style, out);
    }

    fn begin_style(&self, style: Style, out: &mut Vec<u8>) {
        if self.color {
            // Writing to memory does not fail.
            let _ = write!(out, "{style}");
        }
    }

    fn end_style(&self, style: Style, out: &mut Vec<u8>) {
        if self.color {
            let _ = write!(out, "{style:#}");
        }
    }
}
