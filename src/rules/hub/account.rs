//! What the clients of each address have cost others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A client that reads this many bytes per second is never disconnected, whatever it costs.
pub(super) const MIN_SPEED: f64 = 64.0 * 1024.0;

/// How many seconds of debt are given back per second.
const GIVEN_BACK: f64 = 1.0 / 60.0;

/// TCP reports what a client reads in steps. For a client that reads [`MIN_SPEED`] they are this many seconds apart.
const STEP: f64 = 2.0;

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
#[derive(Debug, Default)]
pub(super) struct Accounts {
    accounts: HashMap<IpAddr, Account>,
}

#[derive(Debug)]
struct Account {
    debt: Leaky,
    /// What its light members said while somebody's outbox was full, in bytes.
    ahead: Leaky,
}

/// A client that holds up others: the debt of its address rises while it does, and each byte it reads pays for some.
#[derive(Debug)]
pub(super) struct Holding {
    address: Option<IpAddr>,
    /// What the address owed when this began.
    before: f64,
    /// What has been added since.
    debt: f64,
    as_of: Instant,
    /// This connection has held up others before and has caught up. It may owe one [`STEP`], whatever its address owes.
    has_caught_up: bool,
    /// When to tell the room.
    pub(super) tell_at: Instant,
}

/// A level that rises when something is added and falls with time.
#[derive(Debug, Clone, Copy)]
struct Leaky {
    level: f64,
    as_of: Instant,
}

impl Accounts {
    /// A client of this address begins to hold up others.
    pub(super) fn begin(
        &self,
        address: Option<IpAddr>,
        has_caught_up: bool,
        tell_at: Instant,
        now: Instant,
    ) -> Holding {
        let before = address.map_or(0.0, |address| self.debt(address, now));
        Holding { address, before, debt: 0.0, as_of: now, has_caught_up, tell_at }
    }

    /// It does not hold them up any more. Clients of one address that hold up others at the same time cost them no more than
    /// one of them would.
    pub(super) fn end(&mut self, holding: &Holding, now: Instant) {
        let cost = holding.cost(now);
        let Some(address) = holding.address.filter(|_| cost > 0.0) else { return };
        let debt = self.debt(address, now).max(holding.before + cost);
        self.account(address, now).debt = Leaky { level: debt, as_of: now };
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
        let none = Leaky { level: 0.0, as_of: now };
        self.accounts.entry(address).or_insert(Account { debt: none, ahead: none })
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
    /// The client has read this many bytes.
    pub(super) fn pay(&mut self, bytes: usize, now: Instant) {
        self.debt = (self.cost(now) - bytes as f64 / MIN_SPEED).max(0.0);
        self.as_of = now;
    }

    /// What the client has cost others since this began, in seconds: the time for which they waited, less what it paid.
    pub(super) fn cost(&self, now: Instant) -> f64 {
        self.debt + now.saturating_duration_since(self.as_of).as_secs_f64()
    }

    /// When the client is to be disconnected if it reads nothing until then. The address may owe `stall`. A client that finds
    /// this used up gets the time of one [`STEP`], so that a neighbour who reads fast enough can show it; but not when the
    /// address owes twice as much.
    pub(super) fn due(&self, stall: Duration) -> Instant {
        let stall = stall.as_secs_f64();
        let is_trusted = self.has_caught_up || self.before < 2.0 * stall;
        let may_owe = (stall - self.before).max(if is_trusted { STEP.min(stall) } else { 0.0 });
        self.as_of + Duration::from_secs_f64((may_owe - self.debt).max(0.0))
    }
}

impl Leaky {
    /// The level, if it falls by `per_second`.
    fn level(&self, per_second: f64, now: Instant) -> f64 {
        (self.level - now.saturating_duration_since(self.as_of).as_secs_f64() * per_second).max(0.0)
    }
}
