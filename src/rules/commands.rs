//! The commands of a hub: what a member's line means, and what `/help` lists. A client needs both as well: for the Tab key, and
//! to show what its user says as the others see it.

use super::wire::Stamp;

/// What a member's line means, without the stamp that its sender may have put in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Said to the room.
    Text(&'a [u8]),
    /// `/me TEXT`
    Me(&'a [u8]),
    /// `/msg NAME TEXT`
    Message {
        /// The name.
        to: &'a str,
        /// The text.
        text: &'a [u8],
    },
    /// `/reply TEXT`
    Reply(&'a [u8]),
    /// `/name NEW` or `/nick NEW`
    Name(&'a str),
    /// `/who`
    Who,
    /// `/join ROOM`
    Join(&'a str),
    /// `/part` or `/part ROOM`
    Part(Option<&'a str>),
    /// `/rooms`
    Rooms,
    /// `/ignore NAME`
    Ignore(&'a str),
    /// `/help`
    Help,
    /// `/quit` or `/quit TEXT`
    Quit(&'a [u8]),
    /// `/kick NAME`
    Kick(&'a str),
    /// `/ban ADDRESS`
    Ban(&'a str),
    /// `/behind`
    Behind,
    /// `/code` or `/code new`
    #[cfg(feature = "secure")]
    Code(&'a str),
    /// `/link` or `/link new`
    #[cfg(feature = "web")]
    Link(&'a str),
    /// A command without its argument, and its usage.
    Incomplete(&'static str),
    /// There is no such command.
    Unknown(&'a [u8]),
    /// The remainder of a command that cannot have one.
    Nothing,
}

/// What the remainder of a line that was cut means: never a command, and for nobody but those who got its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remainder {
    /// Said to the room.
    Text,
    /// More of a `/me`.
    Me,
    /// More of a `/msg`.
    Message {
        /// The name.
        to: Box<str>,
    },
    /// More of a `/reply`.
    Reply,
    /// Nothing: the command is complete without it.
    Nothing,
}

/// The lines of `/help`: each command with its description. The last ones are the operator's.
const HELP: &[(&str, &str)] = &[
    ("88", "leave; /quit TEXT says TEXT first"),
    ("/name NEW", "change your name; so does /nick"),
    ("/who", "list who is in this room"),
    ("/msg NAME TEXT", "send a private message"),
    ("/reply TEXT", "answer the last private message"),
    ("/me TEXT", "describe what you are doing"),
    ("/join ROOM", "go to another room, which is created if it does not exist"),
    ("/part", "go back to the lobby"),
    ("/rooms", "list the rooms"),
    ("/ignore NAME", "stop receiving what somebody says, or receive it again"),
    ("/help", "show this list"),
    ("//TEXT", "say a line that begins with a slash"),
    ("/kick NAME", "disconnect somebody"),
    (
        "/ban ADDRESS",
        "disconnect and refuse everybody from an address (IPv6: its /64), or a network such as 192.0.2.0/24",
    ),
    ("/behind", "list who reads slowly, and for how long others waited for them"),
    #[cfg(feature = "secure")]
    ("/code", "show the code of an encrypted hub; /code new makes another"),
    #[cfg(feature = "web")]
    ("/link", "show the link for browsers, to be scanned or typed; /link new makes another"),
];

/// What can be typed in front of the first blank. The last ones are the operator's.
const NAMES: &[&str] = &[
    "/who",
    "/me",
    "/msg",
    "/reply",
    "/name",
    "/nick",
    "/join",
    "/part",
    "/rooms",
    "/ignore",
    "/help",
    "/quit",
    "/kick",
    "/ban",
    "/behind",
    #[cfg(feature = "secure")]
    "/code",
    #[cfg(feature = "web")]
    "/link",
];

/// How many of either are the operator's.
const OPERATORS: usize = 3 + cfg!(feature = "secure") as usize + cfg!(feature = "web") as usize;

/// The lines of `/help`.
pub fn help(for_operator: bool) -> impl Iterator<Item = String> {
    all_or_members(HELP, for_operator).iter().map(|(command, what)| format!("{command:<14}  {what}"))
}

/// The commands that somebody can complete with the Tab key.
#[must_use]
pub fn names(for_operator: bool) -> &'static [&'static str] {
    all_or_members(NAMES, for_operator)
}

fn all_or_members<T>(table: &[T], for_operator: bool) -> &[T] {
    if for_operator { table } else { &table[..table.len() - OPERATORS] }
}

impl<'a> Line<'a> {
    /// Whether it is for everybody in the room.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Me(_))
    }

    /// What the remainder of this line means, if the line was cut.
    #[must_use]
    pub fn remainder(&self) -> Remainder {
        match self {
            Self::Text(_) => Remainder::Text,
            Self::Me(_) => Remainder::Me,
            Self::Message { to, .. } => Remainder::Message { to: (*to).into() },
            Self::Reply(_) => Remainder::Reply,
            _ => Remainder::Nothing,
        }
    }

    /// Parses a line, or what comes after it was cut.
    #[must_use]
    pub fn parse(text: &'a [u8], remainder: Option<&'a Remainder>, is_operator: bool) -> Self {
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
            b"name" | b"nick" => word(Self::Name, "/name NEW"),
            b"who" => Self::Who,
            b"join" => word(Self::Join, "/join ROOM"),
            b"part" => Self::Part(str::from_utf8(split_word(rest).0).ok().filter(|room| !room.is_empty())),
            b"rooms" => Self::Rooms,
            b"ignore" => word(Self::Ignore, "/ignore NAME"),
            b"help" => Self::Help,
            b"quit" => Self::Quit(rest),
            b"kick" if is_operator => word(Self::Kick, "/kick NAME"),
            b"behind" if is_operator => Self::Behind,
            #[cfg(feature = "secure")]
            b"code" if is_operator => Self::Code(str::from_utf8(rest.trim_ascii_end()).unwrap_or("\u{fffd}")),
            #[cfg(feature = "web")]
            b"link" if is_operator => Self::Link(str::from_utf8(rest.trim_ascii_end()).unwrap_or("\u{fffd}")),
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
    }

    #[test]
    fn what_people_from_irc_type_is_understood() {
        assert_eq!(parse("/nick bob"), Line::Name("bob"));
        assert_eq!([parse("/part"), parse("/part tea")], [Line::Part(None), Line::Part(Some("tea"))]);
        assert_eq!([parse("/quit"), parse("/quit so long")], [Line::Quit(b""), Line::Quit(b"so long")]);
    }

    #[test]
    fn every_command_can_be_completed_and_is_in_the_help() {
        let help: Vec<String> = help(true).collect();
        for name in names(true) {
            assert!(!matches!(Line::parse(name.as_bytes(), None, true), Line::Unknown(_)), "{name}");
            assert!(help.iter().any(|line| line.contains(name)), "{name}");
        }
        for name in names(false) {
            assert!(!matches!(parse(name), Line::Unknown(_)), "{name}");
        }
        for line in help.iter().filter(|line| line.starts_with('/') && !line.starts_with("//")) {
            assert!(names(true).contains(&line.split(' ').next().unwrap_or_default()), "{line}");
        }
        let hidden = |line: &String| {
            ["/kick", "/ban", "/behind", "/code", "/link"].iter().any(|operators| line.starts_with(operators))
        };
        assert!(!super::help(false).any(|line| hidden(&line)));
    }
}
