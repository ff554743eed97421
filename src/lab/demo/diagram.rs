//! The diagram of one side, below its chat: its threads, what each of them does, and what is between them.

use super::front_end::Snapshot;
use super::model::{ChatLine, Endpoint, LineState, Model, Thread, Turn};
use super::side::Side;
use super::theme::Theme;
use crate::designs::Design;
use crate::observe::thread::{MAIN, SCREEN_WRITER, SOCKET_READER, SOCKET_WRITER, STDIN_READER};
use crate::observe::{For, Goodbye, Step};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

/// How many of the latest steps of both sides are highlighted.
const MAX_LIT: u64 = 3;

/// In rows.
pub(super) fn height(is_large: bool) -> u16 {
    if is_large { 14 } else { 10 }
}

pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot<'_>, theme: Theme, side: Side, area: Rect) {
    let model = snapshot.model;
    let diagram = Diagram { model, endpoint: &model.endpoints[side], theme, side, is_idle: snapshot.is_idle };
    match model.design {
        Design::Threads => diagram.draw_threads(frame, area),
        Design::Select => diagram.draw_select(frame, area),
        Design::HalfDuplex => diagram.draw_half_duplex(frame, area),
    }
}

struct Diagram<'a> {
    model: &'a Model,
    endpoint: &'a Endpoint,
    theme: Theme,
    side: Side,
    is_idle: bool,
}

impl Diagram<'_> {
    /// From top to bottom: two readers, the channel, main, two writers. The threads of the socket are next to the other side.
    fn draw_threads(&self, frame: &mut Frame<'_>, area: Rect) {
        let boxes = if area.height >= height(true) { 4 } else { 3 };
        let rows = [boxes, area.height - 3 * boxes, boxes, boxes].map(Constraint::Length);
        let [readers, channel, main, writers] = Layout::vertical(rows).areas(area);
        for (row, names) in
            [(readers, [STDIN_READER, SOCKET_READER]), (writers, [SCREEN_WRITER, SOCKET_WRITER])]
        {
            for (name, area) in names.into_iter().zip(self.outer_and_inner(row)) {
                self.draw_thread(frame, name, area);
            }
        }
        self.draw_thread(frame, MAIN, main);
        frame.render_widget(Paragraph::new(self.channel(channel.width)), channel);
        let arrows = self.outer_and_inner(writers).into_iter().chain([main]);
        for area in arrows {
            frame.buffer_mut().set_string(area.right() - 3, area.y, "▼", self.theme.quiet());
        }
    }

    /// The half that is far from the other side, and the one next to it.
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
            return frame.render_widget(Line::styled("not running", self.theme.quiet()), inner);
        };
        let does = Line::styled(thread.step.fit(width), self.style_of(&thread.step));
        // What it has just done is more interesting than that it waits again.
        let did = thread.last.as_ref().map(|(did, _)| did);
        let lines = match (did, lit) {
            (Some(did), Some(_)) if thread.step == *did => {
                vec![Line::styled(did.fit(width), self.lit_style(lit))]
            }
            (Some(did), Some(_)) => vec![Line::styled(did.fit(width), self.lit_style(lit)), does],
            (Some(did), None) => {
                let before = format!("before: {}", did.fit(width.saturating_sub(8)));
                vec![does, Line::styled(before, self.theme.quiet())]
            }
            (None, _) => vec![does],
        };
        frame.render_widget(Paragraph::new(lines), inner);
    }

    /// A box, highlighted or not.
    fn frame_of(&self, name: &str, lit: Option<u64>) -> Block<'static> {
        let (mark, border) = match lit {
            Some(0) => ("▸", self.theme.strong_side(self.side)),
            Some(_) => ("", self.theme.side(self.side)),
            None => ("", self.theme.quiet()),
        };
        // A name must be readable even where nothing is highlighted.
        let title = match lit {
            Some(_) => self.theme.strong_side(self.side),
            None => Style::reset(),
        };
        Block::bordered().title(format!("{mark}{name}")).title_style(title).border_style(border)
    }

    /// How many steps of both sides ago it did something, if that is still highlighted.
    fn lit(&self, thread: &Thread) -> Option<u64> {
        let (_, number) = thread.last.as_ref()?;
        let is_lit = |ago: &u64| *ago < MAX_LIT && !self.is_idle && thread.step != Step::Ends;
        Some(self.model.steps - number).filter(is_lit)
    }

    fn lit_style(&self, lit: Option<u64>) -> Style {
        match lit {
            Some(0) => self.theme.latest(self.side),
            Some(_) => self.theme.side(self.side),
            None => Style::new(),
        }
    }

    fn style_of(&self, step: &Step) -> Style {
        match step {
            Step::Waits(For::Buffer) => self.theme.bad(),
            Step::Starts | Step::Ends => self.theme.quiet(),
            _ => Style::new(),
        }
    }

    fn thread(&self, name: &str) -> Option<&Thread> {
        self.endpoint.threads.iter().find(|thread| thread.name == name)
    }

    /// The channel between the readers and main, and the events in it.
    fn channel(&self, width: u16) -> Vec<Line<'static>> {
        let events = &self.endpoint.channel;
        let mut columns = usize::from(width).saturating_sub(26);
        let mut spans = vec![Span::styled("  ╰─▶ ", self.theme.quiet()), Span::raw("channel ")];
        if events.is_empty() {
            spans.push(Span::styled("is empty", self.theme.quiet()));
        }
        for (shown, event) in events.iter().enumerate() {
            if event.len() + 3 > columns {
                spans.push(Span::styled(format!("+{}", events.len() - shown), self.theme.event()));
                break;
            }
            columns -= event.len() + 3;
            spans.push(Span::styled(
                format!(" {event} "),
                self.theme.event().add_modifier(Modifier::REVERSED),
            ));
            spans.push(Span::raw(" "));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        let space = usize::from(width).saturating_sub(used + 5);
        spans.push(Span::raw(" ".repeat(space)));
        spans.push(Span::styled("◀─╯  ", self.theme.quiet()));
        let mut lines = vec![Line::from(spans)];
        lines.extend(self.others());
        lines
    }

    /// The helpers.
    fn others(&self) -> Option<Line<'static>> {
        let known = [MAIN, STDIN_READER, SOCKET_READER, SOCKET_WRITER, SCREEN_WRITER];
        let mut others = self.endpoint.threads.iter().filter(|thread| !known.contains(&thread.name.as_str()));
        let mut text = others.next().map(|first| format!("  also: {} {}", first.name, first.step.fit(18)))?;
        for other in others {
            text += &format!(", {} {}", other.name, other.step.fit(18));
        }
        Some(Line::styled(text, self.theme.quiet()))
    }

    /// One thread and its loop.
    fn draw_select(&self, frame: &mut Frame<'_>, area: Rect) {
        let Some((main, inner)) = self.draw_only_thread(frame, area) else { return };
        let [stages, back, text] =
            Layout::vertical([Constraint::Length(3), Constraint::Length(1), Constraint::Fill(1)])
                .areas(inner);
        let (now, lit) = (stage(&main.step), self.lit(main));
        let areas: [Rect; 4] = Layout::horizontal([Constraint::Fill(1); 4]).areas(stages);
        for ((name, which), area) in
            [("wait", Stage::Wait), ("read", Stage::Read), ("decide", Stage::Decide), ("write", Stage::Write)]
                .into_iter()
                .zip(areas)
        {
            // It waits again at once, but what it has just done is more interesting.
            let just = main.last.as_ref().filter(|_| lit == Some(0)).map(|(did, _)| stage(did));
            let is_lit = just.unwrap_or(now) == which;
            let block = self.frame_of("", if is_lit { Some(0) } else { None });
            let block_inner = block.inner(area);
            frame.render_widget(block, area);
            let style = if is_lit { self.theme.latest(self.side) } else { self.theme.quiet() };
            frame.render_widget(Line::styled(name, style).centered(), block_inner);
            if which != Stage::Write {
                frame.buffer_mut().set_string(area.right() - 1, area.y + 1, "▶", self.theme.quiet());
            }
        }
        let line = format!("   ▲{}╯", "─".repeat(usize::from(back.width).saturating_sub(9)));
        frame.render_widget(Line::styled(line, self.theme.quiet()), back);
        self.draw_doing(frame, main, text, "It waits for keyboard, socket and screen at once.".to_owned());
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
            let is_lit = self.endpoint.turn == Some(turn);
            let block = self.frame_of(name, is_lit.then_some(0));
            let style = if is_lit { Style::new().add_modifier(Modifier::BOLD) } else { self.theme.quiet() };
            let text = vec![Line::raw(first), Line::raw(second)];
            frame.render_widget(Paragraph::new(text).style(style).block(block), area);
        }
        let left = areas[0].right() - 1;
        frame.buffer_mut().set_string(left, turns.y + 1, "▶", self.theme.quiet());
        frame.buffer_mut().set_string(left + 1, turns.y + 2, "◀", self.theme.quiet());
        let waiting = self.endpoint.chat.iter().find_map(|line| match line {
            ChatLine::Typed(number, text) if self.endpoint.line_state(*number) == LineState::Typed => {
                Some(text)
            }
            _ => None,
        });
        let waits = waiting.map(|text| format!("Typed, waiting: {text}")).unwrap_or_default();
        self.draw_doing(frame, main, text, waits);
    }

    /// Who can send.
    fn banner(&self) -> Line<'static> {
        let (side, other) = (self.side, self.side.other());
        let (text, style) = match self.endpoint.turn {
            Some(Turn::Ours) => (format!("{side} can send: it is {side}'s turn."), self.theme.good()),
            Some(Turn::Theirs) => (format!("{side} has to wait: it is {other}'s turn."), self.theme.bad()),
            None => return Line::raw(""),
        };
        Line::from(vec![Span::raw(" "), Span::styled(text, style)])
    }

    /// The box of the only thread. Returns its inside.
    fn draw_only_thread(&self, frame: &mut Frame<'_>, area: Rect) -> Option<(&Thread, Rect)> {
        let main = self.thread(MAIN);
        let block = self.frame_of("main, the only thread", main.and_then(|main| self.lit(main)));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        Some((main?, inner))
    }

    fn draw_doing(&self, frame: &mut Frame<'_>, main: &Thread, area: Rect, more: String) {
        let width = usize::from(area.width);
        let lit = self.lit(main);
        let mut lines = Vec::new();
        if let Some((did, _)) = &main.last {
            let before = if lit.is_none() { "before: " } else { "" };
            let style = if lit.is_none() { self.theme.quiet() } else { self.lit_style(lit) };
            lines.push(Line::styled(format!("{before}{}", did.fit(width - before.len())), style));
        }
        if main.last.as_ref().is_none_or(|(did, _)| *did != main.step) {
            lines.push(Line::styled(main.step.fit(width), self.style_of(&main.step)));
        }
        lines.push(Line::styled(more, self.theme.quiet()));
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
    }
}

/// Where the thread of the select design is in its loop.
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
        Step::Decides { .. } | Step::Goodbye(Goodbye::Heard) | Step::Reports(_) | Step::Begins { .. } => {
            Stage::Decide
        }
        Step::Writes { .. } | Step::Wrote { .. } | Step::Goodbye(Goodbye::Written) => Stage::Write,
        _ => Stage::Wait,
    }
}
