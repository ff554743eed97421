//! Counts system calls, by kind, with perf or strace. Counting slows down what it watches, so it happens in the warm-up.

use super::subject::is_installed;
use crate::lab::compare::measure::{Figures, Measure, SYSTEM_CALLS};
use crate::platform::system_call_number;
use crate::rules::failure::Failure;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// The system calls of each kind. Which of them there are depends on the processor.
const KINDS: [(Measure, &[&str]); 3] = [
    (
        Measure::WaitingSystemCalls,
        &[
            "futex",
            "poll",
            "ppoll",
            "select",
            "pselect6",
            "epoll_wait",
            "epoll_pwait",
            "nanosleep",
            "clock_nanosleep",
            "accept",
            "accept4",
        ],
    ),
    (
        Measure::MovingSystemCalls,
        &[
            "read", "readv", "recvfrom", "recvmsg", "recvmmsg", "write", "writev", "sendto", "sendmsg",
            "sendmmsg", "sendfile", "splice",
        ],
    ),
    (Measure::YieldingSystemCalls, &["sched_yield"]),
];

/// What perf counts: once all, and once for each kind with a filter. To count each system call by its own event takes perf
/// a second to prepare.
const EVENT: &str = "raw_syscalls:sys_enter";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Perf,
    Strace,
}

impl Counter {
    /// A counter that is installed and permitted, or why there is none.
    pub(crate) fn find() -> Result<Self, Failure> {
        let all = [Self::Perf, Self::Strace];
        let found = all.into_iter().find(|counter| counter.works());
        found.ok_or_else(|| match all.map(Self::name).into_iter().find(|name| is_installed(name)) {
            Some(name) => format!("{name} is installed, but not permitted to count").into(),
            None => "neither perf nor strace is installed".into(),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
        }
    }

    fn works(self) -> bool {
        let words = self.words();
        let command = Command::new(self.name()).args(&words[1..]).arg("true").stdin(Stdio::null()).output();
        command.is_ok_and(|output| self.count(&String::from_utf8_lossy(&output.stderr)).is_some())
    }

    /// Puts the counter before the command line of the program it watches.
    pub(super) fn wrap(self, command: Vec<OsString>) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.words().into_iter().map(Into::into).collect();
        // The program becomes a grandchild, which `exec` ties to this process, too.
        words.extend(std::env::current_exe().map(Into::into));
        words.extend(["compare-child", "exec"].map(Into::into));
        words.extend(command);
        words
    }

    fn words(self) -> Vec<String> {
        let words = match self {
            Self::Perf => format!("perf stat -x, -e {EVENT}{} --", KINDS.map(filtered).concat()),
            Self::Strace => "strace -f -c -U calls,name --".to_owned(),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// Finds the counts, which the counter writes to standard error at the end.
    pub(super) fn count(self, notices: &str) -> Option<Figures> {
        match self {
            Self::Perf => {
                // A line for each event, in their order.
                let lines = notices.lines().filter(|line| line.contains(EVENT));
                let counts: Option<Vec<f64>> =
                    lines.map(|line| line.split(',').next()?.parse().ok()).collect();
                let counts = counts.filter(|counts| counts.len() == SYSTEM_CALLS.len())?;
                Some(SYSTEM_CALLS.into_iter().zip(counts).collect())
            }
            Self::Strace => {
                let count = |name: &str| {
                    let mut lines = notices.lines().filter_map(|line| line.trim().split_once(' '));
                    lines.find(|(_, other)| other.trim() == name)?.0.parse::<f64>().ok()
                };
                let of_kind = |names: &[&str]| names.iter().filter_map(|name| count(name)).sum();
                let mut figures = Figures::from([(Measure::SystemCalls, count("total")?)]);
                figures.extend(KINDS.map(|(measure, names)| (measure, of_kind(names))));
                Some(figures)
            }
        }
    }

    /// What the program itself wrote, without the counts that follow it.
    pub(super) fn without_count(self, notices: &str) -> &str {
        let mark = match self {
            Self::Perf => EVENT,
            Self::Strace => "calls syscall",
        };
        let Some((before, _)) = notices.split_once(mark) else { return notices };
        before.rsplit_once('\n').map_or("", |(written, _)| written)
    }
}

/// An event of perf that counts only these system calls.
fn filtered((_, names): (Measure, &[&str])) -> String {
    let numbers = names.iter().filter_map(|name| system_call_number(name));
    let numbers: Vec<String> = numbers.map(|number| format!("id=={number}")).collect();
    format!(" -e {EVENT} --filter {}", numbers.join("||"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: f64, [waiting, moving, yielding]: [f64; 3]) -> Option<Figures> {
        Some(Figures::from([
            (Measure::SystemCalls, all),
            (Measure::WaitingSystemCalls, waiting),
            (Measure::MovingSystemCalls, moving),
            (Measure::YieldingSystemCalls, yielding),
        ]))
    }

    #[test]
    fn the_counts_are_found_after_what_the_program_writes() {
        let perf = "hello\n29,,raw_syscalls:sys_enter,504009,100.00,,\n7,,raw_syscalls:sys_enter,504009,100.00,,\n\
            8,,raw_syscalls:sys_enter,504009,100.00,,\n11,,raw_syscalls:sys_enter,504009,100.00,,\n";
        assert_eq!(Counter::Perf.count(perf), counts(29.0, [7.0, 8.0, 11.0]));
        assert_eq!(Counter::Perf.without_count(perf), "hello");
        let refused = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(Counter::Perf.count(refused), None);
        let strace = "    calls syscall\n--------- ----------------\n        7 read\n        5 sched_yield\n\
            --------- ------\n       25 total\n";
        assert_eq!(Counter::Strace.count(strace), counts(25.0, [0.0, 7.0, 5.0]));
        assert_eq!(Counter::Strace.without_count(strace), "");
        assert_eq!(Counter::Strace.count("strace: not permitted\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn perf_counts_each_kind_by_the_numbers_of_its_system_calls() {
        let words = Counter::Perf.words();
        let filters = words.iter().filter(|word| word.starts_with("id=="));
        assert_eq!(filters.count(), KINDS.len(), "{words:?}");
        assert_eq!(words.iter().filter(|word| *word == EVENT).count(), SYSTEM_CALLS.len(), "{words:?}");
    }
}
