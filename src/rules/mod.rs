//! What is decided, without any I/O: no socket, thread, file, clock or channel (the field calls this *sans-I/O*).
//!
//! A design passes on what happened, and asks what to do: [`endpoint`] for two people, and `hub` for many. So designs
//! differ only in how they wait, and everything here is tested with simulated time.
//!
//! - In and out: [`address`], [`event`], [`action`], [`moment`], [`settings`], [`signal`], [`exit`].
//! - Before they meet: [`calling`] (whom to try and when).
//! - Two people: [`endpoint`] (one side, from start to exit), [`conversation`] (from connection to goodbye), [`input`] (what
//!   was typed and not yet sent), `reconnection` (calling again after a connection broke), `introduction` (who one is in a
//!   hub), `unconfirmed` (what is sent again), `farewell` (how a caller is turned away), `turned_away` (how a caller
//!   recognises that).
//! - Many people: `hub`, and for both sides [`commands`] (what a typed line means) and [`said`] (what a received line says).
//! - Several hubs as one: `link` (what they say to the Redis server that orders everything).
//! - At a terminal: `line` (what is being typed, from keys to the row that shows it).
//! - Bytes: [`wire`] (messages to bytes and back), [`buffer`] (what travels), [`messages`] (their numbers), [`sanitize`]
//!   (made harmless for a terminal), [`byte_order_mark`] (skipped where a text begins).
//! - Encrypted: `secure` (keys, codes, and the channel between two sides).
//! - For browsers: `web` (requests, pages and links).
//! - Words for people: [`notice`], `refused` (what is reported of callers who are turned away), [`record`] (for a
//!   transcript), [`errors`] and [`failure`].
#![deny(missing_docs)]
// Tests may ask a clock where to start.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod action;
pub mod address;
pub mod buffer;
pub mod byte_order_mark;
pub mod calling;
pub mod commands;
pub(crate) mod conversation;
pub mod endpoint;
pub mod errors;
pub mod event;
pub mod exit;
pub mod failure;
pub(crate) mod farewell;
#[cfg(test)]
pub(crate) mod hostile;
#[cfg(feature = "hub")]
pub mod hub;
pub mod input;
pub(crate) mod introduction;
#[cfg(line_editor)]
pub mod line;
#[cfg(feature = "link")]
pub mod link;
pub mod messages;
pub mod moment;
pub mod notice;
pub(crate) mod reconnection;
pub mod record;
pub(crate) mod refused;
pub mod said;
pub mod sanitize;
#[cfg(feature = "secure")]
pub mod secure;
#[cfg(not(feature = "secure"))]
#[path = "without_secure.rs"]
pub mod secure;
pub mod settings;
pub mod signal;
#[cfg(test)]
mod simulation;
pub(crate) mod transport;
pub(crate) mod turned_away;
pub(crate) mod unconfirmed;
#[cfg(feature = "web")]
pub mod web;
pub mod wire;
