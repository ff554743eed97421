//! Tells a room who joins, leaves and changes the name: each by name as long as there are few, and in any case who
//! somebody is before anything else of that member is told.

use super::announcements::{Announcement, Summary, Untold};
use super::format::hub_lines;
use super::id::Id;
use super::name::Name;
use super::post::Kind;
use super::state::Hub;
use crate::rules::moment::Moment;
use crate::rules::wire::STAMP_LEN;
use std::sync::Arc;

/// What every announcement begins with.
const MARK: &str = "* ";

impl Hub {
    /// Announces to the others in the room that a member joined or left, or counts it for the summary.
    pub(super) fn announce(&mut self, id: Id, what: Announcement, text: &str, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        if room.announcements.try_single(what, now.instant) {
            self.introduce(id, now);
            return self.post_announcements(id, self.announcement(text, now), now);
        }
        let due = room.announcements.leave_for_summary(id, what, now.instant);
        self.summarizing.insert((due, Arc::clone(&member.room)));
        if what == Announcement::Joined {
            member.untold.joined = Some(due);
        }
    }

    /// Announces a new name to the others in the room, at once or in the summary.
    pub(super) fn announce_rename(&mut self, id: Id, old: Name, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        if member.untold.known_as.is_some() {
            // The room has never been told this name.
            return self.release_name(id, &old);
        }
        member.untold.known_as = Some(old);
        if member.renames.allows(now.instant)
            && room.announcements.try_single(Announcement::Renamed, now.instant)
        {
            member.renames.spend(now.instant);
            return self.introduce(id, now);
        }
        let due = room.announcements.leave_for_summary(id, Announcement::Renamed, now.instant);
        self.summarizing.insert((due, Arc::clone(&member.room)));
        // The summary is not said by anybody, but this member causes a part of it.
        let bytes = member.untold.known_as.iter().chain([&member.name]).map(|name| name.shown().len()).sum();
        self.outboxes.speaks(&self.members, id, bytes, now.instant);
    }

    /// Tells the others in the room what they do not know about a member yet. Call it before they are told anything else of
    /// that member: they must not take what one member says for what another says.
    pub(super) fn introduce(&mut self, id: Id, now: Moment) {
        if self.members.get(&id).is_some_and(|member| member.arrival.is_some()) {
            self.believe(id, now);
        }
        let Some(member) = self.members.get_mut(&id).filter(|member| !member.untold.is_empty()) else {
            return;
        };
        let known_as = Arc::clone(member.untold.known_as.as_ref().unwrap_or(&member.name).shown());
        let joined = member.untold.joined.take().and_then(|due| {
            let is_uncounted = self.rooms.get_mut(&member.room)?.announcements.withdraw_joined(due);
            let joined = if is_uncounted { "joined" } else { "is one of those who joined" };
            Some(format!("{known_as} {joined}"))
        });
        let renamed = self.take_renamed(id);
        let texts = joined.iter().chain(&renamed);
        let lines: Vec<u8> = texts.flat_map(|text| self.announcement(text, now)).collect();
        if !lines.is_empty() {
            self.post_announcements(id, lines, now);
        }
    }

    /// Forgets what the room has not been told about a member who leaves it.
    pub(super) fn forget_untold(&mut self, id: Id) {
        self.take_renamed(id);
        if let Some(member) = self.members.get_mut(&id) {
            member.untold = Untold::default();
        }
    }

    /// Announces the summaries that are due, to everybody in the room.
    pub(super) fn announce_summaries(&mut self, now: Moment) {
        while self.summarizing.first().is_some_and(|(due, _)| *due <= now.instant) {
            let Some((_, key)) = self.summarizing.pop_first() else { return };
            let Some(room) = self.rooms.get_mut(&key) else { continue };
            let Some(Summary { counts, renamed }) = room.announcements.take_summary(now.instant) else {
                continue;
            };
            let members: Vec<Id> = room.members.values().copied().collect();
            let max = self.settings.max_line.saturating_sub(STAMP_LEN + MARK.len());
            let renamed = join_into_lines(renamed.into_iter().filter_map(|id| self.take_renamed(id)), max);
            let mut lines = Vec::new();
            if !counts.is_empty() {
                lines.extend(hub_lines(&now.stamp, "* hub: ", &counts, self.settings.max_line));
            }
            lines.extend(renamed.iter().flat_map(|text| self.announcement(text, now)));
            if lines.is_empty() {
                continue;
            }
            self.count(lines.len(), members.len());
            let post = self.outboxes.memory.post(Kind::Said, None, lines, 0);
            for id in members {
                if let Some(member) = self.members.get_mut(&id) {
                    self.outboxes.post(member, id, &post, now.instant);
                }
            }
        }
    }

    /// Posts lines of the hub about a member to the others in the room.
    pub(super) fn post_announcements(&mut self, id: Id, lines: Vec<u8>, now: Moment) {
        let post = self.outboxes.memory.post(Kind::Said, None, lines, 0);
        self.post_to_others(id, &post, now.instant);
    }

    fn announcement(&self, text: &str, now: Moment) -> Vec<u8> {
        hub_lines(&now.stamp, MARK, text, self.settings.max_line)
    }

    /// The new name that the room has not been told yet. It counts as told from here on.
    fn take_renamed(&mut self, id: Id) -> Option<String> {
        let member = self.members.get_mut(&id)?;
        let old = member.untold.known_as.take()?;
        let new = Arc::clone(member.name.shown());
        if let Some(room) = self.rooms.get_mut(&member.room) {
            room.announcements.withdraw_renamed(id);
        }
        self.release_name(id, &old);
        (*old.shown() != new).then(|| format!("{} is now {new}", old.shown()))
    }
}

/// Joins texts into as few lines as possible. None is split: what is left of a name could be the name of somebody else.
fn join_into_lines(texts: impl Iterator<Item = String>, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts {
        match lines.last_mut().filter(|line| line.len() + 2 + text.len() <= max) {
            Some(line) => line.extend([", ", &text]),
            None => lines.push(text),
        }
    }
    lines
}
