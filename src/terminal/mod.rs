//! What a person sees.

mod harmless;

pub use harmless::harmless;
