//! Styles: with colours, or with what every terminal has.

use super::side::Side;
use crate::terminal::demo_colors as palette;
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
        self.colored(Color::Indexed(match side {
            Side::A => palette::A,
            Side::B => palette::B,
        }))
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
        match self.color {
            true => self.colored(Color::Indexed(palette::QUIET)),
            false => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// What is in the channel.
    pub(super) fn event(self) -> Style {
        self.colored(Color::Indexed(palette::EVENT)).add_modifier(Modifier::BOLD)
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Indexed(palette::GOOD)).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Indexed(palette::BAD)).add_modifier(Modifier::BOLD | Modifier::REVERSED)
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
