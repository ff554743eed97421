//! The picture of one side, below its chat: its threads, what each of them does, and what is between them.

use super::face::Scene;
use super::look::Look;
use super::side::Side;
use super::story::{Actor, Line as ChatLine, Story, Thread, Turn, Way};
use crate::designs::Design;
use crate::observe::{For, Goodbye, Step};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

/// How many of the last steps of both sides are still lit.
const LIT: u64 = 3;

/// How many rows it takes.
pub(super) fn height(is_large: bool) -> u16 {
    if is_large { 14 } else { 10 }
}

/// Draws the picture of this side.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &Scene<'_>, look: Look, side: Side, area: Rect) {
    let story = scene.story;
    let picture = Picture { story, actor: &story.actors[side], look, side, is_quiet: scene.is_quiet };
    match story.design {
        Design::Threads => picture.draw_threads(frame, area),
        Design::Select => picture.draw_select(frame, area),
        Design::HalfDuplex => picture.draw_half_duplex(frame, area),
    }
}

struct Picture<'a> {
    story: &'a Story,
    actor: &'a Actor,
    look: Look,
    side: Side,
    is_quiet: bool,
}

impl Picture<'_> {
    /// The picture of the front page, from top to bottom: two readers, the channel, main, two writers. Those of the socket
    /// are towards the other side.
    fn draw_threads(&self, frame: &mut Frame<'_>, area: Rect) {
        let boxes = if area.height >= height(true) { 4 } else { 3 };
        let rows = [boxes, area.height - 3 * boxes, boxes, boxes].map(Constraint::Length);
        let [readers, channel, main, writers] = Layout::vertical(rows).areas(area);
        for (row, names) in
            [(readers, ["stdin-reader", "socket-reader"]), (writers, ["screen-writer", "socket-writer"])]
        {
            for (name, area) in names.into_iter().zip(self.outer_and_inner(row)) {
                self.draw_thread(frame, name, area);
            }
        }
        self.draw_thread(frame, "main", main);
        frame.render_widget(Paragraph::new(self.channel(channel.width)), channel);
        let arrows = self.outer_and_inner(writers).into_iter().chain([main]);
        for area in arrows {
            frame.buffer_mut().set_string(area.right() - 3, area.y, "▼", self.look.quiet());
        }
    }

    /// The half that is away from the other side, and the one that is next to it.
    fn outer_and_inner(&self, area: Rect) -> [Rect; 2] {
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
        match self.side {
            Side::A => [left, right],
            Side::B => [right, left],
        }
    }

    fn draw_thread(&self, frame: &mut Frame<'_>, name: &'static str, area: Rect) {
        let thread = self.thread(name);
        let lit = thread.and_then(|thread| self.lit(thread));
        let block = self.frame_of(name, lit);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let width = usize::from(inner.width);
        let Some(thread) = thread else {
            return frame.render_widget(Line::styled("not there", self.look.quiet()), inner);
        };
        let does = Line::styled(thread.does.fit(width), self.style_of(&thread.does));
        // What has just been done is looked at, also when it waits again.
        let did = thread.did.as_ref().map(|(did, _)| did);
        let lines = match (did, lit) {
            (Some(did), Some(_)) if thread.does == *did => {
                vec![Line::styled(did.fit(width), self.lit_style(lit))]
            }
            (Some(did), Some(_)) => vec![Line::styled(did.fit(width), self.lit_style(lit)), does],
            (Some(did), None) => {
                let before = format!("before: {}", did.fit(width.saturating_sub(8)));
                vec![does, Line::styled(before, self.look.quiet())]
            }
            (None, _) => vec![does],
        };
        frame.render_widget(Paragraph::new(lines), inner);
    }

    /// A box, lit or not.
    fn frame_of(&self, name: &str, lit: Option<u64>) -> Block<'static> {
        let (mark, border) = match lit {
            Some(0) => ("▸", self.look.side(self.side).add_modifier(Modifier::BOLD)),
            Some(_) => ("", self.look.side(self.side)),
            None => ("", self.look.quiet()),
        };
        // Names are read also where nothing is lit.
        let title = match lit {
            Some(_) => self.look.side(self.side).add_modifier(Modifier::BOLD),
            None => Style::reset(),
        };
        Block::bordered().title(format!("{mark}{name}")).title_style(title).border_style(border)
    }

    /// How many steps of both sides ago it did something, if that is still lit.
    fn lit(&self, thread: &Thread) -> Option<u64> {
        let (_, number) = thread.did.as_ref()?;
        let is_lit = |ago: &u64| *ago < LIT && !self.is_quiet && thread.does != Step::Ends;
        Some(self.story.steps - number).filter(is_lit)
    }

    fn lit_style(&self, lit: Option<u64>) -> Style {
        match lit {
            Some(0) => self.look.happened(self.side),
            Some(_) => self.look.side(self.side),
            None => Style::new(),
        }
    }

    fn style_of(&self, step: &Step) -> Style {
        match step {
            Step::Waits(For::Buffer) => self.look.bad(),
            Step::Starts | Step::Ends => self.look.quiet(),
            _ => Style::new(),
        }
    }

    fn thread(&self, name: &str) -> Option<&Thread> {
        self.actor.threads.iter().find(|thread| thread.name == name)
    }

    /// The channel between the readers and main, and the events in it, the oldest at the right, where main takes it.
    fn channel(&self, width: u16) -> Vec<Line<'static>> {
        let events = &self.actor.channel;
        let mut room = usize::from(width).saturating_sub(26);
        let mut spans = vec![Span::styled("  ╰─▶ ", self.look.quiet()), Span::raw("channel ")];
        if events.is_empty() {
            spans.push(Span::styled("is empty", self.look.quiet()));
        }
        for (shown, event) in events.iter().enumerate() {
            if event.len() + 3 > room {
                spans.push(Span::styled(format!("+{}", events.len() - shown), self.look.event()));
                break;
            }
            room -= event.len() + 3;
            spans
                .push(Span::styled(format!(" {event} "), self.look.event().add_modifier(Modifier::REVERSED)));
            spans.push(Span::raw(" "));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        let space = usize::from(width).saturating_sub(used + 5);
        spans.push(Span::raw(" ".repeat(space)));
        spans.push(Span::styled("◀─╯  ", self.look.quiet()));
        let mut lines = vec![Line::from(spans)];
        lines.extend(self.others());
        lines
    }

    /// The small threads, where there is room.
    fn others(&self) -> Option<Line<'static>> {
        let known = ["main", "stdin-reader", "socket-reader", "socket-writer", "screen-writer"];
        let mut others = self.actor.threads.iter().filter(|thread| !known.contains(&thread.name.as_str()));
        let mut text = others.next().map(|first| format!("  also: {} {}", first.name, first.does.fit(18)))?;
        for other in others {
            text += &format!(", {} {}", other.name, other.does.fit(18));
        }
        Some(Line::styled(text, self.look.quiet()))
    }

    /// One thread and its loop.
    fn draw_select(&self, frame: &mut Frame<'_>, area: Rect) {
        let Some((main, inner)) = self.draw_only_thread(frame, area) else { return };
        let [stages, back, text] =
            Layout::vertical([Constraint::Length(3), Constraint::Length(1), Constraint::Fill(1)])
                .areas(inner);
        let (now, lit) = (stage(&main.does), self.lit(main));
        let areas: [Rect; 4] = Layout::horizontal([Constraint::Fill(1); 4]).areas(stages);
        for ((name, which), area) in
            [("wait", Stage::Wait), ("read", Stage::Read), ("decide", Stage::Decide), ("write", Stage::Write)]
                .into_iter()
                .zip(areas)
        {
            // It waits as soon as there is nothing else to do, but what it has just done is looked at.
            let just = main.did.as_ref().filter(|_| lit == Some(0)).map(|(did, _)| stage(did));
            let is_lit = just.unwrap_or(now) == which;
            let block = self.frame_of("", if is_lit { Some(0) } else { None });
            let block_inner = block.inner(area);
            frame.render_widget(block, area);
            let style = if is_lit { self.look.happened(self.side) } else { self.look.quiet() };
            frame.render_widget(Line::styled(name, style).centered(), block_inner);
            if which != Stage::Write {
                frame.buffer_mut().set_string(area.right() - 1, area.y + 1, "▶", self.look.quiet());
            }
        }
        let line = format!("   ▲{}╯", "─".repeat(usize::from(back.width).saturating_sub(9)));
        frame.render_widget(Line::styled(line, self.look.quiet()), back);
        self.draw_doing(frame, main, text, "One wait for keyboard, socket and screen at once.".to_owned());
    }

    /// One thread, and whose turn it is.
    fn draw_half_duplex(&self, frame: &mut Frame<'_>, area: Rect) {
        let [banner, area] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        frame.render_widget(self.banner(), banner);
        let Some((main, inner)) = self.draw_only_thread(frame, area) else { return };
        let [turns, text] = Layout::vertical([Constraint::Length(4), Constraint::Fill(1)]).areas(inner);
        let areas: [Rect; 2] = Layout::horizontal([Constraint::Fill(1); 2]).areas(turns);
        for ((name, turn, first, second), area) in [
            ("speak", Turn::Ours, "read keyboard", "write socket"),
            ("listen", Turn::Theirs, "read socket", "write screen"),
        ]
        .into_iter()
        .zip(areas)
        {
            let is_lit = self.actor.turn == Some(turn);
            let block = self.frame_of(name, is_lit.then_some(0));
            let style = if is_lit { Style::new().add_modifier(Modifier::BOLD) } else { self.look.quiet() };
            let text = vec![Line::raw(first), Line::raw(second)];
            frame.render_widget(Paragraph::new(text).style(style).block(block), area);
        }
        let left = areas[0].right() - 1;
        frame.buffer_mut().set_string(left, turns.y + 1, "▶", self.look.quiet());
        frame.buffer_mut().set_string(left + 1, turns.y + 2, "◀", self.look.quiet());
        let waiting = self.actor.chat.iter().find_map(|line| match line {
            ChatLine::Typed(number, text) if self.actor.way(*number) == Way::Typed => Some(text),
            _ => None,
        });
        let waits = waiting.map(|text| format!("Typed, and waits: {text}")).unwrap_or_default();
        self.draw_doing(frame, main, text, waits);
    }

    /// Who may talk, and who may not.
    fn banner(&self) -> Line<'static> {
        let (side, other) = (self.side, self.side.other());
        let (text, style) = match self.actor.turn {
            Some(Turn::Ours) => (format!("{side} may talk: it is its turn."), self.look.good()),
            Some(Turn::Theirs) => {
                (format!("{side} is kept from talking: it waits for {other}."), self.look.bad())
            }
            None => return Line::raw(""),
        };
        Line::from(vec![Span::raw(" "), Span::styled(text, style)])
    }

    /// The box of the only thread, and what is inside of it.
    fn draw_only_thread(&self, frame: &mut Frame<'_>, area: Rect) -> Option<(&Thread, Rect)> {
        let main = self.thread("main");
        let block = self.frame_of("main, the only thread", main.and_then(|main| self.lit(main)));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        Some((main?, inner))
    }

    fn draw_doing(&self, frame: &mut Frame<'_>, main: &Thread, area: Rect, more: String) {
        let width = usize::from(area.width);
        let lit = self.lit(main);
        let mut lines = Vec::new();
        if let Some((did, _)) = &main.did {
            let before = if lit.is_none() { "before: " } else { "" };
            let style = if lit.is_none() { self.look.quiet() } else { self.lit_style(lit) };
            lines.push(Line::styled(format!("{before}{}", did.fit(width - before.len())), style));
        }
        if main.did.as_ref().is_none_or(|(did, _)| *did != main.does) {
            lines.push(Line::styled(main.does.fit(width), self.style_of(&main.does)));
        }
        lines.push(Line::styled(more, self.look.quiet()));
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
    }
}

/// Where in its loop the one thread of the select design is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Wait,
    Read,
    Decide,
    Write,
}

fn stage(step: &Step) -> Stage {
    match step {
        Step::Read { .. } => Stage::Read,
        Step::Decides { .. } | Step::Goodbye(Goodbye::Heard) | Step::Tells(_) | Step::Begins { .. } => {
            Stage::Decide
        }
        Step::Writes { .. } | Step::Wrote { .. } | Step::Goodbye(Goodbye::Written) => Stage::Write,
        _ => Stage::Wait,
    }
}
