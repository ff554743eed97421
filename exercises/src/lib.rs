//! Three exercises: see `README.md`.

#[cfg_attr(feature = "solutions", path = "../solutions/deaf.rs")]
pub mod deaf;
#[cfg_attr(feature = "solutions", path = "../solutions/goodbye.rs")]
pub mod goodbye;
#[cfg_attr(feature = "solutions", path = "../solutions/turns.rs")]
pub mod turns;
