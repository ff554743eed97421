//! Several hubs as one: what members do goes to a log that all hubs share, and is done when it comes back.

use super::event::Action;
use super::state::Hub;
use crate::rules::link::{Event, Order};
use crate::rules::wire::Stamp;
use std::collections::VecDeque;

/// What a linked hub knows of the log and of the other hubs.
#[derive(Debug)]
pub(super) struct Linked {
    /// The name of this hub.
    name: String,
    /// What was read from the log and has not been done.
    entries: VecDeque<(Event, Stamp)>,
}

impl Hub {
    /// Links this hub to others, before anybody joins. They know it by this name.
    pub fn link(&mut self, name: String) {
        self.linked = Some(Box::new(Linked { name, entries: VecDeque::new() }));
    }

    /// Whether everything that was read from the log has been done, so that more may be read. Ask after each batch of events.
    #[must_use]
    pub fn reads_log(&self) -> bool {
        self.linked.as_ref().is_none_or(|linked| linked.entries.is_empty())
    }

    /// Takes in what has happened on the link.
    pub(super) fn handle_link(&mut self, event: Event, _stamp: Stamp) {
        if let Event::Registered(registered) = event
            && let Some(hub) = registered.hub
        {
            let order = Order::Registered {
                hub,
                accepted: registered.accepted,
                first: crate::rules::link::Batch::default(),
            };
            self.actions.push_back(Action::Log(order));
        }
    }
}
