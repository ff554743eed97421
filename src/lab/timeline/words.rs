//! Steps, times and streams in words.

use super::model::{Endpoint, Kind, Numbers, Step, Time};
use std::collections::HashMap;

/// A length of time, with two or three digits: what a reader can compare at a glance.
pub(super) fn length(nanos: Time) -> String {
    let value = nanos as f64;
    let (value, unit) = match value.abs() {
        below if below < 999.5 => return format!("{nanos} ns"),
        below if below < 999.5e3 => (value / 1e3, "µs"),
        below if below < 999.5e6 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    match value.abs() {
        below if below < 9.95 => format!("{value:.2} {unit}"),
        below if below < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A moment, by the time since the first.
pub(super) fn moment(since: Time) -> String {
    format!("{:.6} s", since as f64 / 1e9)
}

/// So many of them.
pub(super) fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// For HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    // These may not stand in XML at all.
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// Who talks to whom in each stream.
pub(super) struct Streams(HashMap<u32, String>);

impl Streams {
    pub(super) fn of(endpoints: &[Endpoint]) -> Self {
        let mut names = HashMap::new();
        for endpoint in endpoints {
            for connection in &endpoint.connections {
                let other = endpoints
                    .iter()
                    .find(|other| other.connections.iter().any(|theirs| theirs.sent == connection.received));
                let (us, them) = (&endpoint.letter, other.map_or(&connection.peer, |other| &other.letter));
                names.insert(connection.sent, format!("{us} → {them}"));
                names.insert(connection.received, format!("{them} → {us}"));
            }
        }
        Self(names)
    }

    pub(super) fn name(&self, stream: u32) -> String {
        self.0.get(&stream).cloned().unwrap_or_else(|| format!("stream {stream}"))
    }

    fn messages(&self, numbers: Numbers) -> String {
        let what = if numbers.stream == 0 { "line" } else { "message" };
        let which = range(numbers.first, numbers.count);
        let plural = if numbers.count == 1 { "" } else { "s" };
        match numbers.stream {
            0 => format!("{what}{plural} {which}"),
            stream => format!("{what}{plural} {which} {}", self.name(stream)),
        }
    }

    /// What a thread does in a step, as a whole sentence without its subject.
    pub(super) fn describe(&self, step: &Step) -> String {
        let what = step.what.as_str();
        let place = place(what);
        let bytes = many(step.bytes.unwrap_or_default(), "byte");
        let waiting = step.waiting.unwrap_or_default();
        let mut text = match step.kind {
            Kind::Starts => "starts".to_owned(),
            Kind::Ends => "ends".to_owned(),
            Kind::Waits => match what {
                "buffer" => {
                    "waits for a buffer: all of its own are under way. This is backpressure".to_owned()
                }
                "event" => "waits for an event: the channel is empty".to_owned(),
                "work" => "waits for something to write".to_owned(),
                "anything" => "waits for anything: keyboard, socket or room to write".to_owned(),
                _ => format!("waits for {place}"),
            },
            Kind::Read => format!("has read {bytes} from {place}"),
            Kind::Sends => {
                format!("sends the event {what} into the channel, behind {}", many(waiting, "other"))
            }
            Kind::Takes => format!("takes the event {what} out of the channel, {waiting} left"),
            Kind::Begins => format!("begins to talk with {}", step.text),
            Kind::Decides => match what {
                "leave" => "decides to say 88".to_owned(),
                "finish" => "decides to close its half".to_owned(),
                "relay" => "decides who is to get it".to_owned(),
                _ => format!("decides to {what}"),
            },
            Kind::Tells => format!("tells the user: {}", step.text),
            Kind::Goodbye if what == "heard" => "has heard 88".to_owned(),
            Kind::Goodbye => "has written 88".to_owned(),
            Kind::HandsOut => format!("hands out what {place} does not take at once, to a writer"),
            Kind::Writes => format!("writes {bytes} to {place}"),
            Kind::Wrote => format!("has written {bytes} to {place}"),
        };
        let numbers = [step.typed, step.messages].into_iter().flatten();
        let numbers: Vec<_> = numbers.map(|numbers| self.messages(numbers)).collect();
        if !numbers.is_empty() {
            text = format!("{text} ({})", numbers.join(", "));
        }
        text
    }
}

/// The same for a box, from long to short: the first that fits is written into it.
pub(super) fn labels(step: &Step) -> Vec<String> {
    let what = step.what.as_str();
    let [long, short, letter] = match step.kind {
        Kind::Starts => ["starts", "starts", "▸"].map(str::to_owned),
        Kind::Ends => ["ends", "ends", "■"].map(str::to_owned),
        Kind::Waits if what == "buffer" => [format!("waits for {what}"), "full".to_owned(), "!".to_owned()],
        Kind::Waits => [format!("waits for {what}"), "waits".to_owned(), String::new()],
        Kind::Read => [format!("read {what}"), "read".to_owned(), "r".to_owned()],
        Kind::Sends => [format!("sends {what}"), "sends".to_owned(), "s".to_owned()],
        Kind::Takes => [format!("takes {what}"), "takes".to_owned(), "t".to_owned()],
        Kind::Begins => ["begins to talk", "begins", "b"].map(str::to_owned),
        Kind::Decides if what == "leave" => ["decides: 88", "88", "d"].map(str::to_owned),
        Kind::Decides => [format!("decides: {what}"), what.to_owned(), "d".to_owned()],
        Kind::Tells => ["tells the user", "tells", "i"].map(str::to_owned),
        Kind::Goodbye => [format!("88 {what}"), "88".to_owned(), "8".to_owned()],
        Kind::HandsOut => [format!("hands out: {what}"), "out".to_owned(), "h".to_owned()],
        Kind::Writes => [format!("writes {what}"), "writes".to_owned(), "w".to_owned()],
        Kind::Wrote => [format!("wrote {what}"), "wrote".to_owned(), "W".to_owned()],
    };
    vec![long, short, letter]
}

/// Numbers `first` and those after it, so many.
pub(super) fn range(first: u64, count: u64) -> String {
    match count {
        1 => first.to_string(),
        count => format!("{first}–{}", first.saturating_add(count - 1)),
    }
}

fn place(what: &str) -> &str {
    match what {
        "keyboard" => "the keyboard",
        "socket" => "the socket",
        "client" => "the client",
        "screen" => "the screen",
        "notices" => "the notices",
        "transcript" => "the transcript",
        "caller" => "a caller",
        "connection" => "a connection",
        "signal" => "a signal",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_unit_that_fits() {
        for (nanos, text) in [
            (0, "0 ns"),
            (701, "701 ns"),
            (4_500, "4.50 µs"),
            (999_600, "1.00 ms"),
            (25_300_000, "25.3 ms"),
            (603_000_000, "603 ms"),
            (3_100_000_000, "3.10 s"),
        ] {
            assert_eq!(length(nanos), text);
        }
    }

    #[test]
    fn nothing_from_a_file_can_become_a_tag() {
        assert_eq!(escaped("<a b=\"&\">\u{1b}"), "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}");
    }
}
