//! What one side needs to encrypt, for all its connections.

use super::WORDS_FOR_TWO;
use super::{Authority, Channel, ChannelError, Code, How, Identity, Known, Peer, Trust, Unknown};
use crate::rules::address::Address;
use ring::rand::SystemRandom;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The own key, who is known, and what others must show.
#[derive(Debug, Clone)]
pub struct Security {
    /// By this key others know this side.
    pub identity: Identity,
    /// Who has proved itself. What [`met`](Self::met) returns is to be appended to the file.
    pub known: Known,
    /// The name of the file of known peers, for messages.
    pub file: String,
    /// What those who are not known must show.
    pub demand: Demand,
    /// Whom this side calls, as the user wrote it. `None` for a side that is called.
    pub server: Option<Address>,
    /// The time of day at one moment, for the dates of certificates.
    pub time: (Instant, SystemTime),
}

/// What a peer must show that is not known.
#[derive(Debug, Clone)]
pub enum Demand {
    /// That it has the same code. `None` if there is none here: a side that calls may know the server.
    Code(Option<Code>),
    /// Just a key, and it is known from now on.
    FirstUse,
    /// Nothing.
    Nothing,
    /// A certificate of an authority, for a side that calls.
    Authority(Authority),
}

impl Security {
    /// A channel for a new connection.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn channel(&self, now: Instant) -> Result<Channel, ChannelError> {
        match &self.server {
            Some(server) => {
                let (then, time) = self.time;
                Channel::calling(&self.identity, self.trust_in(server), time + now.duration_since(then))
            }
            None => Channel::called(&self.identity, self.trust_in_callers()),
        }
    }

    /// The same for a caller whose code is not looked at, because there were too many wrong ones.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn channel_without_code(&self) -> Result<Channel, ChannelError> {
        Channel::called(&self.identity, Trust { code: None, ..self.trust_in_callers() })
    }

    /// A channel for a browser, which shows nothing: what proves who it is comes through the channel.
    ///
    /// # Errors
    /// The system gives no random bytes.
    #[cfg(feature = "web")]
    pub fn web_channel(&self) -> Result<Channel, ChannelError> {
        Channel::for_browser(&self.identity)
    }

    fn trust_in(&self, server: &Address) -> Trust {
        match &self.demand {
            Demand::Authority(authority) => {
                Trust { unknown: Unknown::Authority(authority.clone()), ..Trust::default() }
            }
            _ => match self.known.server(server) {
                Some(known) => known.trust(&self.file, self.code()),
                None => Trust { code: self.code(), unknown: self.unknown(), ..Trust::default() },
            },
        }
    }

    fn trust_in_callers(&self) -> Trust {
        Trust { code: self.code(), known: Arc::clone(self.known.callers()), unknown: self.unknown() }
    }

    fn unknown(&self) -> Unknown {
        match &self.demand {
            Demand::Code(_) | Demand::Authority(_) => Unknown::NeedsCode,
            Demand::FirstUse => Unknown::FirstUse,
            Demand::Nothing => Unknown::Anybody,
        }
    }

    /// The code that the peer must have, if it must.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match &self.demand {
            Demand::Code(code) => code.clone(),
            _ => None,
        }
    }

    /// The options with which such a side is called, and with which others call it.
    #[must_use]
    pub fn options(&self) -> (&'static str, &'static str) {
        match &self.demand {
            Demand::Code(_) | Demand::Authority(_) => ("--secure", "--secure"),
            Demand::FirstUse => ("--trust-first", "--trust-first"),
            Demand::Nothing => ("--cert FILE --key FILE", "--ca FILE"),
        }
    }

    /// What the user can do after this error of a call, as the end of a sentence.
    #[must_use]
    pub fn advice(&self, error: &ChannelError) -> String {
        self.server.as_ref().map(|server| error.advice(server)).unwrap_or_default()
    }

    /// The channel to this peer, which is at that address, has opened. Returns what to append to the file of known peers, if it was not known.
    pub fn met(&mut self, peer: &Peer, at: SocketAddr) -> Option<String> {
        let key = peer.fingerprint?;
        match (peer.how, &self.server) {
            (How::Code | How::FirstUse, Some(server)) => self.known.add_server(server, at, key),
            (How::Code, None) => self.known.add_caller(key),
            (How::FirstUse, None) => self.known.add_first_use(key),
            _ => None,
        }
    }

    /// The channel to this peer has opened. If that took the code, the code must not be used again.
    pub fn spend_code_of(&mut self, peer: &Peer) {
        if peer.used_code {
            self.spend_code();
        }
    }

    /// The code must not be used again.
    pub fn spend_code(&mut self) {
        if let Demand::Code(code) = &mut self.demand {
            *code = None;
        }
    }

    /// Makes a new code for two people, if a code is demanded and there is none. Returns it.
    pub fn renew_code(&mut self) -> Option<Code> {
        let Demand::Code(code @ None) = &mut self.demand else { return None };
        *code = Code::generate(WORDS_FOR_TWO, &SystemRandom::new());
        code.clone()
    }
}
