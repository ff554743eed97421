//! What is decided, without any I/O: no socket, thread, file, clock or channel.

pub mod action;
pub mod buffer;
mod conversation;
pub mod endpoint;
pub mod errors;
pub mod event;
pub mod exit;
#[cfg(feature = "hub")]
pub mod hub;
pub mod input;
pub mod messages;
pub mod moment;
pub mod notice;
pub mod record;
pub mod sanitize;
pub mod settings;
pub mod signal;
#[cfg(test)]
mod simulation;
pub mod wire;
