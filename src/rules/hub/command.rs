//! What a line means.

use crate::rules::wire::Stamp;

/// A line, after the stamp that its sender may have put in front was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    Me(&'a [u8]),
    Message {
        to: &'a str,
        text: &'a [u8],
    },
    Reply(&'a [u8]),
    Name(&'a str),
    Who,
    Join(&'a str),
    Rooms,
    Ignore(&'a str),
    Help,
    Kick(&'a str),
    Ban(&'a str),
    /// A command that lacks something, and how it is used.
    Incomplete(&'static str),
    Unknown(&'a [u8]),
    /// The remainder of something that cannot have one.
    Nothing,
}

/// What the remainder of a line is that had to be cut: neither a command, nor for others than its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remainder {
    Text,
    Me,
    Message { to: Box<str> },
    Reply,
    Nothing,
}

/// Each command as `/help` shows it, with what it does. The last ones are the operator's.
const HELP: [(&str, &str); 13] = [
    ("88", "leave"),
    ("/name NEW", "change your name"),
    ("/who", "who is in this room"),
    ("/msg NAME TEXT", "say something to one person"),
    ("/reply TEXT", "the same to whoever last wrote to you"),
    ("/me TEXT", "say what you do"),
    ("/join ROOM", "go to another room; it need not exist"),
    ("/rooms", "which rooms there are"),
    ("/ignore NAME", "do not hear somebody, or hear them again"),
    ("/help", "show this"),
    ("//TEXT", "say /TEXT"),
    ("/kick NAME", "throw somebody out"),
    (
        "/ban ADDRESS",
        "throw out who comes from there, and let nobody in; a network such as 192.0.2.0/24, too",
    ),
];

/// How many of those are the operator's alone.
const OPERATORS: usize = 2;

/// The lines of `/help`.
pub(super) fn help(for_operator: bool) -> impl Iterator<Item = String> {
    let shown = if for_operator { HELP.len() } else { HELP.len() - OPERATORS };
    HELP[..shown].iter().map(|(command, what)| format!("{command:<14}  {what}"))
}

impl<'a> Line<'a> {
    /// Whether it is for all in the room.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Me(_))
    }

    /// What the remainder of this line is, if it was cut.
    pub(super) fn remainder(&self) -> Remainder {
        match self {
            Self::Text(_) => Remainder::Text,
            Self::Me(_) => Remainder::Me,
            Self::Message { to, .. } => Remainder::Message { to: (*to).into() },
            Self::Reply(_) => Remainder::Reply,
            _ => Remainder::Nothing,
        }
    }
    /// What this means, which may be the remainder of a line that was cut.
    pub(super) fn of(bytes: &'a [u8], remainder: Option<&'a Remainder>, is_operator: bool) -> Self {
        match remainder {
            Some(remainder) => Self::go_on(bytes, remainder),
            None => Self::parse(bytes, is_operator),
        }
    }

    /// What such a remainder means.
    fn go_on(text: &'a [u8], remainder: &'a Remainder) -> Self {
        match remainder {
            Remainder::Text => Self::Text(text),
            Remainder::Me => Self::Me(text),
            Remainder::Message { to } => Self::Message { to, text },
            Remainder::Reply => Self::Reply(text),
            Remainder::Nothing => Self::Nothing,
        }
    }

    /// What this line of a member, or of the operator, means.
    fn parse(line: &'a [u8], is_operator: bool) -> Self {
        let text = Stamp::strip(line);
        let Some(rest) = text.strip_prefix(b"/") else { return Self::Text(text) };
        if rest.starts_with(b"/") {
            return Self::Text(rest);
        }
        let (command, rest) = split(rest);
        let word = |line: fn(&'a str) -> Self, usage| match str::from_utf8(rest.trim_ascii_end()) {
            Ok("") => Self::Incomplete(usage),
            Ok(word) => line(word),
            // Nobody and nothing is called that.
            Err(_) => line("\u{fffd}"),
        };
        match command {
            b"me" if rest.is_empty() => Self::Incomplete("/me TEXT"),
            b"me" => Self::Me(rest),
            b"msg" => match split(rest) {
                (to, text) if !text.is_empty() => match str::from_utf8(to) {
                    Ok(to) => Self::Message { to, text },
                    Err(_) => Self::Incomplete("/msg NAME TEXT"),
                },
                _ => Self::Incomplete("/msg NAME TEXT"),
            },
            b"reply" if rest.is_empty() => Self::Incomplete("/reply TEXT"),
            b"reply" => Self::Reply(rest),
            b"name" => word(Self::Name, "/name NEW"),
            b"who" => Self::Who,
            b"join" => word(Self::Join, "/join ROOM"),
            b"rooms" => Self::Rooms,
            b"ignore" => word(Self::Ignore, "/ignore NAME"),
            b"help" => Self::Help,
            b"kick" if is_operator => word(Self::Kick, "/kick NAME"),
            b"ban" if is_operator => word(Self::Ban, "/ban ADDRESS"),
            _ => Self::Unknown(command),
        }
    }
}

/// The first word, and what is behind the blanks behind it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Line<'_> {
        Line::parse(line.as_bytes(), false)
    }

    #[test]
    fn a_stamp_is_dropped_before_a_command_is_looked_for() {
        assert_eq!(parse("[Mon Nov  9 06:18:34 2026] /who"), Line::Who);
        assert_eq!(parse("[Mon Nov  9 06:18:34 2026] 88"), Line::Text(b"88"));
        assert_eq!(parse("[Mon] /who"), Line::Text(b"[Mon] /who"));
    }

    #[test]
    fn a_second_slash_says_the_first() {
        assert_eq!(parse("//who"), Line::Text(b"/who"));
        assert_eq!(parse("a /who"), Line::Text(b"a /who"));
        assert_eq!(parse("/"), Line::Unknown(b""));
    }

    #[test]
    fn a_command_has_what_it_needs_or_is_explained() {
        assert_eq!(parse("/msg bob  hello there"), Line::Message { to: "bob", text: b"hello there" });
        assert_eq!(parse("/msg bob"), Line::Incomplete("/msg NAME TEXT"));
        assert_eq!(parse("/name  bob "), Line::Name("bob"));
        assert_eq!(parse("/name"), Line::Incomplete("/name NEW"));
        assert_eq!(parse("/name\tbob"), Line::Name("bob"));
        assert_eq!(parse("/me  "), Line::Incomplete("/me TEXT"));
        assert_eq!(parse("/nam"), Line::Unknown(b"nam"));
    }

    #[test]
    fn some_commands_are_the_operators_alone() {
        assert_eq!(parse("/kick bob"), Line::Unknown(b"kick"));
        assert_eq!(Line::parse(b"/kick bob", true), Line::Kick("bob"));
        assert_eq!(help(true).count(), help(false).count() + OPERATORS);
    }
}
