//! What a person sees and types on.

mod display;
#[cfg(line_editor)]
pub mod editor;
mod harmless;
#[cfg(line_editor)]
mod mode;

pub use display::{Display, Kind, Marked, Plain, mark};
pub use harmless::harmless;
#[cfg(line_editor)]
pub use mode::give_back;
