//! Who one is in a hub, and where: learned from the hub's own lines, and said at the beginning of each connection.

use super::said::{News, Said};
use super::wire::Stamp;
use std::sync::Arc;

/// The room in which everybody is at first.
const LOBBY: &str = "lobby";

/// What to say first.
#[derive(Debug, Default)]
pub(super) struct Introduction {
    name: Option<String>,
    /// The room to return to, unless it is the one in which everybody begins.
    room: Option<Arc<str>>,
    /// Whether the peer is a hub. None before its first line.
    is_hub: Option<bool>,
    /// The hub has said over this connection in which room one begins.
    is_welcomed: bool,
}

impl Introduction {
    pub(super) fn new(name: Option<String>) -> Self {
        Self { name, ..Self::default() }
    }

    /// A connection begins, in which the first line is for this room. Returns the lines to say before it.
    pub(super) fn lines(&mut self, room: Option<Arc<str>>) -> impl Iterator<Item = String> {
        self.is_welcomed = false;
        let name = self.name.iter().map(|name| format!("/name {name}"));
        name.chain(room.into_iter().map(|room| format!("/join {room}")))
    }

    /// The room where one is.
    pub(super) fn room(&self) -> Option<Arc<str>> {
        self.room.clone()
    }

    /// Whether the peer is a hub. None while that is not known.
    pub(super) fn is_hub(&self) -> Option<bool> {
        self.is_hub
    }

    /// Learns from what the peer has sent: whole lines.
    pub(super) fn hear(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = str::from_utf8(Stamp::strip(line.trim_ascii_end())).unwrap_or_default();
            match Said::parse(line) {
                _ if self.is_hub == Some(false) => return,
                said @ Said::Answer(_) => self.hear_news(said.news()),
                // A hub begins with lines of its own, up to the welcome.
                _ => self.is_hub = self.is_hub.or(Some(false)),
            }
        }
    }

    fn hear_news(&mut self, news: Option<News<'_>>) {
        match news {
            Some(News::Welcome { room, .. }) => {
                self.is_hub = Some(true);
                // A new connection begins in the lobby. That is not where the user wants to be.
                if std::mem::replace(&mut self.is_welcomed, true) || self.room.is_none() {
                    self.room = (room != LOBBY).then(|| Arc::from(room));
                }
            }
            Some(News::YouAreNow(name)) => self.name = Some(name.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "[Mon Nov  9 06:18:34 2026] ";
    const WELCOME: &str = "* hub: welcome to lobby, user1; 88 leaves, /help lists the commands";

    /// What is said first after these lines were heard over one connection after the other.
    fn lines(name: Option<&str>, connections: &[&[&str]]) -> Vec<String> {
        let mut introduction = Introduction::new(name.map(str::to_owned));
        for lines in connections {
            let _ = introduction.lines(None);
            lines.iter().for_each(|line| introduction.hear(format!("{STAMP}{line}\n").as_bytes()));
        }
        let room = introduction.room();
        introduction.lines(room).collect()
    }

    #[test]
    fn a_peer_that_begins_with_the_lines_of_a_hub_up_to_the_welcome_is_a_hub() {
        for (lines, is_hub) in [
            (&["* hub: be kind", WELCOME][..], Some(true)),
            (&["* hub: be kind"], None),
            (&["hello", WELCOME], Some(false)),
            (&["<bob> * hub: hi"], Some(false)),
            (&[], None),
        ] {
            let mut introduction = Introduction::new(None);
            introduction
                .hear(lines.iter().map(|line| format!("{STAMP}{line}\n")).collect::<String>().as_bytes());
            assert_eq!(introduction.is_hub(), is_hub, "{lines:?}");
        }
    }

    #[test]
    fn the_name_is_the_latest_that_the_hub_has_agreed_to() {
        assert_eq!(lines(None, &[&[WELCOME]]), [""; 0]);
        assert_eq!(lines(Some("ann"), &[&[WELCOME]]), ["/name ann"]);
        assert_eq!(lines(Some("ann"), &[&[WELCOME, "* hub: you are now bea"]]), ["/name bea"]);
        assert_eq!(lines(None, &[&[WELCOME, "<eve> you are now bea"]]), [""; 0]);
    }

    #[test]
    fn the_room_is_the_last_one_and_not_the_lobby_in_which_a_new_connection_begins() {
        let team = "* hub: welcome to team, user1; 88 leaves, /help lists the commands";
        assert_eq!(lines(None, &[&[WELCOME, team]]), ["/join team"]);
        assert_eq!(lines(None, &[&[WELCOME, team], &[WELCOME]]), ["/join team"]);
        assert_eq!(lines(None, &[&[WELCOME, team], &[WELCOME, team, WELCOME]]), [""; 0]);
    }
}
