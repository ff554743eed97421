//! A member that is a browser. It is one like any other, but for the form of what it sends and gets (`docs/web.md`): its messages
//! become lines before anybody looks at them, and what it is sent beside posts is said here.

use super::arrival::Wish;
use super::budget::Budget;
use super::format::finish_line;
use super::id::Id;
use super::member::Member;
use super::name::Name;
use super::outbox::Outbox;
use super::post::Kind;
use super::room::LOBBY;
use super::state::Hub;
use crate::rules::buffer::Buffer;
use crate::rules::moment::Moment;
use crate::rules::secure::Peer;
use crate::rules::web::Ticket;
use crate::rules::wire::Decoder;
pub(super) use crate::rules::wire::websocket::Close;
use crate::rules::wire::websocket::{self, Extra, Incoming};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many names and rooms a page is told: as many as a person can look through.
const LISTED: usize = 200;

/// Two questions at once, and one more after each of these.
const QUESTION_INTERVAL: Duration = Duration::from_secs(1);

/// What a member has that is a browser.
#[derive(Debug)]
pub(super) struct Browser {
    incoming: Incoming,
    /// With it, another connection can take the place of this one.
    token: Ticket,
    /// How many of its lines have been executed.
    executed: u64,
    /// How many that it said have not come back from the log of linked hubs.
    unlogged: usize,
    /// The last line that it has seen of the room in which it was before.
    after: Option<u64>,
    /// What it may ask: who is here, and which rooms there are.
    questions: Budget,
    /// How its connection ends, and why.
    close: (Close, String),
}

/// The first message of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hello<'a> {
    /// Which page it is, and which version of this it speaks.
    pub(super) page: &'a str,
    pub(super) ticket: Option<Ticket>,
    name: Option<&'a str>,
    room: Option<&'a str>,
    after: Option<(&'a str, u64)>,
    again: Option<Ticket>,
}

impl<'a> Hello<'a> {
    /// Reads it. What is not understood is left out.
    pub(super) fn parse(text: &'a str) -> Self {
        let mut hello = Self::default();
        for (number, line) in text.lines().enumerate() {
            match line.split_once(' ') {
                _ if number == 0 => hello.page = line,
                Some(("ticket", ticket)) => hello.ticket = Ticket::parse(ticket),
                Some(("name", name)) => hello.name = Some(name),
                Some(("room", room)) => hello.room = Some(room),
                Some(("after", after)) => {
                    let (epoch, number) = after.split_once(' ').unwrap_or_default();
                    hello.after = number.parse().ok().map(|number| (epoch, number));
                }
                Some(("again", token)) => hello.again = Ticket::parse(token),
                _ => {}
            }
        }
        hello
    }
}

impl Hub {
    /// A browser has shown its ticket, and joins.
    pub(super) fn join_browser(
        &mut self,
        id: Id,
        peer: SocketAddr,
        (secured, outbox, incoming): (Option<Arc<Peer>>, Outbox, Incoming),
        token: Ticket,
        hello: &Hello<'_>,
        now: Moment,
    ) {
        if let Some(again) = &hello.again {
            self.replace(again, now);
        }
        let name = hello.name.and_then(|name| Name::parse(name).ok());
        let room = hello.room.and_then(|room| Name::parse(room).ok()).filter(|room| **room.key() != *LOBBY);
        let is_same_epoch = hello.after.filter(|(epoch, _)| self.epoch().is_some_and(|own| own == *epoch));
        let wish = Wish {
            name: name.clone().filter(|name| self.may_begin_as(name)),
            room: room.clone().filter(|room| self.may_begin_in(room)),
        };
        let is_there = wish.room.is_some() == room.is_some();
        self.arrive(id, peer, secured, wish, now);
        if let Some(member) = self.members.get_mut(&id) {
            member.outbox = outbox;
            member.inbox.decoder = Decoder::for_browser(self.settings.max_line);
            let after = is_same_epoch.map(|(_, number)| number).filter(|_| is_there);
            let (questions, close) = (Budget::new(2, QUESTION_INTERVAL), (Close::Normal, String::new()));
            member.browser = Some(Box::new(Browser {
                incoming,
                token,
                executed: 0,
                unlogged: 0,
                after,
                questions,
                close,
            }));
        }
        self.greet_newcomer(id, now);
        self.believe(id, now);
        // What could not be had from the beginning is asked for as by a command.
        if let Some(wanted) = hello.name
            && self
                .members
                .get(&id)
                .is_some_and(|member| Some(member.name.key()) != name.as_ref().map(Name::key))
        {
            self.rename(id, wanted, now);
        }
        if let Some(wanted) = hello.room.filter(|_| !is_there) {
            self.change_room(id, wanted, now);
        }
    }

    /// The connection of the browser with this token, if it is still there, makes room for another one of the same page.
    fn replace(&mut self, token: &Ticket, now: Moment) {
        let is_it = |browser: &Browser| browser.token == *token;
        let mut members = self.members.iter().filter(|(_, member)| member.leaving.is_none());
        let found = members.find(|(_, member)| member.browser.as_ref().is_some_and(|browser| is_it(browser)));
        if let Some(id) = found.map(|(id, _)| *id) {
            self.close_with(id, Close::Replaced, "another connection has taken the place of this one");
            self.announce_leaving(id, "lost the connection", false, now);
        }
    }

    /// Whether a newcomer may have this name from the beginning. In a linked hub the others must be asked.
    fn may_begin_as(&self, name: &Name) -> bool {
        self.decides_alone() && self.looks.like(name).next().is_none()
    }

    /// The same for a room.
    fn may_begin_in(&self, room: &Name) -> bool {
        let exists = self.rooms.contains_key(room.key());
        self.decides_alone() && (exists || self.room_looks.like(room).next().is_none())
    }

    fn decides_alone(&self) -> bool {
        #[cfg(feature = "link")]
        return !self.is_linked();
        #[cfg(not(feature = "link"))]
        true
    }

    pub(super) fn is_browser(&self, id: Id) -> bool {
        self.members.get(&id).is_some_and(Member::is_browser)
    }

    /// Turns what was read from a browser into lines, and answers the rest.
    pub(super) fn hear_browser(&mut self, id: Id, mut buffer: Buffer, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(browser) = &mut member.browser else { return };
        let mut extras = Vec::new();
        let result = buffer.edit_input(|bytes, filled| browser.incoming.receive(bytes, filled, &mut extras));
        for extra in extras {
            self.answer_extra(id, extra, now);
        }
        if let Err(close) = result {
            // What came before is good.
            self.close_with(id, close, "this is not what a browser sends");
            self.handle_read_ended(id, Ok(()), now);
        }
        if !buffer.input().is_empty() {
            self.browser_says(buffer.messages);
            self.add_to_inbox(id, buffer, now.instant);
        }
    }

    fn answer_extra(&mut self, id: Id, extra: Extra, now: Moment) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        // A browser that asks and does not read must not fill its outbox.
        let may_answer = self.outboxes.may_answer(member, false);
        match extra {
            Extra::Close => self.handle_read_ended(id, Ok(()), now),
            Extra::Ping(payload) if may_answer => self.send(id, websocket::pong(&payload), now.instant),
            Extra::Question(question) if may_answer => match &*question {
                b"alive" => self.send(id, websocket::text("alive ", b""), now.instant),
                b"who" => self.list_for_browser(id, true, now),
                b"rooms" => self.list_for_browser(id, false, now),
                _ => {}
            },
            Extra::Ping(_) | Extra::Question(_) => {}
        }
    }

    /// Answers `who` or `rooms`.
    fn list_for_browser(&mut self, id: Id, lists_members: bool, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(browser) = &mut member.browser else { return };
        if !browser.questions.allows(now.instant) {
            return;
        }
        browser.questions.spend(now.instant);
        let Some(room) = self.rooms.get(&member.room) else { return };
        let (count, lines): (_, Vec<String>) = if lists_members {
            let ids = room.members.values().rev().chain(room.elsewhere.values().rev()).take(LISTED);
            let names =
                ids.filter_map(|id| self.members.get(id)).map(|member| format!("{}\n", member.name.shown()));
            (room.len(), names.collect())
        } else {
            let rooms = self.rooms.values().take(LISTED);
            (self.rooms.len(), rooms.map(|room| format!("{} {}\n", room.name.shown(), room.len())).collect())
        };
        let word = if lists_members { "who" } else { "rooms" };
        self.send(id, websocket::text(&format!("{word} {count} "), lines.concat().as_bytes()), now.instant);
    }

    /// Tells a browser who and where it is.
    pub(super) fn tell_state(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let (Some(browser), Some(room)) = (&member.browser, self.rooms.get(&member.room)) else { return };
        let Some(epoch) = self.epoch() else { return };
        let (name, shown, next) = (member.name.shown(), room.name.shown(), room.history.next());
        let state = format!("you {} {name} {shown} {epoch} {next} {} ", id.0, browser.token.reveal());
        self.send(id, websocket::text(&state, b""), now.instant);
    }

    /// Tells a browser that has entered a room where it is, and what was said there.
    pub(super) fn show_room_to_browser(&mut self, id: Id, now: Moment) {
        self.tell_state(id, now);
        let Some(member) = self.members.get_mut(&id) else { return };
        let after = member.browser.as_mut().and_then(|browser| browser.after.take());
        let Some(room) = self.rooms.get(&member.room) else { return };
        let (missed, lines) = room.history.numbered(&member.ignored, after.unwrap_or(0));
        // Who comes for the first time has missed nothing.
        let missed = if after.is_some() { missed } else { 0 };
        self.send(id, websocket::text(&format!("past {missed} "), &lines), now.instant);
    }

    /// Shows a browser its own private message.
    pub(super) fn tell_back(&mut self, from: Id, to: Id, text: &[u8], now: Moment) {
        let Some(receiver) = self.members.get(&to).filter(|_| self.is_browser(from)) else { return };
        let mut line = now.stamp.as_bytes().to_vec();
        line.extend_from_slice(format!("[you -> {}] ", receiver.name.shown()).as_bytes());
        finish_line(&mut line, 0, text, self.settings.max_line);
        self.send(from, websocket::text("told ", &line), now.instant);
    }

    /// This many more lines of a browser have been executed.
    pub(super) fn confirm(&mut self, id: Id, lines: u64, now: Instant) {
        let Some(browser) = self.members.get_mut(&id).and_then(|member| member.browser.as_mut()) else {
            return;
        };
        browser.executed += lines;
        self.tell_executed(id, now);
    }

    /// It counts what is really done: in a linked hub, what the log has.
    fn tell_executed(&mut self, id: Id, now: Instant) {
        let Some(browser) = self.members.get(&id).and_then(|member| member.browser.as_ref()) else { return };
        if browser.unlogged == 0 {
            let done = format!("done {} ", browser.executed);
            self.send(id, websocket::text(&done, b""), now);
        }
    }

    /// The hub sends `lines` lines of a member to the log of linked hubs.
    #[cfg(feature = "link")]
    pub(super) fn lines_wait(&mut self, id: Id, lines: usize) {
        if let Some(browser) = self.members.get_mut(&id).and_then(|member| member.browser.as_mut()) {
            browser.unlogged += lines;
        }
    }

    /// `lines` lines of a member have come back from there.
    #[cfg(feature = "link")]
    pub(super) fn lines_are_back(&mut self, id: Id, lines: usize, now: Instant) {
        if let Some(browser) = self.members.get_mut(&id).and_then(|member| member.browser.as_mut()) {
            browser.unlogged = browser.unlogged.saturating_sub(lines);
            self.tell_executed(id, now);
        }
    }

    /// Sends a browser something that no other kind of member gets.
    fn send(&mut self, id: Id, message: Vec<u8>, now: Instant) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_here) else { return };
        let post = self.outboxes.memory.post(Kind::Answer, None, message, 0);
        self.outboxes.post_exactly(member, id, post, now);
    }

    /// Nothing more is heard from a member. If it is a browser, returns why.
    pub(super) fn end_of_browser(&mut self, id: Id) -> Option<&'static str> {
        let member = self.members.get_mut(&id)?;
        match member.browser.as_ref()?.close.0 {
            Close::Protocol | Close::NotUtf8 | Close::TooBig => {
                // It may still be sending: if the connection were closed now, it would be reset, and the reason lost.
                member.inbox.ended = None;
                Some("was disconnected: it broke the rules of WebSocket")
            }
            // Who closes the page says goodbye.
            _ => Some("left"),
        }
    }

    /// When a browser leaves, this is why.
    pub(super) fn close_with(&mut self, id: Id, close: Close, reason: &str) {
        if let Some(browser) = self.members.get_mut(&id).and_then(|member| member.browser.as_mut()) {
            browser.close = (close, reason.to_owned());
        }
    }
}

impl Browser {
    /// The Close frame: the hub sends it to every browser that leaves.
    pub(super) fn goodbye(&self) -> Vec<u8> {
        websocket::close(self.close.0, &self.close.1)
    }
}
