//! When to return memory to the system.

/// With fewer clients there is not enough memory to be worth it.
const MIN_CLIENTS: usize = 100;

/// Asks for it when half of the clients have left, and again when half of the remaining ones have.
#[derive(Debug, Default)]
pub(super) struct Trim {
    /// The most clients there have been since memory was last returned.
    max: usize,
}

impl Trim {
    pub(super) fn joined(&mut self, clients: usize) {
        self.max = self.max.max(clients);
    }

    /// Whether to return memory now that only this many clients are left.
    pub(super) fn left(&mut self, clients: usize) -> bool {
        let is_due = self.max >= MIN_CLIENTS && clients <= self.max / 2;
        if is_due {
            self.max = clients;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_returned_whenever_half_of_many_clients_have_left() {
        let mut trim = Trim::default();
        (0..=1000).for_each(|clients| trim.joined(clients));
        let due: Vec<_> = (0..1000).rev().filter(|clients| trim.left(*clients)).collect();
        assert_eq!(due, [500, 250, 125, 62]);
    }
}
