//! An entry of the log, as the scripts write it (`scripts/common.lua`).

use super::codec::{Answer, array, bytes, list, parse};
use super::{EntryId, HubId};

/// How many refused claims are believed: no batch has more.
const MAX_REFUSED: usize = 1 << 20;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// Of the last entry.
    pub(super) id: EntryId,
    /// How many lines the log has had.
    pub(super) lines: u64,
    /// How many bytes the log has had.
    pub(super) bytes: u64,
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A batch.
    Batch { seq: u64, data: Vec<u8>, refused: Vec<u32> },
    /// The hub has left (`left`), or its lease has run out.
    Gone { left: bool },
}

/// An entry that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hub: HubId,
    pub(super) lines: u64,
    /// The id of the entry before.
    pub(super) before: EntryId,
    /// How many lines came before.
    pub(super) lines_before: u64,
    /// Behind this entry.
    pub(super) position: Position,
    pub(super) content: Content,
}

/// The entries that XREAD answers for one stream; each with its id, and None if it makes no sense. None if the answer itself
/// makes none.
pub(super) fn entries(answer: Answer) -> Option<Vec<(EntryId, Option<Entry>)>> {
    if answer == Answer::Null {
        return Some(Vec::new());
    }
    let [stream] = array(answer)?;
    let [_, entries] = array(stream)?;
    let entry = |answer| {
        let [id, fields] = array(answer)?;
        let id = EntryId::parse(&bytes(id)?)?;
        Some((id, entry(id, fields)))
    };
    list(entries)?.into_iter().map(entry).collect()
}

fn entry(id: EntryId, fields: Answer) -> Option<Entry> {
    let mut fields = list(fields)?.into_iter();
    let mut field = |name: &[u8]| {
        let key = bytes(fields.next()?)?;
        bytes(fields.next()?).filter(|_| key == name)
    };
    let hub = HubId::parse(&field(b"h")?)?;
    let seq = field(b"s")?;
    let lines = parse(&field(b"n")?)?;
    let before = EntryId::parse(&field(b"p")?)?;
    let lines_before = parse(&field(b"g")?)?;
    let bytes = parse(&field(b"b")?)?;
    let data = field(b"d")?;
    let refused = refused(&field(b"r")?)?;
    let content = match seq.as_slice() {
        b"gone" => Content::Gone { left: false },
        b"left" => Content::Gone { left: true },
        seq => Content::Batch { seq: parse(seq)?, data, refused },
    };
    let position = Position { id, lines: lines_before.checked_add(lines)?, bytes };
    Some(Entry { hub, lines, before, lines_before, position, content })
}

/// `0,3`, or nothing.
fn refused(text: &[u8]) -> Option<Vec<u32>> {
    let parts = text.split(|byte| *byte == b',').filter(|part| !part.is_empty());
    let numbers: Option<Vec<_>> = parts
        .take(MAX_REFUSED)
        .map(|part| parse(part).and_then(|number| u32::try_from(number).ok()))
        .collect();
    numbers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn text(text: &[u8]) -> Answer {
        Answer::BulkString(text.to_vec())
    }

    fn fields(hub: &str, seq: &str, numbers: [&str; 4], refused: &str) -> Answer {
        let [lines, before, lines_before, bytes] = numbers;
        let fields = [
            ("h", hub),
            ("s", seq),
            ("n", lines),
            ("p", before),
            ("g", lines_before),
            ("b", bytes),
            ("d", "data"),
            ("r", refused),
        ];
        Answer::Array(
            fields.iter().flat_map(|(key, value)| [text(key.as_bytes()), text(value.as_bytes())]).collect(),
        )
    }

    const HUB: &str = "0000000000000000000000000000000a";

    #[test]
    fn an_entry_has_all_fields_or_makes_no_sense() {
        let id = EntryId { ms: 5, number: 1 };
        let good = entry(id, fields(HUB, "7", ["3", "4-0", "10", "400"], "0,2")).unwrap();
        assert_eq!(good.position, Position { id, lines: 13, bytes: 400 });
        assert_eq!(good.content, Content::Batch { seq: 7, data: b"data".to_vec(), refused: vec![0, 2] });
        let gone = entry(id, fields(HUB, "gone", ["0", "4-0", "10", "400"], "")).unwrap();
        assert_eq!(gone.content, Content::Gone { left: false });
        for nonsense in [
            fields("hub", "7", ["3", "4-0", "10", "400"], ""),
            fields(HUB, "-7", ["3", "4-0", "10", "400"], ""),
            fields(HUB, "7", ["18446744073709551615", "4-0", "10", "400"], ""),
            fields(HUB, "7", ["3", "4", "10", "400"], ""),
            fields(HUB, "7", ["3", "4-0", "", "400"], "x"),
            fields(HUB, "7", ["3", "4-0", "10", "400"], "99999999999"),
            Answer::Array(vec![text(b"h")]),
            Answer::Array(Vec::new()),
            Answer::Null,
        ] {
            assert_eq!(entry(id, nonsense), None);
        }
    }

    proptest! {
        #[test]
        fn any_fields_are_an_entry_or_nonsense(parts in proptest::collection::vec("[hsnpgbdr]|[0-9-]{0,21}|.{0,3}", 0..20)) {
            let fields = parts.iter().map(|part| text(part.as_bytes())).collect();
            let _ = entry(EntryId::default(), Answer::Array(fields));
        }
    }
}
