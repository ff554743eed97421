//! `--transcript FILE`: what the hub records.

use super::*;
use serde_json::Value;

#[test]
fn the_transcript_has_what_happens_in_rooms_and_no_private_messages() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("transcript");
    let (mut hub, port) = hub(&["--transcript", file.to_str().unwrap()]);
    let mut bob = Client::joins_as(port, "bob");
    let address = bob.address();
    bob.says("hello \u{1b}[1m");
    bob.says("/me waves");
    bob.says("/msg operator secret");
    bob.says("/join tea");
    bob.says("tea?");
    bob.catches_up();
    bob.leaves();
    let mut alice = Client::joins(port);
    alice.catches_up();
    alice.ends_without_88();
    hub.types("to nobody\n88\n");
    hub.exits(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().all(|entry| entry["time"].is_string()), "{text}");
    let of =
        |event: &str| -> Vec<&Value> { entries.iter().filter(|entry| entry["event"] == event).collect() };
    let joined = of("joined");
    assert!(
        joined.iter().any(|entry| {
            entry["peer"] == address && entry["name"] == "user1" && entry["room"] == "lobby"
        }),
        "{text}"
    );
    assert_eq!((&of("renamed")[0]["name"], &of("renamed")[0]["text"]), (&"user1".into(), &"bob".into()));
    let said: Vec<_> =
        of("said").iter().map(|entry| [&entry["name"], &entry["room"], &entry["text"]]).collect();
    assert_eq!(said.len(), 3, "{text}");
    assert_eq!(said[0][..2], [&Value::from("bob"), &"lobby".into()]);
    assert!(said[0][2].as_str().unwrap().starts_with("hello "));
    assert_eq!(said[1], [&Value::from("bob"), &"tea".into(), &"tea?".into()]);
    assert_eq!(said[2][1..], [&Value::from("lobby"), &"to nobody".into()]);
    let acted = of("acted");
    assert_eq!((acted.len(), &acted[0]["name"], &acted[0]["text"]), (1, &"bob".into(), &"waves".into()));
    let left: Vec<_> =
        of("left").iter().map(|entry| (entry["name"].clone(), entry["text"].clone())).collect();
    assert!(left.iter().any(|(name, why)| name == "bob" && why.is_string()), "{text}");
    assert!(left.iter().any(|(_, why)| why.as_str().is_some_and(|why| why.contains("without 88"))), "{text}");
}
