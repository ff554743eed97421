//! What a person sees of a chat: how messages, notices and one's own lines look, and what the prompt says.
//!
//! No received line can look like something that the program reports or that the user typed: each begins, after its time, with a
//! mark or a name that no notice and no line of the user begins with. `docs/terminal.md` lists them.

use super::days::{Clock, Days};
use super::mention;
use super::palette;
use super::seen::Seen;
use crate::rules::commands::{self, Line};
use crate::rules::notice::Kind;
use crate::rules::said::{News, Said};
use crate::rules::sanitize::sanitize;
#[cfg(feature = "web")]
use crate::rules::web::is_drawn;
use crate::rules::wire::{GOODBYE, STAMP_LEN, Stamp};
use anstyle::Style;
use std::io::Write;
use std::time::Duration;

/// How far the stamp of a line may be from the time of arrival to be shown. One that is farther off is from another time zone,
/// or from a wrong clock, and its sender's time would stand among the user's own.
const CLOCKS_AGREE: Duration = Duration::from_secs(5 * 60);

/// How the time of a line is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As it is sent: `[Mon Nov  9 06:18:34 2026]`.
    Wire,
    /// `06:18:34`, and the day on a line of its own when it changes.
    #[default]
    Short,
    /// Not at all.
    None,
}

/// How lines look at a terminal, and what has been learned from them.
#[derive(Debug)]
pub struct View {
    timestamps: Timestamps,
    color: bool,
    bell: bool,
    days: Days,
    /// Whom the user talks to, or what the program waits for.
    state: String,
    /// Whether the first stamp of this session agreed with the time of arrival.
    clocks_agree: Option<bool>,
    peer: Peer,
    seen: Seen,
}

/// Who sends the lines.
#[derive(Debug)]
enum Peer {
    /// It has not said anything yet.
    Unknown,
    Person,
    Hub(Membership),
}

/// What the user is in a hub. The hub says it, so either may be empty.
#[derive(Debug, Default)]
struct Membership {
    room: String,
    name: String,
    is_operator: bool,
}

impl View {
    /// A view of nothing yet. `bell` rings when the user is mentioned or gets a private message.
    #[must_use]
    pub fn new(timestamps: Timestamps, color: bool, bell: bool) -> Self {
        let (peer, state) = (Peer::Unknown, String::new());
        Self {
            timestamps,
            color,
            bell,
            days: Days::default(),
            state,
            clocks_agree: None,
            peer,
            seen: Seen::default(),
        }
    }

    /// Appends how lines look that the peer or the hub sent, which are sanitized and end with a newline each. `now` is when they
    /// arrived.
    pub fn messages(&mut self, lines: &[u8], now: &Stamp, out: &mut Vec<u8>) {
        let lines = String::from_utf8_lossy(lines);
        let mut rings = false;
        for line in lines.split_terminator('\n') {
            rings |= self.message(line, now, out);
        }
        if rings && self.bell {
            out.push(b'\x07');
        }
    }

    /// Appends how a notice looks, which may have several lines.
    pub fn notice(&mut self, kind: Kind, text: &str, now: &Stamp, out: &mut Vec<u8>) {
        let (mark, style) = match kind {
            Kind::Message => return self.messages(format!("{text}\n").as_bytes(), now, out),
            Kind::Notice => ("* ", palette::NOTICE),
            Kind::Error => ("! ", palette::ERROR),
        };
        for line in text.lines() {
            self.time(Clock::Own, now, now, out);
            #[cfg(feature = "web")]
            if is_drawn(line) {
                self.paint(palette::CODE, &[line], out);
                out.push(b'\n');
                continue;
            }
            self.paint(style, &[mark, line], out);
            out.push(b'\n');
        }
    }

    /// Appends how a line looks that the user has just typed, without its newline. The goodbye is not shown: a notice follows.
    pub fn own(&mut self, line: &[u8], now: &Stamp, out: &mut Vec<u8>) {
        if line == GOODBYE {
            return;
        }
        self.time(Clock::Own, now, now, out);
        match &self.peer {
            Peer::Hub(member) => self.own_in_hub(member, line, out),
            _ => self.own_text(palette::OWN, &["> "], palette::PLAIN, line, out),
        }
        out.push(b'\n');
    }

    /// Another session begins, or the program waits for one: `state` says for whom. It is the prompt until a hub says more.
    pub fn begin(&mut self, state: &str) {
        state.clone_into(&mut self.state);
        self.peer = Peer::Unknown;
        self.clocks_agree = None;
        self.seen.clear();
    }

    /// The user is the operator of a hub.
    pub fn operate(&mut self, room: &str, name: &str) {
        self.peer = Peer::Hub(Membership { room: room.to_owned(), name: name.to_owned(), is_operator: true });
        self.seen.clear();
    }

    /// What stands in front of the line that is typed, without `> `: the room and the user's name in a hub, otherwise whom the
    /// user talks to.
    #[must_use]
    pub fn prompt(&self) -> String {
        match &self.peer {
            Peer::Hub(Membership { room, name, .. }) if !name.is_empty() => match room.is_empty() {
                true => name.clone(),
                false => format!("{room} {name}"),
            },
            _ => self.state.clone(),
        }
    }

    /// The names of others that were seen in a hub, the last one first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.seen.names();
        names.retain(|name| *name != self.own_name());
        names
    }

    /// The commands that the user can type: none unless the peer is a hub.
    #[must_use]
    pub fn commands(&self) -> &'static [&'static str] {
        match &self.peer {
            Peer::Hub(member) => commands::names(member.is_operator),
            _ => &[],
        }
    }

    fn own_name(&self) -> &str {
        if let Peer::Hub(member) = &self.peer { &member.name } else { "" }
    }

    /// Appends how one line looks, without its newline. Returns whether the user is mentioned or gets a private message.
    fn message(&mut self, line: &str, now: &Stamp, out: &mut Vec<u8>) -> bool {
        let stamp = Stamp::parse(line.as_bytes());
        let text = if stamp.is_some() { &line[STAMP_LEN..] } else { line };
        let said = self.interpret(text);
        match stamp.filter(|stamp| self.shows(stamp, now)) {
            Some(stamp) => self.time(Clock::Theirs, &stamp, now, out),
            None => self.time(Clock::Own, now, now, out),
        }
        self.learn(&said);
        let rings = self.said(&said, out);
        out.push(b'\n');
        rings
    }

    /// Whether the time of this stamp is shown, and not the time of arrival. A hub also sends what was said long ago, and its
    /// first line tells whether its clock shows what ours does.
    fn shows(&mut self, stamp: &Stamp, now: &Stamp) -> bool {
        let agrees = stamp.is_near(now, CLOCKS_AGREE);
        let first_agrees = *self.clocks_agree.get_or_insert(agrees);
        match (self.timestamps, &self.peer) {
            (Timestamps::Wire, _) => true,
            (_, Peer::Hub(member)) => first_agrees || member.is_operator,
            _ => agrees,
        }
    }

    /// What a line says. Only a hub begins with a line of its own, and from then on only a hub can say who says something.
    fn interpret<'a>(&mut self, text: &'a str) -> Said<'a> {
        let said = match self.peer {
            Peer::Person => Said::Other(text),
            _ => Said::parse(text),
        };
        if let Peer::Unknown = self.peer {
            match said {
                Said::Answer(_) => self.peer = Peer::Hub(Membership::default()),
                _ => {
                    self.peer = Peer::Person;
                    return Said::Other(text);
                }
            }
        }
        said
    }

    /// Remembers who is here, and what the user's room and name are.
    fn learn(&mut self, said: &Said<'_>) {
        let Peer::Hub(member) = &mut self.peer else { return };
        if let Said::Text { from, .. } | Said::Emote { from, .. } | Said::Private { from, .. } = said {
            return self.seen.see(from);
        }
        match said.news() {
            None => {}
            Some(News::Welcome { room, name }) => {
                room.clone_into(&mut member.room);
                name.clone_into(&mut member.name);
            }
            Some(News::YouAreNow(name)) => {
                self.seen.forget(&member.name);
                name.clone_into(&mut member.name);
            }
            // The newest is listed first.
            Some(News::Present(present)) => {
                let names: Vec<_> = present.names().collect();
                names.iter().rev().for_each(|name| self.seen.see(name));
            }
            Some(News::Joined(name)) => self.seen.see(name),
            Some(News::Left(name)) => self.seen.forget(name),
            Some(News::Renamed(renamed)) => {
                for (old, new) in renamed.names() {
                    self.seen.forget(old);
                    self.seen.see(new);
                }
            }
        }
    }

    fn said(&self, said: &Said<'_>, out: &mut Vec<u8>) -> bool {
        match *said {
            Said::Text { from, text } => self.others_text(palette::name(from), &[from], "  ", text, out),
            Said::Emote { from, text } => {
                self.others_text(palette::name(from), &["* <", from, ">"], " ", text, out)
            }
            Said::Private { from, text } => {
                self.others_text(palette::PRIVATE, &["[", from, " -> you]"], " ", text, out);
                true
            }
            Said::Answer(text) | Said::Announcement(text) => {
                self.paint(palette::HUB, &["hub: ", text], out);
                false
            }
            Said::Other(text) => self.others_text(palette::THEIRS, &["<"], " ", text, out),
        }
    }

    /// Appends what somebody else says, with the user's name highlighted. Returns whether that is in it.
    fn others_text(&self, style: Style, mark: &[&str], gap: &str, text: &str, out: &mut Vec<u8>) -> bool {
        let (name, mut done) = (self.own_name().trim_start_matches('@'), 0);
        let mut found = mention::find(text, 0, name);
        let is_mentioned = found.is_some();
        self.paint(style, mark, out);
        out.extend_from_slice(if is_mentioned { b"! " } else { gap.as_bytes() });
        while let Some(at) = found {
            out.extend_from_slice(&text.as_bytes()[done..at.start]);
            self.paint(palette::MENTION, &[&text[at.clone()]], out);
            done = at.end;
            found = mention::find(text, done, name);
        }
        out.extend_from_slice(&text.as_bytes()[done..]);
        is_mentioned
    }

    fn own_in_hub(&self, member: &Membership, line: &[u8], out: &mut Vec<u8>) {
        let name = &*member.name;
        match Line::parse(line, None, member.is_operator) {
            Line::Text(text) => self.own_text(palette::OWN, &[name, "> "], palette::PLAIN, text, out),
            Line::Me(text) => self.own_text(palette::OWN, &["* ", name, "> "], palette::PLAIN, text, out),
            Line::Message { to, text } => {
                let mut shown = Vec::new();
                sanitize(to.as_bytes(), &mut shown);
                let mark = ["[you -> ", &String::from_utf8_lossy(&shown), "] "];
                self.own_text(palette::PRIVATE, &mark, palette::PLAIN, text, out);
            }
            // To whom, only the hub knows for sure: another private message may be on its way.
            Line::Reply(text) => {
                self.own_text(palette::PRIVATE, &["[your reply] "], palette::PLAIN, text, out);
            }
            _ => self.own_text(palette::OWN, &["> "], palette::COMMAND, line, out),
        }
    }

    fn own_text(&self, mark_style: Style, mark: &[&str], style: Style, text: &[u8], out: &mut Vec<u8>) {
        self.paint(mark_style, mark, out);
        self.begin_style(style, out);
        sanitize(text, out);
        self.end_style(style, out);
    }

    /// Appends the time, and before it the day if that is another one.
    fn time(&mut self, clock: Clock, stamp: &Stamp, now: &Stamp, out: &mut Vec<u8>) {
        let time = match self.timestamps {
            Timestamps::None => return,
            Timestamps::Wire => stamp.as_bytes().trim_ascii_end(),
            Timestamps::Short => {
                if let Some(day) = self.days.next(clock, stamp, now) {
                    self.paint(palette::TIME, &["--- ", &String::from_utf8_lossy(&day), " ---"], out);
                    out.push(b'\n');
                }
                stamp.time()
            }
        };
        self.begin_style(palette::TIME, out);
        out.extend_from_slice(time);
        self.end_style(palette::TIME, out);
        out.push(b' ');
    }

    fn paint(&self, style: Style, parts: &[&str], out: &mut Vec<u8>) {
        self.begin_style(style, out);
        parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        self.end_style(style, out);
    }

    fn begin_style(&self, style: Style, out: &mut Vec<u8>) {
        if self.color {
            // Writing to memory does not fail.
            let _ = write!(out, "{style}");
        }
    }

    fn end_style(&self, style: Style, out: &mut Vec<u8>) {
        if self.color {
            let _ = write!(out, "{style:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WELCOME: &str = "* hub: welcome to lobby, ann; 88 leaves, /help lists the commands";

    /// A view without colours.
    fn plain() -> View {
        View::new(Timestamps::Short, false, true)
    }

    /// The view of ann in the lobby of a hub.
    fn anns(color: bool) -> View {
        let mut view = View::new(Timestamps::Short, color, true);
        view.begin("192.0.2.7:21567");
        received(&mut view, &[WELCOME]);
        view
    }

    fn now() -> Stamp {
        at("Mon Nov  9", "19:23:02")
    }

    fn at(day: &str, time: &str) -> Stamp {
        Stamp::parse(format!("[{day} {time} 2026] ").as_bytes())
            .unwrap_or_else(|| unreachable!("{day} {time}"))
    }

    fn text(out: Vec<u8>) -> String {
        String::from_utf8(out).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// What a batch of these lines looks like, if they are sent now.
    fn received(view: &mut View, lines: &[&str]) -> String {
        let stamp = String::from_utf8_lossy(now().as_bytes()).into_owned();
        received_raw(view, &lines.iter().map(|line| format!("{stamp}{line}\n")).collect::<String>())
    }

    fn received_raw(view: &mut View, lines: &str) -> String {
        let mut out = Vec::new();
        view.messages(lines.as_bytes(), &now(), &mut out);
        text(out)
    }

    fn typed(view: &mut View, line: &[u8]) -> String {
        let mut out = Vec::new();
        view.own(line, &now(), &mut out);
        text(out)
    }

    fn noticed(view: &mut View, kind: Kind, notice: &str) -> String {
        let mut out = Vec::new();
        view.notice(kind, notice, &now(), &mut out);
        text(out)
    }

    #[test]
    fn two_people_see_who_says_what_by_marks() {
        let mut view = plain();
        view.begin("192.0.2.7:21567");
        assert_eq!(noticed(&mut view, Kind::Notice, "...connected"), "19:23:02 * ...connected\n");
        assert_eq!(received(&mut view, &["hi", ""]), "19:23:02 < hi\n19:23:02 < \n");
        assert_eq!(typed(&mut view, b"hello"), "19:23:02 > hello\n");
        assert_eq!(typed(&mut view, b"/who"), "19:23:02 > /who\n");
        assert_eq!(noticed(&mut view, Kind::Error, "one\ntwo"), "19:23:02 ! one\n19:23:02 ! two\n");
        assert_eq!(view.prompt(), "192.0.2.7:21567");
        assert_eq!((view.names(), view.commands()), (vec![], &[][..]));
    }

    #[test]
    fn in_a_hub_everybody_has_a_name() {
        let mut view = anns(false);
        let lines = [
            ("<bob> hello", "bob  hello"),
            ("* <bob> waves", "* <bob> waves"),
            ("[bob -> you] psst", "[bob -> you] psst\n\x07"),
            ("* bob is now robert", "hub: bob is now robert"),
            ("* hub: 2 are here: ann, robert", "hub: 2 are here: ann, robert"),
            ("from nowhere", "< from nowhere"),
        ];
        for (line, shown) in lines {
            assert_eq!(received(&mut view, &[line]).trim_end_matches('\n'), format!("19:23:02 {shown}"));
        }
    }

    #[test]
    fn what_the_user_says_in_a_hub_appears_as_others_see_it_and_is_told_apart_from_what_they_say() {
        let mut view = anns(false);
        let lines = [
            ("hello", "ann> hello"),
            ("//who", "ann> /who"),
            ("/who", "> /who"),
            ("/me waves", "* ann> waves"),
            ("/msg bob psst", "[you -> bob] psst"),
            ("/reply psst", "[your reply] psst"),
            ("/msg bob", "> /msg bob"),
            ("/kick bob", "> /kick bob"),
        ];
        for (line, shown) in lines {
            assert_eq!(typed(&mut view, line.as_bytes()), format!("19:23:02 {shown}\n"));
        }
        assert_eq!(typed(&mut view, b"88"), "");
    }

    #[test]
    fn what_the_user_says_is_made_harmless() {
        for mut view in [plain(), anns(false)] {
            for line in [
                "\x1b[2Jgone",
                "/me \x1b[2J",
                "/msg \x1b[2J hi",
                "/msg bob \x1b[2J",
                "/reply \x1b[2J",
                "/\x1b[2J",
            ] {
                let shown = typed(&mut view, line.as_bytes());
                assert!(shown.contains("^[[2J") && !shown.contains('\x1b'), "{shown:?}");
            }
            assert!(typed(&mut view, b"caf\xe9").ends_with("> caf\u{fffd}\n"));
        }
    }

    #[test]
    fn a_peer_is_a_hub_only_if_it_begins_like_one() {
        let mut view = plain();
        view.begin("192.0.2.7:21567");
        assert_eq!(received(&mut view, &["hi", WELCOME]), format!("19:23:02 < hi\n19:23:02 < {WELCOME}\n"));
        assert_eq!(received(&mut view, &["<bob> hi"]), "19:23:02 < <bob> hi\n");
        assert_eq!(view.prompt(), "192.0.2.7:21567");
        // Another session.
        view.begin("192.0.2.8:21567");
        received(&mut view, &["* hub: the message of the day", WELCOME, "<bob> hi"]);
        assert_eq!((view.prompt(), view.names()), ("lobby ann".to_owned(), vec!["bob"]));
        view.begin("waiting");
        assert_eq!((view.prompt(), view.names()), ("waiting".to_owned(), vec![]));
    }

    #[test]
    fn the_prompt_follows_the_room_and_the_name() {
        let mut view = anns(false);
        received(&mut view, &["* hub: you are now eve"]);
        assert_eq!(view.prompt(), "lobby eve");
        received(&mut view, &["* hub: welcome to tea, eve; 88 leaves, /help lists the commands"]);
        assert_eq!(view.prompt(), "tea eve");
        received(&mut view, &["<bob> * hub: you are now x", "* hub: you are now \u{3000}"]);
        assert_eq!(view.prompt(), "tea eve");
    }

    #[test]
    fn a_mention_is_marked_and_rings_the_bell_once_for_a_batch() {
        let mut view = anns(false);
        let shown =
            received(&mut view, &["<bob> hi Ann", "* <bob> waves at ann", "<bob> annoying", "* ann left"]);
        let expected = "bob! hi Ann\n* <bob>! waves at ann\nbob  annoying\nhub: ann left\n\x07";
        assert_eq!(shown.replace("19:23:02 ", ""), expected);
        let mut view = View::new(Timestamps::None, true, false);
        view.operate("lobby", "@operator");
        let shown = received(&mut view, &["<bob> operator?"]);
        assert!(shown.ends_with("\x1b[0m! \x1b[1m\x1b[7moperator\x1b[0m?\n"), "{shown:?}");
    }

    #[test]
    fn only_marks_and_names_have_a_colour_and_never_what_somebody_says() {
        let mut view = View::new(Timestamps::Short, true, false);
        assert_eq!(received(&mut view, &["hi"]), "\x1b[2m19:23:02\x1b[0m \x1b[38;5;31m<\x1b[0m hi\n");
        assert_eq!(typed(&mut view, b"hi"), "\x1b[2m19:23:02\x1b[0m \x1b[1m> \x1b[0mhi\n");
        let mut view = anns(true);
        let shown = received(&mut view, &["<bob> hi", "[bob -> you] hi", "* <bob> hi"]);
        assert_eq!(
            shown.matches("\x1b[0m hi\n").count() + shown.matches("\x1b[0m  hi\n").count(),
            3,
            "{shown:?}"
        );
    }

    #[test]
    fn the_time_is_shown_as_the_user_wants_it() {
        let show = |timestamps| {
            let mut view = View::new(timestamps, false, false);
            let lines = "[Mon Nov  9 19:18:34 2026] one\nwithout a stamp\n[Mon Nov  8] 3\n";
            received_raw(&mut view, lines)
        };
        assert_eq!(
            show(Timestamps::Short),
            "19:18:34 < one\n19:23:02 < without a stamp\n19:23:02 < [Mon Nov  8] 3\n"
        );
        assert_eq!(show(Timestamps::None), "< one\n< without a stamp\n< [Mon Nov  8] 3\n");
        assert!(
            show(Timestamps::Wire)
                .starts_with("[Mon Nov  9 19:18:34 2026] < one\n[Mon Nov  9 19:23:02 2026] < without")
        );
    }

    #[test]
    fn a_stamp_of_another_time_zone_gives_way_to_the_time_of_arrival() {
        let mut view = plain();
        view.begin("192.0.2.7:21567");
        let shown = |view: &mut View, stamp: &str| received_raw(view, &format!("[{stamp} 2026] hi\n"));
        for stamp in ["Mon Nov  9 19:18:02", "Mon Nov  9 19:28:02"] {
            assert_eq!(shown(&mut view, stamp), format!("{} < hi\n", &stamp[11..]));
        }
        for stamp in
            ["Mon Nov  9 19:18:01", "Mon Nov  9 05:23:02", "Tue Nov 10 04:23:02", "Xyz Abc 99 99:99:99"]
        {
            assert_eq!(shown(&mut view, stamp), "19:23:02 < hi\n", "{stamp}");
        }
    }

    #[test]
    fn the_first_line_of_a_hub_tells_whether_its_clock_is_ours() {
        let mut view = anns(false);
        let early = "[Mon Nov  9 06:18:34 2026] <bob> early\n";
        assert_eq!(received_raw(&mut view, early), "06:18:34 bob  early\n");
        view.begin("192.0.2.8:21567");
        received_raw(&mut view, &format!("[Mon Nov  9 10:23:02 2026] {WELCOME}\n"));
        assert_eq!(received_raw(&mut view, early), "19:23:02 bob  early\n");
    }

    #[test]
    fn a_day_that_is_not_today_is_announced_and_so_is_today_after_it() {
        let mut view = anns(false);
        let history = "[Sun Nov  8 23:59:59 2026] <bob> late\n[Mon Nov  9 00:00:00 2026] <bob> early\n";
        let expected =
            "--- Sun Nov  8 2026 ---\n23:59:59 bob  late\n--- Mon Nov  9 2026 ---\n00:00:00 bob  early\n";
        assert_eq!(received_raw(&mut view, history), expected);
        received_raw(&mut view, "[Sun Nov  8 23:59:59 2026] <bob> late\n");
        assert_eq!(typed(&mut view, b"hi"), "--- Mon Nov  9 2026 ---\n19:23:02 ann> hi\n");
    }

    /// Text that tries to look like something else.
    fn tricky() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "* ",
            "! ",
            "> ",
            "< ",
            "<",
            ">",
            "hub: ",
            "ann",
            "bob",
            "[",
            "]",
            " -> you] ",
            "you",
            "your reply",
            "@",
            "-",
            " ",
            "  ",
            "\u{a0}",
            "\u{3000}",
            "*",
            "!",
            "88",
            "--- ",
            "joined",
            "19:23:02 ",
            " is now ",
            "you are now ",
            "\u{ff1e}",
            "\u{301}",
            "hi",
            WELCOME,
            "[Mon Nov  9 06:18:34 2026] ",
        ]);
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_received_line_looks_like_a_notice_or_like_what_the_user_typed(
            is_hub in any::<bool>(),
            lines in prop::collection::vec(tricky(), 1..8),
        ) {
            let mut view = if is_hub { anns(false) } else { plain() };
            for line in lines {
                let shown = received(&mut view, &[&line]);
                let shown = shown.trim_end_matches('\x07').strip_suffix('\n').unwrap_or("");
                let rest = shown.strip_prefix("19:23:02 ");
                prop_assert!(rest.is_some() && !shown.contains('\n'), "{shown:?}");
                let rest = rest.unwrap_or("");
                let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
                // A notice, an error, a line of the user or of the user's private messages, or another day.
                prop_assert!(!["!", ">", "[you", "[your", "---"].contains(&first), "{shown:?}");
                prop_assert!(first != "*" || others.starts_with('<'), "{shown:?}");
                prop_assert!(!first.ends_with('>'), "{shown:?}");
            }
        }
    }
}
