//! What is tried: which hub, and what it gets of the machine.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    pub design: &'static str,
    pub is_encrypted: bool,
    /// More than one: they are linked.
    pub hubs: usize,
    pub clients: usize,
    /// What a shell runs before the hub, such as `ulimit`.
    pub first: &'static str,
    /// The disk to which the hub records is full after some 64 KiB.
    pub has_full_disk: bool,
}

impl Subject {
    pub const fn hub(design: &'static str) -> Self {
        Self { design, is_encrypted: false, hubs: 1, clients: 10, first: "true", has_full_disk: false }
    }

    pub const fn encrypted(design: &'static str) -> Self {
        Self { is_encrypted: true, ..Self::hub(design) }
    }

    pub const fn linked(design: &'static str) -> Self {
        Self { hubs: 2, ..Self::hub(design) }
    }

    /// The transcript may end before the talk.
    pub fn may_not_record(self) -> bool {
        self.has_full_disk || self.first.contains("ulimit -f")
    }

    pub fn is_linked(self) -> bool {
        self.hubs > 1
    }

    /// The options with which this command encrypts, if it does.
    pub fn encryption(self, command: &str) -> &'static [&'static str] {
        #[cfg(feature = "secure")]
        if self.is_encrypted {
            return crate::common::tls::options(command);
        }
        let _ = command;
        &[]
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.design)?;
        if self.is_encrypted {
            f.write_str(", encrypted")?;
        }
        if self.is_linked() {
            f.write_str(", linked")?;
        }
        if self.first != "true" {
            write!(f, ", {}", self.first)?;
        }
        Ok(())
    }
}
