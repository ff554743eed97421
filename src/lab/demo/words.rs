//! Steps in few words, for boxes that have no room for more.

use crate::observe::{Decision, For, Goodbye, Step};

/// The words of a step that fit into so many columns: all of them, or the most important ones.
pub(super) fn words(step: &Step, width: usize) -> String {
    let long = step.to_string();
    if long.chars().count() <= width { long } else { short(step) }
}

fn short(step: &Step) -> String {
    match step {
        Step::Starts => "starts".to_owned(),
        Step::Waits(what) => match what {
            For::Buffer => "waits: no buffer",
            For::Input(place) => return format!("waits: {}", place.word()),
            For::Event => "waits: event",
            For::Work => "waits: work",
            For::Caller => "waits: caller",
            For::Connection => "waits: connection",
            For::Signal => "waits: signal",
            For::Anything => "waits: anything",
        }
        .to_owned(),
        Step::Read { bytes, .. } => format!("read {bytes} bytes"),
        Step::Sends { event, .. } => format!("sends {event}"),
        Step::Takes { event, .. } => format!("takes {event}"),
        Step::Begins { .. } => "begins to talk".to_owned(),
        Step::Decides { decision, .. } => match decision {
            Decision::Send => "decides to send",
            Decision::Show => "decides to show",
            Decision::Relay => "decides to relay",
            Decision::Leave => "decides: say 88",
            Decision::Finish => "decides to close",
        }
        .to_owned(),
        Step::Tells(_) => "tells the user".to_owned(),
        Step::Goodbye(Goodbye::Written) => "wrote 88".to_owned(),
        Step::Goodbye(Goodbye::Heard) => "heard 88".to_owned(),
        Step::HandsOut { to, .. } => format!("hands to {}", to.word()),
        Step::Writes { bytes, .. } => format!("writes {bytes} bytes"),
        Step::Wrote { bytes, .. } => format!("wrote {bytes} bytes"),
        Step::Ends => "has ended".to_owned(),
    }
}
