//! A build without encryption: the same types, but nobody can have a value of them.

use crate::rules::address::Address;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

/// See the feature `secure`.
#[derive(Debug, Clone)]
pub enum Security {}

/// Nobody has one.
#[derive(Debug)]
pub enum Channel {}

/// Nobody proves anything.
#[derive(Debug)]
pub enum Peer {}

/// Nothing fails.
#[derive(Debug)]
pub enum ChannelError {}

/// Nothing is told to anybody.
#[derive(Debug)]
pub enum Code {}

/// What came through a channel.
#[derive(Debug, Default)]
pub struct Received {
    /// Never.
    pub opened: Option<Peer>,
    /// Never.
    pub is_closed: bool,
    /// Never.
    pub error: Option<ChannelError>,
}

#[allow(missing_docs, reason = "nobody can call them")]
impl Security {
    pub fn channel(&self, _: Instant) -> Result<Channel, ChannelError> {
        match *self {}
    }
    pub fn met(&mut self, _: &Peer, _: SocketAddr) -> Option<String> {
        match *self {}
    }
    pub fn code(&self) -> Option<Code> {
        match *self {}
    }
    pub fn options(&self) -> (&'static str, &'static str) {
        match *self {}
    }
    pub fn advice(&self, _: &ChannelError) -> String {
        match *self {}
    }
    pub fn spend_code_of(&mut self, _: &Peer) {
        match *self {}
    }
    pub fn spend_code(&mut self) {
        match *self {}
    }
    pub fn renew_code(&mut self) -> Option<Code> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "nobody can call them")]
impl Channel {
    pub fn is_open(&self) -> bool {
        match *self {}
    }
    pub fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Received, ChannelError> {
        match *self {}
    }
    pub fn describe(&self) -> String {
        match *self {}
    }
    pub fn cut_off(&self) -> ChannelError {
        match *self {}
    }
    pub fn has_output(&self) -> bool {
        match *self {}
    }
    pub fn take_output(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }
    pub fn send(&mut self, _: &[u8], _: &mut Vec<u8>) -> usize {
        match *self {}
    }
    pub fn close(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }
}

#[allow(missing_docs, reason = "nobody can call them")]
impl ChannelError {
    pub fn spends_code(&self) -> bool {
        match *self {}
    }
    pub fn is_clear_text(&self) -> bool {
        match *self {}
    }
    pub fn advice(&self, _: &Address) -> String {
        match *self {}
    }
    pub fn may_pass(&self) -> bool {
        match *self {}
    }
    pub fn is_busy(&self) -> bool {
        match *self {}
    }
    pub fn silent() -> Option<Self> {
        None
    }
}

impl Peer {
    /// Nothing.
    pub fn is_threadchat(&self) -> bool {
        match *self {}
    }
    /// Nothing.
    pub fn key(&self) -> Option<String> {
        match *self {}
    }
    /// Nothing.
    pub fn how(&self) -> &'static str {
        match *self {}
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for ChannelError {}

impl Code {
    /// Nothing.
    pub fn reveal(&self) -> &str {
        match *self {}
    }
}
