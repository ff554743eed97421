//! The way into an encrypted hub: callers who have not shown yet who they are.
//!
//! These rules decide who gets a channel, with which code, for how long the handshake may take, what becomes of a caller whose
//! channel opens, and what the hub reports of one whose channel does not. They do not hold the channel. It belongs to the reader of
//! the connection, a thread or the loop of the select design: encrypting takes time and needs nothing that the hub knows, so a
//! design chooses where to do it. Once a channel is open, [events](Event) bring plaintext, and
//! [outboxes](super::Outbox) hold plaintext, which all members share; a design encrypts only what it is about to write.
//!
//! ```text
//! Hub::admit, Hub::channel ──▶ Event::Called ──▶ (handshake) ──▶ Event::Opened ──▶ as a member of any hub
//!                                                     └────────▶ Event::NotOpened ──▶ Event::ReadEnded or its time is up
//! ```
//!
//! Until its channel is open, a caller has no name, gets no greeting, and nobody is told of it.

#[cfg(doc)]
use super::event::Event;
use super::event::{Action, Port};
use super::id::{Id, OPERATOR};
use super::refusal::Refusal;
use super::state::Hub;
use super::tries::Tries;
use super::waiting::Waiting;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::secure::{Channel, ChannelError, Code, Demand, How, Peer, Security, WORDS_FOR_A_HUB};
use crate::rules::transport::OPEN_WITHIN;
use crate::rules::wire::Foreign;
use ring::rand::SystemRandom;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a caller whose channel did not open may take to close, before that makes the system drop what it was told.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What a caller gets who may not even show who it is: the TLS alert `access_denied` (RFC 8446, section 6.2).
pub(super) const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// What to send to a caller whose channel failed with this error, behind what the channel itself has to send. `first` is what
/// the caller sent.
#[must_use]
pub fn last_words(error: &ChannelError, first: &[u8]) -> Vec<u8> {
    match error {
        ChannelError::NotTls => Foreign::in_clear_text(first).answer(),
        _ => Vec::new(),
    }
}

/// What an encrypted hub has beside a hub in clear text.
#[derive(Debug)]
pub(super) struct Encryption {
    security: Security,
    /// How many codes there have been.
    codes: usize,
    tries: Tries,
    pub(super) callers: Waiting<Caller>,
}

/// Somebody whose channel is not open.
#[derive(Debug)]
pub(super) struct Caller {
    port: Port,
    /// Which code it was to have.
    code: usize,
    /// Its channel will not open.
    has_failed: bool,
}

impl Encryption {
    fn notice(&self) -> Notice {
        Notice::HubEncrypted { code: self.security.code() }
    }
}

impl Hub {
    /// Callers must encrypt. Call it before the first one is admitted.
    pub fn encrypt(&mut self, security: Security) {
        let encryption =
            Encryption { security, codes: 1, tries: Tries::default(), callers: Waiting::default() };
        self.actions.push_back(Action::Report(encryption.notice()));
        self.encryption = Some(encryption);
    }

    /// The channel for somebody who was [admitted](Self::admit), then handle [`Event::Called`]. None if this hub is not encrypted:
    /// then handle [`Event::Joined`], or [`Event::Visited`] at the port for browsers.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn channel(
        &mut self,
        peer: SocketAddr,
        port: Port,
        now: Instant,
    ) -> Result<Option<Channel>, Refusal> {
        let Some(encryption) = &mut self.encryption else { return Ok(None) };
        #[cfg(feature = "web")]
        if port.is_web() {
            return encryption.security.web_channel().map(Some).map_err(|_| Refusal::NoResources);
        }
        let channel = match encryption.tries.may_try(peer.ip(), now) {
            true => encryption.security.channel(now),
            false => encryption.security.channel_without_code(),
        };
        channel.map(Some).map_err(|_| Refusal::NoResources)
    }

    pub(super) fn handle_called(&mut self, id: Id, peer: SocketAddr, port: Port, now: Instant) {
        if let Some(encryption) = &mut self.encryption {
            let caller = Caller { port, code: encryption.codes, has_failed: false };
            encryption.callers.add(id, peer, now + OPEN_WITHIN, caller);
        }
    }

    /// The channel of a caller is open: it joins, if it may.
    pub(super) fn handle_opened(&mut self, id: Id, other: Peer, now: Moment) {
        let connections = self.connections();
        let Some(encryption) = &mut self.encryption else { return };
        let Some((peer, caller)) = encryption.callers.take(id) else { return };
        #[cfg(feature = "web")]
        if caller.port.is_web() {
            return self.handle_visited(id, peer, Some(Arc::new(other)), now.instant);
        }
        let is_done = |id| self.members.get(&id).is_some_and(super::member::Member::is_done);
        let admitted = match other.how == How::Code && caller.code != encryption.codes {
            true => Err(Refusal::OldCode),
            false => self.admission.admit(peer.ip(), connections - 1, is_done),
        };
        match admitted {
            Ok(to_close) => {
                self.actions.extend(encryption.security.met(&other, peer).map(Action::Remember));
                to_close.into_iter().for_each(|id| self.disconnect(id, now.instant));
                self.join(id, peer, Some(Arc::new(other)), now);
            }
            Err(refusal) => self.turn_away(id, peer, refusal, now),
        }
    }

    /// The channel of a caller will not open. The design has told the caller why.
    pub(super) fn handle_not_opened(&mut self, id: Id, error: ChannelError, now: Instant) {
        let Some(encryption) = &mut self.encryption else { return };
        let Some(peer) = encryption.callers.peer(id) else { return };
        let has_failed = |caller: &mut Caller| std::mem::replace(&mut caller.has_failed, true);
        if encryption.callers.get_mut(id).is_none_or(has_failed) {
            return;
        }
        encryption.callers.hurry(id, now + CLOSE_WITHIN);
        if error.spends_code() && encryption.tries.was_wrong(peer.ip(), now) {
            self.actions.push_back(Action::Report(Notice::CodesNotAccepted));
        }
        // Who only looks whether somebody listens leaves no trace.
        if error != ChannelError::EndedEarly {
            let notice = match error {
                ChannelError::NotTls => Notice::Foreign { peer, foreign: Foreign::ClearText },
                error => Notice::NotTrusted { peer, error },
            };
            self.actions.extend(self.refused.refused(notice, now).map(Action::Report));
        }
    }

    /// Nothing more comes from a caller. Returns whether it is one whose channel is not open.
    pub(super) fn end_caller(&mut self, id: Id) -> bool {
        let was_caller =
            self.encryption.as_mut().and_then(|encryption| encryption.callers.take(id)).is_some();
        if was_caller {
            self.actions.push_back(Action::Disconnect(id));
        }
        was_caller
    }

    /// Disconnects the callers whose time is up.
    pub(super) fn end_late_callers(&mut self, now: Instant) {
        while let Some(encryption) = &mut self.encryption
            && let Some(id) = encryption.callers.next_late(now)
        {
            if let Some((peer, _)) = encryption.callers.take(id).filter(|(_, caller)| !caller.has_failed) {
                let late = Notice::NotAdmitted { peer, refusal: Refusal::Late };
                self.actions.extend(self.refused.refused(late, now).map(Action::Report));
            }
            self.actions.push_back(Action::Disconnect(id));
        }
    }

    /// Disconnects all callers: nobody joins any more.
    pub(super) fn end_callers(&mut self) {
        if let Some(encryption) = &mut self.encryption {
            let callers = std::mem::take(&mut encryption.callers);
            self.actions.extend(callers.ids().map(Action::Disconnect));
        }
    }

    /// `/code`.
    pub(super) fn reply_code(&mut self, what: &str, now: Moment) {
        let Some(encryption) = &mut self.encryption else {
            return self.reply(OPERATOR, "there is no code: this hub is in clear text", now);
        };
        let Demand::Code(code) = &mut encryption.security.demand else {
            return self.reply(OPERATOR, "there is no code: everybody may join", now);
        };
        match what {
            "" => {}
            "new" => match Code::generate(WORDS_FOR_A_HUB, &SystemRandom::new()) {
                Some(new) => {
                    *code = Some(new);
                    encryption.codes += 1;
                }
                None => return self.reply(OPERATOR, "the system gives no random bytes: the code stays", now),
            },
            _ => return self.reply(OPERATOR, "usage: /code, or /code new", now),
        }
        let line = match (code, what) {
            (None, _) => "there is no code: only those who are known may join".to_owned(),
            (Some(code), "new") => {
                format!("the new code: {}; those who are known or here need none", code.reveal())
            }
            (Some(code), _) => format!("the code: {}; /code new changes it", code.reveal()),
        };
        self.reply(OPERATOR, &line, now);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::hub::waiting::{MAX_OF_ADDRESS, MAX_WAITING};
    use crate::rules::hub::{AdmissionPolicy, Event, Settings};
    use crate::rules::secure::{Identity, Known, Trust};
    use crate::rules::wire::Stamp;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::SystemTime;

    struct World {
        hub: Hub,
        now: Instant,
        calls: u32,
    }

    fn code() -> Code {
        Code::generate(WORDS_FOR_A_HUB, &SystemRandom::new()).unwrap()
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            let settings = Settings {
                operator: true,
                max_line: 1000,
                history: 20,
                rate: None,
                outbox: 64 * 1024,
                stall: Duration::from_secs(5),
                motd: Vec::new(),
                admission: AdmissionPolicy { max_clients: Some(300), ..AdmissionPolicy::default() },
                transcribed: false,
            };
            let mut hub = Hub::new(settings, true, now);
            hub.encrypt(Security {
                identity: Identity::generate().unwrap().0,
                known: Known::default(),
                file: "FILE".to_owned(),
                demand: Demand::Code(Some(code())),
                server: None,
                time: (now, SystemTime::now()),
            });
            let mut world = Self { hub, now, calls: 0 };
            assert!(world.does().contains("the code for clients: "));
            world
        }

        fn moment(&self) -> Moment {
            Moment { instant: self.now, stamp: Stamp::at(time::OffsetDateTime::UNIX_EPOCH) }
        }

        fn handle(&mut self, event: Event) {
            self.hub.handle(event, self.moment());
        }

        fn calls(&mut self, from: impl Into<IpAddr>) -> Result<Id, Refusal> {
            self.calls_a_channel(from).map(|(id, _)| id)
        }

        /// The same, with the hub's end of the channel.
        fn calls_a_channel(&mut self, from: impl Into<IpAddr>) -> Result<(Id, Channel), Refusal> {
            self.calls += 1;
            let peer = SocketAddr::new(from.into(), 1000 + u16::try_from(self.calls % 60_000).unwrap());
            let id = self.hub.admit(peer, Port::Chat)?;
            let channel = self.hub.channel(peer, Port::Chat, self.now).unwrap().unwrap();
            self.handle(Event::Called(id, peer, Port::Chat));
            Ok((id, channel))
        }

        /// Calls with this code, and does the handshake. Returns what the caller hears.
        fn tries(&mut self, from: impl Into<IpAddr>, code: &Code) -> Result<Id, ChannelError> {
            let (id, mut called) = self.calls_a_channel(from).unwrap();
            let identity = Identity::generate().unwrap().0;
            let trust = Trust { code: Some(code.clone()), ..Trust::default() };
            let mut caller = Channel::calling(&identity, trust, SystemTime::now()).unwrap();
            loop {
                let mut sent = Vec::new();
                caller.take_output(&mut sent);
                match called.receive(&sent, &mut Vec::new()).map(|received| received.opened) {
                    Ok(None) => {}
                    Ok(Some(peer)) => self.handle(Event::Opened(id, peer)),
                    Err(error) => self.handle(Event::NotOpened(id, error)),
                }
                let mut answer = Vec::new();
                called.take_output(&mut answer);
                match caller.receive(&answer, &mut Vec::new()) {
                    Ok(received) if received.opened.is_some() => return Ok(id),
                    Ok(_) => {}
                    Err(error) => {
                        self.handle(Event::ReadEnded(id, Ok(())));
                        return Err(error);
                    }
                }
            }
        }

        fn code(&self) -> Code {
            self.hub.encryption.as_ref().unwrap().security.code().unwrap()
        }

        /// What it does and reports.
        fn does(&mut self) -> String {
            self.hub.handle_timeout(self.moment());
            let mut done = String::new();
            while let Some(action) = self.hub.poll_action() {
                match action {
                    Action::Report(notice) => done += &format!("{notice}\n"),
                    Action::Write(_) => {}
                    action => done += &format!("{action:?}\n"),
                }
            }
            done
        }

        fn opens(&mut self, id: Id, how: How) {
            let fingerprint = Some(Identity::generate().unwrap().0.fingerprint());
            self.handle(Event::Opened(
                id,
                Peer { fingerprint, how, is_threadchat: true, used_code: how == How::Code },
            ));
        }

        fn sent(&mut self, id: Id) -> String {
            let queue = self.hub.outbox(id).and_then(|outbox| outbox.queue()).map(|queue| queue.copy(9999));
            String::from_utf8(queue.unwrap_or_default()).unwrap()
        }
    }

    fn address(last: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits((10 << 24) + last)
    }

    #[test]
    fn callers_without_an_open_channel_have_no_name_and_take_places_that_are_bounded() {
        let mut world = World::new();
        for _ in 0..MAX_OF_ADDRESS {
            world.calls(address(0)).unwrap();
        }
        assert_eq!(world.calls(address(0)), Err(Refusal::TooManyCallers));
        for caller in MAX_OF_ADDRESS..MAX_WAITING {
            world.calls(address(u32::try_from(caller).unwrap())).unwrap();
        }
        assert_eq!(world.calls(address(9999)), Err(Refusal::TooManyCallers));
        assert_eq!(world.hub.members.len(), 1, "the operator");
        assert_eq!(world.does(), "");
        world.now += OPEN_WITHIN;
        let done = world.does();
        assert_eq!(done.matches("Disconnect").count(), MAX_WAITING);
        assert_eq!(done.matches("did not show in time").count(), 1, "one notice, the others are counted");
        let id = world.calls(address(0)).unwrap();
        world.opens(id, How::Code);
        assert!(world.does().contains("Remember(\"caller sha256:"));
        world.now += Duration::from_secs(1);
        world.does();
        assert!(world.sent(id).contains("welcome to lobby, user1;"));
    }

    #[test]
    fn who_only_looks_whether_somebody_listens_leaves_no_trace() {
        let mut world = World::new();
        let id = world.calls(address(1)).unwrap();
        world.handle(Event::NotOpened(id, ChannelError::EndedEarly));
        world.handle(Event::ReadEnded(id, Ok(())));
        assert_eq!(world.does(), format!("Disconnect({id:?})\n"));
        let id = world.calls(address(1)).unwrap();
        world.handle(Event::ReadEnded(id, Ok(())));
        assert_eq!(world.does(), format!("Disconnect({id:?})\n"));
        assert!(world.hub.encryption.as_ref().unwrap().callers.by_address.is_empty());
    }

    #[test]
    fn who_did_not_open_the_channel_has_two_seconds_to_read_why() {
        let mut world = World::new();
        let id = world.calls(address(1)).unwrap();
        world.handle(Event::NotOpened(id, ChannelError::NotTls));
        assert!(world.does().contains("clear text"));
        world.now += CLOSE_WITHIN;
        assert_eq!(world.does(), format!("Disconnect({id:?})\n"));
        // Too late.
        world.opens(id, How::Code);
        assert_eq!(world.does(), "");
    }

    #[test]
    fn under_a_thousand_wrong_codes_a_second_known_clients_come_in_and_the_operator_is_told_once_a_minute() {
        let mut world = World::new();
        let mut tried = 0;
        let mut told = 0;
        for try_ in 0..60_000_u32 {
            world.now += Duration::from_millis(1);
            let now = world.now;
            let from = IpAddr::from(address(try_ % 7919));
            let may_try = world.hub.encryption.as_mut().unwrap().tries.may_try(from, now);
            let id = world.calls(from).unwrap();
            let error = if may_try { ChannelError::WrongCode } else { ChannelError::CodeSpent };
            tried += usize::from(may_try);
            world.handle(Event::NotOpened(id, error));
            world.handle(Event::ReadEnded(id, Ok(())));
            let done = world.does();
            told += done.matches("too many wrong codes").count();
        }
        assert!(tried <= 61, "{tried}");
        assert_eq!(told, 1);
        let id = world.calls(address(1_000_000)).unwrap();
        world.opens(id, How::Known);
        world.now += Duration::from_secs(1);
        world.does();
        assert!(world.sent(id).contains("welcome"));
        assert_eq!(world.hub.encryption.as_ref().unwrap().callers.len(), 0);
    }

    #[test]
    fn the_right_code_admits_again_when_the_minute_after_too_many_wrong_ones_is_over() {
        let mut world = World::new();
        let (right, wrong, minute) = (world.code(), code(), Duration::from_secs(60));
        let began = world.now;
        for caller in 0..60 {
            world.now += Duration::from_millis(100);
            assert!(!world.does().contains("too many wrong codes"), "{caller}");
            assert_eq!(world.tries(address(caller), &wrong), Err(ChannelError::WrongCode));
        }
        assert!(world.does().contains("too many wrong codes"));
        // The minute began with the first of them.
        let end = began + Duration::from_millis(100) + minute;
        for now in [world.now, end - Duration::from_millis(1)] {
            world.now = now;
            assert_eq!(world.tries(address(1000), &right), Err(ChannelError::CodeNotNow));
        }
        world.now = end;
        let id = world.tries(address(1000), &right).unwrap();
        world.does();
        world.now += Duration::from_secs(1);
        world.does();
        assert!(world.sent(id).contains("welcome to lobby"), "{}", world.sent(id));
        assert_eq!(world.code(), right, "the same code as before");
    }

    #[test]
    fn a_new_code_keeps_out_who_comes_in_with_the_old_one_and_nobody_else() {
        let mut world = World::new();
        let inside = world.calls(address(1)).unwrap();
        world.opens(inside, How::Code);
        let [late, known] = [2, 3].map(|last| world.calls(address(last)).unwrap());
        let old = world.code();
        let now = world.moment();
        world.hub.reply_code("new", now);
        let new = world.code();
        assert_ne!(old, new);
        assert!(world.sent(OPERATOR).contains(new.reveal()));
        world.opens(late, How::Code);
        world.opens(known, How::Known);
        world.does();
        assert!(world.sent(late).contains("* hub: the code has just been changed"));
        assert!(!world.sent(late).contains("welcome"));
        world.now += Duration::from_secs(1);
        world.does();
        assert!(world.sent(known).contains("3 are here"), "{}", world.sent(known));
        assert_eq!(world.code(), new, "it is not spent");
    }

    #[test]
    fn a_full_hub_says_so_through_the_channel_and_disconnects() {
        let mut world = World::new();
        world.hub.admission = super::super::admission::Admission::new(AdmissionPolicy {
            max_clients: Some(0),
            ..AdmissionPolicy::default()
        });
        let id = world.calls(address(1)).unwrap();
        world.opens(id, How::FirstUse);
        assert!(world.does().contains("the hub is full"));
        let sent = world.sent(id);
        assert!(
            sent.ends_with("* hub: the hub is full (0 clients at most); please try again later\n"),
            "{sent}"
        );
        world.handle(Event::Written(id, sent.len()));
        world.now += Duration::from_secs(9);
        let done = world.does();
        assert!(!done.contains("Joined") && !done.contains("Remember"), "{done}");
    }

    #[test]
    fn the_end_of_the_hub_disconnects_callers_at_once() {
        let mut world = World::new();
        let id = world.calls(address(1)).unwrap();
        world.handle(Event::Read(OPERATOR, crate::rules::buffer::Buffer::with_input(b"88\n")));
        let done = world.does();
        assert!(done.contains(&format!("Disconnect({id:?})")) && done.contains("End(Success)"), "{done}");
    }
}
