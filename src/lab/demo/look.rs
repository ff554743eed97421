//! How things look: with colours, or with nothing but what every terminal has.

use super::side::Side;
use ratatui::style::{Color, Modifier, Style};

/// Whether there are colours. Whatever they say is also said by a mark or in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) color: bool,
}

impl Look {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// What belongs to a side.
    pub(super) fn side(self, side: Side) -> Style {
        self.colored(match side {
            Side::A => Color::Cyan,
            Side::B => Color::Magenta,
        })
    }

    /// What has just happened.
    pub(super) fn happened(self, side: Side) -> Style {
        self.side(side).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// What waits, or is less important.
    pub(super) fn quiet(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// The channel, and what is in it.
    pub(super) fn event(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Somebody may do something.
    pub(super) fn good(self) -> Style {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Somebody is kept from something.
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
