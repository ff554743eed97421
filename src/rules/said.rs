//! What a line that a hub sent says: the counterpart of what `hub` formats, for a client that shows it.
//!
//! Nothing here can be trusted: any peer can send lines that look like a hub's.

/// A line of a hub, without its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// `<bob> hello`: somebody says it to the room.
    Text {
        /// Who.
        from: &'a str,
        /// What.
        text: &'a str,
    },
    /// `* <bob> waves`: `/me`.
    Emote {
        /// Who.
        from: &'a str,
        /// What.
        text: &'a str,
    },
    /// `[bob -> you] psst`: a private message.
    Private {
        /// Who.
        from: &'a str,
        /// What.
        text: &'a str,
    },
    /// `* hub: 2 are here: bob, alice`: the hub itself says it.
    Answer(&'a str),
    /// `* bob joined`: the hub says it of a member.
    Announcement(&'a str),
    /// Something that no hub sends.
    Other(&'a str),
}

/// What an answer or an announcement says about the reader or about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// The reader has entered a room.
    Welcome {
        /// The room.
        room: &'a str,
        /// The reader's name.
        name: &'a str,
    },
    /// The reader has this name now.
    YouAreNow(&'a str),
    /// These are in the reader's room.
    Present(Present<'a>),
    /// Somebody has entered the reader's room.
    Joined(&'a str),
    /// Somebody has left it.
    Left(&'a str),
    /// Somebody, or more than one, have other names now.
    Renamed(Renamed<'a>),
}

/// The names in a list of those who are present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present<'a>(&'a str);

/// Old and new names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renamed<'a>(&'a str);

impl<'a> Said<'a> {
    /// Parses a line without its stamp and without its newline.
    #[must_use]
    pub fn parse(line: &'a str) -> Self {
        let said = match line.as_bytes().first() {
            Some(b'<') => after_name(&line[1..], "> ").map(|(from, text)| Self::Text { from, text }),
            Some(b'[') => {
                after_name(&line[1..], " -> you] ").map(|(from, text)| Self::Private { from, text })
            }
            Some(b'*') => line.strip_prefix("* ").map(|rest| match rest.strip_prefix('<') {
                Some(rest) => match after_name(rest, "> ") {
                    Some((from, text)) => Self::Emote { from, text },
                    None => Self::Other(line),
                },
                None => rest.strip_prefix("hub: ").map_or(Self::Announcement(rest), Self::Answer),
            }),
            _ => None,
        };
        said.unwrap_or(Self::Other(line))
    }

    /// What an answer or an announcement says about the reader or about others.
    #[must_use]
    pub fn news(&self) -> Option<News<'a>> {
        match self {
            Self::Answer(text) => parse_answer(text),
            Self::Announcement(text) => parse_announcement(text),
            _ => None,
        }
    }
}

fn parse_answer(text: &str) -> Option<News<'_>> {
    if let Some(rest) = text.strip_prefix("welcome to ") {
        let (room, name) = rest.strip_suffix("; 88 leaves, /help lists the commands")?.split_once(", ")?;
        return (is_name(room) && is_name(name)).then_some(News::Welcome { room, name });
    }
    if let Some(name) = text.strip_prefix("you are now ") {
        return is_name(name).then_some(News::YouAreNow(name));
    }
    let (count, rest) = text.split_once(' ')?;
    let rest = rest.strip_prefix("is ").or(rest.strip_prefix("are "))?;
    let (place, names) = rest.split_once(": ")?;
    let is_place = place == "here" || place.strip_prefix("in ").is_some_and(is_name);
    (is_place && count.bytes().all(|byte| byte.is_ascii_digit())).then_some(News::Present(Present(names)))
}

fn parse_announcement(text: &str) -> Option<News<'_>> {
    let (name, rest) = text.split_once(' ')?;
    if !is_name(name) {
        return None;
    }
    Some(match rest {
        "joined" | "is one of those who joined" => News::Joined(name),
        _ if rest.starts_with("is now ") => News::Renamed(Renamed(text)),
        // Everything else that a room is told of a member is why it has left.
        _ => News::Left(name),
    })
}

impl<'a> Present<'a> {
    /// The names in their order. The operator's list has more about each in parentheses.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        let mut rest = Some(self.0);
        std::iter::from_fn(move || {
            let list = rest?;
            let (name, mut after) = list.split_at(list.find([',', ' ']).unwrap_or(list.len()));
            if after.starts_with(" (") {
                after = after.split_once(')').map_or("", |(_, after)| after);
            }
            rest = after.strip_prefix(", ");
            Some(name)
        })
        .filter(|name| is_name(name))
    }
}

impl<'a> Renamed<'a> {
    /// Each old name with the new one.
    pub fn names(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.0.split(", ").filter_map(|pair| pair.split_once(" is now "));
        pairs.filter(|(old, new)| is_name(old) && is_name(new))
    }
}

/// A name, and what comes after it and `end`.
fn after_name<'a>(line: &'a str, end: &str) -> Option<(&'a str, &'a str)> {
    let (name, text) = line.split_once(end)?;
    is_name(name).then_some((name, text))
}

/// Whether somebody in a hub can have this name, as far as that matters on a screen: it is one word that begins like a word, not
/// too long, and none of those with which the hub means itself or the reader. `@` is the operator's mark.
#[must_use]
pub fn is_name(name: &str) -> bool {
    const MAX: usize = 33;
    let word = name.strip_prefix('@').unwrap_or(name);
    // A letter of Unicode may need marks after it, which are none.
    let is_inner = |c: char| is_name_char(c) || !(c.is_ascii() || c.is_whitespace());
    word.starts_with(is_name_char)
        && word.chars().all(is_inner)
        && name.chars().nth(MAX).is_none()
        && !matches!(name, "hub" | "you")
}

/// Whether a name can begin with it.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}
