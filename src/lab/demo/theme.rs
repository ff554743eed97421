//! Styles: with colours, or with what every terminal has.

use super::side::Side;
use ratatui::style::{Color, Modifier, Style};

/// Everything that a colour says is also said by a mark or in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) color: bool,
}

impl Theme {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn side(self, side: Side) -> Style {
        self.colored(match side {
            Side::A => Color::Cyan,
            Side::B => Color::Magenta,
        })
    }

    pub(super) fn strong_side(self, side: Side) -> Style {
        self.side(side).add_modifier(Modifier::BOLD)
    }

    /// What has just happened.
    pub(super) fn latest(self, side: Side) -> Style {
        self.strong_side(side).add_modifier(Modifier::REVERSED)
    }

    /// What waits, or is less important.
    pub(super) fn quiet(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// What is in the channel.
    pub(super) fn event(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// The line at the top.
    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A key that can be pressed.
    pub(super) fn key(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}
