//! The arguments of a step in the file: written by the trace, read by the timeline.

use super::json::{Json, key};
use crate::observe::Step;
use crate::rules::messages::Messages;

pub(super) fn write(step: &Step, json: &mut Json) {
    json.open(key!("args"));
    match step {
        Step::Starts | Step::Ends => json,
        Step::Waits(what) => json.word(key!("what"), what.name()),
        Step::Read { from: place, bytes, messages } | Step::Wrote { to: place, bytes, messages } => {
            json.word(key!("what"), place.name()).number(key!("bytes"), *bytes as u64);
            write_messages(json, key!("messages"), *messages)
        }
        Step::Sends { event, waiting } => {
            json.word(key!("what"), event).number(key!("waiting"), *waiting as u64)
        }
        Step::Takes { event, waiting, messages } => {
            json.word(key!("what"), event).number(key!("waiting"), *waiting as u64);
            write_messages(json, key!("messages"), *messages)
        }
        Step::Begins { streams, local, peer } => {
            json.string(key!("local"), &local.to_string()).string(key!("peer"), &peer.to_string());
            json.number(key!("sent"), streams.sent.0.into())
                .number(key!("received"), streams.received.0.into())
        }
        Step::Decides { decision, typed, messages } => {
            json.word(key!("what"), decision.name());
            write_messages(json, key!("typed"), *typed);
            write_messages(json, key!("messages"), *messages)
        }
        Step::Reports(notice) => json.string(key!("text"), notice),
        Step::Goodbye(goodbye) => json.word(key!("what"), goodbye.name()),
        Step::HandsOut { to, messages } => {
            json.word(key!("what"), to.name());
            write_messages(json, key!("messages"), *messages)
        }
        Step::Writes { to, bytes } => json.word(key!("what"), to.name()).number(key!("bytes"), *bytes as u64),
    }
    .close();
}

fn write_messages<'a>(json: &'a mut Json, key: &'static str, messages: Messages) -> &'a mut Json {
    let Messages { stream, first, count } = messages;
    if count == 0 {
        return json;
    }
    json.open(key)
        .number(key!("stream"), stream.0.into())
        .number(key!("first"), first)
        .number(key!("count"), count)
        .close()
}

#[cfg(feature = "lab")]
pub(crate) use read::Args;

#[cfg(feature = "lab")]
mod read {
    use crate::observe::{Decision, For, Goodbye, Place, Step};
    use crate::rules::messages::{Messages, Stream, Streams};
    use serde::Deserialize;

    /// What may be in the file, of which each kind of step has a part. Nothing in it is trusted.
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    pub(crate) struct Args {
        what: String,
        bytes: usize,
        waiting: usize,
        messages: Numbers,
        typed: Numbers,
        text: String,
        local: String,
        peer: String,
        sent: u32,
        received: u32,
    }

    #[derive(Debug, Default, Clone, Copy, Deserialize)]
    struct Numbers {
        stream: u32,
        first: u64,
        count: u64,
    }

    impl Args {
        /// The step that has this name and these arguments; none if this version of the program does not know it.
        pub(crate) fn step(self, name: &str) -> Option<Step> {
            let (what, bytes, waiting) = (self.what.as_str(), self.bytes, self.waiting);
            let (messages, typed) = (self.messages.into(), self.typed.into());
            Some(match name {
                "starts" => Step::Starts,
                "waits" => Step::Waits(For::named(what)?),
                "read" => Step::Read { from: Place::named(what)?, bytes, messages },
                "sends" => Step::Sends { event: self.what.into(), waiting },
                "takes" => Step::Takes { event: self.what.into(), waiting, messages },
                "begins" => {
                    let streams = Streams {
                        sent: Stream(self.sent),
                        received: Stream(self.received),
                        ..Streams::default()
                    };
                    Step::Begins { streams, local: self.local.parse().ok()?, peer: self.peer.parse().ok()? }
                }
                "decides" => Step::Decides { decision: Decision::named(what)?, typed, messages },
                "tells" => Step::Reports(self.text),
                "goodbye" => Step::Goodbye(Goodbye::named(what)?),
                "hands out" => Step::HandsOut { to: Place::named(what)?, messages },
                "writes" => Step::Writes { to: Place::named(what)?, bytes },
                "wrote" => Step::Wrote { to: Place::named(what)?, bytes, messages },
                "ends" => Step::Ends,
                _ => return None,
            })
        }
    }

    impl From<Numbers> for Messages {
        fn from(Numbers { stream, first, count }: Numbers) -> Self {
            Self { stream: Stream(stream), first, count }
        }
    }
}

#[cfg(all(test, feature = "lab"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::observe::{Decision, For, Goodbye, Place};
    use crate::rules::messages::{Stream, Streams};

    #[test]
    fn every_step_that_is_written_is_read_again() {
        let messages = Messages { stream: Stream(7), first: 3, count: 2 };
        let typed = Messages { stream: Stream::KEYBOARD, first: 1, count: 2 };
        let (event, waiting, bytes) = ("Typed".into(), 1, 9);
        let (local, peer) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let waits = [
            For::Buffer,
            For::Input(Place::Client),
            For::Event,
            For::Work,
            For::Caller,
            For::Connection,
            For::Session,
            For::Signal,
            For::Anything,
        ];
        let places = [
            Place::Keyboard,
            Place::Peer,
            Place::Client,
            Place::Screen,
            Place::Notices,
            Place::Transcript,
            Place::Log,
        ];
        let decisions = [Decision::Send, Decision::Show, Decision::Relay, Decision::Leave, Decision::Finish];
        let steps = [
            Step::Starts,
            Step::Sends { event: "Received".into(), waiting },
            Step::Takes { event, waiting, messages },
            Step::Begins { streams: Streams::of(local, peer), local, peer },
            Step::Reports("\"88\"".to_owned()),
            Step::Goodbye(Goodbye::Written),
            Step::Goodbye(Goodbye::Heard),
            Step::Ends,
        ];
        let at_places = places.into_iter().flat_map(|place| {
            [
                Step::Read { from: place, bytes, messages: Messages::NONE },
                Step::HandsOut { to: place, messages },
                Step::Writes { to: place, bytes },
                Step::Wrote { to: place, bytes, messages },
            ]
        });
        let decides = decisions.into_iter().map(|decision| Step::Decides { decision, typed, messages });
        for step in steps.into_iter().chain(at_places).chain(decides).chain(waits.map(Step::Waits)) {
            let mut json = Json::default();
            write(&step, &mut json);
            let text = String::from_utf8(json.text().to_owned()).unwrap();
            let object = text.strip_prefix("\"args\":").unwrap().trim_end_matches(',');
            let args: Args = serde_json::from_str(object).unwrap();
            assert_eq!(args.step(step.name()).as_ref(), Some(&step), "{text}");
        }
    }
}
