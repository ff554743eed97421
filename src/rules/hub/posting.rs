//! What goes into the outboxes and the transcript: what members say, and replies.

use super::deeds::Deed;
use super::event::Action;
use super::format::{finish_line, hub_lines};
use super::id::Id;
use super::post::{Kind, Post};
use super::state::Hub;
use crate::rules::moment::Moment;
use crate::rules::record::What;
use crate::rules::wire::STAMP_LEN;
use std::sync::Arc;
use std::time::Instant;

/// The two forms of a line that a member says to the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// `/me`
    Emote,
}

impl Form {
    /// What comes before and after the name.
    fn around_name(self) -> [&'static str; 2] {
        match self {
            Self::Text => ["<", "> "],
            // Announcements begin with `* ` and a name. Only what somebody says has the angle brackets.
            Self::Emote => ["* <", "> "],
        }
    }
}

impl Hub {
    /// Appends to `lines` what a member says, for [`publish`](Self::publish).
    pub(super) fn append_lines(&self, id: Id, form: Form, text: &[u8], lines: &mut Vec<u8>, now: Moment) {
        #[cfg(feature = "link")]
        if self.is_linked() {
            // Who says it under which name is only known when it comes back.
            lines.extend_from_slice(text);
            lines.push(b'\n');
            return;
        }
        self.format_line(id, form, text, lines, now);
    }

    /// The same for what is shown now.
    pub(super) fn format_line(&self, id: Id, form: Form, text: &[u8], lines: &mut Vec<u8>, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let start = lines.len();
        lines.extend_from_slice(now.stamp.as_bytes());
        let [before, after] = form.around_name();
        for part in [before, member.name.shown(), after] {
            lines.extend_from_slice(part.as_bytes());
        }
        finish_line(lines, start, text, self.settings.max_line);
    }

    /// Posts [these lines](Self::append_lines) of a member to the others in the room, and adds them to its history.
    pub(super) fn publish(&mut self, id: Id, form: Form, lines: Vec<u8>, now: Moment) {
        if !lines.is_empty() {
            self.does(id, Deed::Says(form, lines), now);
        }
    }

    pub(super) fn apply_saying(&mut self, id: Id, form: Form, lines: Vec<u8>, now: Moment) {
        self.introduce(id, now);
        let Some(member) = self.members.get(&id) else { return };
        let [before, after] = form.around_name();
        let prefix = STAMP_LEN + before.len() + member.name.shown().len() + after.len();
        let mut room = self.rooms.get_mut(&member.room);
        let number = room.as_ref().map(|room| room.history.next());
        let post = self.outboxes.memory.numbered(Kind::Said, Some(id), lines, prefix, number);
        if let Some(room) = &mut room {
            room.history.add(&post);
        }
        let acted = form == Form::Emote;
        self.record(id, |name, room| What::Said { name, room, post: Arc::clone(&post), acted });
        self.post_to_others(id, &post, now.instant);
    }

    /// Posts to the others in the room of `id`, except to those who ignore the author. A browser gets back what it says itself: it
    /// shows its lines when they were said, with the time and in the order in which all see them.
    pub(super) fn post_to_others(&mut self, id: Id, post: &Arc<Post>, now: Instant) {
        let Some(room) = self.members.get(&id).and_then(|member| self.rooms.get(&member.room)) else {
            return;
        };
        let receivers = room.members.len();
        let gets_it_back = post.author.is_some_and(|author| author == id && self.is_browser(id));
        self.outboxes.speaks(&self.members, id, post.cost(), now);
        for to in room.members.values().filter(|to| **to != id || gets_it_back) {
            if let Some(member) = self.members.get_mut(to)
                && post.author.is_none_or(|author| !member.ignored.contains(&author))
            {
                self.outboxes.post(member, *to, post, now);
            }
        }
        self.count(post.lines.len(), receivers);
    }

    /// Posts to one member.
    pub(super) fn post(&mut self, to: Id, kind: Kind, lines: Vec<u8>, now: Instant) {
        if lines.is_empty() {
            return;
        }
        self.count(lines.len(), 1);
        let Some(member) = self.members.get_mut(&to).filter(|member| member.is_here) else { return };
        self.outboxes.post(member, to, &self.outboxes.memory.post(kind, None, lines, 0), now);
    }

    /// Sends a line of the hub to one member.
    pub(super) fn reply(&mut self, to: Id, text: &str, now: Moment) {
        let lines = hub_lines(&now.stamp, "* hub: ", text, self.settings.max_line);
        self.post(to, Kind::Answer, lines, now.instant);
    }

    pub(super) fn reply_no_such_name(&mut self, to: Id, name: &str, now: Moment) {
        self.reply(to, &format!("nobody here is called {name}"), now);
    }

    /// Tells the others in a room for whom they wait.
    pub(super) fn tell_who_is_slow(&mut self, id: Id, now: Moment) {
        self.introduce(id, now);
        let Some(name) = self.members.get(&id).map(|member| member.name.shown()) else { return };
        let text = format!("the room waits for {name}, who reads slowly");
        let lines = hub_lines(&now.stamp, "* hub: ", &text, self.settings.max_line);
        self.post_announcements(id, lines, now);
    }

    /// Records something that a member did, if there is a transcript.
    pub(super) fn record(&mut self, id: Id, what: impl FnOnce(Arc<str>, Arc<str>) -> What) {
        let Some(member) = self.members.get(&id).filter(|_| self.settings.transcribed) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        let what = what(Arc::clone(member.name.shown()), Arc::clone(room.name.shown()));
        self.unrecorded += what.size();
        self.actions.push_back(Action::Record { peer: member.peer, what });
    }
}
