//! Parses a line of a member.

use crate::rules::wire::Stamp;

/// A line, without the stamp that its sender may have put in front.
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
    Behind,
    /// A command without its argument, and its usage.
    Incomplete(&'static str),
    Unknown(&'a [u8]),
    /// The remainder of a command that cannot have one.
    Nothing,
}

/// What the remainder of a line that was cut means: never a command, and for nobody but those who got its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remainder {
    Text,
    Me,
    Message { to: Box<str> },
    Reply,
    Nothing,
}

/// Each command with its description. The last ones are the operator's.
const HELP: [(&str, &str); 14] = [
    ("88", "leave"),
    ("/name NEW", "change your name"),
    ("/who", "list who is in this room"),
    ("/msg NAME TEXT", "send a private message"),
    ("/reply TEXT", "answer the last private message"),
    ("/me TEXT", "describe what you are doing"),
    ("/join ROOM", "go to another room, which is created if it does not exist"),
    ("/rooms", "list the rooms"),
    ("/ignore NAME", "stop receiving what somebody says, or receive it again"),
    ("/help", "show this list"),
    ("//TEXT", "say a line that begins with a slash"),
    ("/kick NAME", "disconnect somebody"),
    ("/ban ADDRESS", "disconnect and refuse everybody from an address, or a network such as 192.0.2.0/24"),
    ("/behind", "list who reads slowly, and for how long others waited for them"),
];

/// How many of those are the operator's.
const OPERATORS: usize = 3;

/// The lines of `/help`.
pub(super) fn help(for_operator: bool) -> impl Iterator<Item = String> {
    let shown = if for_operator { HELP.len() } else { HELP.len() - OPERATORS };
    HELP[..shown].iter().map(|(command, what)| format!("{command:<14}  {what}"))
}

impl<'a> Line<'a> {
    /// Whether it is for everybody in the room.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Me(_))
    }

    /// What the remainder of this line means, if the line was cut.
    pub(super) fn remainder(&self) -> Remainder {
        match self {
            Self::Text(_) => Remainder::Text,
            Self::Me(_) => Remainder::Me,
            Self::Message { to, .. } => Remainder::Message { to: (*to).into() },
            Self::Reply(_) => Remainder::Reply,
            _ => Remainder::Nothing,
        }
    }

    /// Parses a line, or what comes after it was cut.
    pub(super) fn parse(text: &'a [u8], remainder: Option<&'a Remainder>, is_operator: bool) -> Self {
        match remainder {
            None => Self::parse_line(text, is_operator),
            Some(Remainder::Text) => Self::Text(text),
            Some(Remainder::Me) => Self::Me(text),
            Some(Remainder::Message { to }) => Self::Message { to, text },
            Some(Remainder::Reply) => Self::Reply(text),
            Some(Remainder::Nothing) => Self::Nothing,
        }
    }

    fn parse_line(line: &'a [u8], is_operator: bool) -> Self {
        let text = Stamp::strip(line);
        let Some(rest) = text.strip_prefix(b"/") else { return Self::Text(text) };
        if rest.starts_with(b"/") {
            return Self::Text(rest);
        }
        let (command, rest) = split_word(rest);
        let word = |line: fn(&'a str) -> Self, usage| match str::from_utf8(rest.trim_ascii_end()) {
            Ok("") => Self::Incomplete(usage),
            Ok(word) => line(word),
            // A name that nobody can have.
            Err(_) => line("\u{fffd}"),
        };
        match command {
            b"me" if rest.is_empty() => Self::Incomplete("/me TEXT"),
            b"me" => Self::Me(rest),
            b"msg" => match split_word(rest) {
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
            b"behind" if is_operator => Self::Behind,
            b"ban" if is_operator => word(Self::Ban, "/ban ADDRESS"),
            _ => Self::Unknown(command),
        }
    }
}

/// The first word, and what comes after the blanks that follow it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Line<'_> {
        Line::parse(line.as_bytes(), None, false)
    }

    #[test]
    fn a_stamp_before_a_command_is_ignored() {
        assert_eq!(parse("[Mon Nov  9 06:18:34 2026] /who"), Line::Who);
        assert_eq!(parse("[Mon Nov  9 06:18:34 2026] 88"), Line::Text(b"88"));
        assert_eq!(parse("[Mon] /who"), Line::Text(b"[Mon] /who"));
    }

    #[test]
    fn a_double_slash_begins_a_text() {
        assert_eq!(parse("//who"), Line::Text(b"/who"));
        assert_eq!(parse("a /who"), Line::Text(b"a /who"));
        assert_eq!(parse("/"), Line::Unknown(b""));
    }

    #[test]
    fn a_command_without_its_argument_is_incomplete() {
        assert_eq!(parse("/msg bob  hello there"), Line::Message { to: "bob", text: b"hello there" });
        assert_eq!(parse("/msg bob"), Line::Incomplete("/msg NAME TEXT"));
        assert_eq!(parse("/name  bob "), Line::Name("bob"));
        assert_eq!(parse("/name"), Line::Incomplete("/name NEW"));
        assert_eq!(parse("/name\tbob"), Line::Name("bob"));
        assert_eq!(parse("/me  "), Line::Incomplete("/me TEXT"));
        assert_eq!(parse("/nam"), Line::Unknown(b"nam"));
    }

    #[test]
    fn only_the_operator_has_kick_ban_and_behind() {
        assert_eq!(parse("/kick bob"), Line::Unknown(b"kick"));
        assert_eq!(Line::parse(b"/kick bob", None, true), Line::Kick("bob"));
        assert_eq!(
            [parse("/behind"), Line::parse(b"/behind", None, true)],
            [Line::Unknown(b"behind"), Line::Behind]
        );
        assert_eq!(help(true).count(), help(false).count() + OPERATORS);
    }
}
