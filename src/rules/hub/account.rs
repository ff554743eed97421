//! What the clients of each address have cost others.

use super::member::Member;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A client that reads this many bytes per second is never disconnected, whatever it costs.
pub(super) const MIN_SPEED: f64 = 64.0 * 1024.0;

/// How many seconds of debt are given back per second.
const GIVEN_BACK: f64 = 1.0 / 60.0;

/// A client pays for a second with this many bytes. It is a bit less than [`MIN_SPEED`], so that who reads at that speed never
/// falls behind because of how its time is measured.
const BYTES_PER_SECOND: f64 = 60.0 * 1024.0;

/// A client that has [shown](SHOWN) that it reads may itself owe this many times the limit, whatever its address owes. TCP
/// reports what it reads in steps: Linux opens a closed window when a sixteenth of the receive buffer is free, and that can be
/// 384 KiB, which a client that reads [`MIN_SPEED`] reads in 6 s.
const MAY_OWE: f64 = 1.4;

/// How many bytes a client reads to show that it does, while its outbox is full.
const SHOWN: usize = 64 * 1024;

/// What the system takes for a client earlier than this after it began to hold up others does not show that it reads. A client
/// may hold them up for so long in any case: what has just been said may not even have been written.
const SETTLED: Duration = Duration::from_millis(500);

/// While somebody's outbox is full, the light members of one address may add this many bytes per second to it, and
/// [`MAX_AHEAD`] at once: half of [`MIN_SPEED`], so that a client that reads that fast catches up all the same.
const AHEAD: f64 = MIN_SPEED / 2.0;

/// See [`AHEAD`].
const MAX_AHEAD: f64 = 128.0 * 1024.0;

/// The most addresses with an account. When there are more, the ones with the least debt are forgotten.
const MAX_ACCOUNTS: usize = 4096;

/// For how long the clients of each address have held up others, in seconds.
///
/// An account belongs to an address, so that coming back does not wipe it. Only those who hold up others are ever judged by
/// it, so nobody suffers from what a neighbour behind the same address owes until they do the same.
#[derive(Debug)]
pub(super) struct Accounts {
    /// How many seconds an address may owe.
    pub(super) limit: f64,
    accounts: HashMap<IpAddr, Account>,
}

#[derive(Debug)]
struct Account {
    debt: Leaky,
    /// Since when it is twice the limit.
    exhausted_at: Option<Instant>,
    /// What its light members said while somebody's outbox was full, in bytes.
    ahead: Leaky,
}

/// A client that holds up others: the debt of its address rises while it does, and each byte it reads pays for some.
#[derive(Debug)]
pub(super) struct Holding {
    address: Option<IpAddr>,
    /// What the address owed when this began.
    before: f64,
    /// What the client itself owed.
    own_before: f64,
    /// What has been added since.
    debt: f64,
    as_of: Instant,
    /// How many bytes the client has read while its outbox was full.
    read: usize,
    began: Instant,
    /// The client may itself owe as much as its address may, whatever that owes.
    is_trusted: bool,
    /// When to tell the room.
    pub(super) tell_at: Instant,
}

/// A level that rises when something is added and falls with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaky {
    level: f64,
    as_of: Instant,
}

impl Accounts {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit: limit.as_secs_f64(), accounts: HashMap::new() }
    }

    /// A client begins to hold up others.
    ///
    /// A client that finds the account used up may itself owe something, so that a neighbour who reads fast enough can show it.
    /// But of those who came when the address owed twice the limit, only those who have shown it may, and the others half a second.
    pub(super) fn begin(&self, member: &Member, tell_at: Instant, now: Instant) -> Holding {
        let address = member.address();
        let before = address.map_or(0.0, |address| self.debt(address, now));
        let exhausted_at = address
            .and_then(|address| self.accounts.get(&address)?.exhausted_at)
            .filter(|_| before >= 2.0 * self.limit);
        Holding {
            address,
            before,
            own_before: member.cost.level(GIVEN_BACK, now),
            debt: 0.0,
            as_of: now,
            read: member.read_while_full,
            began: now,
            is_trusted: exhausted_at.is_none_or(|at| member.joined_at < at),
            tell_at,
        }
    }

    /// It does not hold them up any more. Clients of one address that hold up others at the same time cost them no more than
    /// one of them would.
    pub(super) fn end(&mut self, holding: &Holding, member: &mut Member, now: Instant) {
        member.cost = Leaky { level: holding.cost(now), as_of: now };
        member.read_while_full = holding.read;
        let debt = holding.debt(now);
        if let Some(address) = holding.address.filter(|_| debt > 0.0) {
            let (before, limit) = (self.debt(address, now), self.limit);
            let level = before.max(holding.before + debt);
            let account = self.account(address, now);
            account.debt = Leaky { level, as_of: now };
            account.exhausted_at = account.exhausted_at.filter(|_| before >= 2.0 * limit);
            if level >= 2.0 * limit {
                account.exhausted_at.get_or_insert(now);
            }
        }
    }

    /// What a client that holds up nobody has cost others, in seconds, less what it was given back.
    pub(super) fn cost(member: &Member, now: Instant) -> f64 {
        member.cost.level(GIVEN_BACK, now)
    }

    /// How many seconds an address owes.
    fn debt(&self, address: IpAddr, now: Instant) -> f64 {
        self.accounts.get(&address).map_or(0.0, |account| account.debt.level(GIVEN_BACK, now))
    }

    /// What share is left of what the light members of this address may say although somebody's outbox is full.
    pub(super) fn share_ahead(&self, address: IpAddr, now: Instant) -> f64 {
        self.accounts.get(&address).map_or(1.0, |account| 1.0 - account.ahead.level(AHEAD, now) / MAX_AHEAD)
    }

    /// One of them says this much.
    pub(super) fn went_ahead(&mut self, address: IpAddr, bytes: usize, now: Instant) {
        let ahead = &mut self.account(address, now).ahead;
        *ahead = Leaky { level: ahead.level(AHEAD, now) + bytes as f64, as_of: now };
    }

    fn account(&mut self, address: IpAddr, now: Instant) -> &mut Account {
        if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(&address) {
            self.forget_some(now);
        }
        self.accounts.entry(address).or_insert_with(|| Account {
            debt: Leaky::new(now),
            exhausted_at: None,
            ahead: Leaky::new(now),
        })
    }

    /// Forgets those who owe nothing, and half of the others if that is not enough.
    fn forget_some(&mut self, now: Instant) {
        self.accounts.retain(|_, account| {
            account.debt.level(GIVEN_BACK, now) > 0.0 || account.ahead.level(AHEAD, now) > 0.0
        });
        if self.accounts.len() > MAX_ACCOUNTS / 2 {
            let mut debts: Vec<_> =
                self.accounts.values().map(|account| account.debt.level(GIVEN_BACK, now)).collect();
            debts.sort_unstable_by(f64::total_cmp);
            let middle = debts[debts.len() / 2];
            self.accounts.retain(|_, account| account.debt.level(GIVEN_BACK, now) > middle);
        }
    }
}

impl Holding {
    /// The client has read this many bytes. What it pays more than it owes for this time goes to what it owed before.
    pub(super) fn pay(&mut self, bytes: usize, now: Instant) {
        if now >= self.began + SETTLED {
            self.read = self.read.saturating_add(bytes);
        }
        let debt = self.debt(now) - bytes as f64 / BYTES_PER_SECOND;
        self.own_before = (self.own_before + debt.min(0.0)).max(0.0);
        self.debt = debt.max(0.0);
        self.as_of = now;
    }

    /// What has been added since this began.
    fn debt(&self, now: Instant) -> f64 {
        self.debt + now.saturating_duration_since(self.as_of).as_secs_f64()
    }

    /// What the client has cost others, in seconds: the time for which they waited, less what it has paid and was given back.
    pub(super) fn cost(&self, now: Instant) -> f64 {
        self.own_before + self.debt(now)
    }

    /// When the client is to be disconnected if it reads nothing until then.
    pub(super) fn due(&self, limit: f64) -> Instant {
        let may_owe = match self.is_trusted {
            _ if self.read >= SHOWN => MAY_OWE * limit,
            true => limit,
            false => SETTLED.as_secs_f64(),
        };
        let left = (limit - self.before).max(may_owe - self.own_before) - self.debt;
        self.as_of + Duration::from_secs_f64(left.max(0.0))
    }
}

impl Leaky {
    pub(super) fn new(now: Instant) -> Self {
        Self { level: 0.0, as_of: now }
    }

    /// The level, if it falls by `per_second`.
    fn level(&self, per_second: f64, now: Instant) -> f64 {
        (self.level - now.saturating_duration_since(self.as_of).as_secs_f64() * per_second).max(0.0)
    }
}
