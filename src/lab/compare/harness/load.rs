//! What the machine does beside the comparison, from Linux's `/proc/stat`: the processor time of other programs, and
//! what the hypervisor withholds (steal time).

use serde::Serialize;
use std::fs;

/// Ticks since the machine started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    all: f64,
    /// In programs, of which `ours` in this process and its children. What interrupts take belongs to nobody.
    busy: f64,
    ours: f64,
    stolen: f64,
}

/// Parts of the time of all processors, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Meanwhile {
    pub(crate) other_programs: f64,
    pub(crate) stolen: f64,
}

impl Load {
    /// `None` where the system does not report it.
    pub(crate) fn now() -> Option<Self> {
        let read = |path| fs::read_to_string(path).ok();
        Self::parse(&read("/proc/stat")?, &read("/proc/self/stat")?)
    }

    fn parse(machine: &str, own: &str) -> Option<Self> {
        let number = |word: &str| word.parse::<f64>().ok();
        let machine: Vec<f64> = machine.lines().next()?.split_whitespace().filter_map(number).collect();
        let [user, nice, system, _idle, _wait, _irq, _soft_irq, stolen, ..] = machine[..] else {
            return None;
        };
        // The name may contain blanks. After it come the state and ten numbers, and then the times of this process and of
        // its children.
        let own = own.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
        Some(Self {
            all: machine.iter().take(8).sum(),
            busy: user + nice + system,
            ours: own.filter_map(number).sum(),
            stolen,
        })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Option<Meanwhile> {
        let all = self.all - earlier.all;
        let part = |ticks: f64| (ticks / all).clamp(0.0, 1.0);
        (all > 0.0).then(|| Meanwhile {
            other_programs: part((self.busy - earlier.busy) - (self.ours - earlier.ours)),
            stolen: part(self.stolen - earlier.stolen),
        })
    }
}

impl Meanwhile {
    /// The part of the processors that the comparison could not have.
    pub(crate) fn withheld(&self) -> f64 {
        self.other_programs + self.stolen
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_comparison_uses_is_not_the_load_of_others() {
        let before = Load::parse("cpu  100 0 50 800 0 0 0 10 0 0\ncpu0 1\n", own(20, 5)).unwrap();
        let after = Load::parse("cpu  160 0 70 900 0 0 0 30 0 0\ncpu0 1\n", own(40, 25)).unwrap();
        let meanwhile = after.since(&before).unwrap();
        assert_eq!(meanwhile, Meanwhile { other_programs: 0.2, stolen: 0.1 });
        assert_eq!(before.since(&before), None, "no time has passed");
        assert!(Load::parse("intr 5\n", own(0, 0)).is_none());
    }

    fn own(user: u32, of_children: u32) -> &'static str {
        let text = format!("7 (a) b) S 1 1 1 0 -1 4194304 1 1 0 0 {user} 0 {of_children} 0 20 0 3");
        Box::leak(text.into_boxed_str())
    }
}
