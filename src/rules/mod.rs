//! What is decided, without any I/O: no socket, thread, file, clock or channel.

pub mod buffer;
pub mod conversation;
pub mod endpoint;
pub mod errors;
pub mod exit;
pub mod failure;
#[cfg(feature = "hub")]
pub mod hub;
pub mod input;
pub mod messages;
pub mod notice;
pub mod record;
pub mod sanitize;
pub mod settings;
pub mod signal;
pub mod wire;
