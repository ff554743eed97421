//! Keys in, rows out: where a person types and reads.

mod days;
mod display;
#[cfg(line_editor)]
pub(crate) mod editor;
mod mention;
#[cfg(line_editor)]
mod mode;
mod palette;
mod seen;
pub mod view;

#[cfg(poll)]
pub(crate) use display::mark;
pub use display::{Display, Output};
#[cfg(line_editor)]
pub use mode::restore;
/// What a loop can wait for.
#[cfg(unix)]
pub use std::os::fd::AsFd as Descriptor;

use std::io::Read;

/// Where lines are typed: a thread blocks in reading, or a loop waits for the descriptor.
pub trait Input: Read + Send + Descriptor {}

impl<T: Read + Send + Descriptor> Input for T {}

/// What a loop can wait for. Here no design waits for more than one thing at a time.
#[cfg(not(unix))]
pub trait Descriptor {}

#[cfg(not(unix))]
impl<T> Descriptor for T {}

/// Restores the terminal, if this process has changed its modes. It never does here.
#[cfg(not(line_editor))]
pub fn restore() {}
