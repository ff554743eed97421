//! A talk of people at several hubs that the checker can judge.

use super::checker::{self, Held, Line, Stay};
use super::client::Client;
use super::{Hub, NAMES};
use std::time::Instant;

/// Somebody whose lines and ears are recorded.
pub struct Talker {
    client: Client,
    author: String,
    stays: Vec<Stay>,
    held: Vec<Held>,
    /// Where the next line is said, under which number.
    next: Line,
    /// The name for which it has asked last.
    asked: String,
    /// It only listens: what it hears is everything that is said.
    is_silent: bool,
}

impl Talker {
    /// Joins, as a newcomer without a name.
    #[track_caller]
    pub fn joins(port: u16, author: &str) -> Self {
        let next = Line { author: author.to_owned(), stay: 0, room: String::new(), number: 0 };
        let (stays, held) = (Vec::new(), Vec::new());
        let mut talker = Self {
            client: Client::joins(port),
            author: author.to_owned(),
            stays,
            held,
            next,
            is_silent: false,
            asked: String::new(),
        };
        talker.enters("lobby");
        talker
    }

    /// Joins to listen.
    #[track_caller]
    pub fn listens(port: u16, author: &str) -> Self {
        Self { is_silent: true, ..Self::joins_as(port, author) }
    }

    /// The same with its own name.
    #[track_caller]
    pub fn joins_as(port: u16, author: &str) -> Self {
        let mut talker = Self::joins(port, author);
        assert!(talker.renames(author), "{author} is taken");
        talker
    }

    fn enters(&mut self, room: &str) {
        let stay = Stay {
            author: self.author.clone(),
            stay: self.next.stay,
            room: room.to_owned(),
            said: 0,
            heard: Vec::new(),
            was_cut_off: false,
            greeting: 0,
        };
        self.stays.push(stay);
        (self.next.room, self.next.number) = (room.to_owned(), 0);
        // The answer comes after the history.
        self.hears_answer("/synchronise", |line| line.starts_with("* hub: unknown command /synchronise"));
        let stay = self.stay();
        stay.greeting = stay.heard.len();
    }

    fn stay(&mut self) -> &mut Stay {
        self.stays.last_mut().unwrap()
    }

    /// Says its next line.
    #[track_caller]
    pub fn says(&mut self) {
        self.client.says(&self.next.to_string());
        self.next.number += 1;
        self.stay().said += 1;
    }

    /// Reads until such a line.
    #[track_caller]
    pub fn hears(&mut self, is_such: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.client.hears_a_line();
            // A name that was refused is given to it later, when it is free: it is not certain when its own was gone.
            if line.strip_prefix("* hub: you are now ").is_some_and(|name| name != self.asked) {
                self.held.pop();
            }
            self.stay().heard.push(line.clone());
            if is_such(&line) {
                return line;
            }
        }
    }

    #[track_caller]
    fn hears_answer(&mut self, command: &str, is_answer: impl Fn(&str) -> bool) -> String {
        self.client.says(command);
        self.hears(is_answer)
    }

    /// Asks for a name. Returns whether it is its own then.
    #[track_caller]
    pub fn renames(&mut self, name: &str) -> bool {
        self.gives_name_back();
        name.clone_into(&mut self.asked);
        let success = format!("* hub: you are now {name}");
        let refused = format!("* hub: the name {name} ");
        let answer =
            self.hears_answer(&format!("/name {name}"), |line| line == success || line.starts_with(&refused));
        if answer != success {
            return false;
        }
        let (author, name) = (self.author.clone(), name.to_owned());
        self.held.push(Held { author, name, from: Instant::now(), until: None });
        true
    }

    /// From now on it may have another name at any time.
    fn gives_name_back(&mut self) {
        if let Some(held) = self.held.last_mut() {
            held.until.get_or_insert_with(Instant::now);
        }
    }

    /// Goes to another room.
    #[track_caller]
    pub fn moves(&mut self, room: &str) {
        let welcome = format!("* hub: welcome to {room}, ");
        self.hears_answer(&format!("/join {room}"), |line| line.starts_with(&welcome));
        self.next.stay += 1;
        self.enters(room);
    }

    /// Leaves with 88.
    #[track_caller]
    fn leaves(mut self) -> (Vec<Stay>, Vec<Held>, Line) {
        self.gives_name_back();
        let Self { mut client, mut stays, mut held, next, .. } = self;
        client.says("88");
        let (heard, _) = client.hears_the_rest();
        if heard.iter().any(|line| line.starts_with("* hub: you are now ")) {
            held.pop();
        }
        stays.last_mut().unwrap().heard.extend(heard);
        (stays, held, next)
    }

    /// Leaves, and comes again at a hub.
    #[track_caller]
    pub fn leaves_and_joins(self, port: u16) -> Self {
        let author = self.author.clone();
        let (stays, held, next) = self.leaves();
        let client = Client::joins(port);
        let mut talker = Self { client, author, stays, held, next, is_silent: false, asked: String::new() };
        talker.next.stay += 1;
        talker.enters("lobby");
        talker
    }

    /// Its hub was killed.
    pub fn was_cut_off(mut self) -> Record {
        self.gives_name_back();
        self.stay().was_cut_off = true;
        Record { stays: self.stays, held: self.held }
    }

    /// To say and hear what is not judged.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    fn has_heard(&self, line: &Line) -> bool {
        let end = format!("> {line}");
        self.stays.last().is_some_and(|stay| stay.heard.iter().any(|heard| heard.ends_with(&end)))
    }
}

/// What was said and heard.
#[derive(Default)]
pub struct Record {
    pub stays: Vec<Stay>,
    pub held: Vec<Held>,
}

impl Record {
    /// After a last line of each, the record is complete.
    #[track_caller]
    pub fn complete(mut self, mut talkers: Vec<Talker>) -> Self {
        say_and_hear(&mut talkers);
        for talker in talkers {
            self.stays.extend(talker.stays);
            self.held.extend(talker.held);
        }
        self
    }

    /// Everything is as it is to be.
    #[track_caller]
    pub fn is_in_order(&self) {
        if let Err(error) = checker::check(&self.stays, &self.held) {
            panic!("{error}\n{}", self.text());
        }
    }

    /// The same, except that lines may be missing.
    #[track_caller]
    pub fn is_in_order_with_losses(&self) {
        if let Err(error) = checker::check_order(&self.stays, &self.held) {
            panic!("{error}\n{}", self.text());
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for stay in &self.stays {
            let Stay { author, stay, room, said, heard, .. } = stay;
            let heard = heard.join("\n    ");
            text += &format!("{author}'s stay {stay} in {room} said {said} and heard:\n    {heard}\n");
        }
        text
    }

    /// Everybody was told this so many times. What is still on its way is not counted: [`Talk::is_told`] waits for it.
    #[track_caller]
    pub fn was_told(&self, what: &str, times: usize) {
        for stay in &self.stays {
            let told = stay.heard.iter().filter(|line| line.starts_with(what)).count();
            assert_eq!(told, times, "{what:?} to {}\n{}", stay.author, self.text());
        }
    }
}

/// Somebody who speaks and somebody who only listens at each hub, all in the lobby.
pub struct Talk {
    pub talkers: Vec<Talker>,
}

impl Talk {
    #[track_caller]
    pub fn begins(hubs: &[Hub]) -> Self {
        let mut talkers = Vec::new();
        for (hub, name) in hubs.iter().zip(NAMES) {
            talkers.push(Talker::joins_as(hub.port, &format!("speaker-{name}")));
            talkers.push(Talker::listens(hub.port, &format!("listener-{name}")));
        }
        let mut talk = Self { talkers };
        talk.settles();
        talk
    }

    /// Those who speak say so many lines each, one after the other, and wait for nothing.
    #[track_caller]
    pub fn goes_on(&mut self, lines: usize) {
        for _ in 0..lines {
            let speakers = self.talkers.iter_mut().filter(|talker| !talker.is_silent);
            speakers.for_each(Talker::says);
        }
    }

    /// Everybody has heard what was said so far.
    #[track_caller]
    pub fn settles(&mut self) {
        say_and_hear(&mut self.talkers);
    }

    /// Everybody reads until a line that starts like this.
    #[track_caller]
    pub fn is_told(&mut self, what: &str) {
        for talker in &mut self.talkers {
            talker.hears(|line| line.starts_with(what));
        }
    }

    #[track_caller]
    pub fn ends(self) -> Record {
        Record::default().complete(self.talkers)
    }
}

/// All but the silent say a line, and everybody reads until those of all others in the room.
#[track_caller]
fn say_and_hear(talkers: &mut [Talker]) {
    let mut last = Vec::new();
    for talker in talkers.iter_mut().filter(|talker| !talker.is_silent) {
        last.push(talker.next.clone());
        talker.says();
    }
    for talker in talkers {
        let is_due = |line: &&Line| line.author != talker.author && line.room == talker.next.room;
        for line in last.iter().filter(is_due).collect::<Vec<_>>() {
            if !talker.has_heard(line) {
                let end = format!("> {line}");
                talker.hears(|heard| heard.ends_with(&end));
            }
        }
    }
}
