//! Follows what members send, from their inboxes until it is executed or has to wait.

use super::budget::Budget;
use super::event::Action;
use super::id::{Id, OPERATOR};
use super::inbox::{Backlog, Inbox, PendingLine};
use super::member::Member;
use super::post::Kind;
use super::posting::Form;
use super::state::Hub;
use super::turns::{Turn, Wait, add_waiting};
use crate::rules::commands::{Line, help};
use crate::rules::exit::Exit;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::wire::{Decoder, Heard};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// About how many bytes of lines a member that is not light causes in one turn. What it says in a turn becomes one post, and
/// before each post the hub checks whether somebody's outbox is full.
const TURN: usize = 32 * 1024;

/// About how many bytes are put into all outboxes before the hub looks for new events, and
/// [how many](MIN_RECEIVERS) receivers each line counts for at least.
pub(super) const DELIVERIES: usize = 32 * 1024 * 1024;

/// Making a line costs about as much as putting it into this many outboxes.
const MIN_RECEIVERS: usize = 32;

/// With `--rate`, a line counts once for each of this many bytes that it begins: the length of a message in RFC 1459.
const RATED_BYTES: usize = 512;

/// The most memory, in bytes, for lines of the operator that wait for somebody's outbox. Commands overtake them until then.
const MAX_OPERATORS_BACKLOG: usize = 1024 * 1024;

/// With `--rate`: how late a line may be without delaying the lines after it. Timers are about this late.
const LATENESS: Duration = Duration::from_millis(10);

/// Why processing a member's inbox stops before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The next line has to wait.
    Wait(Wait),
    /// The member has left.
    Left,
}

impl Hub {
    /// Lets members take their turns.
    pub(super) fn take_turns(&mut self, now: Moment) {
        self.deliveries = 0;
        loop {
            if !self.is_paused() {
                self.outboxes.resumed.append(&mut self.waiting_for_transcript);
            }
            for id in std::mem::take(&mut self.outboxes.resumed) {
                self.resume(id, now.instant);
            }
            if self.deliveries >= DELIVERIES {
                return;
            }
            if self.is_taking_leave() {
                return;
            }
            let Some(id) = self.turns.next() else { return };
            self.process(id, now);
        }
    }

    /// A member that waited can go on when it is its turn.
    fn resume(&mut self, id: Id, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.is_in_jam = false;
        if member.inbox.backlog.wait.is_some() {
            self.give_turn(id, now);
        }
    }

    /// There is something to execute for a member.
    pub(super) fn give_turn(&mut self, id: Id, now: Instant) {
        if let Some(member) = self.members.get_mut(&id)
            && member.inbox.backlog.wait.replace(Wait::Turn) != Some(Wait::Turn)
        {
            member.volume.end_silence(now);
            self.turns.push(member.address(), id, member.volume.is_light());
        }
    }

    /// Executes what a member has sent, as far as that is possible now.
    fn process(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        let mut inbox = std::mem::replace(&mut member.inbox, Inbox::new(Decoder::new(0)));
        inbox.backlog.wait = None;
        let max = if member.volume.is_light() { member.volume.light_bytes() } else { TURN };
        self.turn = Turn { bytes: 0, max, lines: 0 };
        let mut said = Vec::new();
        let stop = self.process_inbox(id, &mut inbox, &mut said, now).break_value();
        self.publish(id, Form::Text, said, now);
        if id == OPERATOR && stop == Some(Stop::Left) && !inbox.buffers.is_empty() {
            self.note_rest();
        }
        let Turn { bytes, lines, .. } = self.turn;
        if lines > 0 && stop != Some(Stop::Left) {
            self.confirm(id, lines, now.instant);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        member.volume.add(bytes);
        if stop == Some(Stop::Left) {
            inbox.clear();
            if id == OPERATOR {
                inbox.ended = Some(Ok(()));
            }
        }
        let wait = match stop {
            _ if !inbox.is_waiting() => None,
            Some(Stop::Wait(wait)) => Some(wait),
            // Lines of the operator wait that commands have overtaken.
            _ => Some(inbox.backlog.wait.unwrap_or(Wait::Turn)),
        };
        inbox.backlog.wait = None;
        if wait != Some(Wait::Room) {
            member.waited_at = None;
        }
        let is_finished = wait.is_none() && inbox.ended.is_some();
        member.inbox = inbox;
        match wait {
            Some(wait) => self.wait(id, wait, now.instant),
            None => member.volume.begin_silence(now.instant),
        }
        match self.members.get(&id).map(|member| member.leaving.is_some()) {
            Some(true) => self.continue_leaving(id, now.instant),
            _ if is_finished => self.finish_input(id, now),
            _ => self.update_timer(id),
        }
    }

    /// Adds a member to those who wait for something.
    fn wait(&mut self, id: Id, wait: Wait, now: Instant) {
        if wait == Wait::Turn {
            return self.give_turn(id, now);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        member.inbox.backlog.wait = Some(wait);
        match wait {
            Wait::Room => self.outboxes.wait_for_room(member, id, now),
            Wait::Receiver(receiver) => match self.members.get_mut(&receiver) {
                Some(receiver) => add_waiting(&mut receiver.senders, id),
                None => self.outboxes.resumed.push(id),
            },
            Wait::Transcript => add_waiting(&mut self.waiting_for_transcript, id),
            #[cfg(feature = "link")]
            Wait::Link => self.wait_for_link(id),
            // The timer, and the outbox when it has capacity, look at `wait`.
            Wait::Turn | Wait::Time | Wait::Answers => {}
        }
    }

    /// Counts lines that the member whose turn it is has caused.
    pub(super) fn count(&mut self, bytes: usize, receivers: usize) {
        self.turn.bytes += bytes;
        self.deliveries += bytes * receivers.max(MIN_RECEIVERS);
    }

    /// Whether the next line has to wait for another turn.
    fn end_turn(&self, said: &[u8]) -> ControlFlow<Stop> {
        match self.turn.bytes + said.len() >= self.turn.max || self.deliveries >= DELIVERIES {
            true => ControlFlow::Break(Stop::Wait(Wait::Turn)),
            false => ControlFlow::Continue(()),
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
        loop {
            // What telnet asks for is answered even without lines, and that must not fill the outbox.
            if inbox.decoder.speaks_telnet() && !inbox.buffers.is_empty() {
                self.may_answer(id, false)?;
            }
            let Some((buffer, read_at)) = inbox.buffers.pop_front() else { break };
            let mut bytes = &buffer.input()[inbox.decoded..];
            // What came before a pause is a line by itself, however late the hub gets to it.
            let mut flow = match inbox.decoded == 0 && inbox.is_quiet(id, read_at) {
                true => self.process_unended(id, inbox, said, now),
                false => ControlFlow::Continue(()),
            };
            while flow.is_continue() {
                let is_remainder = inbox.decoder.is_within_message();
                let Some(heard) = inbox.decoder.next(&mut bytes, read_at) else { break };
                self.note_line(id, &heard, &mut inbox.has_had_line, now);
                flow = self.process_message(id, heard, is_remainder, &mut inbox.backlog, said, now);
                if flow.is_continue() {
                    flow = self.end_turn(said);
                }
            }
            if flow != ControlFlow::Break(Stop::Left) {
                self.adapt_to(id, &mut inbox.decoder, now);
            }
            inbox.decoded = if bytes.is_empty() { 0 } else { buffer.input().len() - bytes.len() };
            if !bytes.is_empty() {
                inbox.buffers.push_front((buffer, read_at));
            }
            match flow {
                // What came without a newline may be left.
                ControlFlow::Break(Stop::Wait(Wait::Turn)) if !inbox.is_waiting() => {}
                flow => flow?,
            }
        }
        match inbox.ended.is_some() || inbox.is_quiet(id, now.instant) {
            true => self.process_unended(id, inbox, said, now),
            false => ControlFlow::Continue(()),
        }
    }

    /// With the first line, it is sure that a client is somebody, unless it is a foreign program.
    fn note_line(&mut self, id: Id, heard: &Heard<'_>, has_had_line: &mut bool, now: Moment) {
        if !std::mem::replace(has_had_line, true) && !matches!(heard, Heard::Foreign(_)) {
            self.believe(id, now);
        }
    }

    /// Does what follows from how a client speaks, whatever it says.
    fn adapt_to(&mut self, id: Id, decoder: &mut Decoder, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let is_new = member.arrival.is_some() && decoder.is_genuine();
        member.outbox.adapt_to(decoder);
        if let Some(reply) = decoder.take_reply() {
            let reply = self.outboxes.memory.post(Kind::Answer, None, reply, 0);
            self.outboxes.post_exactly(member, id, reply, now.instant);
        }
        if is_new {
            self.believe(id, now);
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
            self.note_line(id, &heard, &mut inbox.has_had_line, now);
            let result = self.process_message(id, heard, is_remainder, &mut inbox.backlog, said, now);
            flow = if result.is_break() { result } else { flow };
        }
        if flow != ControlFlow::Break(Stop::Left) {
            self.adapt_to(id, &mut inbox.decoder, now);
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
            match self.execute_in_time(id, line, pending.text.len(), backlog, said, now) {
                ControlFlow::Continue(()) => {
                    self.turn.lines += u64::from(pending.remainder.is_none());
                    self.end_turn(said)?;
                }
                ControlFlow::Break(Stop::Wait(wait)) => {
                    backlog.put_back(pending);
                    // There may be commands behind the operator's texts.
                    if id == OPERATOR && backlog.bytes() < MAX_OPERATORS_BACKLOG {
                        backlog.wait = Some(wait);
                        break;
                    }
                    return ControlFlow::Break(Stop::Wait(wait));
                }
                left => return left,
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
            Heard::Foreign(foreign) => {
                self.dismiss(id, foreign, now);
                return ControlFlow::Break(Stop::Left);
            }
            Heard::Goodbye => {
                self.say_backlog(id, backlog, said, now);
                return self.handle_goodbye(id, said, now);
            }
            Heard::Text(line) | Heard::LastWords(line) => line,
        };
        let remainder = backlog.remainder.take().filter(|_| is_remainder);
        let line = Line::parse(bytes, remainder.as_ref(), id == OPERATOR);
        if let (OPERATOR, Line::Quit(_)) = (id, line) {
            self.say_backlog(id, backlog, said, now);
        }
        backlog.remainder = Some(line.remainder());
        let is_overtaking = !backlog.is_empty() && line.is_text();
        let flow = match backlog.wait.filter(|_| is_overtaking) {
            Some(wait) => ControlFlow::Break(Stop::Wait(wait)),
            None => self.execute_in_time(id, line, bytes.len(), backlog, said, now),
        };
        let ControlFlow::Break(Stop::Wait(wait)) = flow else {
            self.turn.lines += u64::from(remainder.is_none());
            return flow;
        };
        backlog.push(PendingLine { text: bytes.into(), remainder });
        if id == OPERATOR && backlog.bytes() < MAX_OPERATORS_BACKLOG {
            backlog.wait.get_or_insert(wait);
            return ControlFlow::Continue(());
        }
        flow
    }

    /// Executes a line unless it is early: for `--rate`, or for the budget of such commands.
    fn execute_in_time(
        &mut self,
        id: Id,
        line: Line<'_>,
        bytes: usize,
        backlog: &mut Backlog,
        said: &mut Vec<u8>,
        now: Moment,
    ) -> ControlFlow<Stop> {
        let next_at = self.budget(id, &line).and_then(Budget::next_at);
        backlog.early_until = backlog.on_time_at.max(next_at).filter(|on_time_at| now.instant < *on_time_at);
        if backlog.early_until.is_some() {
            return ControlFlow::Break(Stop::Wait(Wait::Time));
        }
        self.execute(id, line, said, now)?;
        let Some(rate) = self.settings.rate.filter(|_| id != OPERATOR) else {
            return ControlFlow::Continue(());
        };
        let on_time_at = backlog.on_time_at.unwrap_or(now.instant);
        // A late line does not delay the next one, as long as it is no later than timers are.
        let lines = bytes.div_ceil(RATED_BYTES).max(1);
        backlog.on_time_at =
            Some(on_time_at.max(now.instant - LATENESS) + Duration::from_secs_f64(lines as f64 / rate));
        ControlFlow::Continue(())
    }

    /// What limits how often a member may give this command, if something does. The operator's commands do not wait.
    fn budget(&self, id: Id, line: &Line<'_>) -> Option<&Budget> {
        let member = self.members.get(&id).filter(|_| id != OPERATOR)?;
        match line {
            Line::Join(_) | Line::Part(_) => Some(&member.moves),
            Line::Who | Line::Rooms => Some(&member.lists),
            _ => None,
        }
    }

    /// Does what a line says, or breaks if it has to wait.
    fn execute(&mut self, id: Id, line: Line<'_>, said: &mut Vec<u8>, now: Moment) -> ControlFlow<Stop> {
        if let Line::Text(text) = line {
            // What is said in one turn becomes one post, which either waits or does not.
            if said.is_empty() {
                self.may_speak(id, now.instant)?;
            }
            self.append_lines(id, Form::Text, text, said, now);
            return ControlFlow::Continue(());
        }
        if let Line::Quit(text) = line {
            return self.quit(id, text, said, now);
        }
        self.publish(id, Form::Text, std::mem::take(said), now);
        self.may_execute(id, &line, now.instant)?;
        match line {
            Line::Text(_) | Line::Quit(_) | Line::Nothing => {}
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
            Line::Part(room) => self.part(id, room, now),
            Line::Rooms => self.reply_rooms(id, now),
            Line::Ignore(name) => self.ignore(id, name, now),
            Line::Help => help(id == OPERATOR).for_each(|line| self.reply(id, &line, now)),
            Line::Kick(name) => self.kick(name, now),
            Line::Ban(address) => self.ban(address, now),
            Line::Behind => self.reply_behind(now),
            #[cfg(feature = "secure")]
            Line::Code(what) => self.reply_code(what, now),
            #[cfg(feature = "web")]
            Line::Link(what) => self.reply_link(what, now),
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
    fn may_speak(&mut self, id: Id, now: Instant) -> ControlFlow<Stop> {
        if self.is_paused() {
            return ControlFlow::Break(Stop::Wait(Wait::Transcript));
        }
        #[cfg(feature = "link")]
        if !self.may_log(id) {
            return ControlFlow::Break(Stop::Wait(Wait::Link));
        }
        match self.outboxes.may_speak(&self.members, id, now) {
            0 => ControlFlow::Break(Stop::Wait(Wait::Room)),
            bytes => {
                self.turn.max = self.turn.max.min(self.turn.bytes.saturating_add(bytes));
                ControlFlow::Continue(())
            }
        }
    }

    /// Whether a command may be executed now. The operator's commands do not wait for the room.
    fn may_execute(&mut self, id: Id, line: &Line<'_>, now: Instant) -> ControlFlow<Stop> {
        let private = match line {
            Line::Kick(_) | Line::Ban(_) => return self.may_answer(id, true),
            #[cfg(feature = "secure")]
            Line::Code(_) => return self.may_answer(id, true),
            #[cfg(feature = "web")]
            Line::Link(_) => return self.may_answer(id, true),
            Line::Me(_) => return self.may_speak(id, now),
            Line::Name(_) | Line::Join(_) | Line::Part(_) if id != OPERATOR => {
                self.may_speak(id, now)?;
                None
            }
            Line::Message { to, text } => self.find(to).map(|to| (to, text.len())),
            Line::Reply(text) => {
                self.members.get(&id).and_then(|member| member.reply_to).map(|to| (to, text.len()))
            }
            _ => None,
        };
        let is_recorded = matches!(line, Line::Name(_) | Line::Join(_) | Line::Part(_));
        #[cfg(feature = "link")]
        if !match line {
            Line::Who | Line::Rooms => self.may_list(id),
            _ => !(is_recorded || private.is_some()) || self.may_log(id),
        } {
            return ControlFlow::Break(Stop::Wait(Wait::Link));
        }
        if self.is_paused() && (id != OPERATOR || is_recorded) {
            return ControlFlow::Break(Stop::Wait(Wait::Transcript));
        }
        if let Some((to, bytes)) = private
            && let Some(member) = self.members.get(&to).filter(|member| member.leaving.is_none())
            && let from = self.members.get(&id).and_then(Member::address)
            && !self.outboxes.may_send(from, member, to, bytes, now)
        {
            return ControlFlow::Break(Stop::Wait(Wait::Receiver(to)));
        }
        self.may_answer(id, false)
    }

    /// Whether there is capacity for the answer to a command.
    fn may_answer(&self, id: Id, is_urgent: bool) -> ControlFlow<Stop> {
        match self.members.get(&id).is_some_and(|member| self.outboxes.may_answer(member, is_urgent)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(Stop::Wait(Wait::Answers)),
        }
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

    /// `/quit`: a goodbye from somebody whose program does not know that it is one. So the hub says 88.
    fn quit(&mut self, id: Id, text: &[u8], said: &mut Vec<u8>, now: Moment) -> ControlFlow<Stop> {
        if !text.is_empty() {
            // The operator's last words are said even to full outboxes, as those before 88.
            if said.is_empty() && id != OPERATOR {
                self.may_speak(id, now.instant)?;
            }
            self.append_lines(id, Form::Text, text, said, now);
        }
        self.publish(id, Form::Text, std::mem::take(said), now);
        if let Some(peer) = self.members.get(&id).and_then(|member| member.peer) {
            self.announce_leaving(id, "left", true, now);
            // Nobody sent it away: it counts as any that has left.
            self.admission.bound_lingering(peer.ip());
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
            Ok(()) => self.end_of_browser(id).unwrap_or("left without 88").to_owned(),
            Err(error) => format!("lost the connection: {error}"),
        };
        self.announce_leaving(id, &why, false, now);
    }
}
