//! Whether what the clients of a hub received fits what they said, by the transcript of the hub.
//!
//! Every text that is said is said once in a history, so that it can be recognized wherever it is seen. The transcript is
//! the order of a room. Then:
//!
//! - what the transcript has of a client is what it sent, in that order, and nothing of it twice or left out;
//! - what a client received of a room, from its coming to its leaving, is what the transcript has, in that order, without gaps;
//! - a private message reaches somebody of that name, once, and nobody else;
//! - no two members have names that look alike at the same moment, and nothing is shown under another name than its author's.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use threadchat::rules::hub::Name;

/// How long a stamp is, with the space behind it.
const STAMP_LEN: usize = 27;

/// A line of the transcript.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The connection, by its number. None: the operator.
    pub who: Option<usize>,
    pub name: String,
    pub room: String,
    pub what: What,
}

impl Entry {
    /// What was said, if anything was.
    fn text(&self) -> &str {
        match &self.what {
            What::Said(text) => text,
            _ => "",
        }
    }
}

#[derive(Debug, Clone)]
pub enum What {
    Joined,
    /// And how, as the others read it.
    Left(String),
    /// The name is the old one, and this the new one.
    Renamed(String),
    Said(String),
}

/// What one client did.
#[derive(Debug, Default, Clone)]
pub struct Connection {
    /// Every byte that it sent.
    pub sent: Vec<u8>,
    /// Every byte that it received.
    pub received: Vec<u8>,
    /// It gets back what it says, as browsers do.
    pub hears_itself: bool,
    /// The hub has had the time to execute everything that it sent.
    pub was_heard: bool,
    /// It has read everything that the hub had for it.
    pub has_heard: bool,
}

/// What was checked.
#[derive(Debug, Default, Clone, Copy)]
pub struct Checked {
    pub said: usize,
    pub received: usize,
}

/// Why members leave without getting everything.
const CUT: [&str; 5] =
    ["was disconnected", "vanished", "lost the connection", "left without 88", "was banned"];

/// Where the transcript `is_complete`, the names are looked at, too: who has left is needed for that.
///
/// # Errors
/// What does not fit, in words.
pub fn check(transcript: &[Entry], connections: &[Connection], is_complete: bool) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let history = History::of(transcript, false, HashSet::new())?;
    let sent: Vec<Sent> = connections.iter().map(Sent::of).collect();
    for (who, connection) in connections.iter().enumerate() {
        let said = history.said_by(who);
        checked.said += said.len();
        check_said(&said, &sent[who].said, connection.was_heard)
            .map_err(|error| format!("client {who}: {error}"))?;
        let heard =
            Heard::of(connection, &history).map_err(|error| format!("client {who} received {error}"))?;
        checked.received += heard.said.len();
        history
            .check_heard(who, &heard, connection, &sent[who])
            .map_err(|error| format!("client {who} {error}"))?;
        checked.received += heard.private.len();
        history
            .check_private(who, &heard, &sent)
            .map_err(|error| format!("client {who} received {error}"))?;
    }
    if is_complete {
        check_names(transcript)?;
    }
    Ok(checked)
}

/// One of several hubs that are linked.
#[derive(Debug, Default)]
pub struct Linked {
    pub transcript: Vec<Entry>,
    /// The numbers of its clients.
    pub clients: Range<usize>,
    /// What was said before it came, and what it could not read in time. If something was lost, some of it may come once more.
    pub not_seen: HashSet<String>,
    /// Something was lost, and its clients were told so.
    pub has_lost: bool,
}

/// The same for linked hubs: each has a transcript of its own, and whoever calls another hub may write, too.
///
/// # Errors
/// What does not fit, in words.
pub fn check_linked(hubs: Vec<Linked>, connections: &[Connection]) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let sent: Vec<Sent> = connections.iter().map(Sent::of).collect();
    let mut names: HashMap<usize, BTreeSet<Arc<str>>> = HashMap::new();
    for hub in &hubs {
        for (who, own) in History::of(&hub.transcript, hub.has_lost, HashSet::new())?.names {
            names.entry(who).or_default().extend(own);
        }
    }
    for Linked { transcript, clients, not_seen, has_lost } in hubs {
        let mut history = History::of(&transcript, has_lost, not_seen)?;
        (history.has_gaps, history.is_linked) = (has_lost, true);
        history.names.clone_from(&names);
        for who in clients {
            let connection = &connections[who];
            let said = history.said_by(who);
            checked.said += said.len();
            let mut expected = sent[who].said.clone();
            if has_lost {
                let is_known: HashSet<_> = said.iter().copied().collect();
                expected.retain(|text| is_known.contains(&**text));
            }
            check_said(&said, &expected, connection.was_heard)
                .map_err(|error| format!("client {who}: {error}"))?;
            let heard =
                Heard::of(connection, &history).map_err(|error| format!("client {who} received {error}"))?;
            checked.received += heard.said.len() + heard.private.len();
            history
                .check_heard(who, &heard, connection, &sent[who])
                .map_err(|error| format!("client {who} {error}"))?;
            history
                .check_private(who, &heard, &sent)
                .map_err(|error| format!("client {who} received {error}"))?;
        }
    }
    Ok(checked)
}

/// What one client sent, in order.
#[derive(Debug, Default)]
struct Sent {
    /// To the room.
    said: Vec<String>,
    /// To one member: its name, and the text.
    private: Vec<(String, String)>,
    /// Whom it ignored, at times.
    ignored: BTreeSet<Arc<str>>,
    /// Which names it asked for.
    asked: BTreeSet<Arc<str>>,
}

impl Sent {
    fn of(connection: &Connection) -> Self {
        let mut sent = Self::default();
        let text = String::from_utf8_lossy(&connection.sent);
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            // Empty lines cannot be told from each other.
            if line.is_empty() {
                continue;
            }
            let mut words = line.splitn(3, ' ');
            match (words.next().unwrap_or_default(), words.next(), words.next()) {
                ("88", None, _) | ("/quit", None, _) => break,
                ("/quit", ..) => {
                    sent.said.push(line["/quit ".len()..].to_owned());
                    break;
                }
                ("/me", Some(_), _) => sent.said.push(line["/me ".len()..].to_owned()),
                ("/msg", Some(name), Some(text)) => sent.private.push((name.to_owned(), text.to_owned())),
                ("/reply", Some(_), _) => {
                    sent.private.push((String::new(), line["/reply ".len()..].to_owned()));
                }
                ("/ignore", Some(name), _) => drop(sent.ignored.insert(key(name))),
                ("/name", Some(name), _) => drop(sent.asked.insert(key(name))),
                (command, ..) if command.starts_with('/') => {}
                _ => sent.said.push(line.to_owned()),
            }
        }
        sent
    }
}

fn check_said(said: &[&str], sent: &[String], was_heard: bool) -> Result<(), String> {
    for (n, text) in said.iter().enumerate() {
        match sent.get(n) {
            Some(expected) if expected == text => {}
            expected => return Err(format!("said {expected:?}, and the transcript has {text:?}")),
        }
    }
    match sent.get(said.len()).filter(|_| was_heard) {
        Some(lost) => Err(format!("said {lost:?}, and the transcript ends before")),
        None => Ok(()),
    }
}

/// Where everybody begins.
const LOBBY: &str = "lobby";

/// The transcript, to look things up in.
struct History<'a> {
    transcript: &'a [Entry],
    /// Where in the transcript each text was said, under which name: a program that calls again repeats some under another.
    texts: HashMap<(&'a str, &'a str), usize>,
    /// Where in the transcript something was said in each room.
    rooms: HashMap<Arc<str>, Vec<usize>>,
    /// The names that each client had.
    names: HashMap<usize, BTreeSet<Arc<str>>>,
    /// What may be in the history of a room although it is not in the transcript, or comes there once more.
    not_seen: HashSet<String>,
    /// Redis has lost data: something may be missing in the history of a room, and come once more.
    has_gaps: bool,
    is_linked: bool,
}

impl<'a> History<'a> {
    /// What Redis has lost before its hub knew that it is in the log comes once more, and is not looked at.
    fn of(transcript: &'a [Entry], may_repeat: bool, not_seen: HashSet<String>) -> Result<Self, String> {
        let mut history = Self {
            transcript,
            texts: HashMap::new(),
            rooms: HashMap::new(),
            names: HashMap::new(),
            not_seen,
            has_gaps: false,
            is_linked: false,
        };
        for (at, entry) in transcript.iter().enumerate() {
            if let Some(who) = entry.who {
                let names = history.names.entry(who).or_default();
                names.insert(key(&entry.name));
                if let What::Renamed(new) = &entry.what {
                    names.insert(key(new));
                }
            }
            if let What::Said(text) = &entry.what
                && !text.is_empty()
            {
                if history.texts.insert((&entry.name, text), at).is_some() {
                    if !may_repeat {
                        return Err(format!("{text:?} is in the transcript twice"));
                    }
                    history.not_seen.insert(text.clone());
                }
                history.rooms.entry(key(&entry.room)).or_default().push(at);
            }
        }
        let is_looked_at = |at: &usize| !history.not_seen.contains(transcript[*at].text());
        history.rooms.values_mut().for_each(|room| room.retain(is_looked_at));
        Ok(history)
    }

    fn said_by(&self, who: usize) -> Vec<&'a str> {
        let text = |entry: &'a Entry| match &entry.what {
            What::Said(text) if entry.who == Some(who) && !text.is_empty() => Some(&**text),
            _ => None,
        };
        self.transcript.iter().filter_map(text).collect()
    }

    /// What a client received of its rooms: the places in the transcript.
    fn check_heard(
        &self,
        who: usize,
        received: &Heard,
        connection: &Connection,
        sent: &Sent,
    ) -> Result<(), String> {
        let mut heard = received.said.iter().copied().peekable();
        let mut news = received.news.iter().peekable();
        let (mut count, mut ignored) = (0, BTreeSet::new());
        let mut came: Option<usize> = None;
        let own = self.transcript.iter().enumerate().filter(|(_, entry)| entry.who == Some(who));
        let mut ends = own
            .filter_map(|(at, entry)| match &entry.what {
                What::Joined => {
                    came = Some(at);
                    None
                }
                What::Left(how) => {
                    came.take().map(|came| (came, at, !CUT.iter().any(|cut| how.starts_with(cut))))
                }
                _ => None,
            })
            .collect::<Vec<_>>();
        ends.extend(came.map(|came| (came, self.transcript.len(), true)));
        // Who comes to a linked hub gets what is said before the others know.
        if ends.is_empty() && self.is_linked {
            ends.push((self.transcript.len(), self.transcript.len(), false));
        }
        // Who leaves a linked hub gets nothing of what is said until the others know.
        let is_whole = connection.has_heard
            && ends.last().is_none_or(|(_, left, is_whole)| {
                *is_whole && (*left == self.transcript.len() || !self.is_linked)
            });
        for (came, left, _) in ends {
            let mut known: HashMap<&str, Option<usize>> = HashMap::new();
            let none = Vec::new();
            let room = self.transcript.get(came).map_or(LOBBY, |entry| &entry.room);
            let room = self.rooms.get(&key(room)).unwrap_or(&none);
            let first = room.partition_point(|at| *at < came);
            // The history begins before it came.
            let begin = heard
                .peek()
                .and_then(|at| room.binary_search(at).ok())
                .map_or(first, |begin| begin.min(first));
            for at in room[begin..].iter().copied().take_while(|at| *at < left) {
                let author = self.transcript[at].who;
                let is_own = author == Some(who);
                let is_echo = is_own && at > came && !connection.hears_itself;
                if is_echo {
                    continue;
                }
                if heard.next_if_eq(&at).is_some() {
                    // Nobody passes for somebody else: it knows of every change of a name before anything is said under it.
                    while let Some((_, news)) = news.next_if(|(before, _)| *before <= count) {
                        match news.strip_prefix("hub: ") {
                            None => named(news).for_each(|name| {
                                known.remove(name);
                            }),
                            Some(answer) => self.note_ignored(answer, &mut ignored),
                        }
                    }
                    count += 1;
                    if ignored.contains(&author) {
                        return Err(format!("received {:?} of somebody whom it ignores", self.text(at)));
                    }
                    let name = &*self.transcript[at].name;
                    // Whose an unreadable line is, that came from another hub, nobody knows.
                    let is_known = author.is_some() || name.starts_with('@');
                    if at > came
                        && is_known
                        && known.insert(name, author).is_some_and(|known| known != author)
                    {
                        return Err(format!(
                            "was not told that {name} is somebody else when it read {:?}",
                            self.text(at)
                        ));
                    }
                    continue;
                }
                let may_be_ignored = || {
                    author.is_some_and(|author| {
                        self.names.get(&author).is_some_and(|names| !names.is_disjoint(&sent.ignored))
                    })
                };
                // Before it came, it is in the history, if at all.
                if is_own && at < came || may_be_ignored() || at < came && self.has_gaps {
                    continue;
                }
                return match heard.peek() {
                    // From there on it received nothing.
                    None if !is_whole => Ok(()),
                    next => Err(format!(
                        "did not receive {:?} but {:?}",
                        self.text(at),
                        next.map(|at| self.text(*at))
                    )),
                };
            }
        }
        match heard.next() {
            Some(at) => Err(format!("received {:?} twice, too late, or where it was not", self.text(at))),
            None => Ok(()),
        }
    }

    /// Whom a client ignores from this answer on, if the name has always been that of one client, which had no other.
    fn note_ignored(&self, answer: &str, ignored: &mut BTreeSet<Option<usize>>) {
        let (name, is_ignored) =
            match (answer.strip_prefix("you now ignore "), answer.strip_prefix("you no longer ignore ")) {
                (Some(name), _) => (key(name), true),
                (_, Some(name)) => (key(name), false),
                _ => return,
            };
        let mut owners = self.names.iter().filter(|(_, names)| names.contains(&name));
        if let (Some((owner, names)), None) = (owners.next(), owners.next())
            && names.len() == 1
        {
            match is_ignored {
                true => ignored.insert(Some(*owner)),
                false => ignored.remove(&Some(*owner)),
            };
        }
    }

    fn text(&self, at: usize) -> &str {
        self.transcript[at].text()
    }

    /// Private messages that a client received: who sent each, and its text.
    fn check_private(&self, who: usize, heard: &Heard, sent: &[Sent]) -> Result<(), String> {
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (name, text) in &heard.private {
            let found = sent.iter().enumerate().find_map(|(by, sent)| {
                let at = sent.private.iter().position(|(_, sent)| sent == text)?;
                Some((by, at, &sent.private[at].0))
            });
            let Some((by, at, to)) = found else { return Err(format!("{text:?}, which nobody wrote")) };
            // What Redis has lost before its hub heard of it may be said once more.
            if last.insert(by, at).is_some_and(|last| last >= at) && !self.has_gaps {
                return Err(format!("{text:?} twice or too late"));
            }
            // Linked hubs may know that it has got a name before its own hub does, which does not hear of it if it is taken for gone.
            let has_had = |who: usize, name: &str| {
                self.names.get(&who).is_some_and(|names| names.contains(&key(name)))
                    || self.is_linked && sent[who].asked.contains(&key(name))
            };
            // A hub that ends need not hear that one of its clients has joined.
            let is_known = !self.is_linked || self.names.contains_key(&by);
            if is_known && !has_had(by, name) {
                return Err(format!("{text:?} as if {name} had written it"));
            }
            // At a linked hub it has the name with which it was welcomed before all hubs know it.
            let is_welcome = |(_, news): &(usize, String)| {
                news.strip_prefix(WELCOME)
                    .and_then(|rest| rest.split_once(';'))
                    .is_some_and(|(name, _)| name == to)
            };
            if !to.is_empty() && !has_had(who, to) && !heard.news.iter().any(is_welcome) {
                return Err(format!("{text:?}, which is for {to}"));
            }
        }
        Ok(())
    }
}

/// What a hub says first. The name follows.
const WELCOME: &str = "hub: welcome to lobby, ";

/// What follows the stamp.
fn message_in(line: &str) -> Option<&str> {
    line.get(STAMP_LEN..).filter(|_| line.starts_with('['))
}

/// The name and the text, if this line says that somebody says it, or does it.
pub fn said_in(line: &str) -> Option<(&str, &str)> {
    let message = message_in(line)?;
    message.strip_prefix("* ").unwrap_or(message).strip_prefix('<')?.split_once("> ")
}

/// What one client received.
#[derive(Debug, Default)]
struct Heard {
    /// Of its rooms: the places in the transcript.
    said: Vec<usize>,
    /// What the hub told it, and before how many of these.
    news: Vec<(usize, String)>,
    /// For itself: the name of who wrote it, and the text.
    private: Vec<(String, String)>,
}

impl Heard {
    fn of(connection: &Connection, history: &History<'_>) -> Result<Self, String> {
        let mut heard = Self::default();
        let whole =
            connection.received.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        for line in whole {
            let line = std::str::from_utf8(line)
                .map_err(|_| "bytes that are no UTF-8")?
                .trim_end_matches(['\r', '\n']);
            if line == "88" || line.is_empty() {
                continue;
            }
            let message = message_in(line).ok_or_else(|| format!("{line:?} without a stamp"))?;
            if let Some((name, text)) = said_in(line) {
                if text.is_empty() || history.not_seen.contains(text) {
                    continue;
                }
                let at = history
                    .texts
                    .get(&(name, text))
                    .ok_or_else(|| format!("{text:?} of {name}, which nobody said under this name"))?;
                heard.said.push(*at);
            } else if let Some(news) = message.strip_prefix("* ") {
                heard.news.push((heard.said.len(), news.to_owned()));
            } else if let Some((name, text)) =
                message.strip_prefix('[').and_then(|said| said.split_once(" -> you] "))
            {
                heard.private.push((name.to_owned(), text.to_owned()));
            }
        }
        Ok(heard)
    }
}

/// Whose names an announcement is about: `bob joined`, `bob left`, `bob is now ann, eve is now bob`.
fn named(news: &str) -> impl Iterator<Item = &str> {
    let parts = news.split(", ").flat_map(|part| part.split(" is now "));
    parts.map(|part| part.split(' ').next().unwrap_or_default())
}

/// Nobody has a name that looks like that of somebody else who is there.
fn check_names(transcript: &[Entry]) -> Result<(), String> {
    let mut present: BTreeMap<Option<usize>, Name> = BTreeMap::new();
    for entry in transcript {
        let name = match &entry.what {
            What::Joined => &entry.name,
            What::Renamed(new) => new,
            What::Left(_) => {
                present.remove(&entry.who);
                continue;
            }
            What::Said(_) => {
                let known = present.get(&entry.who).filter(|_| entry.who.is_some());
                if known.is_some_and(|known| **known.shown() != *entry.name) {
                    return Err(format!(
                        "{} says something as {}",
                        known.map_or("", |name| name.shown()),
                        entry.name
                    ));
                }
                continue;
            }
        };
        // The operator's is no name that others may have.
        let Some(name) = parse(name) else { continue };
        if let Some((other, same)) =
            present.iter().find(|(who, other)| **who != entry.who && other.looks_like(&name))
        {
            return Err(format!(
                "{:?} and {other:?} are {} and {} at the same time",
                entry.who,
                name.shown(),
                same.shown()
            ));
        }
        present.insert(entry.who, name);
    }
    Ok(())
}

thread_local! {
    /// What the names mean that have been seen: there are few, and finding it out takes long.
    static NAMES: RefCell<HashMap<String, Option<Name>>> = RefCell::default();
}

/// None if the hub would not take it.
fn parse(name: &str) -> Option<Name> {
    NAMES.with_borrow_mut(|names| match names.get(name) {
        Some(known) => known.clone(),
        None => names.entry(name.to_owned()).or_insert_with(|| Name::parse(name).ok()).clone(),
    })
}

/// Names are compared like this.
fn key(name: &str) -> Arc<str> {
    parse(name).map_or_else(|| name.into(), |name| Arc::clone(name.key()))
}
