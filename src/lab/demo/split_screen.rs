//! The front end at a terminal: A on the left, B on the right, and below them their threads, the connection and the latest
//! steps.

use super::diagram;
use super::front_end::{FrontEnd, Hint, Snapshot};
use super::model::{ChatLine, Endpoint, LineState};
use super::side::Side;
use super::summary::title;
use super::terminal::{self, Terminal};
use super::theme::Theme;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use std::io;

/// The minimum size in columns and rows. The bar of a multiplexer may take two rows of the usual 24.
const MIN_SIZE: (u16, u16) = (80, 22);

/// With this many rows everything gets more than its minimum.
const LARGE: u16 = 36;

pub(super) struct SplitScreen {
    terminal: Terminal,
    theme: Theme,
}

impl SplitScreen {
    pub(super) fn new(terminal: Terminal, theme: Theme) -> Self {
        Self { terminal, theme }
    }
}

impl FrontEnd for SplitScreen {
    fn draw(&mut self, snapshot: &Snapshot<'_>) -> io::Result<()> {
        let theme = self.theme;
        terminal::draw(&mut self.terminal, |frame| draw(frame, snapshot, theme))
    }
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot<'_>, theme: Theme) {
    let area = frame.area();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        let (columns, rows) = MIN_SIZE;
        let text = format!(
            "The demo needs {columns} columns and {rows} rows.\nThis terminal has {} and {}.",
            area.width, area.height
        );
        return frame.render_widget(Paragraph::new(text), area);
    }
    let is_large = area.height >= LARGE;
    let steps = 3 + area.height.saturating_sub(25).min(3) + area.height.saturating_sub(LARGE) / 2;
    let mut rows = [1, 0, diagram::height(is_large), 2, steps, 1].map(Constraint::Length);
    rows[1] = Constraint::Fill(1);
    let [top, chats, diagrams, wires, steps, keys] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(heading(snapshot, top.width)).style(theme.title()), top);
    for (side, (chat, diagram)) in Side::BOTH.into_iter().zip(halves(chats).into_iter().zip(halves(diagrams)))
    {
        draw_chat(frame, snapshot, theme, side, chat);
        diagram::draw(frame, snapshot, theme, side, diagram);
    }
    let [to_b, to_a] = Layout::vertical([Constraint::Length(1); 2]).areas(wires);
    for (side, area) in Side::BOTH.into_iter().zip([to_b, to_a]) {
        frame.render_widget(wire(&snapshot.model.endpoints[side], side, area.width, theme), area);
    }
    draw_steps(frame, snapshot, theme, steps);
    frame.render_widget(hint(snapshot, theme), keys);
}

/// The halves of A and B.
fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1); 2]).areas(area)
}

fn heading(snapshot: &Snapshot<'_>, width: u16) -> String {
    let pace = match (snapshot.pace.paused, snapshot.pace.delay.as_millis()) {
        _ if !snapshot.model.has_begun() => "connecting".to_owned(),
        (true, 0) => "PAUSED (at full speed)".to_owned(),
        (true, delay) => format!("PAUSED ({delay} ms per step)"),
        (false, 0) => "at full speed".to_owned(),
        (false, delay) => format!("{delay} ms per step"),
    };
    let design = title(snapshot.model.design);
    let right = format!("{pace}   step {} ", snapshot.model.steps);
    let columns = |left: &str| left.chars().count() + right.chars().count();
    let left = Some(format!(" threadchat demo   {design}")).filter(|left| columns(left) < width.into());
    let left = left.unwrap_or_else(|| format!(" {design}"));
    let space = usize::from(width).saturating_sub(columns(&left)).max(1);
    format!("{left}{}{right}", " ".repeat(space))
}

/// What a side has typed and shown, and the line that is being typed.
fn draw_chat(frame: &mut Frame<'_>, snapshot: &Snapshot<'_>, theme: Theme, side: Side, area: Rect) {
    let is_active = snapshot.typing.active == side;
    let does = if side == Side::A { "serves" } else { "connects" };
    let (name, style) = match is_active {
        true => (format!(" ▸ {side} {does}: keys go here "), theme.strong_side(side)),
        false => (format!(" {side} {does} "), theme.quiet()),
    };
    let block = Block::bordered().title(name).title_style(theme.side(side)).border_style(style);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [above, input] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    let lines = chat(&snapshot.model.endpoints[side], theme, side, above);
    frame.render_widget(Paragraph::new(lines), above);
    // A long line is scrolled to the cursor at its end.
    let line = snapshot.typing.line(side);
    let (prompt, columns) = ("> ", usize::from(input.width).saturating_sub(3));
    let shown = end_of(line, columns);
    let mut spans = vec![Span::styled(prompt, theme.side(side)), Span::raw(shown)];
    if is_active && snapshot.typing.is_text() && line.is_empty() {
        spans.push(Span::styled(" all keys are text now", theme.quiet()));
    }
    frame.render_widget(Line::from(spans), input);
    if is_active {
        let column = (prompt.len() + Span::raw(shown).width()) as u16;
        frame.set_cursor_position((input.x + column, input.y));
    }
}

/// The last lines that fit.
fn chat(endpoint: &Endpoint, theme: Theme, side: Side, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines = Vec::new();
    for line in endpoint.chat.iter().rev() {
        let (mark, text, style) = match line {
            ChatLine::Typed(number, text) => {
                let mark = match endpoint.line_state(*number) {
                    LineState::Typed => "… ",
                    LineState::Sent => "→ ",
                    LineState::Arrived => "✓ ",
                };
                (mark, text.as_str(), theme.strong_side(side))
            }
            ChatLine::Shown(text) => match text.split_at_checked(2) {
                Some(("< ", text)) => ("< ", text, theme.side(side.other())),
                Some(("* ", text)) => ("* ", text, theme.quiet()),
                Some(("! ", text)) => ("! ", text, theme.bad()),
                _ => ("  ", text.as_str(), Style::new()),
            },
        };
        let mut rows = wrap(text, width);
        if mark == "* " && rows.len() > 1 {
            // The beginning of a notice is enough.
            rows = vec![format!("{}…", begin_of(text, width - 1))];
        }
        for (row, text) in rows.iter().enumerate().rev() {
            let mark = if row == 0 { mark } else { "  " };
            lines.push(Line::from(vec![Span::styled(mark, style), Span::styled(text.clone(), style)]));
        }
        if lines.len() >= usize::from(area.height) {
            break;
        }
    }
    lines.truncate(area.height.into());
    lines.reverse();
    lines
}

/// What is under way from one side to the other.
fn wire(endpoint: &Endpoint, from: Side, width: u16, theme: Theme) -> Line<'static> {
    let columns = usize::from(width).saturating_sub(24);
    let carried: Vec<_> =
        endpoint.wire.iter().map(|(bytes, what)| format!(" {what} ({bytes} bytes) ")).collect();
    let carried = begin_of(&carried.join("·"), columns).to_owned();
    let cells = usize::from(width).saturating_sub(Span::raw(carried.as_str()).width() + 13);
    let (left, right) = ("─".repeat(cells / 2), "─".repeat(cells - cells / 2));
    let line = if endpoint.wire.is_empty() { theme.quiet() } else { theme.side(from) };
    let (begin, end) = match from {
        Side::A => (" A TCP ─", "▶ B "),
        Side::B => (" A ◀", "─ TCP B "),
    };
    Line::from(vec![
        Span::styled(format!("{begin}{left}"), line),
        Span::styled(carried, theme.latest(from)),
        Span::styled(format!("{right}{end}"), line),
    ])
}

/// The latest steps, the newest at the bottom; while it is paused, also the next one.
fn draw_steps(frame: &mut Frame<'_>, snapshot: &Snapshot<'_>, theme: Theme, area: Rect) {
    let mut lines = Vec::new();
    if snapshot.pace.paused {
        let next = snapshot.next.as_ref().map_or_else(
            || "no thread has a step to take".to_owned(),
            |next| format!("next: {} {:<14} {}", next.side, next.name, next.step),
        );
        lines.push(Line::styled(format!(" {next}"), theme.event()));
    }
    for (back, passed) in snapshot.model.recent.iter().rev().take(area.height.into()).enumerate() {
        let text = format!("{} {:<14} {}", passed.side, passed.name, passed.step);
        let (mark, style) = match back {
            0 => (" ▸ ", theme.strong_side(passed.side)),
            _ => ("   ", theme.side(passed.side)),
        };
        lines.push(Line::styled(format!("{mark}{text}"), style));
    }
    lines.truncate(area.height.into());
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), area);
}

fn hint(snapshot: &Snapshot<'_>, theme: Theme) -> Line<'static> {
    let pause = if snapshot.pace.paused { "go on" } else { "pause" };
    let commands = [
        ("Space", pause),
        (".", "step"),
        ("+", "faster"),
        ("-", "slower"),
        ("d", "design"),
        ("Tab", "side"),
        ("Enter", "type"),
        ("q", "quit"),
    ];
    match &snapshot.hint {
        Hint::Refused(why) => Line::styled(format!(" {why}"), theme.bad()),
        Hint::Ending => Line::raw(" Ending…"),
        Hint::Over(left) => {
            let left = left.map(|left| format!(" (quits in {left} s)")).unwrap_or_default();
            let mut line = keys(&[("d", "next design"), ("Space", "stay"), ("q", "quit")], theme);
            line.spans.insert(0, Span::raw(" The conversation has ended."));
            line.spans.push(Span::raw(left));
            line
        }
        Hint::Keys if snapshot.typing.is_text() => {
            keys(&[("Enter", "send"), ("Esc", "clear"), ("Tab", "other side"), ("Ctrl-C", "quit")], theme)
        }
        Hint::Keys => keys(&commands, theme),
    }
}

fn keys(keys: &[(&'static str, &'static str)], theme: Theme) -> Line<'static> {
    let spans = keys.iter().flat_map(|(key, does)| {
        [Span::raw(" "), Span::styled(*key, theme.key()), Span::styled(format!(" {does} "), theme.quiet())]
    });
    Line::from(spans.collect::<Vec<_>>())
}

/// Breaks a text into rows of at most `width` columns.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut columns = 0;
    for character in text.chars() {
        let wide = Span::raw(character.to_string()).width();
        if columns + wide > width {
            rows.push(String::new());
            columns = 0;
        }
        columns += wide;
        if let Some(row) = rows.last_mut() {
            row.push(character);
        }
    }
    rows
}

/// The longest beginning that fits.
fn begin_of(text: &str, width: usize) -> &str {
    let fits = |at: &usize| Span::raw(&text[..*at]).width() <= width;
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    &text[..ends.take_while(fits).last().unwrap_or(0)]
}

/// The longest end that fits.
fn end_of(text: &str, width: usize) -> &str {
    let fits = |at: &usize| Span::raw(&text[*at..]).width() <= width;
    let begins = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    &text[begins.into_iter().find(fits).unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_their_width_in_columns() {
        assert_eq!(wrap("漢字 and", 4), ["漢字", " and"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!((begin_of("漢字", 3), end_of("漢字x", 3)), ("漢", "字x"));
        assert_eq!((begin_of("ab", 9), end_of("ab", 9)), ("ab", "ab"));
    }
}
