//! Several hubs as one, with a log that is played: it does what the scripts do, and what the test wants it to do.

use super::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use threadchat::rules::hub::Name;
use threadchat::rules::link::{
    Batch, EntryId, Event as LinkEvent, HubId, LinkError, LinkedHub, Logged, NUMBERS, Operation, Order,
    Registered, Side,
};

/// Whose a name is.
type Owner = (HubId, u64);

/// The hubs, and the log between them.
#[derive(Default)]
struct Hubs {
    worlds: Vec<World>,
    links: Vec<Link>,
    entries: Vec<LinkEvent>,
    names: HashMap<Vec<u8>, Owner>,
    members: BTreeMap<Owner, Vec<u8>>,
    histories: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    bans: Vec<Vec<u8>>,
    hubs: BTreeMap<HubId, String>,
    numbers: u64,
    /// Nothing reaches the log, and nothing comes from it.
    is_away: bool,
}

/// What the log knows of a hub.
struct Link {
    name: String,
    id: HubId,
    /// How many entries it has read.
    read: usize,
    /// What it wants to say.
    orders: VecDeque<Order>,
    /// Nothing comes to it.
    is_stopped: bool,
}

const NAMES_OF_HUBS: [&str; 3] = ["east", "west", "north"];

impl Hubs {
    fn new(count: usize) -> Self {
        Self::with(count, settings)
    }

    fn with(count: usize, settings: impl Fn() -> Settings) -> Self {
        let mut hubs = Self::default();
        NAMES_OF_HUBS[..count].iter().for_each(|name| hubs.start(name, settings()));
        hubs.flow();
        hubs
    }

    /// Another hub starts.
    fn start(&mut self, name: &str, settings: Settings) {
        let hub = self.add(name, settings);
        [Side::Writing, Side::Reading].iter().for_each(|side| self.tells(hub, LinkEvent::LinkUp(*side)));
        self.register(hub, None);
    }

    /// Another hub, of which the log knows nothing yet.
    fn add(&mut self, name: &str, settings: Settings) -> usize {
        let mut world = World::new(settings);
        world.hub.link(name);
        self.worlds.push(world);
        let id = HubId::from((self.worlds.len() as u128) << 64);
        let (name, orders) = (name.to_owned(), VecDeque::new());
        self.links.push(Link { name, id, read: 0, orders, is_stopped: false });
        self.worlds.len() - 1
    }

    /// The log is told that the hub is there, under its present id.
    fn register(&mut self, hub: usize, previous: Option<HubId>) {
        let Link { name, id, .. } = &self.links[hub];
        let (id, name) = (*id, name.clone());
        self.hubs.insert(id, name);
        self.numbers += NUMBERS;
        self.links[hub].read = self.entries.len();
        let members = |hub: HubId| {
            let of_hub = self.members.iter().filter(|((home, _), _)| *home == hub);
            of_hub.map(|((_, number), record)| (*number, record.clone())).collect()
        };
        let hubs = self.hubs.iter().map(|(id, name)| LinkedHub {
            id: *id,
            name: name.clone().into_bytes(),
            members: members(*id),
        });
        let registered = Registered {
            hub: Some(id),
            previous,
            accepted: 0,
            first_number: self.numbers - NUMBERS,
            hubs: hubs.collect(),
            histories: self.histories.clone().into_iter().collect(),
            bans: self.bans.clone(),
        };
        self.tells(hub, LinkEvent::Registered(Box::new(registered)));
    }

    fn tells(&mut self, hub: usize, event: LinkEvent) {
        self.worlds[hub].handle(Event::Link(event, Stamp::at(OffsetDateTime::UNIX_EPOCH)));
    }

    /// Everything that is said goes to the log, and comes back, in turns. So do answers to it.
    fn flow(&mut self) {
        for turns in 0.. {
            assert!(turns < 10_000, "the hubs have something to say for ever");
            let mut is_quiet = true;
            for hub in 0..self.worlds.len() {
                let orders = std::mem::take(&mut self.worlds[hub].orders);
                self.links[hub].orders.extend(orders);
                if self.is_away || self.links[hub].is_stopped {
                    continue;
                }
                while let Some(order) = self.links[hub].orders.pop_front() {
                    is_quiet = false;
                    self.perform(hub, order);
                }
            }
            for hub in 0..self.worlds.len() {
                is_quiet &= !self.read(hub);
            }
            if is_quiet {
                return;
            }
        }
    }

    /// The next entry comes to this hub.
    fn read(&mut self, hub: usize) -> bool {
        let link = &mut self.links[hub];
        let may_read = !self.is_away && !link.is_stopped && self.worlds[hub].hub.reads_log();
        let Some(entry) = self.entries.get(link.read).filter(|_| may_read).cloned() else { return false };
        link.read += 1;
        self.tells(hub, entry);
        true
    }

    fn perform(&mut self, hub: usize, order: Order) {
        let id = self.links[hub].id;
        match order {
            Order::Push(batch) | Order::Registered { first: batch, .. } => {
                let bytes = batch.size();
                if self.hubs.contains_key(&id) {
                    self.append(id, batch);
                }
                self.tells(hub, LinkEvent::Appended { bytes });
            }
            Order::AskForNumbers => {
                self.numbers += NUMBERS;
                self.tells(hub, LinkEvent::Numbers { first: self.numbers - NUMBERS });
            }
            Order::Leave => self.buries(hub, true),
        }
    }

    fn append(&mut self, hub: HubId, batch: Batch) {
        let (mut claims, mut refused) = (0, Vec::new());
        for operation in batch.operations {
            match operation {
                Operation::Claim(claim) => {
                    let owner = (hub, claim.member);
                    if !claim.otherwise.is_empty() && self.members.contains_key(&owner) {
                        // It is there already.
                    } else if claim
                        .take
                        .iter()
                        .any(|form| self.names.get(form).is_some_and(|other| *other != owner))
                    {
                        refused.push(claims);
                        if !claim.otherwise.is_empty() {
                            self.members.insert(owner, claim.otherwise);
                        }
                    } else {
                        self.names.retain(|form, other| *other != owner || !claim.release.contains(form));
                        self.names.extend(claim.take.into_iter().map(|form| (form, owner)));
                        self.members.insert(owner, claim.record);
                    }
                    claims += 1;
                }
                Operation::Record(member, record) => {
                    if let Some(known) = self.members.get_mut(&(hub, member)) {
                        let name = |record: &[u8]| record.iter().position(|byte| *byte == b'\n').unwrap();
                        known.truncate(name(known));
                        known.extend(&record[name(&record)..]);
                    }
                }
                Operation::Forget(member) => {
                    self.names.retain(|_, owner| *owner != (hub, member));
                    self.members.remove(&(hub, member));
                }
                Operation::History(room, lines) => self.histories.entry(room).or_default().extend(lines),
                Operation::Ban(net) => self.bans.push(net),
            }
        }
        let (data, lines) = (batch.data, batch.lines);
        self.enter(|id| LinkEvent::Logged(Logged { hub, id, data, lines, refused, is_repeated: false }));
    }

    fn enter(&mut self, entry: impl FnOnce(EntryId) -> LinkEvent) {
        let id = EntryId { ms: self.entries.len() as u64, number: 0 };
        self.entries.push(entry(id));
    }

    /// A hub is no more.
    fn buries(&mut self, hub: usize, left: bool) {
        let hub = self.links[hub].id;
        self.hubs.remove(&hub);
        self.names.retain(|_, (home, _)| *home != hub);
        self.members.retain(|(home, _), _| *home != hub);
        self.enter(|id| LinkEvent::HubGone { hub, left, id });
    }

    /// A hub that was taken for gone is there again.
    fn comes_back(&mut self, hub: usize) {
        self.links[hub].is_stopped = false;
        while self.read(hub) {}
        let previous = self.links[hub].id;
        self.tells(hub, LinkEvent::Hindered(LinkError::Fenced));
        self.links[hub].id = HubId::from(((hub as u128 + 1) << 64) + self.entries.len() as u128);
        // What waits comes behind what the hub says first.
        self.register(hub, Some(previous));
        let mut orders = std::mem::take(&mut self.worlds[hub].orders);
        let first = orders.iter().position(|order| matches!(order, Order::Registered { .. })).unwrap();
        let first = orders.remove(first).unwrap();
        self.links[hub].orders.extend(orders);
        self.links[hub].orders.push_front(first);
        self.flow();
    }

    /// Redis is down, or can again.
    fn is_cut(&mut self, is_away: bool) {
        self.is_away = is_away;
        for hub in 0..self.worlds.len() {
            for side in [Side::Writing, Side::Reading] {
                self.tells(
                    hub,
                    match is_away {
                        true => LinkEvent::LinkDown(side, LinkError::Silent),
                        false => LinkEvent::LinkUp(side),
                    },
                );
            }
        }
        self.flow();
    }

    fn joins(&mut self, hub: usize, name: &str) -> (usize, Id) {
        let who = self.comes(hub);
        self.says(who, &format!("/name {name}"));
        who
    }

    fn comes(&mut self, hub: usize) -> (usize, Id) {
        let id = self.worlds[hub].joins();
        self.flow();
        (hub, id)
    }

    fn says(&mut self, (hub, id): (usize, Id), line: &str) {
        self.worlds[hub].says(id, format!("{line}\n").as_bytes());
        self.flow();
    }

    fn passes(&mut self, time: Duration) {
        for world in &mut self.worlds {
            world.passes(time);
        }
        self.flow();
    }

    /// Everything that they have been sent so far.
    fn heard(&mut self, (hub, id): (usize, Id)) -> Vec<String> {
        self.worlds.iter_mut().for_each(World::settles);
        self.flow();
        self.worlds.iter_mut().for_each(World::settles);
        self.worlds[hub].lines(id)
    }

    fn last(&mut self, who: (usize, Id)) -> String {
        self.heard(who).pop().unwrap()
    }

    fn answer(&mut self, who: (usize, Id), line: &str) -> String {
        if ["/who", "/rooms"].contains(&line) {
            // So often everybody may.
            self.passes(Duration::from_secs(1));
        }
        self.says(who, line);
        self.last(who)
    }

    fn operator(hub: usize) -> (usize, Id) {
        (hub, OPERATOR)
    }

    /// How often somebody was sent a line like this.
    fn count(&mut self, who: (usize, Id), part: &str) -> usize {
        self.heard(who).iter().filter(|line| line.contains(part)).count()
    }
}

/// The numbers of the data lines that somebody was sent, by sender, and in which order they came.
fn data(lines: &[String]) -> Vec<(u64, u64)> {
    let number = |line: &String| {
        let (sender, number) = line.split_once("data ")?.1.split_once(' ')?;
        Some((sender.parse().ok()?, number.split(' ').next()?.parse().ok()?))
    };
    lines.iter().filter_map(number).collect()
}

#[test]
fn a_line_is_shown_when_it_has_come_back_from_the_log_and_not_before() {
    let mut hubs = Hubs::new(2);
    let (ann, bob, eve) = (hubs.joins(0, "ann"), hubs.joins(0, "bob"), hubs.joins(1, "eve"));
    hubs.is_away = true;
    hubs.says(ann, "hello");
    assert_eq!((hubs.count(bob, "hello"), hubs.count(eve, "hello")), (0, 0));
    hubs.is_away = false;
    hubs.flow();
    assert_eq!(hubs.last(bob), "<ann> hello");
    assert_eq!(hubs.last(eve), "<ann> hello");
    assert_eq!(hubs.count(ann, "hello"), 0, "an echo");
    hubs.says(eve, "/me waves");
    assert_eq!(hubs.last(ann), "* <eve> waves");
}

#[test]
fn two_who_speak_at_the_same_moment_are_heard_in_one_order_everywhere() {
    let mut hubs = Hubs::new(3);
    let all: Vec<_> = (0..3).map(|hub| hubs.joins(hub, ["ann", "bob", "eve"][hub])).collect();
    let quiet: Vec<_> = (0..3).map(|hub| hubs.comes(hub)).collect();
    for (hub, id) in &all {
        (0..5).for_each(|n| hubs.worlds[*hub].says(*id, format!("{n}\n").as_bytes()));
    }
    hubs.flow();
    let mut said = |who| hubs.heard(who).into_iter().filter(|line| line.starts_with('<')).collect::<Vec<_>>();
    let orders: BTreeSet<Vec<String>> = quiet.iter().map(|who| said(*who)).collect();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(orders.first().unwrap().len(), 15);
}

#[test]
fn those_of_other_hubs_are_announced_once_and_listed_with_their_hub() {
    let mut hubs = Hubs::new(2);
    let ann = hubs.joins(0, "ann");
    let eve = hubs.joins(1, "eve");
    hubs.passes(Duration::from_secs(2));
    assert_eq!((hubs.count(ann, "joined"), hubs.count(ann, "is now eve")), (1, 1));
    let who = hubs.answer(ann, "/who");
    assert_eq!(
        who,
        "* hub: 4 are in lobby: ann (on east), @operator/east (on east), eve (on west), @operator/west (on west)"
    );
    hubs.says(eve, "/join tea");
    assert_eq!(hubs.last(ann), "* eve left for tea");
    assert_eq!(hubs.answer(ann, "/rooms"), "* hub: 2 rooms: lobby (3), tea (1)");
    hubs.says(ann, "/join tea");
    assert_eq!(hubs.last(eve), "* ann joined");
    hubs.says(eve, "88");
    assert_eq!(hubs.last(ann), "* eve left");
}

#[test]
fn one_of_two_who_ask_for_a_name_at_the_same_moment_gets_it() {
    let mut hubs = Hubs::new(2);
    let (ann, eve) = (hubs.comes(0), hubs.comes(1));
    for (hub, id) in [ann, eve] {
        hubs.worlds[hub].says(id, b"/name zoe\nI am zoe\n");
    }
    hubs.flow();
    let names = [hubs.answer(ann, "/name zoe"), hubs.answer(eve, "/name zoe")];
    assert!(names.contains(&"* hub: the name zoe is taken".to_owned()), "{names:?}");
    let loser = if names[0].contains("taken") { ann } else { eve };
    assert_eq!(hubs.count(loser, "<zoe> I am zoe"), 1);
    // What it said behind that came under the name that it kept.
    let winner = if loser == ann { eve } else { ann };
    assert_eq!(hubs.heard(winner).iter().filter(|line| line.ends_with("I am zoe")).count(), 1);
    assert_eq!(hubs.count(winner, "<zoe>"), 0);
    assert_eq!(hubs.answer(loser, "/name ZOE"), "* hub: the name ZOE is taken");
    assert!(hubs.answer(loser, "/name z0e").contains("looks like zoe"));
    // Once it is free, anybody may have it.
    hubs.says(winner, "/name amy");
    assert_eq!(hubs.answer(loser, "/name zoe"), "* hub: you are now zoe");
}

#[test]
fn a_line_behind_a_change_of_the_room_is_said_there() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    hubs.worlds[0].says(ann.1, b"/join tea\nsecret\n");
    hubs.flow();
    assert_eq!(hubs.count(bob, "secret"), 0);
    hubs.says(bob, "/join tea");
    assert_eq!(hubs.count(bob, "<ann> secret"), 1, "it is the room's history");
    assert!(
        !hubs
            .histories
            .get(&b"lobby"[..])
            .is_some_and(|lines| lines.iter().any(|line| line.ends_with(b"secret\n")))
    );
}

#[test]
fn who_asked_for_a_room_and_a_name_before_its_hub_was_away_gets_both_and_says_nothing_before() {
    // Redis has lost what they asked for, or it is still on the way.
    for is_lost in [false, true] {
        let mut hubs = Hubs::new(2);
        let (ann, eve, bob) = (hubs.joins(0, "ann"), hubs.joins(0, "eve"), hubs.joins(1, "bob"));
        hubs.links[0].is_stopped = true;
        hubs.says(ann, "/join tea");
        hubs.says(ann, "I drink tea");
        hubs.says(eve, "/name zoe");
        hubs.says(eve, "I am zoe");
        if is_lost {
            hubs.links[0].orders.clear();
        }
        hubs.buries(0, false);
        hubs.flow();
        hubs.comes_back(0);
        assert_eq!(hubs.count(bob, "I drink tea"), 0);
        assert_eq!(hubs.count(bob, "<zoe> I am zoe"), 1);
        assert_eq!(hubs.count(bob, "is now zoe"), 1);
        assert_eq!(hubs.count(eve, "you are now zoe"), 1);
        let (newcomer, last) = (hubs.comes(1), b"I am zoe\n".to_vec());
        assert_eq!(hubs.count(newcomer, "I drink tea"), 0);
        assert!(hubs.histories[&b"lobby"[..]].last().unwrap().ends_with(&last));
        hubs.says(newcomer, "/join tea");
        assert_eq!(hubs.count(newcomer, "<ann> I drink tea"), 1);
        assert_eq!(hubs.histories[&b"tea"[..]].len(), 1);
        assert_eq!(hubs.count(newcomer, "2 are here: user65 (on west), ann (on east)"), 1);
        hubs.says(ann, "/part");
        hubs.says(ann, "back");
        assert_eq!(hubs.count(bob, "<ann> back"), 1);
    }
}

#[test]
fn the_operator_of_a_linked_hub_may_take_another_name_and_its_own_again() {
    let mut hubs = Hubs::new(2);
    let bob = hubs.joins(1, "bob");
    let operator = Hubs::operator(0);
    for (name, shown) in [("boss", "@boss"), ("operator", "@operator/east"), ("@operator", "@operator/east")]
    {
        hubs.says(operator, &format!("/name {name}"));
        hubs.says(operator, "hello");
        let heard = hubs.last(bob);
        assert_eq!(heard, format!("<{shown}> hello"));
    }
}

#[test]
fn private_messages_replies_and_ignoring_reach_other_hubs() {
    let mut hubs = Hubs::new(3);
    let (ann, bob, eve) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"), hubs.joins(2, "eve"));
    hubs.says(ann, "/msg bob psst");
    assert_eq!(hubs.last(bob), "[ann -> you] psst");
    assert_eq!(hubs.count(eve, "psst"), 0);
    hubs.says(bob, "/reply what?");
    assert_eq!(hubs.last(ann), "[bob -> you] what?");
    hubs.says(bob, "/ignore ann");
    assert_eq!(hubs.answer(ann, "/msg bob hey"), "* hub: bob ignores you");
    hubs.says(ann, "all of you");
    assert_eq!((hubs.count(bob, "all of you"), hubs.count(eve, "all of you")), (0, 1));
    hubs.says(ann, "/msg @operator/west help");
    assert_eq!(hubs.last(Hubs::operator(1)), "[ann -> you] help");
    hubs.says(ann, "/msg operator help here");
    assert_eq!(hubs.last(Hubs::operator(0)), "[ann -> you] help here");
    // Somebody who leaves at that moment.
    hubs.worlds[2].says(eve.1, b"88\n");
    assert_eq!(hubs.answer(ann, "/msg eve bye"), "* hub: the person to whom you wrote has left before that");
}

#[cfg(feature = "web")]
#[test]
fn a_browser_of_one_hub_and_a_netcat_of_another_see_the_same() {
    let mut hubs = Hubs::new(2);
    let ann = hubs.joins(1, "ann");
    hubs.says(ann, "before");
    let tickets = web::open(&mut hubs.worlds[0]);
    let hello = format!("threadchat 1\nticket {}\nname bob\nroom tea\n", tickets.chat.reveal());
    let bob = hubs.worlds[0].browses_with(&hello);
    hubs.flow();
    hubs.worlds[0].settles();
    assert!(hubs.worlds[0].last(bob, "you").contains(" bob tea "), "{:?}", hubs.worlds[0].messages(bob));
    hubs.says(ann, "/join tea");
    for line in ["hello", "/msg ann psst"] {
        hubs.worlds[0].types(bob, line);
        hubs.flow();
        hubs.worlds[0].settles();
    }
    assert!(hubs.heard(ann).ends_with(&["<bob> hello".to_owned(), "[bob -> you] psst".to_owned()]));
    let own = hubs.worlds[0].messages(bob);
    assert!(
        own.iter().any(|message| message.starts_with("said 1 ") && message.ends_with("<bob> hello\n")),
        "{own:?}"
    );
    assert_eq!(hubs.worlds[0].last(bob, "told"), "told [you -> ann] psst\n");
    assert_eq!(hubs.worlds[0].last(bob, "done"), "done 2 ");
    hubs.is_cut(true);
    hubs.worlds[0].types(bob, "not yet");
    hubs.worlds[0].types(bob, "/who");
    hubs.flow();
    assert_eq!(hubs.worlds[0].last(bob, "done"), "done 2 ", "it is not in the log");
    hubs.is_cut(false);
    hubs.flow();
    hubs.worlds[0].settles();
    assert_eq!(hubs.worlds[0].last(bob, "done"), "done 4 ");
}

#[test]
fn an_operator_sends_members_of_other_hubs_away() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    hubs.says(Hubs::operator(0), "/kick bob");
    assert_eq!(hubs.last(bob), "* hub: you were kicked");
    assert_eq!(hubs.last(ann), "* bob was kicked");
    assert!(hubs.answer(Hubs::operator(0), "/kick @operator/west").contains("cannot be kicked"));
    let id = hubs.worlds[1].joins_from("192.0.2.7").unwrap();
    hubs.flow();
    hubs.says(Hubs::operator(0), "/ban 192.0.2.0/24");
    assert_eq!(hubs.last((1, id)), "* hub: you were banned");
    assert!(hubs.worlds[1].joins_from("192.0.2.8").is_err());
    assert!(hubs.worlds[0].joins_from("192.0.2.8").is_err());
    hubs.start("north", settings());
    assert!(hubs.worlds[2].joins_from("192.0.2.8").is_err(), "also at a hub that came later");
}

#[test]
fn a_hub_that_comes_later_knows_who_is_there_and_what_was_said() {
    let mut hubs = Hubs::new(1);
    let ann = hubs.joins(0, "ann");
    (0..3).for_each(|n| hubs.says(ann, &format!("line {n}")));
    hubs.says(ann, "/join tea");
    hubs.start("west", settings());
    hubs.flow();
    let bob = hubs.joins(1, "bob");
    assert_eq!(hubs.count(bob, "<ann> line"), 3);
    assert_eq!(hubs.answer(bob, "/rooms"), "* hub: 2 rooms: lobby (3), tea (1)");
    assert_eq!(hubs.answer(bob, "/name ann"), "* hub: the name ann is taken");
    hubs.says(bob, "/join tea");
    assert_eq!(hubs.last(ann), "* bob joined");
}

#[test]
fn newcomers_of_different_hubs_have_different_names_and_nobody_can_take_such_a_name() {
    let mut hubs = Hubs::new(2);
    let all: Vec<_> = (0..200).map(|n| hubs.comes(n % 2)).collect();
    hubs.flow();
    hubs.passes(Duration::from_secs(2));
    let mut names = BTreeSet::new();
    for who in &all {
        let welcome = hubs.heard(*who).into_iter().find(|line| line.contains("welcome to lobby, ")).unwrap();
        names.insert(welcome);
    }
    assert_eq!(names.len(), 200);
    for name in ["user7000", "USER99999", "userl999", "user0O0"] {
        assert!(hubs.answer(all[0], &format!("/name {name}")).contains("reserved"), "{name}");
    }
    assert_eq!(hubs.answer(all[0], "/name users"), "* hub: you are now users");
}

#[test]
fn a_hub_that_dies_is_announced_once_and_its_names_are_free() {
    let mut hubs = Hubs::new(3);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    let amy = hubs.joins(1, "amy");
    hubs.says(amy, "/join tea");
    hubs.passes(Duration::from_secs(2));
    let before = hubs.heard(ann).len();
    hubs.links[1].is_stopped = true;
    hubs.buries(1, false);
    hubs.flow();
    assert_eq!(
        hubs.heard(ann)[before..],
        ["* hub: the hub west is gone, and 2 members of this room with it"]
    );
    assert_eq!(hubs.answer(ann, "/rooms"), "* hub: 1 room: lobby (3)");
    assert_eq!(hubs.answer(ann, "/name bob"), "* hub: you are now bob");
    // It was only paused: it comes back, and who has lost a name gets another one.
    let eve = hubs.comes(1);
    hubs.comes_back(1);
    assert_eq!(hubs.count(bob, "took it for gone"), 1);
    assert_eq!(hubs.count(bob, "somebody at another hub has the name bob"), 1);
    assert!(hubs.heard(eve).iter().any(|line| line.contains("is now user")), "its own room knows");
    let who = hubs.answer(ann, "/who");
    assert!(
        who.contains("bob (on east)") && !who.contains("bob (on west)") && who.contains("(on west)"),
        "{who}"
    );
    assert_eq!(hubs.answer(ann, "/rooms"), "* hub: 2 rooms: lobby (6), tea (1)");
    hubs.says(bob, "here again");
    assert!(hubs.last(ann).ends_with("> here again"));
}

#[test]
fn who_has_lost_a_name_while_its_hub_was_away_has_another_one_before_the_new_owner_speaks() {
    let mut hubs = Hubs::new(2);
    let (ann, _bob, cat) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"), hubs.joins(1, "cat"));
    hubs.links[1].is_stopped = true;
    hubs.buries(1, false);
    hubs.flow();
    hubs.says(ann, "/name bob");
    hubs.says(ann, "it is me");
    hubs.comes_back(1);
    let heard = hubs.heard(cat);
    let at = |part: &str| heard.iter().position(|line| line.contains(part)).unwrap();
    assert!(at("bob is now user") < at("ann is now bob"), "{heard:#?}");
    assert!(at("ann is now bob") < at("<bob> it is me"), "{heard:#?}");
}

#[test]
fn without_redis_what_is_said_waits_and_everything_else_goes_on() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    let cat = hubs.joins(1, "cat");
    hubs.is_cut(true);
    hubs.passes(Duration::from_millis(900));
    assert_eq!(hubs.count(ann, "is down"), 0, "most interruptions are short");
    hubs.passes(Duration::from_millis(200));
    hubs.passes(Duration::from_secs(20));
    assert_eq!(hubs.count(ann, "is down"), 1);
    hubs.says(bob, "one");
    hubs.says(bob, "two");
    assert!(hubs.answer(bob, "/who").contains("are in lobby"));
    hubs.says(bob, "/help");
    let newcomer = hubs.comes(0);
    assert_eq!(hubs.count(newcomer, "is down"), 1);
    hubs.says(cat, "three");
    hubs.says(cat, "88");
    hubs.worlds[1].settles();
    hubs.worlds[1].ends(cat.1, Ok(()));
    assert!(hubs.worlds[1].gone.contains(&cat.1), "88 goes on");
    assert_eq!(hubs.count(ann, "<bob>"), 0);
    hubs.is_cut(false);
    let heard = hubs.heard(ann);
    let heard: Vec<_> =
        heard.iter().filter(|line| line.starts_with('<') || line.contains("cat left")).collect();
    assert_eq!(heard, ["<bob> one", "<bob> two", "<cat> three", "* cat left"]);
    assert_eq!(hubs.count(ann, "works again"), 1);
    let answer = hubs.answer(ann, "/name cat");
    assert_eq!(answer, "* hub: you are now cat");
}

#[test]
fn while_redis_is_away_members_are_not_read_beyond_the_bound_and_nothing_is_lost() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    hubs.is_cut(true);
    let lines: String = (0..100).map(|n| format!("{n} {}\n", "x".repeat(900))).collect();
    hubs.worlds[1].says(bob.1, lines.as_bytes());
    hubs.worlds[1].passes(Duration::from_secs(1));
    assert!(hubs.worlds[1].waits(bob.1));
    hubs.is_cut(false);
    hubs.flow();
    hubs.passes(Duration::from_secs(1));
    assert!(!hubs.worlds[1].waits(bob.1));
    assert_eq!(hubs.count(ann, "<bob>"), 100);
}

#[test]
fn who_does_not_read_stops_the_log_until_it_is_disconnected_and_nothing_is_lost() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    let deaf = hubs.joins(0, "deaf");
    hubs.heard(ann);
    let line = format!("{}\n", "x".repeat(900));
    let mut said = 0;
    for _ in 0..4000 {
        hubs.worlds[1].says(bob.1, line.as_bytes());
        hubs.flow();
        said += 1;
        while hubs.worlds[0].takes(ann.1, usize::MAX) + hubs.worlds[0].takes(OPERATOR, usize::MAX) > 0 {}
        while hubs.worlds[1].takes(OPERATOR, usize::MAX) > 0 {}
        if !hubs.worlds[0].hub.reads_log() {
            break;
        }
    }
    assert!(!hubs.worlds[0].hub.reads_log(), "its outbox would grow");
    let pending = hubs.worlds[0].hub.outbox(deaf.1).unwrap().pending();
    assert!(pending < 1 << 20, "{pending}");
    let mut limit = 0;
    while hubs.worlds[0].step(Duration::from_secs(30)) && !hubs.worlds[0].hub.reads_log() {
        limit += 1;
        assert!(limit < 1000);
    }
    assert!(hubs.worlds[0].hub.reads_log());
    hubs.flow();
    assert_eq!(hubs.count(ann, "<bob>"), said);
    assert_eq!(hubs.count(ann, "* deaf was disconnected"), 1);
    assert_eq!(hubs.count(bob, "* deaf was disconnected"), 1);
}

#[test]
fn a_hub_that_ends_first_gets_what_its_members_said_to_everybody() {
    let mut hubs = Hubs::new(2);
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    let amy = hubs.joins(0, "amy");
    hubs.worlds[0].says(ann.1, b"last words\n");
    hubs.worlds[0].says(OPERATOR, b"good night\n88\n");
    hubs.worlds[0].ends(OPERATOR, Ok(()));
    assert_eq!(hubs.worlds[0].exit, None);
    hubs.flow();
    assert_eq!((hubs.count(amy, "<ann> last words"), hubs.count(amy, "good night")), (1, 1));
    let heard = hubs.heard(bob);
    assert_eq!(
        heard[heard.len() - 3..],
        [
            "<ann> last words",
            "<@operator/east> good night",
            "* hub: the hub east has ended, and 3 members of this room with it"
        ]
    );
    for who in [ann, amy] {
        hubs.worlds[0].ends(who.1, Ok(()));
    }
    hubs.worlds[0].passes(Duration::from_secs(3));
    assert_eq!(hubs.worlds[0].exit, Some(Exit::Success));
    assert_eq!(hubs.answer(bob, "/name ann"), "* hub: you are now ann");
}

#[test]
fn a_hub_that_ends_as_soon_as_it_is_registered_takes_leave() {
    let mut hubs = Hubs::new(1);
    let west = hubs.add("west", settings());
    // Its connection for writing is still being made.
    hubs.tells(west, LinkEvent::LinkUp(Side::Reading));
    hubs.register(west, None);
    let signal = Signal { name: "SIGTERM", number: 15 };
    hubs.worlds[west].handle(Event::Signal(signal));
    hubs.flow();
    assert_eq!(hubs.hubs.values().collect::<Vec<_>>(), ["east"]);
    assert_eq!(hubs.worlds[west].exit, Some(Exit::Signal(signal)));
}

#[test]
fn a_hub_that_ends_without_redis_says_that_something_reached_nobody() {
    let mut hubs = Hubs::new(2);
    let ann = hubs.joins(0, "ann");
    hubs.is_cut(true);
    hubs.says(ann, "who hears me?");
    hubs.says(Hubs::operator(0), "88");
    hubs.worlds[0].ends(OPERATOR, Ok(()));
    hubs.worlds[0].settles();
    hubs.worlds[0].ends(ann.1, Ok(()));
    hubs.worlds[0].passes(Duration::from_secs(3));
    assert_eq!(hubs.worlds[0].exit, Some(Exit::Failed));
    assert!(
        hubs.worlds[0].reported.iter().any(|line| line.contains("was not shown")),
        "{:?}",
        hubs.worlds[0].reported
    );
}

#[test]
fn a_hub_that_ends_waits_for_a_log_that_does_not_answer_for_three_seconds() {
    let mut hubs = Hubs::new(2);
    hubs.is_away = true;
    hubs.worlds[0].handle(Event::Signal(Signal { name: "SIGTERM", number: 15 }));
    assert_eq!(hubs.worlds[0].exit, None);
    hubs.worlds[0].passes(Duration::from_secs(3));
    assert!(hubs.worlds[0].exit.is_some());
}

#[test]
fn members_are_told_how_many_lines_are_missing() {
    let mut hubs = Hubs::new(1);
    let ann = hubs.joins(0, "ann");
    hubs.tells(0, LinkEvent::Missing { lines: Some(7) });
    assert!(hubs.last(ann).contains("7 lines are missing"));
    hubs.tells(0, LinkEvent::Missing { lines: None });
    assert!(hubs.last(ann).contains("lines may be missing"));
}

#[test]
fn what_makes_no_sense_in_the_log_is_skipped_and_said_once() {
    let mut hubs = Hubs::new(2);
    let ann = hubs.joins(0, "ann");
    let bob = hubs.joins(1, "bob");
    let forger = HubId::from(7);
    for data in [
        "nonsense",
        "says 99 5\nhello\n",
        "joins 1 5\nhello\n",
        "joins 1 19\nuser1\nlobby\nUPPER\n\n",
        "joins 1 11\nhub\nlobby\n\n",
        "enters 1 3\n\u{1}\u{1}\u{1}\n",
        "bans 0 9\n0.0.0.0/0\n",
        "expels 1 000000000000000000000000000003e8 1 6\nkicked\n",
    ] {
        let (data, lines, refused) = (data.as_bytes().to_vec(), 0, vec![]);
        hubs.enter(|id| {
            LinkEvent::Logged(Logged { hub: forger, id, data, lines, refused, is_repeated: false })
        });
    }
    hubs.flow();
    hubs.says(bob, "still here");
    assert_eq!(hubs.last(ann), "<bob> still here");
    let nonsense = hubs.worlds[0].reported.iter().filter(|line| line.contains("makes no sense")).count();
    assert_eq!(nonsense, 1, "{:?}", hubs.worlds[0].reported);
    assert!(hubs.worlds[0].joins_from("192.0.2.1").is_ok());
}

#[test]
fn more_than_a_hub_does_at_once_is_done_although_nothing_else_happens() {
    let mut hubs = Hubs::with(2, || Settings { outbox: 64 << 20, ..settings() });
    let (ann, bob) = (hubs.joins(0, "ann"), hubs.joins(1, "bob"));
    let lines = format!("{}\n", "x".repeat(900)).repeat(20);
    let number = format!("{:?}", bob.1).replace(['I', 'd', '(', ')'], "");
    let says = format!("says {number} {}\n{lines}\n", lines.len());
    let (hub, data) = (hubs.links[1].id, says.repeat(200).into_bytes());
    hubs.enter(|id| {
        LinkEvent::Logged(Logged { hub, id, data, lines: 4000, refused: vec![], is_repeated: false })
    });
    hubs.flow();
    assert!(hubs.worlds[0].hub.reads_log());
    assert_eq!(hubs.count(ann, "<bob>"), 4000);
}

#[test]
fn what_somebody_wrote_into_a_history_is_made_harmless() {
    let mut hubs = Hubs::new(1);
    let stamp = "[Mon Nov  9 06:18:34 2026] ";
    let lines = [
        "no stamp\n".to_owned(),
        format!("{stamp}<bob> \x1b[2J\n"),
        format!("{stamp}no end"),
        format!("{stamp}two\nlines\n"),
    ];
    hubs.histories.insert(b"lobby".to_vec(), lines.map(String::into_bytes).to_vec());
    hubs.start("west", settings());
    hubs.flow();
    let eve = hubs.comes(1);
    let heard = hubs.heard(eve);
    assert!(heard.contains(&"<bob> ^[[2J".to_owned()), "{heard:?}");
    assert!(!heard.iter().any(|line| line.contains("no ") || line.starts_with("lines")), "{heard:?}");
}

#[derive(Debug, Clone)]
enum LinkedOp {
    Join(usize),
    Leave(usize),
    Vanish(usize),
    Rename(usize, u8),
    ChangeRoom(usize, u8),
    Say(usize, u8),
    Whisper(usize, usize),
    Take(usize, usize),
    Flow,
    /// The log takes orders of one hub only, or gives entries to one only.
    Half(usize),
    Cut(bool),
    Die(usize),
    Pass(u64),
}

fn linked_op() -> impl Strategy<Value = LinkedOp> {
    let who = 0..100_usize;
    prop_oneof![
        2 => (0..3_usize).prop_map(LinkedOp::Join),
        1 => who.clone().prop_map(LinkedOp::Leave),
        1 => who.clone().prop_map(LinkedOp::Vanish),
        3 => (who.clone(), 0..10_u8).prop_map(|(who, name)| LinkedOp::Rename(who, name)),
        2 => (who.clone(), 0..3_u8).prop_map(|(who, room)| LinkedOp::ChangeRoom(who, room)),
        8 => (who.clone(), 1..50_u8).prop_map(|(who, count)| LinkedOp::Say(who, count)),
        2 => (who.clone(), who.clone()).prop_map(|(who, to)| LinkedOp::Whisper(who, to)),
        4 => (who, 0..100_000_usize).prop_map(|(who, bytes)| LinkedOp::Take(who, bytes)),
        4 => Just(LinkedOp::Flow),
        6 => (0..3_usize).prop_map(LinkedOp::Half),
        1 => any::<bool>().prop_map(LinkedOp::Cut),
        1 => (0..3_usize).prop_map(LinkedOp::Die),
        2 => (0..2_500_u64).prop_map(LinkedOp::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn members_of_all_hubs_see_one_order_and_nothing_is_lost_and_names_stay_unique(
        ops in prop::collection::vec(linked_op(), 1..100)
    ) {
        let stall = Duration::from_secs(24 * 60 * 60);
        let mut hubs = Hubs::with(3, || Settings { stall, ..settings() });
        let mut all: Vec<_> = (0..6).map(|n| hubs.comes(n % 3)).collect();
        // These stay where they are, and speak.
        let stayers = all.clone();
        let mut said: HashMap<usize, u64> = HashMap::new();
        for op in ops {
            let index = |all: &Vec<(usize, Id)>, who: usize| who % all.len();
            match op {
                LinkedOp::Join(hub) => all.push((hub, hubs.worlds[hub].joins())),
                LinkedOp::Leave(who) if index(&all, who) >= 6 => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].says(id, b"88\n");
                    hubs.worlds[hub].ends(id, Ok(()));
                }
                LinkedOp::Vanish(who) if index(&all, who) >= 6 => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].ends(id, Err(io::ErrorKind::ConnectionReset.into()));
                }
                LinkedOp::Leave(_) | LinkedOp::Vanish(_) => {}
                LinkedOp::Rename(who, name) => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].says(id, format!("/name {}\n", NAMES[usize::from(name)]).as_bytes());
                }
                LinkedOp::ChangeRoom(who, room) if index(&all, who) >= 6 => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].says(id, format!("/join {}\n", ["lobby", "tea", "Tea"][usize::from(room)]).as_bytes());
                }
                LinkedOp::ChangeRoom(..) => {}
                LinkedOp::Say(who, count) => {
                    let who = index(&all, who);
                    let number = said.entry(who).or_default();
                    let mut lines = String::new();
                    for _ in 0..count {
                        *number += 1;
                        lines += &format!("data {who} {number} {}\n", "x".repeat(usize::from(count)));
                    }
                    let (hub, id) = all[who];
                    hubs.worlds[hub].says(id, lines.as_bytes());
                }
                LinkedOp::Whisper(who, to) => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].says(id, format!("/msg {} psst\n", NAMES[to % NAMES.len()]).as_bytes());
                }
                LinkedOp::Take(who, bytes) => {
                    let (hub, id) = all[index(&all, who)];
                    hubs.worlds[hub].takes(id, bytes);
                }
                LinkedOp::Flow => hubs.flow(),
                LinkedOp::Half(hub) => {
                    let orders = std::mem::take(&mut hubs.worlds[hub].orders);
                    hubs.links[hub].orders.extend(orders);
                    if !hubs.is_away && let Some(order) = hubs.links[hub].orders.pop_front() {
                        hubs.perform(hub, order);
                    }
                    hubs.read((hub + 1) % 3);
                }
                LinkedOp::Cut(is_away) => if is_away != hubs.is_away { hubs.is_cut(is_away) },
                LinkedOp::Die(hub) => if !hubs.is_away {
                    // It is taken for gone, and comes back.
                    hubs.buries(hub, false);
                    hubs.comes_back(hub);
                },
                LinkedOp::Pass(milliseconds) => {
                    for world in &mut hubs.worlds {
                        world.passes(Duration::from_millis(milliseconds));
                    }
                }
            }
        }
        if hubs.is_away {
            hubs.is_cut(false);
        }
        for _ in 0..20 {
            hubs.heard(stayers[0]);
            hubs.passes(Duration::from_secs(4));
        }
        for hub in 0..3 {
            prop_assert!(hubs.worlds[hub].hub.reads_log(), "hub {} is stuck", hub);
            prop_assert!(hubs.links[hub].orders.is_empty());
        }
        let seen: Vec<Vec<(u64, u64)>> = all.iter().map(|(hub, id)| data(&hubs.worlds[*hub].lines(*id))).collect();
        // Nothing is lost or doubled between those who stayed, and each sender's order is kept.
        for (receiver, seen) in seen[..6].iter().enumerate() {
            for sender in (0..6).filter(|sender| *sender != receiver) {
                let got: Vec<u64> =
                    seen.iter().filter(|(from, _)| *from == sender as u64).map(|(_, number)| *number).collect();
                let all: Vec<u64> = (1..=said.get(&sender).copied().unwrap_or(0)).collect();
                prop_assert_eq!(got, all, "{} of {}", receiver, sender);
            }
        }
        // One order: what any two both got came in the same order.
        let sets: Vec<HashSet<_>> = seen.iter().map(|seen| seen.iter().copied().collect()).collect();
        for one in 0..6 {
            for other in 0..6 {
                let order = |of: usize, both: usize| -> Vec<_> { seen[of].iter().filter(|line| sets[both].contains(line)).collect() };
                prop_assert_eq!(order(one, other), order(other, one));
            }
        }
        // All hubs agree on who is where, and no two names look alike.
        let mut lists = BTreeSet::new();
        for stayer in &stayers {
            let who = hubs.answer(*stayer, "/who");
            let names = who.split_once(": ").unwrap().1.split_once(": ").unwrap().1;
            let names: BTreeSet<String> = names.split(", ").map(str::to_owned).collect();
            let parsed: Vec<_> = names.iter().filter_map(|name| Name::parse(name.split(' ').next().unwrap()).ok()).collect();
            for (index, name) in parsed.iter().enumerate() {
                prop_assert!(!parsed[..index].iter().any(|other| other.looks_like(name)), "{}", who);
            }
            lists.insert(names);
        }
        prop_assert_eq!(lists.len(), 1, "{:?}", lists);
    }
}
