//! One checker for all tests: did everybody hear what was to be heard? It knows nothing of how that came about.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

/// A line that can be recognised wherever it is heard, under whatever name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    pub author: String,
    /// Which stay of the author it belongs to.
    pub stay: usize,
    pub room: String,
    /// The first one of the stay is 0.
    pub number: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { author, stay, room, number } = self;
        write!(f, "{author}/{stay}/{room}/{number}")
    }
}

/// Who is said to have said it, and the line; `None` for what is no such line.
fn parse(heard: &str) -> Option<(&str, Line)> {
    let (name, text) = heard.strip_prefix('<')?.split_once("> ")?;
    let parts: Vec<_> = text.split('/').collect();
    let [author, stay, room, number] = parts[..] else { return None };
    let (author, room) = (author.to_owned(), room.to_owned());
    Some((name, Line { author, stay: stay.parse().ok()?, room, number: number.parse().ok()? }))
}

/// What somebody said and heard from entering a room to leaving it.
#[derive(Debug)]
pub struct Stay {
    pub author: String,
    pub stay: usize,
    pub room: String,
    /// How many lines it said.
    pub said: usize,
    /// All lines, without stamps.
    pub heard: Vec<String>,
    /// The last ones that it said may be missing: its hub was killed.
    pub was_cut_off: bool,
    /// How many lines of `heard` came before all that the room knew when it entered: in a history, names are as they were.
    pub greeting: usize,
}

/// A name that somebody certainly had in this time.
#[derive(Debug)]
pub struct Held {
    pub author: String,
    pub name: String,
    pub from: Instant,
    /// None if to the end.
    pub until: Option<Instant>,
}

/// Nothing is lost between entering and leaving, nothing comes twice, all hear one order of a room, and names are unique. Each
/// room needs somebody who was there all the time.
pub fn check(stays: &[Stay], held: &[Held]) -> Result<(), String> {
    let rooms: HashSet<_> = stays.iter().map(|stay| &stay.room).collect();
    for room in rooms {
        let stays: Vec<_> = stays.iter().filter(|stay| stay.room == *room).collect();
        let lines = |stay: &Stay| stay.heard.iter().filter(|line| parse(line).is_some()).count();
        let witness = stays.iter().copied().max_by_key(|stay| lines(stay)).ok_or("nobody was there")?;
        let order: Vec<_> =
            witness.heard.iter().filter_map(|line| parse(line)).map(|(_, line)| line).collect();
        check_said(&stays, witness, &order)?;
        for stay in stays {
            check_heard(stay, &order)?;
            check_shown_names(stay)?;
        }
    }
    check_held(held)
}

/// Where lines may be lost: still nothing comes twice, each sender's lines come in order, and two who hear the same lines
/// hear them in the same order.
pub fn check_order(stays: &[Stay], held: &[Held]) -> Result<(), String> {
    for stay in stays {
        let heard: Vec<_> = lines_of(stay);
        check_senders(stay, &heard)?;
        check_shown_names(stay)?;
        for other in stays.iter().filter(|other| other.room == stay.room) {
            let places: HashMap<_, _> = lines_of(other).into_iter().zip(0..).collect();
            let common = heard.iter().filter_map(|line| Some((*places.get(line)?, line)));
            let common: Vec<(usize, &Line)> = common.collect();
            if let Some(pair) = common.windows(2).find(|pair| pair[0].0 > pair[1].0) {
                return Err(format!(
                    "{} heard {} before {}, and {} did not",
                    stay.author, pair[0].1, pair[1].1, other.author
                ));
            }
        }
    }
    check_held(held)
}

fn lines_of(stay: &Stay) -> Vec<Line> {
    stay.heard.iter().filter_map(|line| parse(line)).map(|(_, line)| line).collect()
}

/// Nothing comes twice, and each sender's lines come in order.
fn check_senders(stay: &Stay, lines: &[Line]) -> Result<(), String> {
    let mut last: HashMap<(&str, usize), usize> = HashMap::new();
    for line in lines {
        if line.room != stay.room {
            return Err(format!("{} heard {line} in {}", stay.author, stay.room));
        }
        if let Some(before) = last.insert((&line.author, line.stay), line.number)
            && before >= line.number
        {
            return Err(format!("{} heard {line} after number {before}", stay.author));
        }
    }
    Ok(())
}

/// The one who heard most heard all that was said by others.
fn check_said(stays: &[&Stay], witness: &Stay, order: &[Line]) -> Result<(), String> {
    check_senders(witness, order)?;
    let heard: HashSet<_> = order.iter().collect();
    for stay in stays.iter().filter(|stay| stay.author != witness.author) {
        let line =
            |number| Line { author: stay.author.clone(), stay: stay.stay, room: stay.room.clone(), number };
        let lost: Vec<_> = (0..stay.said).map(line).filter(|line| !heard.contains(line)).collect();
        let is_end = lost.iter().all(|line| line.number + lost.len() >= stay.said);
        if let Some(line) = lost.first().filter(|_| !(stay.was_cut_off && is_end)) {
            return Err(format!("{} lines were lost, the first is {line}", lost.len()));
        }
    }
    Ok(())
}

/// What somebody heard is a part of the order, with nothing left out but its own lines, and as many as it was told.
fn check_heard(stay: &Stay, order: &[Line]) -> Result<(), String> {
    let is_own = |line: &Line| line.author == stay.author && line.stay == stay.stay;
    let places: HashMap<_, _> = order.iter().zip(0..).collect();
    let (mut next, mut missing): (Option<usize>, usize) = (None, 0);
    for heard in &stay.heard {
        missing += told_missing(heard);
        let Some((_, line)) = parse(heard) else { continue };
        let at = *places.get(&line).ok_or_else(|| {
            format!("{} heard {line} in {}, and another one there did not", stay.author, stay.room)
        })?;
        let due = next.unwrap_or(at);
        if at < due {
            return Err(format!("{} heard {line} twice or too late", stay.author));
        }
        let lost = order[due..at].iter().filter(|line| !is_own(line)).count();
        missing = missing.checked_sub(lost).ok_or_else(|| {
            format!("{} heard {line} where {} was to come, {lost} before it", stay.author, order[due])
        })?;
        next = Some(at + 1);
    }
    Ok(())
}

/// How many lines are missing, as the hub tells.
fn told_missing(heard: &str) -> usize {
    let Some(told) = heard.strip_prefix("* hub: ") else { return 0 };
    match told.split_once(' ') {
        Some(("one", rest)) if rest.starts_with("line is missing") => 1,
        Some((count, rest)) if rest.starts_with("lines are missing") => count.parse().unwrap_or(0),
        _ => 0,
    }
}

/// Nobody is shown under a name of which the others were not told before.
fn check_shown_names(stay: &Stay) -> Result<(), String> {
    let mut names: HashMap<String, (String, usize)> = HashMap::new();
    let mut authors: HashMap<(String, usize), String> = HashMap::new();
    let mut told: HashSet<&str> = HashSet::new();
    for heard in stay.heard.iter().skip(stay.greeting) {
        let Some((name, line)) = parse(heard) else {
            told.extend(heard.split([' ', ',']));
            continue;
        };
        // A person who left one hub may be heard from the next one first.
        let author = (line.author.clone(), line.stay);
        let of_author = authors.insert(author.clone(), name.to_owned());
        let of_name = names.insert(name.to_owned(), author.clone());
        let is_new =
            of_author.is_some_and(|before| before != name) || of_name.is_some_and(|before| before != author);
        if is_new && !told.remove(name) {
            return Err(format!("{} heard {line} from {name}, who was somebody else", stay.author));
        }
        told.remove(name);
    }
    Ok(())
}

/// Nobody has a name while somebody else has it.
fn check_held(held: &[Held]) -> Result<(), String> {
    for (number, one) in held.iter().enumerate() {
        let overlaps = |other: &&Held| {
            let begins = |this: &Held, that: &Held| that.until.is_none_or(|until| this.from < until);
            one.name.to_lowercase() == other.name.to_lowercase() && begins(one, other) && begins(other, one)
        };
        if let Some(other) = held[number + 1..].iter().find(overlaps) {
            return Err(format!("{} and {} were both {}", one.author, other.author, one.name));
        }
    }
    Ok(())
}

/// The checker itself.
mod tests {
    use super::*;
    use std::time::Duration;

    fn stay(author: &str, said: usize, heard: &[&str]) -> Stay {
        let heard = heard.iter().map(|line| (*line).to_owned()).collect();
        let (author, room) = (author.to_owned(), "lobby".to_owned());
        Stay { author, stay: 0, room, said, heard, was_cut_off: false, greeting: 0 }
    }

    /// Whether that is in order if eve hears `all` and ada, who says two lines, hears `some`.
    fn verdict(all: &[&str], some: &[&str]) -> Result<(), String> {
        check(&[stay("eve", 0, all), stay("ada", 2, some), stay("bob", 2, &[])], &[])
    }

    const A0: &str = "<ada> ada/0/lobby/0";
    const A1: &str = "<ada> ada/0/lobby/1";
    const B0: &str = "<bob> bob/0/lobby/0";
    const B1: &str = "<bob> bob/0/lobby/1";

    #[test]
    fn what_is_in_order_passes_and_all_else_is_noticed() {
        verdict(&[A0, B0, A1, B1], &["* hub: hello", B0, B1]).unwrap();
        // Whoever comes late and leaves early misses nothing.
        verdict(&[A0, B0, A1, B1], &[B1]).unwrap();
        for (all, some) in [
            (&[A0, B0, B1][..], &[B0, B1][..]),
            (&[A0, B0, A1, B1], &[B1, B0]),
            (&[A0, B0, A1, B1], &[B0, B0, B1]),
            (&[A0, A1, B0, B1, B1], &[B0, B1]),
            (&[A1, A0, B0, B1], &[B0, B1]),
        ] {
            verdict(all, some).unwrap_err();
        }
    }

    #[test]
    fn lines_in_the_middle_are_missing_only_if_that_is_told() {
        let all = [A0, B0, A1, B1, "<bob> bob/0/lobby/2"];
        verdict(&all, &[B0, all[4]]).unwrap_err();
        let told = "* hub: one line is missing here: this hub could not read it in time";
        verdict(&all, &[B0, told, all[4]]).unwrap();
        verdict(&all, &[all[1], told, B1, all[4]]).unwrap();
    }

    #[test]
    fn a_name_that_moves_without_a_word_is_noticed() {
        let taken = "<ada> bob/0/lobby/1";
        verdict(&[A0, B0, A1, taken], &[B0, taken]).unwrap_err();
        let told = "* bob is now ada";
        verdict(&[A0, B0, "* ada is now x", told, A1, taken], &[B0, told, taken]).unwrap_err();
        let renamed = "<x> ada/0/lobby/1";
        verdict(&[A0, B0, "* ada is now x", told, renamed, taken], &[B0, told, taken]).unwrap();
    }

    #[test]
    fn a_name_of_two_is_noticed() {
        let now = Instant::now();
        let held = |author: &str, name: &str, from, until: Option<u64>| Held {
            author: author.to_owned(),
            name: name.to_owned(),
            from: now + Duration::from_secs(from),
            until: until.map(|until| now + Duration::from_secs(until)),
        };
        check_held(&[held("ada", "x", 0, Some(2)), held("bob", "X", 2, None)]).unwrap();
        check_held(&[held("ada", "x", 0, Some(2)), held("bob", "X", 1, None)]).unwrap_err();
        check_held(&[held("ada", "x", 0, None), held("bob", "x", 9, Some(10))]).unwrap_err();
    }
}
