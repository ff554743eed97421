//! What goes to the log: what members of this hub do.

use super::{Asked, record};
use crate::rules::exit::Exit;
use crate::rules::hub::deeds::Deed;
use crate::rules::hub::event::Action;
use crate::rules::hub::id::{Id, OPERATOR};
use crate::rules::hub::logged::{Logged, Verb};
use crate::rules::hub::name::{Name, OPERATORS_NAME};
use crate::rules::hub::posting::Form;
use crate::rules::hub::state::Hub;
use crate::rules::hub::turns::add_waiting;
use crate::rules::link::{Claim, HubId, NUMBERS, Operation, Order, lines_kept};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the other hubs may take to know that this one ends.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);
/// With this many numbers left, a hub asks for more.
const MIN_NUMBERS: u64 = NUMBERS / 2;

impl Hub {
    /// A member does something that all hubs will notice.
    pub(in crate::rules::hub) fn log(&mut self, id: Id, deed: Deed<'_>, now: Moment) {
        if self.linked.as_ref().is_none_or(|linked| linked.has_left) {
            return;
        }
        let number = id.0 as u64;
        let about = match &deed {
            Deed::Tells(to, _) => Some(self.about(*to)),
            _ => None,
        };
        let history = match &deed {
            Deed::Says(form, texts) => {
                self.lines_wait(id, bytecount::count(texts, b'\n'));
                self.last_lines(id, *form, texts, now)
            }
            _ => Vec::new(),
        };
        let otherwise = if matches!(deed, Deed::Joins) { self.otherwise(id) } else { String::new() };
        let (Some(member), Some(linked)) = (self.members.get_mut(&id), &mut self.linked) else { return };
        let (mut operation, mut bans) = (None, None);
        let (verb, text) = match deed {
            Deed::Joins => {
                let (take, name) = (looks(&member.name), member.name.shown());
                let own = record(member, name, &member.room, &otherwise);
                let otherwise = record(member, &otherwise, &member.room, "");
                let claim =
                    Claim { member: number, release: Vec::new(), take, record: own.clone(), otherwise };
                operation = Some(Operation::Claim(claim));
                (Verb::Joins, own)
            }
            Deed::Renames(name) => {
                let (release, take) = (looks(&member.name), looks(&name));
                let record =
                    record(member, name.shown(), member.link.room_to_come().unwrap_or(&member.room), "");
                member.link.asked.push(Asked::Name(name.clone()));
                let claim = Claim { member: number, release, take, record, otherwise: Vec::new() };
                operation = Some(Operation::Claim(claim));
                (Verb::Renames, name.shown().as_bytes().to_vec())
            }
            Deed::Enters(room) => {
                let record = record(member, member.name.shown(), room.shown(), "");
                member.link.asked.push(Asked::Room(room.clone()));
                operation = Some(Operation::Record(number, record));
                (Verb::Enters, room.shown().as_bytes().to_vec())
            }
            Deed::Says(form, texts) => {
                linked.batch.lines += bytecount::count(&texts, b'\n') as u64;
                let lines = linked.histories.entry(Arc::clone(&member.room)).or_default();
                lines.extend(history);
                lines.drain(..lines.len().saturating_sub(lines_kept(self.settings.history)));
                (if form == Form::Emote { Verb::Emotes } else { Verb::Says }, texts)
            }
            Deed::Tells(_, text) => {
                linked.batch.lines += 1;
                (Verb::Tells, text.to_vec())
            }
            Deed::Leaves(how) => {
                member.link.leaves = Some(how.clone());
                operation = Some(Operation::Forget(number));
                (Verb::Leaves, how.into_bytes())
            }
            Deed::Bans(net) => {
                bans = Some(net);
                operation = Some(Operation::Ban(net.to_string().into_bytes()));
                (Verb::Bans, net.to_string().into_bytes())
            }
        };
        linked.write(&Logged { verb, member: number, about, text: &text });
        linked.batch.operations.extend(operation);
        self.turn.bytes += text.len();
        // Here it is done at once, whether or not the other hubs can be told.
        if let Some(net) = bans {
            self.apply_banning(net, now);
        }
    }

    /// What a member of this hub is called if another hub has given its name: no other hub gives this one, even if Redis forgets which
    /// numbers it gave, and nobody may ask for it.
    pub(super) fn otherwise(&self, id: Id) -> String {
        let tag = self.linked.as_ref().and_then(|linked| linked.hub).map_or(0, HubId::tag);
        match (id, &self.linked) {
            (OPERATOR, Some(linked)) => format!("@{OPERATORS_NAME}/{}-{tag}", linked.name),
            _ => own_name(tag, id),
        }
    }

    /// The last lines of what a member says, as a room's history has them.
    fn last_lines(&self, id: Id, form: Form, texts: &[u8], now: Moment) -> Vec<Vec<u8>> {
        let count = lines_kept(self.settings.history);
        let texts: Vec<_> = texts.rsplit(|byte| *byte == b'\n').skip(1).take(count).collect();
        let format = |text: &&[u8]| {
            let mut line = Vec::new();
            self.format_line(id, form, text, &mut line, now);
            line
        };
        texts.iter().rev().map(format).collect()
    }

    /// How the log names somebody.
    fn about(&self, id: Id) -> (Option<HubId>, u64) {
        match self.members.get(&id).and_then(|member| member.link.home.as_ref()) {
            Some(home) => (Some(home.hub), home.number),
            None => (None, id.0 as u64),
        }
    }

    /// Answers a member of another hub, for one of this hub.
    pub(in crate::rules::hub) fn answer_elsewhere(&mut self, to: Id, by: Id, text: &str) {
        self.log_about(by, Verb::Answers, to, text);
    }

    /// The operator sends a member of another hub away.
    pub(in crate::rules::hub) fn expel_elsewhere(&mut self, id: Id, how: &str) {
        self.log_about(OPERATOR, Verb::Expels, id, how);
    }

    fn log_about(&mut self, by: Id, verb: Verb, id: Id, text: &str) {
        let about = Some(self.about(id));
        if let Some(linked) = &mut self.linked {
            linked.write(&Logged { verb, member: by.0 as u64, about, text: text.as_bytes() });
        }
    }

    /// What was done since the last batch.
    pub(in crate::rules::hub) fn take_batch(&mut self) -> Option<Action> {
        let linked = self.linked.as_mut()?;
        for (room, lines) in std::mem::take(&mut linked.histories) {
            let lines: Vec<_> = lines.into();
            if !lines.is_empty() {
                linked.batch.operations.push(Operation::History(room.as_bytes().to_vec(), lines));
            }
        }
        if linked.batch.is_empty() {
            return None;
        }
        let batch = std::mem::take(&mut linked.batch);
        linked.unlogged += batch.size();
        linked.has_unlogged_lines |= batch.lines > 0;
        Some(Action::Log(Order::Push(batch)))
    }

    /// Whether a member may say more to the other hubs now.
    pub(in crate::rules::hub) fn may_log(&self, id: Id) -> bool {
        let Some(linked) = &self.linked else { return true };
        let is_asking = self.members.get(&id).is_some_and(|member| !member.link.asked.is_empty());
        linked.unlogged + linked.batch.data.len() < self.settings.outbox && !is_asking
    }

    /// Whether what a member gets to see now is what it expects after what it asked for. Without a link, that would never come.
    pub(in crate::rules::hub) fn may_list(&self, id: Id) -> bool {
        let is_up = self.linked.as_ref().is_some_and(|linked| linked.is_up());
        !is_up || self.members.get(&id).is_none_or(|member| member.link.asked.is_empty())
    }

    /// It goes on when the log takes more, or when what it asked for has come back.
    pub(in crate::rules::hub) fn wait_for_link(&mut self, id: Id) {
        if let Some(linked) = &mut self.linked {
            add_waiting(&mut linked.waiting, id);
        }
    }

    /// A name for a new client that no other hub gives, with its number if it is one that was got for this. None before this hub
    /// is registered: then any will do, and may have to be replaced.
    pub(in crate::rules::hub) fn linked_newcomers_name(&mut self, id: Id) -> Option<(String, Option<u64>)> {
        let linked = self.linked.as_mut()?;
        let tag = linked.hub?.tag();
        let number = linked.numbers.next();
        let is_short = linked.numbers.end - linked.numbers.start < MIN_NUMBERS;
        if is_short && !std::mem::replace(&mut linked.has_asked_for_numbers, true) {
            self.actions.push_back(Action::Log(Order::AskForNumbers));
        }
        let Some(number) = number else { return Some((own_name(tag, id), None)) };
        self.last_user = number;
        Some((format!("user{number}"), Some(number)))
    }

    /// Nobody was told of the one who had it.
    pub(in crate::rules::hub) fn give_number_back(&mut self, number: u64) {
        if let Some(linked) = self.linked.as_mut().filter(|linked| linked.numbers.start == number + 1) {
            linked.numbers.start = number;
        }
    }

    /// The hub ends: the other hubs are told, and then everything that was said here before has come back. Returns false if that
    /// cannot be.
    pub(in crate::rules::hub) fn takes_leave(&mut self, now: Instant) -> bool {
        let batch = self.take_batch();
        let Some(linked) = &mut self.linked else { return false };
        linked.has_left = true;
        // A registered hub may not have a connection for writing yet.
        if linked.hub.is_none() || linked.is_down() {
            self.report_unlogged();
            return false;
        }
        linked.leave_by = Some(now + LEAVE_WITHIN);
        self.actions.extend(batch);
        self.actions.push_back(Action::Log(Order::Leave));
        true
    }

    /// The other hubs know that this one ends, or do not answer.
    pub(super) fn has_left(&mut self, now: Instant) {
        let Some(linked) = &mut self.linked else { return };
        if linked.leave_by.take().is_some_and(|by| by <= now) {
            self.report_unlogged();
        }
        self.say_goodbye_to_all(now);
    }

    /// What was said last reaches nobody.
    fn report_unlogged(&mut self) {
        if self.linked.as_ref().is_some_and(|linked| linked.has_unlogged_lines) {
            self.actions.push_back(Action::Report(Notice::NotLogged));
            self.ending = self.ending.map(|exit| if exit == Exit::Success { Exit::Failed } else { exit });
        }
    }
}

/// A name that only the hub with this tag can give, for as many members as it has.
fn own_name(tag: u32, id: Id) -> String {
    format!("user{tag}-{}", id.0)
}

fn looks(name: &Name) -> Vec<Vec<u8>> {
    name.looks().iter().map(|look| look.as_bytes().to_vec()).collect()
}
