//! What the owner of a connection does with either machine.

use std::time::Instant;

use super::{Action, LinkError};

/// A machine that speaks over one connection. After each call, the owner sends what [`take_output`](Self::take_output) gives,
/// performs what [`poll_action`](Self::poll_action) gives until there is nothing, and calls
/// [`handle_timeout`](Self::handle_timeout) at the time of [`poll_timeout`](Self::poll_timeout).
pub trait Machine {
    /// The owner has connected to the server. The next output contains the password: its buffer should be wiped.
    fn connected(&mut self, now: Instant);

    /// The connection ended, or could not be made.
    fn disconnected(&mut self, error: LinkError, now: Instant);

    /// Takes what was received.
    fn receive(&mut self, input: &[u8], now: Instant);

    /// Appends what is to be sent.
    fn take_output(&mut self, output: &mut Vec<u8>);

    /// What is to be done next.
    fn poll_action(&mut self) -> Option<Action>;

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;

    /// It is this late.
    fn handle_timeout(&mut self, now: Instant);
}
