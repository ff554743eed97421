//! The memory that clients leave behind.

use crate::platform;

/// Below so many it is not worth it.
const MANY: usize = 100;

/// Gives memory back to the system when half of the clients have gone, and again when half of the others have.
#[derive(Debug, Default)]
pub struct Trimmer {
    /// How many there have been at most since memory was last given back.
    most: usize,
}

impl Trimmer {
    /// There are so many now.
    pub fn grew(&mut self, clients: usize) {
        self.most = self.most.max(clients);
    }

    /// There are only so many left.
    pub fn shrunk(&mut self, clients: usize) {
        if self.most >= MANY && clients <= self.most / 2 {
            self.most = clients;
            platform::give_memory_back();
        }
    }
}
