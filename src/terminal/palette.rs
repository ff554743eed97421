//! The colours of lines at a terminal. They are numbers of the 256-colour palette, which are the same on every terminal, unlike the
//! first 16; each can be read on black and on white.

use anstyle::{Ansi256Color, Style};

const fn colored(number: u8) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi256(Ansi256Color(number))))
}

pub(super) const PLAIN: Style = Style::new();
/// The time, and the lines on which the day changes.
pub(super) const TIME: Style = Style::new().dimmed();
/// What the program itself reports.
pub(super) const NOTICE: Style = colored(136);
pub(super) const ERROR: Style = colored(160).bold();
/// In front of the line that the user edits.
#[cfg(feature = "editor")]
pub(super) const PROMPT: Style = colored(29);
/// What a hub says itself.
pub(super) const HUB: Style = colored(244);
/// The mark of what the other one says, in a chat of two.
pub(super) const THEIRS: Style = colored(31);
/// The mark of what the user says.
pub(super) const OWN: Style = Style::new().bold();
/// What the user asks the hub.
pub(super) const COMMAND: Style = Style::new().dimmed();
/// The mark of a private message.
pub(super) const PRIVATE: Style = colored(163).bold();
/// The user's name, when somebody else says it.
pub(super) const MENTION: Style = Style::new().bold().invert();

/// What is to be scanned: black on white, whatever the terminal's own colours are.
#[cfg(feature = "web")]
pub(super) const CODE: Style = colored(16).bg_color(Some(anstyle::Color::Ansi256(Ansi256Color(231))));

/// The colours of the demo, which are seen on projectors.
#[cfg(feature = "lab")]
pub(crate) mod demo {
    /// What belongs to the endpoint A.
    pub(crate) const A: u8 = 31;
    /// The same for B.
    pub(crate) const B: u8 = 163;
    /// What waits, or is less important.
    pub(crate) const QUIET: u8 = 244;
    /// What is in a channel.
    pub(crate) const EVENT: u8 = 136;
    /// What went well.
    pub(crate) const GOOD: u8 = 28;
    /// What did not.
    pub(crate) const BAD: u8 = 160;
}

/// Green, olive, teal, blue, steel, indigo, orchid, rose, orange and brown.
const NAMES: [u8; 10] = [28, 64, 30, 32, 67, 62, 134, 132, 166, 94];

/// The style of a name: always the same for the same name.
pub(super) fn name(name: &str) -> Style {
    // FNV-1a.
    let hash = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5, hash);
    // Its upper bits depend on all bytes better than the lower ones.
    colored(NAMES[(hash >> 16) as usize % NAMES.len()]).bold()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The relative luminance of a colour of the palette (WCAG 2.2).
    fn luminance(number: u8) -> f64 {
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        let rgb = match number {
            0..=15 => unreachable!("the terminal's user chooses those"),
            16..=231 => [(number - 16) / 36, (number - 16) / 6 % 6, (number - 16) % 6].map(level),
            232.. => [8 + 10 * (number - 232); 3],
        };
        let linear = |channel: u8| match f64::from(channel) / 255.0 {
            value if value <= 0.04045 => value / 12.92,
            value => ((value + 0.055) / 1.055).powf(2.4),
        };
        let [red, green, blue] = rgb.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn number(style: Style) -> u8 {
        match style.get_fg_color() {
            Some(anstyle::Color::Ansi256(Ansi256Color(number))) => number,
            color => unreachable!("{color:?}"),
        }
    }

    #[test]
    fn every_colour_can_be_read_on_white_and_on_black() {
        let chat = [NOTICE, ERROR, HUB, THEIRS, PRIVATE].map(number).into_iter().chain(NAMES);
        #[cfg(feature = "editor")]
        let chat = chat.chain([number(PROMPT)]);
        #[cfg(feature = "lab")]
        let chat = chat.chain([demo::A, demo::B, demo::QUIET, demo::EVENT, demo::GOOD, demo::BAD]);
        for color in chat {
            let luminance = luminance(color);
            let [on_white, on_black] = [1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05];
            assert!(on_white >= 3.0 && on_black >= 3.0, "{color}: {on_white:.1} and {on_black:.1}");
        }
    }

    #[test]
    fn no_name_has_the_colour_of_something_else_and_names_use_all_colours() {
        let others = [NOTICE, ERROR, HUB, THEIRS, PRIVATE].map(number);
        assert!(NAMES.iter().all(|color| !others.contains(color)));
        let used: BTreeSet<_> = (0..100).map(|n| number(name(&format!("user{n}")))).collect();
        assert_eq!(used.len(), NAMES.len());
        assert_eq!(name("bob"), name("bob"));
    }
}
