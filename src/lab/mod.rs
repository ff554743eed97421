//! Watching and measuring.

pub mod compare;
pub mod demo;
mod svg;
pub mod timeline;
