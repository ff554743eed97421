//! The split screen: A on the left, B on the right, and below them their threads, the connection and the last steps.

use super::face::{Face, Hint, Scene};
use super::look::Look;
use super::picture;
use super::side::Side;
use super::story::{Actor, Line as ChatLine, Way};
use super::summary::title;
use super::terminal::{self, Terminal};
use crate::rules::wire::Stamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use std::io;

/// The least size in columns and rows. A bar of another program may take two rows of the usual 24.
const LEAST: (u16, u16) = (80, 22);

/// From how many rows on there is room for more than the least of everything.
const LARGE: u16 = 36;

/// Draws on the terminal.
pub(super) struct View {
    terminal: Terminal,
    look: Look,
}

impl View {
    /// Draws on this terminal.
    pub(super) fn new(terminal: Terminal, look: Look) -> Self {
        Self { terminal, look }
    }
}

impl Face for View {
    fn draw(&mut self, scene: &Scene<'_>) -> io::Result<()> {
        let look = self.look;
        terminal::draw(&mut self.terminal, |frame| draw(frame, scene, look))
    }
}

fn draw(frame: &mut Frame<'_>, scene: &Scene<'_>, look: Look) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (columns, rows) = LEAST;
        let text = format!(
            "The demo needs {columns} columns and {rows} rows.\nHere are {} and {}.",
            area.width, area.height
        );
        return frame.render_widget(Paragraph::new(text), area);
    }
    let is_large = area.height >= LARGE;
    let steps = 3 + area.height.saturating_sub(25).min(3) + area.height.saturating_sub(LARGE) / 2;
    let mut rows = [1, 0, picture::height(is_large), 2, steps, 1].map(Constraint::Length);
    rows[1] = Constraint::Fill(1);
    let [top, chats, pictures, wires, steps, keys] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(heading(scene, top.width)).style(look.title()), top);
    for (side, (chat, picture)) in Side::BOTH.into_iter().zip(halves(chats).into_iter().zip(halves(pictures)))
    {
        draw_chat(frame, scene, look, side, chat);
        picture::draw(frame, scene, look, side, picture);
    }
    let [to_b, to_a] = Layout::vertical([Constraint::Length(1); 2]).areas(wires);
    for (side, area) in Side::BOTH.into_iter().zip([to_b, to_a]) {
        frame.render_widget(wire(&scene.story.actors[side], side, area.width, look), area);
    }
    draw_steps(frame, scene, look, steps);
    frame.render_widget(hint(scene, look), keys);
}

/// A's half and B's.
fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1); 2]).areas(area)
}

fn heading(scene: &Scene<'_>, width: u16) -> String {
    let pace = match (scene.pace.paused, scene.pace.delay.as_millis()) {
        _ if !scene.story.has_begun() => "connecting".to_owned(),
        (true, _) => "PAUSED".to_owned(),
        (false, 0) => "at full speed".to_owned(),
        (false, delay) => format!("{delay} ms a step"),
    };
    let left = format!(" threadchat demo   {}", title(scene.story.design));
    let right = format!("{pace}   step {} ", scene.story.steps);
    let space = usize::from(width).saturating_sub(left.len() + right.len());
    format!("{left}{}{right}", " ".repeat(space))
}

/// What is on the screen of a side and was typed there, and the line that is being typed.
fn draw_chat(frame: &mut Frame<'_>, scene: &Scene<'_>, look: Look, side: Side, area: Rect) {
    let is_active = scene.typing.active == side;
    let does = if side == Side::A { "serves" } else { "connects" };
    let (name, style) = match is_active {
        true => (format!(" ▸ {side} {does}: keys go here "), look.side(side).add_modifier(Modifier::BOLD)),
        false => (format!(" {side} {does} "), look.quiet()),
    };
    let block = Block::bordered().title(name).title_style(look.side(side)).border_style(style);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [above, input] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    let lines = chat(&scene.story.actors[side], look, side, above);
    frame.render_widget(Paragraph::new(lines), above);
    // Of a long line its end is seen, where the cursor is.
    let line = scene.typing.line(side);
    let (prompt, room) = ("> ", usize::from(input.width).saturating_sub(3));
    let shown = end_of(line, room);
    let mut spans = vec![Span::styled(prompt, look.side(side)), Span::raw(shown)];
    if is_active && scene.typing.is_text() && line.is_empty() {
        spans.push(Span::styled(" all keys are text now", look.quiet()));
    }
    frame.render_widget(Line::from(spans), input);
    if is_active {
        let column = (prompt.len() + Span::raw(shown).width()) as u16;
        frame.set_cursor_position((input.x + column, input.y));
    }
}

/// The last lines that fit.
fn chat(actor: &Actor, look: Look, side: Side, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines = Vec::new();
    for line in actor.chat.iter().rev() {
        let (mark, text, style) = match line {
            ChatLine::Typed(number, text) => {
                let mark = match actor.way(*number) {
                    Way::Typed => "… ",
                    Way::Sent => "→ ",
                    Way::Arrived => "✓ ",
                };
                (mark, text.as_str(), look.side(side).add_modifier(Modifier::BOLD))
            }
            ChatLine::Shown(text) => match text.split_at_checked(2) {
                Some(("< ", text)) => ("< ", without_stamp(text), look.side(side.other())),
                Some(("* ", text)) => ("* ", text, look.quiet()),
                Some(("! ", text)) => ("! ", text, look.bad()),
                _ => ("  ", text.as_str(), Style::new()),
            },
        };
        let mut rows = wrap(text, width);
        if mark == "* " && rows.len() > 1 {
            // Of what is not said by anybody the beginning is enough.
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

/// There is no room for the time when it was said.
fn without_stamp(text: &str) -> &str {
    let stripped = Stamp::strip(text.as_bytes()).len();
    text.get(text.len() - stripped..).unwrap_or(text)
}

/// What is on its way from one side to the other.
fn wire(actor: &Actor, from: Side, width: u16, look: Look) -> Line<'static> {
    let room = usize::from(width).saturating_sub(24);
    let carried: Vec<_> =
        actor.wire.iter().map(|(bytes, what)| format!(" {what} ({bytes} bytes) ")).collect();
    let carried = begin_of(&carried.join("·"), room).to_owned();
    let cells = usize::from(width).saturating_sub(Span::raw(carried.as_str()).width() + 13);
    let (left, right) = ("─".repeat(cells / 2), "─".repeat(cells - cells / 2));
    let line = if actor.wire.is_empty() { look.quiet() } else { look.side(from) };
    let (begin, end) = match from {
        Side::A => (" A TCP ─", "▶ B "),
        Side::B => (" A ◀", "─ TCP B "),
    };
    Line::from(vec![
        Span::styled(format!("{begin}{left}"), line),
        Span::styled(carried, look.happened(from)),
        Span::styled(format!("{right}{end}"), line),
    ])
}

/// The last steps, the newest at the bottom; while it is paused, the next one, too.
fn draw_steps(frame: &mut Frame<'_>, scene: &Scene<'_>, look: Look, area: Rect) {
    let mut lines = Vec::new();
    if scene.pace.paused {
        let next = scene.next.as_ref().map_or_else(
            || "nobody wants to take a step".to_owned(),
            |next| format!("next: {} {:<14} {}", next.side, next.name, next.step),
        );
        lines.push(Line::styled(format!(" {next}"), look.event()));
    }
    for (back, passed) in scene.story.last.iter().rev().take(area.height.into()).enumerate() {
        let text = format!("{} {:<14} {}", passed.side, passed.name, passed.step);
        let (mark, style) = match back {
            0 => (" ▸ ", look.side(passed.side).add_modifier(Modifier::BOLD)),
            _ => ("   ", look.side(passed.side)),
        };
        lines.push(Line::styled(format!("{mark}{text}"), style));
    }
    lines.truncate(area.height.into());
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), area);
}

/// What can be done now.
fn hint(scene: &Scene<'_>, look: Look) -> Line<'static> {
    let pause = if scene.pace.paused { "go on" } else { "pause" };
    let commands = [
        ("Space", pause),
        (".", "step"),
        ("+", "faster"),
        ("-", "slower"),
        ("d", "design"),
        ("Tab", "side"),
        ("Enter", "type"),
        ("q", "end"),
    ];
    match &scene.hint {
        Hint::Refused(why) => Line::styled(format!(" {why}"), look.bad()),
        Hint::Ending => Line::raw(" It ends."),
        Hint::Over(left) => {
            let left = left.map(|left| format!(" (by itself in {left} s)")).unwrap_or_default();
            let mut line = keys(&[("d", "next design"), ("Space", "keep this picture"), ("q", "end")], look);
            line.spans.insert(0, Span::raw(" It is over."));
            line.spans.push(Span::raw(left));
            line
        }
        Hint::Keys if scene.typing.is_text() => {
            keys(&[("Enter", "say it"), ("Esc", "clear"), ("Tab", "other side"), ("Ctrl-C", "end")], look)
        }
        Hint::Keys => keys(&commands, look),
    }
}

fn keys(keys: &[(&'static str, &'static str)], look: Look) -> Line<'static> {
    let spans = keys.iter().flat_map(|(key, does)| {
        [Span::raw(" "), Span::styled(*key, look.key()), Span::styled(format!(" {does} "), look.quiet())]
    });
    Line::from(spans.collect::<Vec<_>>())
}

/// A text in rows of at most so many columns.
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

/// As much of its beginning as fits.
fn begin_of(text: &str, width: usize) -> &str {
    let fits = |at: &usize| Span::raw(&text[..*at]).width() <= width;
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    &text[..ends.take_while(fits).last().unwrap_or(0)]
}

/// As much of its end as fits.
fn end_of(text: &str, width: usize) -> &str {
    let fits = |at: &usize| Span::raw(&text[*at..]).width() <= width;
    let begins = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    &text[begins.into_iter().find(fits).unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_what_they_look_like() {
        assert_eq!(wrap("漢字 and", 4), ["漢字", " and"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!((begin_of("漢字", 3), end_of("漢字x", 3)), ("漢", "字x"));
        assert_eq!((begin_of("ab", 9), end_of("ab", 9)), ("ab", "ab"));
    }
}
