//! What a person sees and types on.

mod display;
#[cfg(all(feature = "editor", unix))]
pub mod editor;
mod harmless;
#[cfg(all(feature = "editor", unix))]
mod mode;

pub use display::{Display, Kind, Marked, Plain, mark};
pub use harmless::harmless;
#[cfg(all(feature = "editor", unix))]
pub use mode::give_back;
