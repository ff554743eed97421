//! What a user sees of the keys, which come as terminals send them.

use super::text::LIMIT;
use super::*;
use crate::rules::sanitize::sanitize;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

fn new(history: Vec<String>) -> Line {
    Line::new(&history.into_iter().map(String::into_bytes).collect::<Vec<_>>())
}

const COMMANDS: [&str; 4] = ["/who", "/msg", "/me", "/help"];

fn press(line: &mut Line, bytes: impl AsRef<[u8]>) -> Vec<Command> {
    let names = vec!["bob", "ann", "Annette", "漢字"];
    line.handle(bytes.as_ref(), &Candidates { commands: &COMMANDS, names })
}

/// What is on the screen, with `|` for the cursor.
fn shown(line: &Line) -> String {
    let Row { prompt, before, after } = line.row("", 1000);
    format!("{prompt}{before}|{after}")
}

/// What is on the screen after these keys.
fn after(keys: &str) -> String {
    let mut line = new(["first thing", "second thing"].map(str::to_owned).into());
    press(&mut line, keys);
    shown(&line)
}

fn enter(text: &str) -> Command {
    Command::Enter(text.as_bytes().to_vec())
}

#[test]
fn a_typed_line_is_entered_and_an_empty_one_is_not() {
    let mut line = new(Vec::new());
    assert_eq!(press(&mut line, "\rhello\r\rworld\r"), [enter("hello"), enter("world")]);
    assert_eq!(line.text(), "");
}

#[test]
fn emacs_keys_edit_the_line() {
    for (keys, expected) in [
        ("hello wrld\x1b[D\x1b[D\x1b[Do", "hello wo|rld"),
        ("ab\x7fc\x08d", "ad|"),
        ("one\x01\x04\x1b[3~", "|e"),
        ("one\x04", "one|"),
        ("one two\x1bb\x02\x1bb\x06", "o|ne two"),
        ("one two\x01\x1bf\x1bf\x01\x05!", "one two!|"),
        ("ab\x01\x14\x06\x14", "ba|"),
        ("one two\x1bt", "two one|"),
        ("one two\x01\x1bu\x1bc", "ONE Two|"),
        ("ONE\x01\x1bl", "one|"),
        ("漢字 e\u{301}x\x1b[D\x7f", "漢字 |x"),
        ("👩‍👩‍👧🇩🇪\x7f\x02!", "!|👩‍👩‍👧"),
        ("a\x16\x01\x11\tb", "a^A^Ib|"),
        ("a\x1b[2~\x1b[5~\x00b", "ab|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
}

#[test]
fn what_was_killed_can_be_yanked() {
    for (keys, expected) in [
        ("one two\x17\x19\x19", "one twotwo|"),
        ("one t-wo\x17\x15\x19", "one t-wo|"),
        ("one t-wo\x1b\x7fx\x1b\x7f\x19", "one t-x|"),
        ("one two\x01\x1bd\x1bd\x05\x19", "one two|"),
        ("one two\x01\x1bd\x06\x0b\x19", " two|"),
        ("one two\x01\x1bd\x06\x0b\x19\x1by", " one|"),
        ("one two\x01\x1bd\x06\x0b\x19\x1by\x1by", " two|"),
        // A deleted character is not a kill.
        ("one two\x17x\x7f\x19", "one two|"),
        ("one\x1by\x19", "one|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
}

#[test]
fn undo_takes_back_what_was_typed_in_one_go() {
    for (keys, expected) in [
        ("one two\x17three\x1f", "one |"),
        ("one two\x17three\x1f\x18\x15", "one two|"),
        ("one two\x17three\x1f\x1f\x1f\x1f", "|"),
        ("one two\x01\x05three\x1f", "one two|"),
        ("ab\x7f\x7f\x1f\x1f", "ab|"),
        ("one\x03\x1f", "one|"),
        ("bo\t\x1f", "bo|"),
        ("mine\x1b[A\x1f", "mine|"),
        ("sent\rnext\x1f\x1f", "|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
}

#[test]
fn control_keys_mean_something_else_on_an_empty_line() {
    let mut line = new(Vec::new());
    assert_eq!(press(&mut line, "a\x03\x03"), [Command::Interrupt]);
    assert_eq!(press(&mut line, "a\x02\x04\x04"), [Command::End]);
    assert_eq!(press(&mut line, "\x1b[3~\x7f"), []);
    let commands = [Command::Suspend, Command::Quit, Command::ClearScreen, Command::Resized];
    assert_eq!(press(&mut line, "ke\x1a\x1c\x0c\x1b[48tpt"), commands);
    assert_eq!(shown(&line), "kept|");
}

#[test]
fn a_paste_enters_its_whole_lines_and_the_rest_joins_the_line() {
    for end in ["\r", "\n", "\r\n"] {
        for (begin, finish) in [("", ""), ("\x1b[200~", "\x1b[201~")] {
            let mut line = new(Vec::new());
            press(&mut line, "<>\x02");
            let pasted = [begin, "one", end, end, "two", end, "th", finish].concat();
            assert_eq!(press(&mut line, &pasted), [enter("<one>"), enter("two")], "{pasted:?}");
            assert_eq!(shown(&line), "th|");
        }
    }
}

#[test]
fn a_pasted_control_character_is_sent_and_not_obeyed() {
    let mut line = new(Vec::new());
    press(&mut line, "\x1b[200~a\x1b[2J\tgone\x03\u{202e}\x1b[201~");
    assert_eq!(shown(&line), "a^[[2J^Igone^C<U+202E>|");
    assert_eq!(press(&mut line, "\r"), [enter("a\x1b[2J\tgone\x03\u{202e}")]);
}

#[test]
fn bytes_that_are_not_utf_8_are_shown_at_once_and_sent_as_they_are() {
    let mut line = new(Vec::new());
    press(&mut line, b"caf\xe9");
    assert_eq!(shown(&line), "caf\u{fffd}|");
    press(&mut line, b"\x7f\xe8 \xf0\x9f");
    assert_eq!(shown(&line), "caf\u{fffd} \u{fffd}|");
    assert_eq!(press(&mut line, b"\r"), [Command::Enter(b"caf\xe8 \xf0\x9f".to_vec())]);
    assert_eq!(press(&mut line, b"\x1b[A\r"), [Command::Enter(b"caf\xe8 \xf0\x9f".to_vec())]);
}

#[test]
fn a_full_line_refuses_keys_and_a_paste_goes_on_in_another_line() {
    let mut line = new(Vec::new());
    let full = "0123456789abcdef".repeat(LIMIT / 16);
    assert_eq!(press(&mut line, &full), []);
    assert_eq!(press(&mut line, "x"), [Command::Bell]);
    assert_eq!(line.text(), full);
    // A yank and a longer spelling are refused as well.
    assert_eq!(press(&mut line, "\x17\x19\x19\x1by"), [Command::Bell]);
    assert_eq!(press(&mut line, "\x7f\x7fŉ\x02\x1bu"), [Command::Bell]);
    assert_eq!(line.text().len(), LIMIT);
    press(&mut line, "\x03");
    assert_eq!(press(&mut line, format!("{full}{full}x")), [enter(&full), enter(&full)]);
    assert_eq!(press(&mut line, format!("\x1b[200~{full}y\x1b[201~")).len(), 1);
    assert_eq!(line.text(), "fy");
}

#[test]
fn a_yank_that_was_refused_cannot_be_replaced() {
    let mut line = Line::new(&[]);
    let half = "x".repeat(LIMIT / 2 + 1);
    assert_eq!(press(&mut line, format!("{half}\x17\x19\x01\x19")), [Command::Bell]);
    assert_eq!(press(&mut line, "\x1by"), [Command::Bell]);
    assert_eq!(line.text(), half);
}

#[test]
fn undo_and_kills_are_bounded() {
    let mut line = Line::new(&[]);
    press(&mut line, "a\x05".repeat(1100));
    press(&mut line, "\x1f".repeat(1100));
    assert_eq!(line.text().len(), 100);
    press(&mut line, "x".repeat(LIMIT - 100));
    press(&mut line, "\x7f".repeat(50));
    press(&mut line, "\x1f".repeat(50));
    assert_eq!(line.text().len(), LIMIT - 50 + 1024 * 1024 / LIMIT);
    press(&mut line, "\x03");
    for n in 0..20 {
        press(&mut line, format!("{n}\x15"));
    }
    press(&mut line, "\x19".to_owned() + &"\x1by".repeat(15));
    assert_eq!(line.text(), "4");
    press(&mut line, "\x1by");
    assert_eq!(line.text(), "19");
}

#[test]
fn the_history_keeps_lines_and_the_unfinished_one() {
    let mut line = new(vec!["first".to_owned(), "second".to_owned(), "no\nline".to_owned()]);
    assert_eq!(press(&mut line, "third\rthird\r"), [enter("third"), enter("third")]);
    assert_eq!(line.history().collect::<Vec<_>>(), ["first", "second", "third"]);
    for (keys, expected) in [
        ("mine", "mine|"),
        ("\x1b[A", "third|"),
        ("\x10\x10\x10", "first|"),
        ("\x0e\x1bOB", "third|"),
        ("\x1b[B\x1b[B", "mine|"),
        ("\x1b[B\x1b[A", "third|"),
        ("\x1b[B", "mine|"),
        ("\x1b<", "first|"),
        ("\x1b>", "mine|"),
        ("\x10\x10 try\r\x1b[A", "second try|"),
        ("\x1b[A\x03\x1b[A", "second try|"),
    ] {
        press(&mut line, keys);
        assert_eq!(shown(&line), expected, "{keys:?}");
    }
}

#[test]
fn the_history_is_bounded() {
    let mut line = new((0..1100).map(|n| format!("line {n}")).collect());
    press(&mut line, "last\r");
    assert_eq!(line.history().count(), 1000);
    assert_eq!(line.history().next(), Some("line 101"));
    for n in 0..100 {
        press(&mut line, format!("{n}{}\r", "x".repeat(LIMIT - 2)));
    }
    assert!(line.history().map(str::len).sum::<usize>() <= 1024 * 1024);
}

#[test]
fn a_search_finds_a_line_of_the_history_and_sends_nothing() {
    for (keys, expected) in [
        ("\x12", "(search: ) |"),
        ("\x12th", "(search: th) second |thing"),
        ("\x12th\x12", "(search: th) first |thing"),
        ("\x12th\x12\x13", "(search: th) second |thing"),
        ("\x12th\x12x", "(not found: thx) first |thing"),
        ("\x12th\x12x\x7f", "(search: th) second |thing"),
        ("\x12second\r", "second thing|"),
        ("\x12fi\x1b[A", "first thing|"),
        ("\x12fi\x05\x1b[B", "second thing|"),
        ("\x12fi\x01a ", "a |first thing"),
        ("mine\x12fi\x07", "mine|"),
        ("mine\x12fi\x03", "mine|"),
        ("mine\x12fi\r\x1b>", "mine|"),
        ("mine\x12fx\r", "first thing|"),
        ("mine\x12xyz\r", "mine|"),
        ("\x12fi\r\x03\x12\x12", "(search: fi) |first thing"),
        ("mine\x12th\x7f\x7f", "(search: ) mine|"),
        ("\x1b<\x13sec", "(search: sec) |second thing"),
        ("\x12fi\x1b[200~r\nst\x1b[201~\x07", "|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
    let mut line = new(vec!["first".to_owned()]);
    assert_eq!(press(&mut line, "\x12\x12"), [Command::Bell]);
    assert_eq!(press(&mut line, "fi"), []);
    assert_eq!(press(&mut line, "\x12"), [Command::Bell]);
    assert_eq!(press(&mut line, "\x0c\r"), [Command::ClearScreen]);
    assert_eq!(press(&mut line, "\r"), [enter("first")]);
    assert_eq!(press(&mut line, "\x12".to_owned() + &"x".repeat(2000)), [Command::Bell]);
    assert_eq!(shown(&line), "(search: ) |");
}

#[test]
fn tab_completes_commands_and_names() {
    for (keys, expected) in [
        ("/wh\t", "/who |"),
        ("/w\tx", "/who x|"),
        ("/m\t", "/msg |"),
        ("/m\t\t\t", "/msg |"),
        ("/m\t\t", "/me |"),
        ("x /w\t", "x /w|"),
        ("bo\t", "bob: |"),
        ("BO\t\t", "bob: |"),
        ("/msg bo\t", "/msg bob |"),
        ("hi bo\x02\x02\t", "hi bob |bo"),
        ("漢\t", "漢字: |"),
        ("a\t", "ann|"),
        ("a\t\t", "ann: |"),
        ("a\t\t\t", "Annette: |"),
        ("a\t\t\t\t", "ann: |"),
        ("a\te\t", "Annette: |"),
        ("anne\t", "Annette: |"),
        ("\t", "bob: |"),
        ("/msg \t\t", "/msg ann |"),
        ("q\t", "q|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
    assert_eq!(press(&mut new(Vec::new()), "q\t"), [Command::Bell]);
}

#[test]
fn keys_that_can_do_nothing_ring_the_bell_once() {
    let mut line = new(Vec::new());
    for keys in ["\x1f", "\x19", "\x1by", "\x1bq", "\x07\x07\x07"] {
        assert_eq!(press(&mut line, keys), [Command::Bell], "{keys:?}");
    }
}

#[test]
fn a_long_line_is_shown_around_the_cursor() {
    let mut line = new(Vec::new());
    press(&mut line, "0123456789".repeat(10));
    let row = |line: &Line, columns| {
        let Row { prompt, before, after } = line.row("bob> ", columns);
        format!("{prompt}{before}|{after}")
    };
    assert_eq!(row(&line, 26), "bob> 01234567890123456789|");
    press(&mut line, "\x01");
    assert_eq!(row(&line, 26), "bob> |01234567890123456789");
    press(&mut line, "\x06".repeat(15));
    assert_eq!(row(&line, 26), "bob> 012345678901234|56789");
    press(&mut line, "\x06");
    assert_eq!(row(&line, 26), "bob> 123456789012345|67890");
}

#[test]
fn a_narrow_terminal_cuts_the_prompt_and_an_absurd_one_does_not_matter() {
    let mut line = new(Vec::new());
    press(&mut line, "漢字漢字");
    let row = |line: &Line, columns| {
        let Row { prompt, before, after } = line.row("127.0.0.1:54321> ", columns);
        format!("{prompt}{before}|{after}")
    };
    assert_eq!(row(&line, 80), "127.0.0.1:54321> 漢字漢字|");
    assert_eq!(row(&line, 21), ".1:54321> 漢字漢字|");
    assert_eq!(row(&line, 9), "21> 漢字|");
    assert_eq!(row(&line, 2), "|");
    assert_eq!(row(&line, 1), "|");
    assert_eq!(row(&line, 0), row(&line, 80));
    press(&mut line, "x".repeat(5000));
    assert_eq!((row(&line, 1000).len(), row(&line, 1001).len()), (1000, 80));
}

#[test]
fn a_letter_with_thousands_of_accents_is_not_shown_in_part() {
    let mut line = Line::new(&[]);
    press(&mut line, format!("e{}x", "\u{301}".repeat(5000)));
    assert_eq!(line.row("", 80).before, "x");
}

#[test]
fn a_letter_with_many_accents_is_shown_cut_and_sent_whole() {
    let mut line = Line::new(&[]);
    let typed = format!("e{}x", "\u{301}".repeat(20));
    press(&mut line, typed.clone());
    assert_eq!(line.row("", 80).before, format!("e{}<+12 marks>x", "\u{301}".repeat(8)));
    assert_eq!(press(&mut line, "\r"), [Command::Enter(typed.into_bytes())]);
}

/// Pieces of what keyboards send, some of which belong together.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let common = select(vec![
        "\x1b",
        "[",
        "O",
        "]",
        "1;5",
        "A",
        "D",
        "200~",
        "201~",
        "\x1b[200~",
        "\x1b[201~",
        "\x1b[48t",
        "\x1b\\",
        "\r",
        "\n",
        "\r\n",
        "\t",
        "\x7f",
        "\x12",
        "\x16",
        "\x18",
        "\x15",
        "\x17",
        "\x19",
        "\x1b]1",
        "\x14",
        "\x1bt",
        "\x1bc",
        "\x1by",
        "\x1b<",
        "\x13",
        "\x03",
        "\x1b[M",
        "é",
        "漢",
        "👩‍👩‍👧",
        "\u{301}",
        "\u{10ffe9}",
        "bo",
        "ann",
        "/w",
        " ",
    ]);
    let common = common.prop_map(|piece| piece.as_bytes().to_vec());
    vec(prop_oneof![4 => common, 1 => vec(any::<u8>(), 1..3)], 0..60).prop_map(|pieces| pieces.concat())
}

/// What the line says when it is read in these pieces. The bell rings once in each of them, and so does not count.
fn read(line: &mut Line, pieces: &[&[u8]]) -> (Vec<Command>, String, Vec<String>) {
    let mut commands: Vec<_> = pieces.iter().flat_map(|piece| press(line, piece)).collect();
    commands.retain(|command| *command != Command::Bell);
    (commands, shown(line), line.history().map(str::to_owned).collect())
}

/// What a text shows that may be anything.
fn harmless(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|character| if character >= '\u{10ff80}' { '\u{fffd}' } else { character })
        .collect();
    let mut shown = Vec::new();
    sanitize(visible.replace('\t', "^I").as_bytes(), &mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

/// How many columns this takes at a terminal that gives each character columns of its own, and at one that does not.
fn columns_of(text: &str) -> usize {
    let columns = |cluster: &str| {
        let alone: usize = cluster.chars().map(|character| character.to_string().width()).sum();
        alone.max(cluster.width())
    };
    text.graphemes(true).map(columns).sum()
}

/// A line as simple as it can be: the text before the cursor, and the text after it.
#[derive(Debug, Default)]
struct Model {
    before: String,
    after: String,
    killed: String,
    undo: Vec<(String, String)>,
    last: Last,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Typed,
    Killed,
}

impl Model {
    fn press(&mut self, key: &str) {
        let (before, after) = (self.before.clone(), self.after.clone());
        let left = before.len() - before.graphemes(true).next_back().map_or(0, str::len);
        let right = after.graphemes(true).next().map_or(0, str::len);
        let is_space = |(_, cluster): &(usize, &str)| cluster.contains(' ');
        let clusters = before.grapheme_indices(true).rev().skip_while(is_space);
        let word = clusters.take_while(|cluster| !is_space(cluster)).last().map_or(0, |(place, _)| place);
        let last = std::mem::take(&mut self.last);
        match key {
            "\x01" => self.after = std::mem::take(&mut self.before) + &after,
            "\x05" => self.before += &std::mem::take(&mut self.after),
            "\x02" => self.after = self.before.split_off(left) + &after,
            "\x06" => self.before.extend(self.after.drain(..right)),
            "\x7f" => self.before.truncate(left),
            "\x04" => drop(self.after.drain(..right)),
            "\x19" if self.killed.is_empty() => {
                self.last = last;
                return;
            }
            "\x19" => self.before.push_str(&self.killed),
            "\x15" | "\x17" => {
                let killed = self.before.split_off(if key == "\x15" { 0 } else { word });
                self.kill(&last, &killed, |joined| killed.clone() + joined);
            }
            "\x0b" => {
                let killed = std::mem::take(&mut self.after);
                self.kill(&last, &killed, |joined| joined.to_owned() + &killed);
            }
            "\x1f" => {
                (self.before, self.after) = self.undo.pop().unwrap_or((before, after));
                return;
            }
            typed => {
                self.before.push_str(typed);
                self.last = Last::Typed;
            }
        }
        let changed = before.clone() + &after != self.before.clone() + &self.after;
        if changed && !(last == Last::Typed && self.last == Last::Typed) {
            self.undo.push((before, after));
        }
    }

    /// Kills one after another are one.
    fn kill(&mut self, last: &Last, killed: &str, join: impl Fn(&str) -> String) {
        if !killed.is_empty() {
            self.killed = join(if *last == Last::Killed { &self.killed } else { "" });
        }
        if !killed.is_empty() || *last == Last::Killed {
            self.last = Last::Killed;
        }
    }
}

proptest! {
    #[test]
    fn keys_mean_the_same_however_they_are_cut(bytes in pieces(), cuts: Vec<Index>) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let history = || vec!["bob".to_owned(), "ann bo".to_owned()];
        let whole = read(&mut new(history()), &[&bytes]);
        prop_assert_eq!(read(&mut new(history()), &pieces), whole);
    }

    #[test]
    fn keys_do_what_they_do_to_a_simple_line(
        keys in vec(
            select(vec![
                "\x01", "\x02", "\x02", "\x04", "\x05", "\x06", "\x06", "\x0b", "\x15", "\x17", "\x19", "\x1f", "\x7f", "a", "b",
                " ", "é", "e\u{301}", "漢", "👩‍👩‍👧", "\u{200d}", "🇩", "\u{10fffd}",
            ]),
            0..60,
        ),
    ) {
        let (mut line, mut model) = (new(Vec::new()), Model::default());
        for key in keys {
            // As a private character it would be taken for bytes that are no text.
            let bytes = if key == "\u{10fffd}" { b"\xfd".as_slice() } else { key.as_bytes() };
            press(&mut line, bytes);
            // A byte is text only when the next one shows that it is not a character.
            press(&mut line, "\x1b[2~");
            model.press(key);
            prop_assert_eq!(line.text.halves(), (model.before.as_str(), model.after.as_str()), "{:?}", key);
        }
    }

    #[test]
    fn the_row_is_a_window_onto_the_line(
        text in vec(
            select(vec![
                "a", "bc ", "漢", "e\u{301}", "👩‍👩‍👧", "🇩🇪", "☺\u{fe0f}", "\x1b[2J", "\t", "\u{202e}", "\u{10ffe9}", "\u{9b}", "\u{200b}",
            ]),
            0..60,
        ),
        cursor: Index,
        prompt in "[a漢\u{1b}]{0,30}> ",
        columns in 1..90_usize,
    ) {
        let place = cursor.index(text.len() + 1);
        let (before, after) = (text[..place].concat(), text[place..].concat());
        let row = Row::new(&prompt, &before, &after, columns);
        let width = columns_of(&row.prompt) + columns_of(&row.before) + columns_of(&row.after);
        prop_assert!(width < columns, "{width} {row:?}");
        let (all_before, all_after) = (harmless(&before), harmless(&after));
        prop_assert!(all_before.ends_with(&row.before), "{row:?}");
        prop_assert!(all_after.starts_with(&row.after), "{row:?}");
        prop_assert!(harmless(&prompt).ends_with(&row.prompt), "{row:?}");
        // As much as fits, and some of it after the cursor. No cluster here is wider than 6.
        let is_whole = row.before == all_before && row.after == all_after;
        prop_assert!(is_whole || width + 5 >= columns - 1, "{row:?}");
        let room = columns - 1 - columns_of(&row.prompt);
        let is_at_end = row.after == all_after;
        prop_assert!(is_at_end || columns_of(&row.after) + 5 >= (room / 4).min(10), "{row:?}");
        // No cluster is split.
        let clusters: Vec<&str> = all_before.graphemes(true).collect();
        let count = row.before.graphemes(true).count();
        prop_assert_eq!(&clusters[clusters.len() - count..].concat(), &row.before);
    }
}
