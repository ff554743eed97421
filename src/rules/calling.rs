//! Calling somebody: whom to try and when, and what to report when nobody answers.
//!
//! A host may have several addresses, and some of them may not answer at all: often those of one family, IPv6 or IPv4. So the
//! families take turns, and who has not answered soon gets a rival (RFC 8305, "Happy Eyeballs"). The first that answers is
//! taken.

use super::address::Address;
use super::errors;
use super::failure::Failure;
use super::notice::{Notice, list};
use super::settings::Caller;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long to wait after a round in which nobody answered.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How long an address may take before the next one is tried as well. RFC 8305 recommends this.
const HEAD_START: Duration = Duration::from_millis(250);

/// Whom to call, and how patiently.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whom to call: all addresses of its host.
    pub address: Address,
    /// How long each of these addresses may take to answer.
    pub timeout: Duration,
    /// How long to retry until somebody listens.
    pub wait: Option<Duration>,
    /// Who calls, and whether to call again when the connection breaks.
    pub caller: Caller,
    /// Empty if this call is encrypted.
    pub encrypted_only: EncryptedOnly,
}

/// Addresses that must not be called in clear text, and why.
pub type EncryptedOnly = Vec<(SocketAddr, String)>;

impl Call {
    /// Why the call must not be made, if one of its addresses needs encryption.
    fn forbidden(&self, addresses: &[SocketAddr]) -> Option<Failure> {
        let key = |at: &SocketAddr| (at.ip().to_canonical(), at.port());
        let mut pairs =
            addresses.iter().flat_map(|at| self.encrypted_only.iter().map(move |other| (at, other)));
        let (at, (_, known)) = pairs.find(|(at, (other, _))| key(at) == key(other))?;
        Some(Failure::from(format!(
            "{} leads to {at}, and {known}, so that the connection must be encrypted: call it by that name, or add --secure",
            self.address
        )))
    }
}

/// What a design does for a call.
#[derive(Debug)]
pub(crate) enum Action {
    /// Find the addresses. Answer with [`Calling::found`].
    LookUp,
    /// Begin to connect to this address. Answer with [`Calling::failed`] or [`Calling::end`].
    Connect(SocketAddr),
    /// Connect to this address no longer: its time is up.
    Abandon(SocketAddr),
    /// This is for the user.
    Report(Notice),
    /// Nobody has answered: sentences for the user. The call is over.
    GiveUp(Failure),
}

/// What to try after this error, as the end of a sentence that reports it.
pub(crate) type Hint = fn(SocketAddr, &io::Error) -> &'static str;

/// A call that nobody has answered yet: rounds in which all addresses are tried. After each event ask
/// [`poll_action`](Self::poll_action) until there is none, and again at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub(crate) struct Calling {
    pub(crate) call: Call,
    /// When to begin no further round.
    until: Option<Instant>,
    /// The rules decide when to call again.
    is_repeated: bool,
    hint: Hint,
    /// The user knows that we retry.
    reported: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Begin a round then.
    Waiting(Instant),
    LookingUp,
    Racing(Race),
    /// The round is over, for this reason. Whether addresses were `tried`, where somebody may listen later.
    Lost {
        reason: String,
        tried: bool,
    },
    /// The addresses must not be called in clear text.
    Forbidden(Failure),
    Over,
}

impl Calling {
    /// Calls at once.
    pub(crate) fn new(call: Call, now: Instant) -> Self {
        Self {
            until: call.wait.map(|wait| now + wait),
            call,
            is_repeated: false,
            hint: errors::hint_at,
            reported: false,
            state: State::Waiting(now),
        }
    }

    /// One round, because the connection broke that an earlier call led to.
    pub(crate) fn again(call: Call, now: Instant) -> Self {
        Self { is_repeated: true, ..Self::new(Call { wait: None, ..call }, now) }
    }

    /// One round to something else than a chat, which needs another hint.
    #[cfg(feature = "link")]
    pub(crate) fn other(call: Call, hint: Hint, now: Instant) -> Self {
        Self { hint, ..Self::again(call, now) }
    }

    /// These are the addresses, or why there are none.
    pub(crate) fn found(&mut self, addresses: Result<Vec<SocketAddr>, Failure>, now: Instant) {
        self.state = match addresses {
            Ok(addresses) => match self.call.forbidden(&addresses) {
                Some(failure) => State::Forbidden(failure),
                None => State::Racing(Race::new(&addresses, self.hint, now)),
            },
            Err(failure) => State::Lost { reason: failure.to_string(), tried: false },
        };
    }

    /// Connecting to this address has failed.
    pub(crate) fn failed(&mut self, address: SocketAddr, error: &io::Error, now: Instant) {
        if let State::Racing(race) = &mut self.state {
            race.failed(address, error, now);
        }
    }

    /// Somebody has answered, and the others are not wanted any more.
    pub(crate) fn end(&mut self) {
        self.state = State::Over;
    }

    /// What to do next.
    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        match &mut self.state {
            State::Waiting(until) if *until <= now => {
                self.state = State::LookingUp;
                Some(Action::LookUp)
            }
            State::Racing(race) => {
                let action = race.poll_action(now, self.call.timeout);
                if action.is_none() && race.is_lost() {
                    self.state = State::Lost { reason: race.reason(), tried: true };
                    return self.poll_action(now);
                }
                action
            }
            State::Lost { reason, tried } => {
                let (reason, tried) = (std::mem::take(reason), *tried);
                self.lost(&reason, tried, now)
            }
            State::Forbidden(_) => {
                let State::Forbidden(failure) = std::mem::replace(&mut self.state, State::Over) else {
                    return None;
                };
                Some(Action::GiveUp(failure))
            }
            State::Waiting(_) | State::LookingUp | State::Over => None,
        }
    }

    /// Gives up, or waits for the next round.
    fn lost(&mut self, reason: &str, tried: bool, now: Instant) -> Option<Action> {
        self.state = State::Over;
        let (Some(wait), Some(until)) = (self.call.wait, self.until) else {
            let hint = match tried && !self.is_repeated {
                true => "\nTo keep trying until somebody listens, add --wait SECONDS.",
                false => "",
            };
            return Some(Action::GiveUp(format!("{reason}{hint}").into()));
        };
        if now + RETRY_AFTER >= until {
            return Some(Action::GiveUp(format!("{reason} (tried for {} s)", wait.as_secs_f64()).into()));
        }
        self.state = State::Waiting(now + RETRY_AFTER);
        let is_news = !std::mem::replace(&mut self.reported, true);
        is_news.then(|| Action::Report(Notice::KeepTrying { address: self.call.address.to_string(), wait }))
    }

    /// When to ask for an action although nothing has happened.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(until) => Some(*until),
            State::Racing(race) => race.poll_timeout(),
            State::LookingUp | State::Lost { .. } | State::Forbidden(_) | State::Over => None,
        }
    }
}

/// One round.
#[derive(Debug)]
struct Race {
    /// Who is in it, in the order of the starts.
    all: Vec<SocketAddr>,
    /// Who has not been tried yet.
    waiting: VecDeque<SocketAddr>,
    /// When the next of them starts.
    next_at: Instant,
    /// Who may still answer, and until when.
    trying: Vec<(SocketAddr, Instant)>,
    failures: Vec<Failed>,
    hint: Hint,
}

#[derive(Debug)]
struct Failed {
    address: SocketAddr,
    reason: String,
    /// This machine cannot call any address of that kind.
    is_missing: bool,
}

impl Race {
    fn new(addresses: &[SocketAddr], hint: Hint, now: Instant) -> Self {
        let all = interleave(addresses);
        Self {
            waiting: all.clone().into(),
            all,
            next_at: now,
            trying: Vec::new(),
            failures: Vec::new(),
            hint,
        }
    }

    fn failed(&mut self, address: SocketAddr, error: &io::Error, now: Instant) {
        self.trying.retain(|(tried, _)| *tried != address);
        let reason = format!("{error}{}", (self.hint)(address, error));
        self.failures.push(Failed { address, reason, is_missing: errors::is_missing_address(error) });
        // Nothing is to be gained from waiting for this one any longer.
        self.next_at = now;
    }

    fn poll_action(&mut self, now: Instant, timeout: Duration) -> Option<Action> {
        if let Some((late, _)) = self.trying.iter().find(|(_, until)| *until <= now).copied() {
            self.failed(late, &io::Error::new(ErrorKind::TimedOut, "connection timed out"), now);
            return Some(Action::Abandon(late));
        }
        if now < self.next_at {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.trying.push((next, now + timeout));
        self.next_at = now + HEAD_START;
        Some(Action::Connect(next))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let next = self.waiting.front().map(|_| self.next_at);
        self.trying.iter().map(|(_, until)| *until).chain(next).min()
    }

    fn is_lost(&self) -> bool {
        self.waiting.is_empty() && self.trying.is_empty()
    }

    /// Why nobody has answered: a line for each reason, in the order of the addresses, so that the same failures read the same.
    fn reason(&self) -> String {
        let failure = |address: &SocketAddr| self.failures.iter().find(|failed| failed.address == *address);
        let failures = || self.all.iter().filter_map(failure);
        let some_could_be_called = failures().any(|failed| !failed.is_missing);
        let mut reasons: Vec<(&str, Vec<SocketAddr>)> = Vec::new();
        for failed in failures().filter(|failed| !(failed.is_missing && some_could_be_called)) {
            match reasons.iter_mut().find(|(reason, _)| *reason == failed.reason) {
                Some((_, addresses)) => addresses.push(failed.address),
                None => reasons.push((&failed.reason, vec![failed.address])),
            }
        }
        let line = |(reason, addresses): &(_, Vec<_>)| {
            format!("cannot connect to {}: {reason}", list(addresses, "or"))
        };
        reasons.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The addresses with the families in turns, beginning with the first one. Within a family the order, which is the system's,
/// stays.
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &SocketAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses.iter().copied().partition(is_first);
    let mut all = Vec::new();
    while !(first.is_empty() && second.is_empty()) {
        all.extend(first.pop_front());
        all.extend(second.pop_front());
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What an address does, this many milliseconds after the start of the attempt.
    #[derive(Clone, Copy)]
    enum Host {
        Answers(u64),
        Refuses(u64),
        IsMissing,
        IsSilent,
    }
    use Host::*;

    const V4: &str = "192.0.2.1:9";
    const V4_TOO: &str = "192.0.2.2:9";
    const V6: &str = "[2001:db8::1]:9";
    const V6_TOO: &str = "[2001:db8::2]:9";

    fn call(wait: Option<u64>) -> Call {
        Call {
            address: "host:9".parse().unwrap(),
            timeout: Duration::from_secs(10),
            wait: wait.map(Duration::from_millis),
            caller: Caller::default(),
            encrypted_only: Vec::new(),
        }
    }

    /// Calls these hosts with a clock that jumps to whatever comes next. Returns what happened, each with its millisecond.
    fn happens(mut calling: Calling, start: Instant, hosts: &[(&str, Host)]) -> Vec<String> {
        let mut log = Vec::new();
        let mut now = start;
        // What will come of the attempts that are under way.
        let mut coming: Vec<(Instant, SocketAddr, Option<ErrorKind>)> = Vec::new();
        loop {
            let mut did = |what: String| log.push(format!("{}: {what}", (now - start).as_millis()));
            while let Some(action) = calling.poll_action(now) {
                match action {
                    Action::LookUp => {
                        let addresses = hosts.iter().map(|(address, _)| address.parse().unwrap()).collect();
                        calling.found(Ok(addresses), now);
                    }
                    Action::Connect(address) => {
                        did(format!("try {address}"));
                        let host = hosts.iter().find(|(of, _)| *of == address.to_string()).unwrap().1;
                        let after = |ms| now + Duration::from_millis(ms);
                        match host {
                            Answers(ms) => coming.push((after(ms), address, None)),
                            Refuses(ms) => {
                                coming.push((after(ms), address, Some(ErrorKind::ConnectionRefused)));
                            }
                            IsMissing => calling.failed(address, &ErrorKind::AddrNotAvailable.into(), now),
                            IsSilent => {}
                        }
                    }
                    Action::Abandon(address) => {
                        did(format!("abandon {address}"));
                        coming.retain(|(_, of, _)| *of != address);
                    }
                    Action::Report(notice) => did(notice.to_string()),
                    Action::GiveUp(failure) => {
                        did(failure.to_string());
                        assert!(calling.poll_timeout().is_none() && calling.poll_action(now).is_none());
                        return log;
                    }
                }
            }
            coming.sort_by_key(|(at, ..)| *at);
            let timeout = calling.poll_timeout();
            match coming.first().copied() {
                Some((at, address, error)) if timeout.is_none_or(|timeout| at <= timeout) => {
                    now = at;
                    coming.remove(0);
                    match error {
                        Some(kind) => calling.failed(address, &kind.into(), now),
                        None => {
                            calling.end();
                            assert!(calling.poll_timeout().is_none() && calling.poll_action(now).is_none());
                            log.push(format!("{}: taken {address}", (now - start).as_millis()));
                            return log;
                        }
                    }
                }
                _ => now = timeout.unwrap(),
            }
        }
    }

    fn race(hosts: &[(&str, Host)]) -> Vec<String> {
        let now = Instant::now();
        happens(Calling::new(call(None), now), now, hosts)
    }

    #[test]
    fn who_answers_soon_has_no_rival() {
        let events = race(&[(V6, Answers(249)), (V4, Answers(1))]);
        assert_eq!(events, [format!("0: try {V6}"), format!("249: taken {V6}")]);
    }

    #[test]
    fn who_does_not_answer_soon_gets_a_rival_and_the_first_that_answers_is_taken() {
        let events = race(&[(V6, IsSilent), (V4, Answers(20))]);
        assert_eq!(events, [format!("0: try {V6}"), format!("250: try {V4}"), format!("270: taken {V4}")]);
        let events = race(&[(V6, Answers(300)), (V4, Answers(100))]);
        assert_eq!(events, [format!("0: try {V6}"), format!("250: try {V4}"), format!("300: taken {V6}")]);
    }

    #[test]
    fn the_next_one_is_tried_at_once_when_one_has_failed() {
        let events = race(&[(V6, Refuses(30)), (V4, IsMissing), (V6_TOO, Answers(5))]);
        assert_eq!(
            events,
            [
                format!("0: try {V6}"),
                format!("30: try {V4}"),
                format!("30: try {V6_TOO}"),
                format!("35: taken {V6_TOO}")
            ]
        );
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        let tried = |hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(|address| (*address, IsMissing)).collect();
            let mut events = race(&hosts);
            events.pop();
            events.iter().map(|event| event["0: try ".len()..].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(tried(&[V6, V6_TOO, V4, V4_TOO]), [V6, V4, V6_TOO, V4_TOO]);
        assert_eq!(tried(&[V4, V4_TOO, V6]), [V4, V6, V4_TOO]);
        assert_eq!(tried(&[V4, V4_TOO]), [V4, V4_TOO]);
    }

    #[test]
    fn each_address_has_the_whole_timeout() {
        let events = race(&[(V6, IsSilent), (V4, IsSilent)]);
        let abandoned = [format!("10000: abandon {V6}"), format!("10250: abandon {V4}")];
        assert_eq!(events[2..4], abandoned);
        assert!(
            events[4].starts_with(&format!("10250: cannot connect to {V6} or {V4}: connection timed out"))
        );
    }

    #[test]
    fn the_reasons_are_in_the_order_of_the_addresses_and_each_is_given_once() {
        let events = race(&[(V6, IsSilent), (V4, Refuses(9)), (V6_TOO, IsMissing), (V4_TOO, Refuses(1))]);
        let reason = events.last().unwrap().split_once(": ").unwrap().1;
        let lines: Vec<_> = reason.lines().collect();
        assert!(lines[0].starts_with(&format!("cannot connect to {V6}: connection timed out")), "{reason}");
        assert!(lines[1].starts_with(&format!("cannot connect to {V4} or {V4_TOO}: ")), "{reason}");
        assert!(lines[1].contains("start threadchat serve first") && lines[2].contains("--wait"), "{reason}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_machine_without_the_address_family_is_reported_only_if_there_is_no_other() {
        let events = race(&[(V6, IsMissing)]);
        assert!(events[1].contains("does not have that address"), "{events:?}");
    }

    #[test]
    fn with_wait_there_are_rounds_until_somebody_answers_or_the_time_is_up() {
        let now = Instant::now();
        let events =
            happens(Calling::new(call(Some(500)), now), now, &[(V6, Refuses(10)), (V4, Refuses(10))]);
        let tries: Vec<_> = events.iter().filter(|event| event.contains("try ")).collect();
        let expected = [0, 10, 220, 230, 440, 450].iter().zip([V6, V4].iter().cycle());
        assert!(
            tries.iter().copied().cloned().eq(expected.map(|(ms, at)| format!("{ms}: try {at}"))),
            "{events:?}"
        );
        assert_eq!(events.iter().filter(|event| event.contains("nobody listens on host:9 yet")).count(), 1);
        assert!(events.last().unwrap().ends_with("(tried for 0.5 s)"), "{events:?}");
    }

    #[test]
    fn a_name_that_is_not_found_is_looked_up_again_with_wait() {
        let now = Instant::now();
        let mut calling = Calling::new(call(Some(1000)), now);
        assert!(matches!(calling.poll_action(now), Some(Action::LookUp)));
        calling.found(Err("no such host".into()), now);
        assert!(matches!(calling.poll_action(now), Some(Action::Report(_))));
        assert_eq!(calling.poll_timeout(), Some(now + RETRY_AFTER));
        assert!(matches!(calling.poll_action(now + RETRY_AFTER), Some(Action::LookUp)));
    }

    #[test]
    fn an_address_that_must_be_encrypted_is_not_called_in_clear_text_whatever_it_is_called() {
        let known = "[::ffff:192.0.2.1]:9".parse().unwrap();
        let call =
            Call { encrypted_only: vec![(known, "line 7 knows it as friend:9".into())], ..call(Some(5000)) };
        let now = Instant::now();
        let events = happens(Calling::new(call.clone(), now), now, &[(V6, Answers(1)), (V4, Answers(1))]);
        let [event] = events.try_into().unwrap();
        assert!(
            event.starts_with("0: host:9 leads to 192.0.2.1:9, and line 7 knows it as friend:9"),
            "{event}"
        );
        let events = happens(Calling::new(call, now), now, &[(V6, Answers(1))]);
        assert_eq!(events, [format!("0: try {V6}"), format!("1: taken {V6}")]);
    }

    #[test]
    fn a_call_after_a_broken_connection_is_one_round_without_advice() {
        let now = Instant::now();
        let events = happens(Calling::again(call(Some(9999)), now), now, &[(V4, Refuses(1))]);
        assert!(events.len() == 2 && !events[1].contains("--wait"), "{events:?}");
    }
}
