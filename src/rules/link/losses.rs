//! What one hub finds and another cannot: that the server has lost data, which both may have read. So the server keeps a name for
//! the last such loss, and each hub looks whether it is another one.

use super::HubId;
use std::collections::VecDeque;

/// How many names are remembered. More losses than that, one after the other, are rare.
const MAX_EARLIER: usize = 64;
/// No name is longer, in bytes: it is that of a hub, and a number.
pub(super) const MAX_NAME: usize = 64;

/// The losses that this hub knows of. Each is told to its members once.
#[derive(Default)]
pub(super) struct Losses {
    /// The name of the last one at the server, as far as this hub knows.
    pub(super) last: Vec<u8>,
    /// Those before. A server that has one of them has gone back.
    earlier: VecDeque<Vec<u8>>,
    /// The name of one that this hub has found, until the server has that or another new one.
    pub(super) found: Option<String>,
    count: u64,
    /// Another hub has found one, and no entry has come since: what this hub finds now is the same.
    has_heard: bool,
}

impl Losses {
    /// This hub finds one. Returns whether its members are to be told.
    pub(super) fn find(&mut self, hub: HubId) -> bool {
        let is_news = !std::mem::take(&mut self.has_heard);
        if is_news {
            self.count += 1;
            self.found = Some(format!("{hub}-{}", self.count));
        }
        is_news
    }

    /// The server has this name, after it was told the one that this hub had `found` when it asked. Returns whether the members are
    /// to be told.
    pub(super) fn hear(&mut self, last: Vec<u8>, found: Option<&str>) -> bool {
        // If this hub has found one meanwhile, the next answer decides.
        if last == self.last || self.found.as_deref() != found {
            return false;
        }
        let has_gone_back = last.is_empty() || self.earlier.contains(&last);
        self.earlier.push_front(std::mem::replace(&mut self.last, last));
        self.earlier.truncate(MAX_EARLIER);
        if has_gone_back && self.found.is_some() {
            // It knows nothing of this one, and hears of it with the next report.
            return false;
        }
        self.has_heard = self.found.take().is_none();
        self.has_heard
    }

    /// An entry, or the state, has come.
    pub(super) fn go_on(&mut self) {
        self.has_heard = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once_at_each_hub_whoever_finds_it() {
        let [mut one, mut other, mut third] = [(); 3].map(|()| Losses::default());
        assert!(one.find(HubId(1)));
        let name = one.found.clone().unwrap_or_default();
        // The server had no memory for it, and then has.
        assert!(!one.hear(Vec::new(), Some(&name)));
        assert!(!one.hear(name.clone().into(), Some(&name)));
        assert_eq!(one.found, None);
        // Another one finds it, too, and later than the first.
        assert!(other.find(HubId(2)));
        let found = other.found.clone();
        assert!(!other.hear(name.clone().into(), found.as_deref()));
        // A third one hears of it, and then finds what it has heard of.
        assert!(third.hear(name.clone().into(), None));
        assert!(!third.find(HubId(3)) && third.found.is_none());
        assert!(!third.hear(name.into(), None));
        // The next one is another one.
        third.go_on();
        assert!(third.find(HubId(3)));
    }

    #[test]
    fn a_server_that_has_lost_the_name_of_a_loss_with_its_data_is_told_of_the_next_one() {
        let mut hub = Losses::default();
        let mut names = vec![Vec::new()];
        for _ in 0..3 {
            // It has gone back to any of them, and does not take what comes behind the last one.
            for earlier in names.clone() {
                assert!(hub.find(HubId(1)));
                let name = hub.found.clone().unwrap_or_default();
                assert!(!hub.hear(earlier.clone(), Some(&name)));
                assert_eq!((&hub.last, hub.found.as_ref()), (&earlier, Some(&name)));
                assert!(!hub.hear(name.clone().into(), Some(&name)));
                assert_eq!(hub.found, None);
                names.push(name.into());
            }
        }
    }

    #[test]
    fn a_loss_that_is_found_while_the_server_answers_is_told_to_it_later() {
        let mut hub = Losses::default();
        assert!(hub.find(HubId(1)));
        assert!(!hub.hear(b"another".to_vec(), None));
        assert!(hub.found.is_some() && hub.last.is_empty());
    }
}
