//! Hostile traces.
#![allow(clippy::unwrap_used)]

use super::draw::Drawing;
use super::read::{Reader, Traces};
use super::{page, picture, timeline};
use crate::rules::hostile::spell;
use std::path::Path;

/// Events and parts of them. No trace of ours has markup.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "\n", ",\n", "[\n", "]\n", "{", "}", "\"", ":", ",", "-1", "0.5", "1e300", "4294967295", "18446744073709551615", "null",
    "[\n{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":1,\"args\":{\"format\":1,\"command\":\"serve<hostile>\",\"design\":\"threads\\\"<hostile>\",\"origin\":5}},\n",
    "{\"name\":\"threadchat\",\"ph\":\"M\",\"pid\":2,\"args\":{\"format\":1,\"command\":\"connect\"}},\n",
    "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,\"args\":{\"name\":\"main<hostile>\"}},\n",
    "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":2,\"tid\":1,\"args\":{\"name\":\"</script><hostile>\"}},\n",
    "{\"name\":\"begins\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1,\"args\":{\"sent\":1,\"received\":2,\"local\":\"127.0.0.1:1\",\"peer\":\"127.0.0.1:2\"}},\n",
    "{\"name\":\"begins\",\"ph\":\"X\",\"pid\":2,\"tid\":1,\"ts\":1,\"dur\":1,\"args\":{\"sent\":1,\"received\":2,\"local\":\"127.0.0.1:2\",\"peer\":\"127.0.0.1:1\"}},\n",
    "{\"name\":\"read\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":2,\"dur\":1,\"args\":{\"what\":\"keyboard\",\"bytes\":6,\"messages\":{\"stream\":1,\"first\":1,\"count\":1}}},\n",
    "{\"name\":\"read\",\"ph\":\"B\",\"pid\":2,\"tid\":1,\"ts\":7,\"args\":{\"what\":\"socket\",\"messages\":{\"stream\":2,\"first\":1,\"count\":18446744073709551615}}},\n",
    "{\"name\":\"wrote\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":5,\"dur\":1,\"args\":{\"what\":\"socket\",\"bytes\":6,\"messages\":{\"stream\":1,\"first\":1,\"count\":1}}},\n",
    "{\"name\":\"sends\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":3,\"dur\":1,\"args\":{\"what\":\"Typed<hostile>\",\"waiting\":3}},\n",
    "{\"name\":\"takes\",\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":4,\"dur\":1,\"args\":{\"what\":\"Typed<hostile>\",\"waiting\":18446744073709551615}},\n",
    "{\"name\":\"tells\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":8,\"dur\":1,\"args\":{\"text\":\"<hostile>\"}},\n",
    "{\"name\":\"decides\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":9,\"dur\":1,\"args\":{\"what\":\"send\",\"messages\":{\"stream\":1,\"first\":1,\"count\":1}}},\n",
    "{\"name\":\"waits\",\"ph\":\"B\",\"pid\":1,\"tid\":1,\"ts\":10,\"args\":{\"what\":\"event\"}},\n", "{\"ph\":\"E\",\"pid\":1,\"tid\":1,\"ts\":11},\n",
    "{\"name\":\"end\",\"ph\":\"i\",\"pid\":1,\"ts\":12},\n", "{\"name\":\"", "\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":", ",\"dur\":", ",\"args\":{\"what\":\"", "\"}},\n",
    "<hostile>", "\\u2028", "\u{202e}",
];

#[test]
fn any_trace_is_drawn_without_its_markup_or_refused_with_a_reason() {
    bolero::check!(name = "trace").for_each(|input: &[u8]| {
        let [limit, input @ ..] = input else { return };
        let limit = usize::from(*limit).max(1);
        let text = spell(input, WORDS);
        let (mut endpoints, cut) = match Reader::new(Path::new("a<hostile>.json"), limit).read(&*text) {
            Ok(read) => read,
            Err(why) => {
                assert!(why.to_string().starts_with("a<hostile>.json is not a trace"), "{why}");
                return;
            }
        };
        assert!(endpoints.iter().flat_map(super::model::Endpoint::slices).count() <= limit);
        for track in endpoints.iter().flat_map(|endpoint| &endpoint.tracks) {
            assert!(track.slices.iter().all(|slice| slice.from <= slice.until));
            assert!(track.slices.is_sorted_by(|one, next| one.until <= next.from));
        }
        endpoints.iter_mut().for_each(|endpoint| endpoint.letter = "A".to_owned());
        let traces =
            Traces { endpoints, notes: vec!["<hostile>".to_owned()], cuts: cut.into_iter().collect() };
        let timeline = timeline(traces, limit);
        let drawing = Drawing::of(&timeline);
        for drawn in [page::render(&timeline, &drawing), picture::render(&drawing)] {
            assert!(!drawn.contains("<hostile>"), "{drawn}");
            assert!(drawn.len() < 200_000 + 20_000 * text.len());
        }
    });
}
