//! What a person sees and types on.

mod display;
#[cfg(line_editor)]
pub mod editor;
#[cfg(line_editor)]
mod mode;

pub use display::{Display, Marked, Plain, mark};
#[cfg(line_editor)]
pub use mode::restore;
