//! What members say, as far as it can be carried out now.

use super::Hub;
use super::commands::LISTED;
use super::telling::Manner;
use crate::rules::exit::Exit;
use crate::rules::hub::command::{Line, help};
use crate::rules::hub::member::{Kept, Lines, Speech};
use crate::rules::hub::{Action, Id, Moment, OPERATOR};
use crate::rules::notice::Notice;
use crate::rules::wire::Heard;
use std::ops::ControlFlow;
use std::time::Duration;

/// About how many bytes of lines become one post. Between two of them it is looked whether somebody's outbox is full.
const POST: usize = 32 * 1024;

/// How much memory the operator's lines may take, in bytes, that are kept while somebody's outbox is full. His commands pass by.
const KEPT: usize = 1024 * 1024;

/// With a rate, how late a line may be without those behind it being so, too: as late as a timer may be.
const LATE: Duration = Duration::from_millis(10);

/// Why no more of what a member has said is carried out for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The line is too early, or somebody's outbox is full.
    Waits,
    /// Whoever said it has left.
    Left,
}

impl Hub {
    /// Carries out what this member has said, as far as that is possible now.
    pub(super) fn carry_out(&mut self, id: Id, at: Moment) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        let mut speech = std::mem::replace(&mut member.speech, Speech::new(0));
        let mut said = Vec::new();
        let stop = self.carry_out_speech(id, &mut speech, &mut said, at).break_value();
        self.publish(id, Manner::Says, said, at);
        let Some(member) = self.members.get_mut(&id) else { return };
        if stop == Some(Stop::Left) {
            speech.input.clear();
            if id == OPERATOR {
                speech.ended = Some(Ok(()));
            }
        }
        if speech.waits() && speech.lines.early_until.is_none() && !speech.lines.are_held {
            speech.lines.are_held = true;
            self.held.push_back(id);
        }
        let has_said_all = !speech.waits() && speech.ended.is_some();
        member.speech = speech;
        match member.leaving {
            Some(_) => self.go_on_leaving(id, at.now),
            None if has_said_all => self.has_said_all(id, at),
            None => self.set_timer(id),
        }
    }

    /// The same of a speech that is not with its member meanwhile. Texts are collected in `said`.
    fn carry_out_speech(
        &mut self,
        id: Id,
        speech: &mut Speech,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        self.carry_out_kept(id, &mut speech.lines, said, at)?;
        while let Some((buffer, came)) = speech.input.pop_front() {
            let mut bytes = &buffer.input()[speech.taken..];
            // What came before a pause is a line by itself, however late it is looked at.
            let mut flow = match speech.taken == 0 && speech.is_quiet(id, came) {
                true => self.carry_out_rest(id, speech, said, at),
                false => ControlFlow::Continue(()),
            };
            while flow.is_continue() {
                let goes_on = speech.decoder.goes_on();
                let Some(heard) = speech.decoder.next(&mut bytes, came) else { break };
                speech.spoke = true;
                flow = self.carry_out_heard(id, heard, goes_on, &mut speech.lines, said, at);
            }
            speech.taken = if bytes.is_empty() { 0 } else { buffer.input().len() - bytes.len() };
            if !bytes.is_empty() {
                speech.input.push_front((buffer, came));
            }
            flow?;
        }
        match speech.ended.is_some() || speech.is_quiet(id, at.now) {
            true => self.carry_out_rest(id, speech, said, at),
            false => ControlFlow::Continue(()),
        }
    }

    /// What came without a newline and is a line nevertheless, because nothing follows, or not for a while.
    fn carry_out_rest(
        &mut self,
        id: Id,
        speech: &mut Speech,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        let mut flow = ControlFlow::Continue(());
        while flow != ControlFlow::Break(Stop::Left) {
            let goes_on = speech.decoder.goes_on();
            // To its end, so that what comes next is not taken for a remainder.
            let Some(heard) = speech.decoder.quiet() else { break };
            speech.spoke = true;
            let heard = self.carry_out_heard(id, heard, goes_on, &mut speech.lines, said, at);
            flow = if heard.is_break() { heard } else { flow };
        }
        flow
    }

    /// The lines that had to wait.
    fn carry_out_kept(
        &mut self,
        id: Id,
        lines: &mut Lines,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        while let Some(kept) = lines.take() {
            let line = Line::of(&kept.line, kept.remainder.as_ref(), id == OPERATOR);
            if let ControlFlow::Break(stop) = self.carry_out_in_time(id, line, lines, said, at) {
                lines.put_back(kept);
                // Behind the operator's texts there may be commands.
                if id == OPERATOR && lines.bytes() < KEPT {
                    break;
                }
                return ControlFlow::Break(stop);
            }
        }
        ControlFlow::Continue(())
    }

    /// What has just been heard: if it has to wait, it is kept. It may go on with a line that had to be cut.
    fn carry_out_heard(
        &mut self,
        id: Id,
        heard: Heard<'_>,
        goes_on: bool,
        lines: &mut Lines,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        let bytes = match heard {
            Heard::Goodbye => {
                self.say_kept(id, lines, said, at);
                return self.said_goodbye(id, said, at);
            }
            Heard::Text(line) | Heard::LastWords(line) => line,
        };
        let remainder = lines.remainder.take().filter(|_| goes_on);
        let line = Line::of(bytes, remainder.as_ref(), id == OPERATOR);
        lines.remainder = Some(line.remainder());
        let is_overtaking = !lines.is_empty() && line.is_text();
        let flow = match is_overtaking {
            true => ControlFlow::Break(Stop::Waits),
            false => self.carry_out_in_time(id, line, lines, said, at),
        };
        if flow != ControlFlow::Break(Stop::Waits) {
            return flow;
        }
        lines.keep(Kept { line: bytes.into(), remainder });
        match id == OPERATOR && lines.bytes() < KEPT {
            true => ControlFlow::Continue(()),
            false => flow,
        }
    }

    /// A line, unless there is a rate and it is early.
    fn carry_out_in_time(
        &mut self,
        id: Id,
        line: Line<'_>,
        lines: &mut Lines,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        let Some(rate) = self.rules.rate.filter(|_| id != OPERATOR) else {
            return self.carry_out_line(id, line, said, at);
        };
        lines.early_until = lines.on_time_at.filter(|on_time_at| at.now < *on_time_at);
        if lines.early_until.is_some() {
            return ControlFlow::Break(Stop::Waits);
        }
        self.carry_out_line(id, line, said, at)?;
        let on_time_at = lines.on_time_at.unwrap_or(at.now);
        // What was late may be followed early, but not by much: timers are.
        lines.on_time_at = Some(on_time_at.max(at.now - LATE) + Duration::from_secs_f64(1.0 / rate));
        ControlFlow::Continue(())
    }

    /// Does what a line says.
    fn carry_out_line(
        &mut self,
        id: Id,
        line: Line<'_>,
        said: &mut Vec<u8>,
        at: Moment,
    ) -> ControlFlow<Stop> {
        if line.is_text() && said.is_empty() && !self.may_speak(id) {
            return ControlFlow::Break(Stop::Waits);
        }
        if let Line::Text(text) = line {
            self.add_lines(id, Manner::Says, text, said, at);
            if said.len() >= POST {
                self.publish(id, Manner::Says, std::mem::take(said), at);
            }
            return ControlFlow::Continue(());
        }
        self.publish(id, Manner::Says, std::mem::take(said), at);
        if !self.may_command(id, &line) {
            return ControlFlow::Break(Stop::Waits);
        }
        match line {
            Line::Text(_) | Line::Nothing => {}
            Line::Me(text) => self.act(id, text, at),
            Line::Message { to, text } => match self.find(to) {
                Some(to) => self.message(id, to, text, at),
                None => self.tell_nobody(id, to, at),
            },
            Line::Reply(text) => match self.members.get(&id).and_then(|member| member.reply_to) {
                Some(to) if self.is_present(to) => self.message(id, to, text, at),
                Some(_) => self.report(id, "whoever wrote to you has left", at),
                None => self.report(id, "nobody has written to you yet", at),
            },
            Line::Name(name) => self.rename(id, name, at),
            Line::Who => {
                let line = self.who(id, "in", LISTED);
                self.report(id, &line, at);
            }
            Line::Join(room) => self.change_room(id, room, at),
            Line::Rooms => {
                let line = self.list_rooms();
                self.report(id, &line, at);
            }
            Line::Ignore(name) => self.ignore(id, name, at),
            Line::Help => help(id == OPERATOR).for_each(|line| self.report(id, &line, at)),
            Line::Kick(name) => match self.find(name).filter(|id| *id != OPERATOR) {
                Some(who) => self.throw_out(who, "kicked", at),
                None => self.tell_nobody(id, name, at),
            },
            Line::Ban(address) => self.ban(address, at),
            Line::Incomplete(usage) => self.report(id, &format!("it is {usage}"), at),
            Line::Unknown(command) => {
                let command = String::from_utf8_lossy(command);
                let line = format!(
                    "there is no /{command}; /help lists the commands, and //{command} says /{command}"
                );
                self.report(id, &line, at);
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether what this member says to all may be said now.
    fn may_speak(&self, id: Id) -> bool {
        let Some(member) = self.members.get(&id) else { return false };
        self.outboxes.full_in(&member.room) == usize::from(member.is_full) && !self.is_paused
    }

    /// Whether there is room for the outcome of a command. The operator does not wait.
    fn may_command(&self, id: Id, line: &Line<'_>) -> bool {
        let is_full = |id: Id| self.members.get(&id).is_some_and(|member| member.is_full);
        let to = match line {
            Line::Message { to, .. } => self.find(to),
            Line::Reply(_) => self.members.get(&id).and_then(|member| member.reply_to),
            _ => None,
        };
        id == OPERATOR || !(self.is_paused || is_full(id) || to.is_some_and(is_full))
    }

    /// The lines of the operator that had to wait, before a goodbye: nothing will be said after them for which there should be
    /// room.
    fn say_kept(&mut self, id: Id, lines: &mut Lines, said: &mut Vec<u8>, at: Moment) {
        while let Some(kept) = lines.take() {
            match Line::of(&kept.line, kept.remainder.as_ref(), id == OPERATOR) {
                Line::Text(text) => self.add_lines(id, Manner::Says, text, said, at),
                Line::Me(text) => {
                    self.publish(id, Manner::Says, std::mem::take(said), at);
                    self.act(id, text, at);
                }
                _ => {}
            }
        }
    }

    /// What a member does.
    fn act(&mut self, id: Id, text: &[u8], at: Moment) {
        let mut lines = Vec::new();
        self.add_lines(id, Manner::Does, text, &mut lines, at);
        self.publish(id, Manner::Does, lines, at);
    }

    /// 88, after which nothing counts.
    fn said_goodbye(&mut self, id: Id, said: &mut Vec<u8>, at: Moment) -> ControlFlow<Stop> {
        self.publish(id, Manner::Says, std::mem::take(said), at);
        if id != OPERATOR {
            self.actions.push_back(Action::HeardGoodbye);
            self.part(id, "left", false, at);
        }
        ControlFlow::Break(Stop::Left)
    }

    /// All that was read from this member was carried out, and nothing more will be read.
    fn has_said_all(&mut self, id: Id, at: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let result = member.speech.ended.replace(Ok(())).unwrap_or(Ok(()));
        if id == OPERATOR {
            if let Err(error) = result {
                self.actions.push_back(Action::Report(Notice::CannotReadInput(error)));
            } else if member.speech.spoke {
                self.end(Exit::InOrder, at.now);
            }
            return;
        }
        let why = match member.broken.take().map_or(result, Err) {
            Ok(()) => "left without 88".to_owned(),
            Err(error) => format!("lost the connection: {error}"),
        };
        self.part(id, &why, false, at);
    }
}
