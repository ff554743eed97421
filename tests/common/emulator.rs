//! A terminal emulator: bytes in, a screen out. It draws, and it answers nothing: what it was asked, it remembers.

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor};
use alacritty_terminal::{Grid, Term};
use std::sync::{Arc, Mutex};

/// How many rows above the screen the emulator keeps, and from how many on they are stored as text, which takes less memory.
const SCROLLBACK: usize = 10_000;
const STORE_FROM: usize = 2_000;

pub struct Emulator {
    term: Term<Heard>,
    parser: Processor,
    heard: Heard,
    /// Rows that scrolled out long ago, and whether the next row continues each.
    stored: Vec<(String, bool)>,
    /// How many bytes it was given.
    pub received: usize,
}

/// What the emulator would tell its window.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(Vec<String>, usize)>>);

impl EventListener for Heard {
    fn send_event(&self, event: Event) {
        let mut heard = self.0.lock().unwrap();
        match event {
            Event::Bell => heard.1 += 1,
            Event::PtyWrite(answer) => heard.0.push(format!("a question whose answer is {answer:?}")),
            Event::ClipboardLoad(..) | Event::ColorRequest(..) | Event::TextAreaSizeRequest(..) => {
                heard.0.push(format!("{event:?}"));
            }
            _ => {}
        }
    }
}

struct Size {
    rows: u16,
    columns: u16,
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        self.rows.into()
    }

    fn columns(&self) -> usize {
        self.columns.into()
    }
}

impl Emulator {
    pub fn new(rows: u16, columns: u16) -> Self {
        let heard = Heard::default();
        // Everything that can be asked is switched on, so that every question is noticed.
        let config = Config {
            scrolling_history: SCROLLBACK,
            kitty_keyboard: true,
            osc52: Osc52::CopyPaste,
            ..Config::default()
        };
        let term = Term::new(config, &Size { rows, columns }, heard.clone());
        Self { term, parser: Processor::new(), heard, stored: Vec::new(), received: 0 }
    }

    pub fn draw(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        // A piece makes fewer rows than the emulator keeps.
        for piece in bytes.chunks(4096) {
            self.parser.advance(&mut self.term, piece);
            if self.grid().history_size() > STORE_FROM {
                let above: Vec<_> = (self.top()..0).map(|line| self.row(line)).collect();
                self.stored.extend(above);
                self.term.grid_mut().clear_history();
            }
        }
    }

    /// Changes the size of the screen; the text is laid out anew.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.term.resize(Size { rows, columns });
    }

    /// The rows of the screen, without the spaces at their ends.
    pub fn screen(&self) -> Vec<String> {
        (0..self.lines()).map(|line| self.row(line).0).collect()
    }

    /// All rows, also those that have scrolled out, up to the one with the cursor.
    pub fn rows(&self) -> Vec<String> {
        self.all_rows().map(|(text, _)| text).collect()
    }

    /// All lines, also those that have scrolled out, up to the one with the cursor. Rows that the terminal has wrapped
    /// are one line.
    pub fn text(&self) -> Vec<String> {
        let (mut lines, mut continues) = (Vec::<String>::new(), false);
        for (text, wrapped) in self.all_rows() {
            match lines.last_mut() {
                Some(line) if continues => line.push_str(&text),
                _ => lines.push(text),
            }
            continues = wrapped;
        }
        lines
    }

    /// The text of the cursor's row before the cursor and after it, without the spaces at the end.
    pub fn cursor_row(&self) -> (String, String) {
        let cursor = self.grid().cursor.point;
        let row = &self.grid()[cursor.line];
        let text = |columns: std::ops::Range<usize>| -> String {
            columns.map(|column| &row[Column(column)]).map(text_of).collect()
        };
        let after = text(cursor.column.0..self.grid().columns());
        (text(0..cursor.column.0), after.trim_end().to_owned())
    }

    /// The row and the column of the cursor.
    pub fn cursor(&self) -> (usize, usize) {
        let cursor = self.grid().cursor.point;
        (usize::try_from(cursor.line.0).unwrap(), cursor.column.0)
    }

    /// What the program has asked the terminal.
    pub fn questions(&self) -> Vec<String> {
        self.heard.0.lock().unwrap().0.clone()
    }

    /// How often the bell has rung.
    pub fn bells(&self) -> usize {
        self.heard.0.lock().unwrap().1
    }

    pub fn has_mode(&self, mode: TermMode) -> bool {
        self.term.mode().contains(mode)
    }

    /// Whether the text at this position has a colour of its own.
    pub fn is_coloured(&self, row: usize, column: usize) -> bool {
        let cell = &self.grid()[Line(row.try_into().unwrap())][Column(column)];
        cell.fg != Color::Named(NamedColor::Foreground)
    }

    fn grid(&self) -> &Grid<Cell> {
        self.term.grid()
    }

    fn lines(&self) -> i32 {
        self.grid().screen_lines().try_into().unwrap()
    }

    /// The number of the topmost row; the screen begins at 0.
    fn top(&self) -> i32 {
        self.grid().topmost_line().0
    }

    fn all_rows(&self) -> impl Iterator<Item = (String, bool)> {
        let rows = (self.top()..=self.grid().cursor.point.line.0).map(|line| self.row(line));
        self.stored.iter().cloned().chain(rows)
    }

    /// The text of a row, and whether the next one continues it.
    fn row(&self, line: i32) -> (String, bool) {
        let row = &self.grid()[Line(line)];
        let cells: Vec<_> = (0..self.grid().columns()).map(|column| &row[Column(column)]).collect();
        let wrapped = cells.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
        let text: String = cells.into_iter().map(text_of).collect();
        // The spaces of a row that goes on are part of the line.
        (if wrapped { text } else { text.trim_end().to_owned() }, wrapped)
    }
}

/// A wide character is in the first of its cells; in the others is nothing.
fn text_of(cell: &Cell) -> String {
    if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
        return String::new();
    }
    // The terminal keeps a tab in the first of the cells over which it moves.
    let first = if cell.c == '\t' { ' ' } else { cell.c };
    std::iter::once(first).chain(cell.zerowidth().unwrap_or_default().iter().copied()).collect()
}
