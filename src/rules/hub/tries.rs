//! How often somebody may try a code.

use super::admission::address_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many wrong codes an address may try in a [`PERIOD`]: a person who mistypes.
const MAX_OF_ADDRESS: usize = 5;

/// How many all may try.
const MAX: usize = 60;

const PERIOD: Duration = Duration::from_secs(60);

/// Counts wrong codes. When an address has tried too many, its code is not looked at for the rest of the period; when all
/// together have, nobody's is.
///
/// A code of three words has 33 bits, so each try finds it once in 13 billion codes. At 60 a minute a guesser who has any number
/// of addresses finds one in 460,000 in a day of 8 hours. Those whose handshakes are under way when the limit is
/// reached have their try, too: with all [places](super::waiting::MAX_WAITING) taken, one in 87,000.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When the period began: with its first wrong code.
    since: Option<Instant>,
    /// At most one entry for each wrong code.
    by_address: HashMap<IpAddr, usize>,
    all: usize,
}

impl Tries {
    /// Whether a caller from there may try a code now.
    pub(super) fn may_try(&mut self, address: IpAddr, now: Instant) -> bool {
        self.forget(now);
        let of_address = self.by_address.get(&address_key(address)).copied().unwrap_or(0);
        self.all < MAX && of_address < MAX_OF_ADDRESS
    }

    /// A caller from there had a wrong code. Returns whether from now on nobody may try one: once in a period.
    pub(super) fn was_wrong(&mut self, address: IpAddr, now: Instant) -> bool {
        self.forget(now);
        self.since.get_or_insert(now);
        *self.by_address.entry(address_key(address)).or_default() += 1;
        self.all += 1;
        self.all == MAX
    }

    fn forget(&mut self, now: Instant) {
        if self.since.is_some_and(|since| since + PERIOD <= now) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn an_address_has_five_wrong_codes_a_minute_and_others_go_on() {
        let (mut tries, start) = (Tries::default(), Instant::now());
        let address = |last: u128| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) + last));
        for last in 0..5 {
            assert!(tries.may_try(address(last), start));
            assert!(!tries.was_wrong(address(last), start));
        }
        let later = start + PERIOD - Duration::from_millis(1);
        assert!(!tries.may_try(address(9), later), "the network of 64 bits counts as one address");
        assert!(tries.may_try(address(1 << 64), later));
        assert!(tries.may_try(address(9), start + PERIOD));
    }

    #[test]
    fn a_thousand_wrong_codes_a_second_from_many_addresses_are_sixty_a_minute() {
        let (mut tries, start) = (Tries::default(), Instant::now());
        let (mut tried, mut told) = (0, 0);
        for try_ in 0..600_000_u32 {
            let now = start + Duration::from_millis(try_.into());
            let address = IpAddr::from(try_.to_be_bytes());
            if tries.may_try(address, now) {
                tried += 1;
                told += usize::from(tries.was_wrong(address, now));
            }
            assert!(tries.by_address.len() <= MAX, "nothing grows");
        }
        assert_eq!((tried, told), (10 * MAX, 10));
    }
}
