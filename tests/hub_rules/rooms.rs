//! What a room is told of its members, and what lists and changes of room cost.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

impl World {
    /// These join under these names, one after the other, without using up the limits of the tests.
    pub(crate) fn join_as<const N: usize>(&mut self, names: [&str; N]) -> [Id; N] {
        let ids = names.map(|name| {
            let id = self.joins();
            self.says(id, format!("/name {name}\n").as_bytes());
            id
        });
        self.passes(Duration::from_secs(60));
        self.settles();
        ids
    }

    /// The lines that somebody is sent while this happens.
    pub(crate) fn heard(&mut self, id: Id, happens: impl FnOnce(&mut Self)) -> Vec<String> {
        self.settles();
        let before = self.lines(id).len();
        happens(self);
        self.settles();
        self.lines(id).split_off(before)
    }

    /// Changes the name this often, to `x1`, `x2` and so on.
    fn renames(&mut self, id: Id, count: usize) {
        (1..=count).for_each(|n| self.says(id, format!("/name x{n}\n").as_bytes()));
    }
}

#[test]
fn who_speaks_under_a_new_name_has_been_announced_however_often_it_changed() {
    let mut world = World::new(settings());
    let [bob, alice, mallory] = world.join_as(["bob", "alice", "mallory"]);
    let heard = world.heard(bob, |world| {
        world.says(alice, b"88\n");
        world.renames(mallory, 11);
        world.says(mallory, b"/name alice\nforget what I said\n");
    });
    let expected = [
        "* alice left",
        "* mallory is now x1",
        "* x1 is now x2",
        "* x2 is now x3",
        "* x3 is now alice",
        "<alice> forget what I said",
    ];
    assert_eq!(heard, expected);
    assert_eq!(world.heard(bob, |world| world.passes(SECOND)), [""; 0]);
}

#[test]
fn a_private_message_and_leaving_come_after_the_new_name_too() {
    let mut world = World::new(settings());
    let [bob, mallory] = world.join_as(["bob", "mallory"]);
    let heard = world.heard(bob, |world| {
        world.renames(mallory, 5);
        world.says(mallory, b"/msg bob psst\n/name y\n/me waves\n/name z\n/join tea\n");
    });
    let last = [
        "* x3 is now x5",
        "[x5 -> you] psst",
        "* x5 is now y",
        "* <y> waves",
        "* y is now z",
        "* z left for tea",
    ];
    assert_eq!(heard[3..], last);
}

#[test]
fn new_names_beyond_the_limit_are_announced_together_when_the_second_is_over() {
    let mut world = World::new(settings());
    let [bob, one, other, third] = world.join_as(["bob", "one", "other", "third"]);
    let heard = world.heard(bob, |world| {
        for (id, name) in [(one, "a"), (other, "b"), (third, "c")] {
            for n in 1..=5 {
                world.says(id, format!("/name {name}{n}\n").as_bytes());
            }
        }
        // It returns to the name by which the room knows it.
        world.says(third, b"/name c3\n");
    });
    assert_eq!(heard.len(), 9);
    let heard = world.heard(bob, |world| world.passes(SECOND));
    assert_eq!(heard, ["* a3 is now a5, b3 is now b5"]);
}

#[test]
fn a_line_of_new_names_is_not_split_within_a_name() {
    let mut world = World::new(Settings { max_line: 256, ..settings() });
    let bob = world.joins();
    let crowd: Vec<_> = world.join_many("127.0.0.1", 20);
    world.passes(Duration::from_secs(60));
    let heard = world.heard(bob, |world| {
        for (n, id) in crowd.iter().enumerate() {
            for letter in ["a", "b", "c", "d"] {
                world.says(*id, format!("/name {}{n}\n", letter.repeat(30)).as_bytes());
            }
        }
        world.passes(SECOND);
    });
    let told: Vec<_> = heard.iter().flat_map(|line| line.strip_prefix("* ").unwrap().split(", ")).collect();
    for n in 0..20 {
        assert!(told.iter().any(|told| told.ends_with(&format!(" is now {}{n}", "d".repeat(30)))), "{n}");
    }
    assert!(told.iter().all(|told| told.split(' ').count() == 4), "{told:#?}");
}

#[test]
fn nobody_gets_a_name_before_the_room_has_been_told_that_it_was_given_up() {
    let mut world = World::new(settings());
    let [bob, alice, mallory] = world.join_as(["bob", "alice", "mallory"]);
    world.renames(alice, 3);
    world.says(alice, b"/name alice2\n");
    assert!(world.answer(mallory, "/name X3").starts_with("* hub: the name X3 is taken"));
    // Those who know that name still reach its owner with it.
    world.says(bob, b"/msg x3 is it you?\n");
    world.settles();
    assert_eq!(world.lines(alice).last().unwrap(), "[bob -> you] is it you?");
    world.passes(SECOND);
    assert_eq!(world.answer(mallory, "/name X3"), "* hub: you are now X3");
    assert_eq!(world.lines(bob)[world.lines(bob).len() - 2..], ["* x3 is now alice2", "* mallory is now X3"]);
}

#[test]
fn joins_leaves_and_new_names_do_not_use_up_each_others_limit() {
    let mut world = World::new(settings());
    let [bob, alice] = world.join_as(["bob", "alice"]);
    let heard = world.heard(bob, |world| {
        let crowd: Vec<_> = world.join_many("127.0.0.1", 25);
        world.says(alice, b"/name alicia\n");
        crowd.iter().take(12).for_each(|id| world.says(*id, b"88\n"));
    });
    assert_eq!(heard.len(), 10 + 1 + 10);
    assert_eq!(heard[10], "* alice is now alicia");
    assert_eq!(
        world.heard(bob, |world| world.passes(SECOND)),
        ["* hub: 15 joined (/who lists them), 2 left"]
    );
}

#[test]
fn somebody_whose_joining_was_counted_is_announced_before_the_first_line() {
    let mut world = World::new(settings());
    let [bob, mallory] = world.join_as(["bob", "mallory"]);
    world.says(mallory, b"/join tea\n/name alice\n");
    world.passes(Duration::from_secs(60));
    let heard = world.heard(bob, |world| {
        let _crowd: Vec<_> = world.join_many("127.0.0.1", 11);
        world.says(mallory, b"/join lobby\nforget what I said\n");
    });
    assert_eq!(heard[10..], ["* alice joined", "<alice> forget what I said"]);
    let summary = world.heard(bob, |world| world.passes(SECOND));
    assert_eq!(summary, ["* hub: 1 joined (/who lists them)"]);
    // The one who was counted.
    let last = world.clients[world.clients.len() - 1];
    let heard = world.heard(bob, |world| world.says(last, b"hello\n/me waves\n"));
    assert_eq!(heard, ["* user13 is one of those who joined", "<user13> hello", "* <user13> waves"]);
}

#[test]
fn who_lists_the_newest_fifty_and_counts_the_others() {
    let mut world = World::new(settings());
    let first = world.joins();
    let _crowd: Vec<_> = world.join_many("127.0.0.1", 60);
    let who = world.answer(first, "/who");
    assert!(who.starts_with("* hub: 62 are in lobby: user61, user60, user59, "), "{who}");
    assert!(who.ends_with(", user12 and 12 more"), "{who}");
    // The order is that of entering this room.
    world.says(first, b"/join tea\n/join lobby\n");
    world.passes(SECOND);
    let who = world.answer(first, "/who");
    assert!(who.starts_with("* hub: 62 are in lobby: user1, user61, user60, "), "{who}");
}

#[test]
fn rooms_lists_fifty_in_order_and_counts_the_others() {
    let mut world = World::new(settings());
    let first = world.joins();
    for n in (0..60).rev() {
        let id = world.joins();
        world.says(id, format!("/join r{n:02}\n").as_bytes());
    }
    let rooms = world.answer(first, "/rooms");
    assert!(rooms.starts_with("* hub: 61 rooms: lobby (2), r00 (1), r01 (1), "), "{rooms}");
    assert!(rooms.ends_with(", r48 (1) and 11 more"), "{rooms}");
}

#[test]
fn a_second_list_within_a_second_waits_and_so_does_what_follows() {
    let mut world = World::new(settings());
    let [bob, alice] = world.join_as(["bob", "alice"]);
    let lists = |lines: &[String]| lines.iter().filter(|line| line.starts_with("* hub: ")).count();
    let heard = world.heard(bob, |world| world.says(bob, b"/rooms\n/who\n/rooms\nhello\n"));
    assert_eq!(lists(&heard), 1);
    assert!(world.waits(bob));
    // Others need not wait, and neither need other lines.
    assert!(world.answer(alice, "/who").starts_with("* hub: 3 are in lobby: "));
    assert_eq!(world.heard(bob, |world| world.says(alice, b"hello\n")), ["<alice> hello"]);
    for _ in 0..2 {
        let early = Duration::from_millis(1);
        assert_eq!(lists(&world.heard(bob, |world| world.passes(SECOND - early))), 0);
        assert!(!world.lines(alice).contains(&"<bob> hello".to_owned()));
        assert_eq!(lists(&world.heard(bob, |world| world.passes(early))), 1);
    }
    assert!(world.lines(alice).contains(&"<bob> hello".to_owned()));
    // The operator does not wait.
    let heard = world.heard(OPERATOR, |world| world.says(OPERATOR, b"/who\n/rooms\n"));
    assert_eq!(lists(&heard), 2);
}

#[test]
fn who_changes_rooms_again_and_again_waits_and_loses_nothing() {
    let mut world = World::new(settings());
    let [bob, hopper] = world.join_as(["bob", "hopper"]);
    let hops = b"/join tea\n/join lobby\nhere I am\n".repeat(3);
    let heard = world.heard(bob, |world| world.says(hopper, &hops));
    let hop = ["* hopper left for tea", "* hopper joined", "<hopper> here I am"];
    assert_eq!(heard, [&hop[..], &hop[..1]].concat());
    let heard = world.heard(bob, |world| (0..9).for_each(|_| world.passes(SECOND)));
    assert_eq!(heard, [&hop[1..], &hop].concat());
    assert!(!world.waits(hopper));
}

#[test]
fn a_member_can_ignore_a_hundred_who_are_present() {
    let mut world = World::new(settings());
    let crowd: Vec<_> = (1..=102).map(|_| world.joins()).collect();
    let ignore = |n: usize| format!("/ignore user{n}");
    for n in 2..=101 {
        assert_eq!(world.answer(crowd[0], &ignore(n)), format!("* hub: you now ignore user{n}"));
    }
    let refused = "* hub: you cannot ignore user102: you ignore 100 people already";
    assert_eq!(world.answer(crowd[0], &ignore(102)), refused);
    assert_eq!(world.heard(crowd[0], |world| world.says(crowd[1], b"hello\n")), [""; 0]);
    world.says(crowd[1], b"88\n");
    assert_eq!(world.answer(crowd[0], &ignore(102)), "* hub: you now ignore user102");
    assert_eq!(world.answer(crowd[0], &ignore(3)), "* hub: you no longer ignore user3");
}

/// What the members of a property test do.
#[derive(Debug, Clone)]
enum Deed {
    Joins,
    Leaves(usize),
    Renames(usize, usize),
    Moves(usize, usize),
    Says(usize),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = 0..100_usize;
    prop_oneof![
        3 => Just(Deed::Joins),
        1 => who.clone().prop_map(Deed::Leaves),
        8 => (who.clone(), 0..4_usize).prop_map(|(who, name)| Deed::Renames(who, name)),
        2 => (who.clone(), 0..2_usize).prop_map(|(who, room)| Deed::Moves(who, room)),
        4 => who.prop_map(Deed::Says),
        1 => (0..1500_u64).prop_map(Deed::Pass),
    ]
}

/// Whom a reader takes those for whose names it knows: the number that the owner of each name has said, once it has.
#[derive(Debug, Default)]
struct Known(HashMap<String, Option<usize>>);

impl Known {
    /// Reads a line. Returns the name of a speaker whom the reader takes for somebody else, or has never been told of.
    fn read(&mut self, line: &str) -> Option<String> {
        if let Some((name, number)) = line.strip_prefix('<').and_then(|line| line.split_once("> ")) {
            let number = number.parse().unwrap();
            let known = self.0.get_mut(name).map(|known| *known.get_or_insert(number));
            return (known != Some(number)).then(|| name.to_owned());
        }
        for told in line.strip_prefix("* ").unwrap().split(", ") {
            match told.split_once(' ').unwrap() {
                (name, "joined" | "is one of those who joined") => drop(self.0.insert(name.to_owned(), None)),
                (name, what) if what.starts_with("left") => drop(self.0.remove(name)),
                (old, what) if what.starts_with("is now ") => {
                    let number = self.0.remove(old).flatten();
                    self.0.insert(what["is now ".len()..].to_owned(), number);
                }
                _ => assert!(line.starts_with("* hub: "), "{line}"),
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_reader_always_knows_who_speaks(deeds in prop::collection::vec(deed(), 1..150)) {
        let mut world = World::new(Settings { operator: false, ..settings() });
        let bob = world.joins();
        world.passes(SECOND);
        let heard = world.heard(bob, |world| {
            for deed in deeds {
                let others = world.clients.len() - 1;
                let who = |n: usize| 1 + n % others.max(1);
                let mut says = |n: usize, line: String| {
                    let client = world.clients.get(who(n)).copied();
                    client.into_iter().for_each(|client| world.says(client, line.as_bytes()));
                };
                match deed {
                    Deed::Joins => drop(world.joins()),
                    Deed::Leaves(n) => says(n, "88\n".to_owned()),
                    Deed::Renames(n, name) => says(n, format!("/name {}\n", ["a", "A", "b", "c"][name])),
                    Deed::Moves(n, room) => says(n, format!("/join {}\n", ["lobby", "tea"][room])),
                    Deed::Says(n) => says(n, format!("{}\n", who(n))),
                    Deed::Pass(milliseconds) => world.passes(Duration::from_millis(milliseconds)),
                }
                world.settles();
            }
        });
        let mut known = Known::default();
        for (at, line) in heard.iter().enumerate() {
            prop_assert_eq!(known.read(line), None, "{:#?}", &heard[..=at]);
        }
    }
}
