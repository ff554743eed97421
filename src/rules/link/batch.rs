//! What a hub has to say, in one entry of the log.

/// Takes names for a member in the same step as the entry that says so. Either everything of it is done, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// The number of the member at this hub.
    pub member: u64,
    /// The forms of names to give back, as far as the member has them.
    pub release: Vec<Vec<u8>>,
    /// The forms to take. If any of them belongs to another member of any hub, the claim is refused.
    pub take: Vec<Vec<u8>>,
    /// What is stored about the member.
    pub record: Vec<u8>,
    /// For a member that may be new, not empty: what is stored if the claim is refused. If the server knows the member, the
    /// claim is not refused, and changes nothing.
    pub otherwise: Vec<u8>,
}

/// What happens in Redis in the same step as the entry, in the order of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Takes names. Whether it succeeded is in the entry ([`Logged::refused`](super::Logged::refused)).
    Claim(Claim),
    /// Stores what is known about a member, if the server knows it: all but the first line, its name, which only claims change.
    Record(u64, Vec<u8>),
    /// Forgets a member, and frees its names.
    Forget(u64),
    /// Adds lines to the history of a room.
    History(Vec<u8>, Vec<Vec<u8>>),
    /// Adds to the bans.
    Ban(Vec<u8>),
}

impl Operation {
    fn size(&self) -> usize {
        let sum = |list: &[Vec<u8>]| list.iter().map(Vec::len).sum::<usize>() + 16 * list.len();
        64 + match self {
            Self::Claim(claim) => {
                sum(&claim.release) + sum(&claim.take) + claim.record.len() + claim.otherwise.len()
            }
            Self::Record(_, record) => record.len(),
            Self::Forget(_) => 0,
            Self::History(room, lines) => room.len() + sum(lines),
            Self::Ban(ban) => ban.len(),
        }
    }
}

/// What a hub has to say: one entry of the log. Two batches can become one, with their data and operations in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// What all hubs get, this one too. The link does not look into it.
    pub data: Vec<u8>,
    /// How many lines are in it, as they are counted if they get lost.
    pub lines: u64,
    /// What happens in the same step.
    pub operations: Vec<Operation>,
}

impl Batch {
    /// About how many bytes it takes in memory and on the way. That of two batches in one is the sum.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data.len() + self.operations.iter().map(Operation::size).sum::<usize>()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.operations.is_empty()
    }

    /// Adds another one behind.
    pub(super) fn extend(&mut self, other: Self) {
        self.data.extend_from_slice(&other.data);
        self.lines = self.lines.saturating_add(other.lines);
        self.operations.extend(other.operations);
    }

    /// The arguments of the script `append` that say what to do.
    pub(super) fn arguments(&self) -> Vec<Vec<u8>> {
        let mut arguments = Vec::new();
        for operation in &self.operations {
            let mut add = |argument: &[u8]| arguments.push(argument.to_vec());
            match operation {
                Operation::Claim(claim) => {
                    add(b"claim");
                    add(claim.member.to_string().as_bytes());
                    for list in [&claim.release, &claim.take] {
                        add(list.len().to_string().as_bytes());
                        list.iter().for_each(|form| add(form));
                    }
                    add(&claim.record);
                    add(&claim.otherwise);
                }
                Operation::Record(member, record) => {
                    add(b"record");
                    add(member.to_string().as_bytes());
                    add(record);
                }
                Operation::Forget(member) => {
                    add(b"forget");
                    add(member.to_string().as_bytes());
                }
                Operation::History(room, lines) => {
                    add(b"history");
                    add(room);
                    add(lines.len().to_string().as_bytes());
                    lines.iter().for_each(|line| add(line));
                }
                Operation::Ban(ban) => {
                    add(b"ban");
                    add(ban);
                }
            }
        }
        arguments
    }
}
