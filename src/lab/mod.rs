//! Watching and measuring.

pub mod compare;
pub mod demo;
pub mod timeline;
