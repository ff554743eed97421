//! Tells the checker of the simulator what happened: who said what over which connection, and what each hub recorded.

use super::checker::{self, Connection, Entry, What, said_in};
use super::clients::{Kind, Talk};
use super::hubs::Life;
use super::proxy::{DOWN, Record, UP};
use super::run::Figures;
use super::subject::Subject;
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;

/// What a hub says first over each connection. The name follows.
const WELCOME: &str = "] * hub: welcome to lobby, ";

/// What a hub says when it gives a member another name: if it was not linked yet, another hub may have given the first one.
const RENAMED: &str = "] * hub: you are now ";

/// How a member leaves with whom the hub has lost patience. What it has sent and the hub has not read is lost.
const GIVEN_UP: &str = "was disconnected";

/// What members are told when a hub has missed something.
const MISSING: &[u8] = b"missing here";

/// A connection to a hub.
struct Line<'a> {
    talk: &'a Talk,
    record: Record,
    life: usize,
    connection: Connection,
}

/// # Errors
/// A promise was broken.
pub fn judge(
    subject: Subject,
    lives: &[Life],
    talks: &[Talk],
    records: &[Record],
) -> Result<Figures, String> {
    let (mut lines, ranges) = lines(lives, talks, records);
    let mut transcripts: Vec<_> =
        lives.iter().enumerate().map(|(life, of)| entries(&of.transcript, life, &lines)).collect();
    leave(&mut lines, &transcripts, lives, subject.is_linked());
    for (talk, range) in talks.iter().zip(&ranges) {
        split_received(talk, range.clone(), &mut lines, &transcripts, lives)?;
    }
    for (life, of) in lives.iter().enumerate().filter(|(_, of)| of.is_cut_short) {
        let (before, own) = transcripts.split_at_mut(life);
        let order = before.first().filter(|_| subject.is_linked()).map_or(&[][..], Vec::as_slice);
        complete(life, order, &mut own[0], &mut lines)
            .map_err(|error| format!("hub {} that did not record everything: {error}", of.place))?;
    }
    // The first of linked hubs has recorded what was said at all of them.
    if subject.is_linked() {
        name_authors(&mut transcripts, lives, &lines);
        let (order, others) = transcripts.split_first_mut().ok_or("there was no hub")?;
        for (life, transcript) in (1..).zip(others) {
            let was_told = |line: &Line| {
                line.life == life && memchr::memmem::find(&line.connection.received, MISSING).is_some()
            };
            continue_from(order, transcript, lines.iter().any(was_told))?;
        }
    }
    let mut figures = Figures::default();
    for (talk, range) in talks.iter().zip(&ranges) {
        let [repeated, taken_along] =
            divide_sent(talk, range.clone(), &mut lines, lives, &transcripts, subject.is_linked())?;
        figures.repeated += repeated;
        figures.taken_along += taken_along;
    }
    for (life, transcript) in transcripts.iter().enumerate() {
        let is_order = life == 0 && subject.is_linked();
        let connection = |line: &Line<'_>| match &line.connection {
            // What is not recorded may have been said all the same, and somebody may have left before.
            connection if line.life == life => Connection {
                was_heard: connection.was_heard && !lives[life].is_cut_short,
                has_heard: connection.has_heard && !lives[life].is_cut_short,
                ..connection.clone()
            },
            Connection { sent, was_heard, .. } if is_order => {
                Connection { sent: sent.clone(), was_heard: *was_heard, ..Connection::default() }
            }
            _ => Connection::default(),
        };
        let connections: Vec<_> = lines.iter().map(connection).collect();
        let checked =
            checker::check(transcript, &connections, !lives[life].is_cut_short).map_err(|error| {
                let who = lines
                    .iter()
                    .enumerate()
                    .map(|(who, line)| format!("client {who}: {}", line.record.address));
                format!(
                    "hub {} in its life {life}: {error}\n{}",
                    lives[life].place,
                    who.collect::<Vec<_>>().join("\n")
                )
            })?;
        figures.received += checked.received;
        if is_order || !subject.is_linked() {
            figures.said += checked.said;
        }
    }
    Ok(figures)
}

/// All connections, and which of them each talk had.
fn lines<'a>(lives: &[Life], talks: &'a [Talk], records: &[Record]) -> (Vec<Line<'a>>, Vec<Range<usize>>) {
    let (mut lines, mut ranges) = (Vec::new(), Vec::new());
    for talk in talks {
        let begin = lines.len();
        for record in records.iter().filter(|record| record.door == talk.door) {
            let here = |life: &Life| life.place == talk.hub && life.began <= record.since;
            let Some(life) = lives.iter().rposition(here) else { continue };
            lines.push(Line { talk, record: *record, life, connection: Connection::default() });
        }
        ranges.push(begin..lines.len());
    }
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        let last = &mut lines[range.end - 1];
        if last.talk.is_whole {
            (last.connection.was_heard, last.connection.has_heard) = (true, true);
        }
    }
    (lines, ranges)
}

/// Who has said `88` and was understood has heard, and was heard.
fn leave(lines: &mut [Line<'_>], transcripts: &[Vec<Entry>], lives: &[Life], is_linked: bool) {
    for (who, line) in lines.iter_mut().enumerate() {
        let left =
            |entry: &Entry| entry.who == Some(who) && matches!(&entry.what, What::Left(how) if how == "left");
        if line.talk.has_left
            && line.talk.kind != Kind::Persistent
            && !lives[line.life].is_cut_short
            && transcripts[line.life].iter().any(left)
        {
            line.connection.was_heard = true;
            // Linked hubs record that somebody has left when that has come back from the log, with what was said meanwhile.
            line.connection.has_heard = line.talk.has_heard && !line.record.held_back[DOWN] && !is_linked;
        }
    }
}

/// What a transcript says of those whose connection is known, and all that was said.
fn entries(transcript: &[u8], life: usize, lines: &[Line<'_>]) -> Vec<Entry> {
    let here = lines.iter().enumerate().filter(|(_, line)| line.life == life);
    let addresses: HashMap<String, usize> =
        here.map(|(who, line)| (line.record.address.to_string(), who)).collect();
    let whole = transcript.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let entry = |line: &[u8]| {
        let value: Value = serde_json::from_slice(line).expect("a line of a transcript is JSON");
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let who = value["peer"].as_str().and_then(|peer| addresses.get(peer).copied());
        let what = match value["event"].as_str()? {
            "joined" if who.is_some() => What::Joined,
            "left" if who.is_some() => What::Left(text("text")),
            "renamed" if who.is_some() => What::Renamed(text("text")),
            "said" | "acted" => What::Said(text("text")),
            _ => return None,
        };
        Some(Entry { who, name: text("name"), room: text("room"), what })
    };
    whole.filter_map(entry).collect()
}

/// Which part of what a program has shown came over which of its connections.
fn split_received(
    talk: &Talk,
    range: Range<usize>,
    lines: &mut [Line<'_>],
    transcripts: &[Vec<Entry>],
    lives: &[Life],
) -> Result<(), String> {
    // Who has said goodbye does not tell the end from a hub or a network that broke.
    let may_be_cut = lines[range.clone()]
        .last()
        .is_none_or(|line| line.record.held_back[DOWN] || lives[line.life].is_cut_short);
    let mut rest = range;
    for part in parts(talk, talk.is_whole || (talk.has_heard && !may_be_cut)) {
        let names: Vec<_> = [WELCOME, RENAMED].iter().flat_map(|what| names_behind(what, part)).collect();
        let Some(name) = names.first() else { continue };
        let is_it = |who: &usize| {
            let joined = |entry: &Entry| {
                entry.who == Some(*who) && matches!(entry.what, What::Joined) && names.contains(&&*entry.name)
            };
            talk.kind != Kind::Persistent || transcripts[lines[*who].life].iter().any(joined)
        };
        match rest.clone().find(is_it) {
            Some(who) => {
                lines[who].connection.received = part.to_vec();
                rest.start = who + 1;
            }
            // A hub may not have recorded that somebody came.
            None if texts(part).next().is_none() || lives.iter().any(|life| life.is_cut_short) => {}
            None => return Err(format!("{name} at door {} is not in the transcript", talk.door)),
        }
    }
    Ok(())
}

/// What came over one connection after the other, the last of which is `whole` or not. A program shows a line that breaks off as if it
/// were a whole one.
fn parts(talk: &Talk, whole: bool) -> Vec<&[u8]> {
    if talk.kind.is_raw() {
        return vec![&talk.received];
    }
    let received = &*talk.received;
    let mut begins: Vec<usize> = memchr::memmem::find_iter(received, WELCOME.as_bytes())
        .map(|at| memchr::memrchr(b'\n', &received[..at]).map_or(0, |end| end + 1))
        .collect();
    begins.push(received.len());
    let part = |ends: &[usize]| {
        let part = &received[ends[0]..ends[1]];
        match whole && ends[1] == received.len() {
            true => part,
            false => &part[..memchr::memrchr(b'\n', part.trim_ascii_end()).map_or(0, |end| end + 1)],
        }
    };
    begins.windows(2).map(part).collect()
}

fn names_behind<'a>(what: &str, part: &'a [u8]) -> impl Iterator<Item = &'a str> {
    memchr::memmem::find_iter(part, what.as_bytes()).filter_map(move |at| {
        let rest = &part[at + what.len()..];
        str::from_utf8(&rest[..memchr::memchr2(b';', b'\n', rest)?]).ok()
    })
}

/// The names and texts that somebody has heard.
fn texts(received: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let whole = received.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    whole.filter_map(|line| said_in(str::from_utf8(line).ok()?.trim_end()))
}

/// The name and the text of what somebody said.
fn said(entry: &Entry) -> Option<(&str, &str)> {
    match &entry.what {
        What::Said(text) => Some((&entry.name, text)),
        _ => None,
    }
}

/// A hub that was killed, or whose disk was full, said more than it has recorded. What that was, those say who heard it: in one order.
/// If it was linked, they also heard what came before, of which `order` has all.
fn complete(
    life: usize,
    order: &[Entry],
    transcript: &mut Vec<Entry>,
    lines: &mut [Line<'_>],
) -> Result<(), String> {
    let (mut names, mut known) = (HashMap::new(), HashSet::new());
    for entry in &*transcript {
        match (&entry.what, entry.who) {
            (What::Joined, Some(who)) => drop(names.insert(who, entry.name.clone())),
            (What::Renamed(new), Some(who)) => drop(names.insert(who, new.clone())),
            (What::Said(text), _) => drop(known.insert((&*entry.name, &**text))),
            _ => {}
        }
    }
    let ordered: Vec<_> = order.iter().filter_map(said).collect();
    if let Some(last) = ordered.iter().rposition(|said| known.contains(said)) {
        known.extend(&ordered[..last]);
    }
    let mut doors: HashMap<String, Vec<usize>> = HashMap::new();
    for (who, line) in lines.iter_mut().enumerate().filter(|(_, line)| line.life == life) {
        doors.entry(line.talk.door.to_string()).or_default().push(who);
        if !names.contains_key(&who) {
            line.connection.received.clear();
        }
    }
    let mut ends: Vec<VecDeque<(&str, &str)>> = lines
        .iter()
        .filter(|line| line.life == life)
        .map(|line| texts(&line.connection.received).skip_while(|said| known.contains(said)).collect())
        .collect();
    let mut more = Vec::new();
    while ends.iter().any(|end| !end.is_empty()) {
        let is_next =
            |said: &(&str, &str)| ends.iter().all(|end| end.iter().skip(1).all(|later| later != said));
        let next = ends.iter().filter_map(|end| end.front()).find(|said| is_next(said)).copied();
        let next = next.ok_or("two heard its last lines in another order")?;
        for end in ends.iter_mut().filter(|end| end.front() == Some(&next)) {
            end.pop_front();
        }
        let (name, text) = next;
        let authors = text.split_once('.').and_then(|(door, _)| doors.get(door));
        let has_name = |who: &&usize| names.get(*who).is_some_and(|known| known == name);
        // A program that calls again has a name of its own over each connection. Others have one connection.
        let is_new = |who: &&usize| !names.contains_key(*who);
        let who = authors.and_then(|who| {
            who.iter().find(has_name).or_else(|| who.iter().find(is_new)).or(who.last()).copied()
        });
        let entry = |name: &str, what| Entry { who, name: name.to_owned(), room: "lobby".to_owned(), what };
        if let Some(old) = who.and_then(|who| names.insert(who, name.to_owned())).filter(|old| old != name) {
            more.push(entry(&old, What::Renamed(name.to_owned())));
        }
        more.push(entry(name, What::Said(text.to_owned())));
    }
    transcript.append(&mut more);
    Ok(())
}

/// Whose line it is that a hub has recorded of the member of another: what is said has the number of the door, and a program
/// that calls again has a name of its own over each connection.
fn name_authors(transcripts: &mut [Vec<Entry>], lives: &[Life], lines: &[Line<'_>]) {
    let name = |entry: &Entry| match &entry.what {
        What::Joined => Some((entry.name.clone(), entry.who?)),
        What::Renamed(new) => Some((new.clone(), entry.who?)),
        _ => None,
    };
    let names: HashSet<(String, usize)> = transcripts.iter().flatten().filter_map(name).collect();
    let mut doors: HashMap<String, Vec<usize>> = HashMap::new();
    for (who, line) in lines.iter().enumerate() {
        doors.entry(line.talk.door.to_string()).or_default().push(who);
    }
    for (transcript, _) in transcripts.iter_mut().zip(lives).filter(|(_, life)| life.place == 0) {
        for entry in transcript.iter_mut().filter(|entry| entry.who.is_none()) {
            let What::Said(text) = &entry.what else { continue };
            let lines = text.split_once('.').and_then(|(door, _)| doors.get(door));
            entry.who = lines.into_iter().flatten().copied().find(|who| {
                lines.is_some_and(|lines| lines.len() == 1) || names.contains(&(entry.name.clone(), *who))
            });
        }
    }
}

/// The text that others read, if this is not a command.
fn text_of(line: &str) -> Option<&str> {
    line.strip_prefix("/me ").or_else(|| Some(line).filter(|line| !line.starts_with('/')))
}

/// What was sent over which connection. A program that calls again repeats what may not have arrived, and leaves nothing out.
/// Returns how many lines were repeated, and how many were taken along by a hub or a network that broke.
fn divide_sent(
    talk: &Talk,
    range: Range<usize>,
    lines: &mut [Line<'_>],
    lives: &[Life],
    transcripts: &[Vec<Entry>],
    is_linked: bool,
) -> Result<[usize; 2], String> {
    let said_by = |line: &Line<'_>, who| -> Vec<&str> {
        let order = &transcripts[if is_linked { 0 } else { line.life }];
        let said = order.iter().filter(|entry| entry.who == Some(who)).filter_map(said);
        said.map(|(_, text)| text).collect()
    };
    if talk.kind != Kind::Persistent {
        for who in range {
            let said = said_by(&lines[who], who);
            let cut = cut_stamp(talk, &said);
            lines[who].connection.sent = cut.unwrap_or_else(|| up_to(&said, &talk.sent));
        }
        return Ok([0, 0]);
    }
    let (mut repeated, mut taken_along) = (0, 0);
    let typed: Vec<_> = talk.sent.iter().filter_map(|line| text_of(line)).collect();
    // What has arrived, and whether something may have been taken along since then.
    let (mut next, mut may_be_lost) = (0, false);
    for who in range {
        let line = &mut lines[who];
        let said = said_by(line, who);
        if let Some(cut) = cut_stamp(talk, &said) {
            line.connection.sent = cut;
        } else if let Some(first) = said.first() {
            let begin = typed.iter().position(|text| text == first);
            let begin = begin.or_else(|| typed.iter().position(|text| text.starts_with(first)));
            let begin = begin.ok_or_else(|| format!("nobody typed {first:?}"))?;
            if begin > next && !may_be_lost {
                return Err(format!(
                    "a program that calls again said {:?} at last, and next {first:?}",
                    next.checked_sub(1).map(|last| typed[last])
                ));
            }
            taken_along += begin.saturating_sub(next);
            repeated += next.saturating_sub(begin);
            let whole = said.iter().zip(&typed[begin..]).filter(|(said, typed)| said == typed).count();
            next = next.max(begin + whole);
            may_be_lost = false;
            let sent = talk.sent.iter().position(|line| text_of(line) == Some(typed[begin]));
            line.connection.sent = up_to(&said, &talk.sent[sent.unwrap_or(0)..]);
        }
        let gave_up = |entry: &Entry| {
            entry.who == Some(who) && matches!(&entry.what, What::Left(how) if how.starts_with(GIVEN_UP))
        };
        // Only its own hub records whose connection it was.
        may_be_lost |= line.record.held_back[UP]
            || lives[line.life].is_cut_short
            || transcripts[line.life].iter().any(gave_up);
    }
    Ok([repeated, taken_along])
}

/// What a program sent, if the hub has heard nothing of it but the beginning of a stamp: then it did not know yet that this is one.
fn cut_stamp(talk: &Talk, said: &[&str]) -> Option<Vec<u8>> {
    let [said] = said else { return None };
    let is_cut =
        !talk.kind.is_raw() && "[Mon Jan  1 00:00:00 2026]".len() >= said.len() && said.starts_with('[');
    is_cut.then(|| format!("{said}\n").into_bytes())
}

/// In how many parts the hub has heard the first line, if in more than one: what comes before the first newline is a message when it
/// is quiet behind it.
fn parts_of_first(said: &[&str], sent: &[String]) -> usize {
    let Some(text) = sent.first().and_then(|line| text_of(line)) else { return 0 };
    let mut length = 0;
    let is_within = |part: &&&str| {
        length += part.len();
        length <= text.len()
    };
    let parts = said.iter().take_while(is_within).count();
    if parts > 1 && said[..parts].concat() == text { parts } else { 0 }
}

/// What was sent, if this is what the hub has heard of it: where a connection breaks in the middle of a line, that may be a part.
fn up_to(said: &[&str], sent: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts = parts_of_first(said, sent);
    said[..parts].iter().for_each(|part| bytes.extend(format!("{part}\n").bytes()));
    let (mut heard, sent) = (said[parts..].iter().copied(), &sent[usize::from(parts > 0)..]);
    for line in sent {
        let part = text_of(line).and_then(|text| Some((heard.next()?, text)));
        let part = part.filter(|(part, text)| heard.len() == 0 && part != text && text.starts_with(part));
        bytes.extend(part.map_or(line.as_str(), |(part, _)| part).as_bytes());
        bytes.push(b'\n');
        if part.is_some() {
            break;
        }
    }
    bytes
}

/// Linked hubs record one order, and nothing is missing in between unless that is told. A hub that comes later also knows what was
/// said before.
fn continue_from(order: &[Entry], transcript: &mut Vec<Entry>, may_have_gaps: bool) -> Result<(), String> {
    let all: Vec<_> = order.iter().filter(|entry| said(entry).is_some()).collect();
    let places: HashMap<_, _> = all.iter().filter_map(|entry| said(entry)).zip(0..).collect();
    let (mut first, mut last) = (all.len(), None::<usize>);
    for said in transcript.iter().filter_map(said) {
        let at = *places.get(&said).ok_or_else(|| format!("only one hub has recorded {said:?}"))?;
        if let Some(last) = last.filter(|last| at != last + 1 && (at < *last || !may_have_gaps)) {
            let before = &all[last];
            return Err(format!("one hub has recorded {before:?} right before {said:?}, and the other not"));
        }
        first = first.min(at);
        last = Some(at);
    }
    let before = all[..first].iter().map(|entry| Entry { who: None, ..(*entry).clone() });
    transcript.splice(..0, before.collect::<Vec<_>>());
    Ok(())
}
