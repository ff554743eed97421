//! Follows what members send, from their inboxes until it is executed or has to wait.

use super::budget::Budget;
use super::command::{Line, help};
use super::event::Action;
use super::id::{Id, OPERATOR};
use super::inbox::{Backlog, Inbox, PendingLine};
use super::posting::Form;
use super::state::Hub;
use crate::rules::exit::Exit;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::wire::Heard;
use std::ops::ControlFlow;
use std::time::Duration;

/// About how many bytes of lines become one post. Before each post the hub checks whether somebody's outbox is full.
const POST_BYTES: usize = 32 * 1024;

/// The most memory, in bytes, for lines of the operator that wait for somebody's outbox. Commands overtake them until then.
const MAX_OPERATORS_BACKLOG: usize = 1024 * 1024;

/// With `--rate`: how late a line may be without delaying the lines after it. Timers are about this late.
const LATENESS: Duration = Duration::from_millis(10);

/// Why processing a member's inbox stops before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The line is early, or somebody's outbox is full.
    Wait,
    /// The member has left.
    Left,
}

impl Hub {
    /// Executes what a member has sent, as far as that is possible now.
    pub(super) fn process(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        let mut inbox = std::mem::replace(&mut member.inbox, Inbox::new(0));
        let mut said = Vec::new();
        let stop = self.process_inbox(id, &mut inbox, &mut said, now).break_value();
        self.publish(id, Form::Text, said, now);
        let Some(member) = self.members.get_mut(&id) else { return };
        if stop == Some(Stop::Left) {
            inbox.clear();
            if id == OPERATOR {
                inbox.ended = Some(Ok(()));
            }
        }
        if inbox.is_waiting() && inbox.backlog.early_until.is_none() && !inbox.backlog.is_held {
            inbox.backlog.is_held = true;
            self.held.push_back(id);
        }
        let is_finished = !inbox.is_waiting() && inbox.ended.is_some();
        member.inbox = inbox;
        match member.leaving {
            Some(_) => self.continue_leaving(id, now.instant),
            None if is_finished => self.finish_input(id, now),
            None => self.update_timer(id),
        }
    }

    /// The same for an inbox that is taken out of its member meanwhile. Texts are collected in `said`.
    fn process_inbox(
        &mut self,
        id: Id,
        inbox: &mut Inbox,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        self.process_backlog(id, &mut inbox.backlog, said, now)?;
        while let Some((buffer, read_at)) = inbox.buffers.pop_front() {
            let mut bytes = &buffer.input()[inbox.decoded..];
            // What came before a pause is a line by itself, however late the hub gets to it.
            let mut flow = match inbox.decoded == 0 && inbox.is_quiet(id, read_at) {
                true => self.process_unended(id, inbox, said, now),
                false => ControlFlow::Continue(()),
            };
            while flow.is_continue() {
                let is_remainder = inbox.decoder.is_within_message();
                let Some(heard) = inbox.decoder.next(&mut bytes, read_at) else { break };
                inbox.has_had_line = true;
                flow = self.process_message(id, heard, is_remainder, &mut inbox.backlog, said, now);
            }
            inbox.decoded = if bytes.is_empty() { 0 } else { buffer.input().len() - bytes.len() };
            if !bytes.is_empty() {
                inbox.buffers.push_front((buffer, read_at));
            }
            flow?;
        }
        match inbox.ended.is_some() || inbox.is_quiet(id, now.instant) {
            true => self.process_unended(id, inbox, said, now),
            false => ControlFlow::Continue(()),
        }
    }

    /// Executes what came without a newline and is a line because nothing follows, or not soon.
    fn process_unended(
        &mut self,
        id: Id,
        inbox: &mut Inbox,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        let mut flow = ControlFlow::Continue(());
        while flow != ControlFlow::Break(Stop::Left) {
            let is_remainder = inbox.decoder.is_within_message();
            // Even if the line has to wait: what comes next must not count as its remainder.
            let Some(heard) = inbox.decoder.quiet() else { break };
            inbox.has_had_line = true;
            let result = self.process_message(id, heard, is_remainder, &mut inbox.backlog, said, now);
            flow = if result.is_break() { result } else { flow };
        }
        flow
    }

    /// Executes lines that had to wait.
    fn process_backlog(
        &mut self,
        id: Id,
        backlog: &mut Backlog,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        while let Some(pending) = backlog.pop() {
            let line = Line::parse(&pending.text, pending.remainder.as_ref(), id == OPERATOR);
            if let ControlFlow::Break(stop) = self.execute_in_time(id, line, backlog, said, now) {
                backlog.put_back(pending);
                // There may be commands behind the operator's texts.
                if id == OPERATOR && backlog.bytes() < MAX_OPERATORS_BACKLOG {
                    break;
                }
                return ControlFlow::Break(stop);
            }
        }
        ControlFlow::Continue(())
    }

    /// Executes a message that has just been decoded, or adds it to the backlog.
    fn process_message(
        &mut self,
        id: Id,
        heard: Heard<'_>,
        is_remainder: bool,
        backlog: &mut Backlog,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        let bytes = match heard {
            Heard::Goodbye => {
                self.say_backlog(id, backlog, said, now);
                return self.handle_goodbye(id, said, now);
            }
            Heard::Text(line) | Heard::LastWords(line) => line,
        };
        let remainder = backlog.remainder.take().filter(|_| is_remainder);
        let line = Line::parse(bytes, remainder.as_ref(), id == OPERATOR);
        backlog.remainder = Some(line.remainder());
        let is_overtaking = !backlog.is_empty() && line.is_text();
        let flow = match is_overtaking {
            true => ControlFlow::Break(Stop::Wait),
            false => self.execute_in_time(id, line, backlog, said, now),
        };
        if flow != ControlFlow::Break(Stop::Wait) {
            return flow;
        }
        backlog.push(PendingLine { text: bytes.into(), remainder });
        match id == OPERATOR && backlog.bytes() < MAX_OPERATORS_BACKLOG {
            true => ControlFlow::Continue(()),
            false => flow,
        }
    }

    /// Executes a line unless it is early: for `--rate`, or for the budget of such commands.
    fn execute_in_time(
        &mut self,
        id: Id,
        line: Line<'_>,
        backlog: &mut Backlog,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        let next_at = self.budget(id, &line).and_then(|budget| budget.next_at());
        backlog.early_until = backlog.on_time_at.max(next_at).filter(|on_time_at| now.instant < *on_time_at);
        if backlog.early_until.is_some() {
            return ControlFlow::Break(Stop::Wait);
        }
        self.execute(id, line, said, now)?;
        if let Some(budget) = self.budget(id, &line) {
            budget.spend(now.instant);
        }
        let Some(rate) = self.settings.rate.filter(|_| id != OPERATOR) else {
            return ControlFlow::Continue(());
        };
        let on_time_at = backlog.on_time_at.unwrap_or(now.instant);
        // A late line does not delay the next one, as long as it is no later than timers are.
        backlog.on_time_at =
            Some(on_time_at.max(now.instant - LATENESS) + Duration::from_secs_f64(1.0 / rate));
        ControlFlow::Continue(())
    }

    /// What limits how often a member may give this command, if something does. The operator's commands do not wait.
    fn budget(&mut self, id: Id, line: &Line<'_>) -> Option<&mut Budget> {
        let member = self.members.get_mut(&id).filter(|_| id != OPERATOR)?;
        match line {
            Line::Join(_) => Some(&mut member.moves),
            Line::Who | Line::Rooms => Some(&mut member.lists),
            _ => None,
        }
    }

    /// Does what a line says, or breaks if it has to wait.
    fn execute(&mut self, id: Id, line: Line<'_>, said: &mut Vec<u8>, now: Moment) -> ControlFlow<Stop> {
        if line.is_text() && said.is_empty() && !self.may_speak(id) {
            return ControlFlow::Break(Stop::Wait);
        }
        if let Line::Text(text) = line {
            self.append_lines(id, Form::Text, text, said, now);
            if said.len() >= POST_BYTES {
                self.publish(id, Form::Text, std::mem::take(said), now);
            }
            return ControlFlow::Continue(());
        }
        self.publish(id, Form::Text, std::mem::take(said), now);
        if !self.may_command(id, &line) {
            return ControlFlow::Break(Stop::Wait);
        }
        match line {
            Line::Text(_) | Line::Nothing => {}
            Line::Me(text) => self.emote(id, text, now),
            Line::Message { to, text } => match self.find(to) {
                Some(to) => self.send_private(id, to, text, now),
                None => self.reply_no_such_name(id, to, now),
            },
            Line::Reply(text) => match self.members.get(&id).and_then(|member| member.reply_to) {
                Some(to) if self.is_present(to) => self.send_private(id, to, text, now),
                Some(_) => self.reply(id, "the person who wrote to you has left", now),
                None => self.reply(id, "nobody has written to you yet", now),
            },
            Line::Name(name) => self.rename(id, name, now),
            Line::Who => self.reply_who(id, now),
            Line::Join(room) => self.change_room(id, room, now),
            Line::Rooms => self.reply_rooms(id, now),
            Line::Ignore(name) => self.ignore(id, name, now),
            Line::Help => help(id == OPERATOR).for_each(|line| self.reply(id, &line, now)),
            Line::Kick(name) => match self.find(name).filter(|id| *id != OPERATOR) {
                Some(who) => self.expel(who, "kicked", now),
                None => self.reply_no_such_name(id, name, now),
            },
            Line::Ban(address) => self.ban(address, now),
            Line::Incomplete(usage) => self.reply(id, &format!("usage: {usage}"), now),
            Line::Unknown(command) => {
                let command = String::from_utf8_lossy(command);
                let line = format!(
                    "unknown command /{command}; /help lists the commands, //{command} says /{command}"
                );
                self.reply(id, &line, now);
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a member may say something to the room now.
    fn may_speak(&self, id: Id) -> bool {
        let Some(member) = self.members.get(&id) else { return false };
        self.outboxes.full_in(&member.room) == usize::from(member.is_full) && !self.is_paused
    }

    /// Whether the outboxes that a command writes to are not full. The operator's commands do not wait.
    fn may_command(&self, id: Id, line: &Line<'_>) -> bool {
        let is_full = |id: Id| self.members.get(&id).is_some_and(|member| member.is_full);
        let to = match line {
            Line::Message { to, .. } => self.find(to),
            Line::Reply(_) => self.members.get(&id).and_then(|member| member.reply_to),
            _ => None,
        };
        id == OPERATOR || !(self.is_paused || is_full(id) || to.is_some_and(is_full))
    }

    /// Says the operator's backlog before a goodbye, even to full outboxes: nothing comes after it.
    fn say_backlog(&mut self, id: Id, backlog: &mut Backlog, said: &mut Vec<u8>, now: Moment) {
        while let Some(pending) = backlog.pop() {
            match Line::parse(&pending.text, pending.remainder.as_ref(), id == OPERATOR) {
                Line::Text(text) => self.append_lines(id, Form::Text, text, said, now),
                Line::Me(text) => {
                    self.publish(id, Form::Text, std::mem::take(said), now);
                    self.emote(id, text, now);
                }
                _ => {}
            }
        }
    }

    /// `/me`.
    fn emote(&mut self, id: Id, text: &[u8], now: Moment) {
        let mut lines = Vec::new();
        self.append_lines(id, Form::Emote, text, &mut lines, now);
        self.publish(id, Form::Emote, lines, now);
    }

    /// `88`: whatever a member sends after it is dropped.
    fn handle_goodbye(&mut self, id: Id, said: &mut Vec<u8>, now: Moment) -> ControlFlow<Stop> {
        self.publish(id, Form::Text, std::mem::take(said), now);
        if id != OPERATOR {
            self.actions.push_back(Action::GoodbyeReceived);
            self.announce_leaving(id, "left", false, now);
        }
        ControlFlow::Break(Stop::Left)
    }

    /// Everything that was read from a member has been executed, and nothing more will be read.
    fn finish_input(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let result = member.inbox.ended.replace(Ok(())).unwrap_or(Ok(()));
        if id == OPERATOR {
            if let Err(error) = result {
                self.actions.push_back(Action::Report(Notice::CannotReadInput(error)));
            } else if member.inbox.has_had_line {
                self.end(Exit::Success, now.instant);
            }
            return;
        }
        let why = match member.write_error.take().map_or(result, Err) {
            Ok(()) => "left without 88".to_owned(),
            Err(error) => format!("lost the connection: {error}"),
        };
        self.announce_leaving(id, &why, false, now);
    }
}
