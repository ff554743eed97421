//! What goes into the outboxes: what members say, announcements and answers.

use super::Hub;
use crate::rules::hub::lines;
use crate::rules::hub::outbox::Post;
use crate::rules::hub::rooms::Announcement;
use crate::rules::hub::{Action, Id, Moment};
use crate::rules::record::{Entry, What};
use crate::rules::wire::STAMP_LEN;
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;

/// How a line of a member begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Says,
    Does,
}

impl Hub {
    /// Appends the lines of what a member says or does.
    pub(super) fn add_lines(&self, id: Id, manner: Manner, text: &[u8], to: &mut Vec<u8>, at: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let start = to.len();
        to.extend_from_slice(at.stamp.as_bytes());
        let [before, after] = manner.around();
        for part in [before, member.name.shown(), after] {
            to.extend_from_slice(part.as_bytes());
        }
        lines::finish(to, start, text, self.rules.max_line);
    }

    /// What a member says to all in the room.
    pub(super) fn publish(&mut self, id: Id, manner: Manner, lines: Vec<u8>, at: Moment) {
        let Some(member) = self.members.get(&id).filter(|_| !lines.is_empty()) else { return };
        let [before, after] = manner.around();
        let prefix = STAMP_LEN + before.len() + member.name.shown().len() + after.len();
        let post = Arc::new(Post { author: Some(id), lines, prefix });
        if let Some(room) = self.rooms.get_mut(&member.room) {
            room.history.add(&post);
        }
        let acted = manner == Manner::Does;
        self.record(id, |name, room| What::Said { name, room, post: Arc::clone(&post), acted });
        self.distribute(id, &post, at.now);
    }

    /// Puts it into the outboxes of all others who are in the room of `id`. A post of somebody is not for those who
    /// ignore them.
    fn distribute(&mut self, id: Id, post: &Arc<Post>, now: Instant) {
        let Some(room) = self.members.get(&id).and_then(|member| self.rooms.get(&member.room)) else {
            return;
        };
        for to in room.members.iter().filter(|to| **to != id) {
            if let Some(member) = self.members.get_mut(to)
                && post.author.is_none_or(|author| !member.ignores.contains(&author))
            {
                self.outboxes.post(member, *to, post, now);
            }
        }
    }

    /// Puts it into the outbox of one.
    pub(super) fn post(&mut self, to: Id, post: &Arc<Post>, now: Instant) {
        let Some(member) = self.members.get_mut(&to) else { return };
        self.outboxes.post(member, to, post, now);
    }

    /// The hub tells something to one.
    pub(super) fn report(&mut self, to: Id, text: &str, at: Moment) {
        let lines = lines::of_hub(&at.stamp, "* hub: ", text, self.rules.max_line);
        self.post(to, &Post::of_hub(lines), at.now);
    }

    pub(super) fn tell_nobody(&mut self, to: Id, name: &str, at: Moment) {
        self.report(to, &format!("there is no {name} here"), at);
    }

    /// Tells the others in the room what became of somebody, or counts it if there is too much of that.
    pub(super) fn announce(&mut self, id: Id, what: Announcement, text: &str, at: Moment) {
        let Some(room) = self.members.get(&id).and_then(|member| self.rooms.get_mut(&member.room)) else {
            return;
        };
        if room.announced.may_tell(what, at.now) {
            let lines = lines::of_hub(&at.stamp, "* ", text, self.rules.max_line);
            self.distribute(id, &Post::of_hub(lines), at.now);
        } else {
            self.counting.insert(Arc::clone(room.name.key()));
        }
    }

    /// The announcements that were counted.
    pub(super) fn tell_announcements(&mut self, at: Moment) {
        self.counting.retain(|key| {
            let Some(room) = self.rooms.get_mut(key) else { return false };
            let Some(text) = room.announced.take_due(at.now) else { return true };
            let post = Post::of_hub(lines::of_hub(&at.stamp, "* hub: ", &text, self.rules.max_line));
            for to in &room.members {
                if let Some(member) = self.members.get_mut(to) {
                    self.outboxes.post(member, *to, &post, at.now);
                }
            }
            false
        });
    }

    /// Puts something into the transcript that this member has done.
    pub(super) fn record(&mut self, id: Id, what: impl FnOnce(Arc<str>, Arc<str>) -> What) {
        let Some(member) = self.members.get(&id).filter(|_| self.rules.transcribed) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        let what = what(Arc::clone(member.name.shown()), Arc::clone(room.name.shown()));
        let entry = Entry { time: OffsetDateTime::now_utc(), peer: member.peer, what };
        self.actions.push_back(Action::Record(entry));
    }
}

impl Manner {
    /// What is before and after the name.
    fn around(self) -> [&'static str; 2] {
        match self {
            Self::Says => ["<", "> "],
            Self::Does => ["* ", " "],
        }
    }
}
