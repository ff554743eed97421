//! Counts system calls, by kind, with perf or strace. Counting slows down what it watches, so it happens in the warm-up.

use super::subject::is_installed;
use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::Failure;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where Linux lists what perf can count.
const EVENTS: [&str; 2] =
    ["/sys/kernel/tracing/events/syscalls", "/sys/kernel/debug/tracing/events/syscalls"];

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
            "rt_sigtimedwait",
        ],
    ),
    (
        Measure::MovingSystemCalls,
        &[
            "read",
            "readv",
            "recvfrom",
            "recvmsg",
            "recvmmsg",
            "write",
            "writev",
            "sendto",
            "sendmsg",
            "sendmmsg",
            "sendfile64",
            "sendfile",
            "splice",
        ],
    ),
    (Measure::YieldingSystemCalls, &["sched_yield"]),
];

const ALL: &str = "raw_syscalls:sys_enter";
const ONE: &str = "syscalls:sys_enter_";

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
            Self::Perf => format!("perf stat -x, -e {} --", events().join(",")),
            Self::Strace => "strace -f -c -U calls,name --".to_owned(),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// Finds the counts, which the counter writes to standard error at the end.
    pub(super) fn count(self, notices: &str) -> Option<Figures> {
        let counts = || notices.lines().filter_map(move |line| self.parse(line));
        let all = counts().rfind(|(name, _)| *name == self.total())?.1;
        let kind = |(measure, names): &(Measure, &[&str])| {
            let of_kind = counts().filter(|(name, _)| names.contains(name));
            (*measure, of_kind.map(|(_, count)| count).sum())
        };
        let mut figures = Figures::from([(Measure::SystemCalls, all)]);
        // Without the right to list them, perf counts no single system calls. That is not the same as none.
        if self == Self::Strace || counts().count() > 1 {
            figures.extend(KINDS.iter().map(kind));
        }
        Some(figures)
    }

    /// The name and the count of a system call in a line of the counter.
    fn parse(self, line: &str) -> Option<(&str, f64)> {
        let (count, name) = match self {
            Self::Perf => {
                let mut fields = line.split(',');
                (fields.next()?, fields.nth(1)?)
            }
            Self::Strace => line.trim().split_once(' ')?,
        };
        let name = name.strip_prefix(ONE).unwrap_or(name).trim();
        Some((name, count.parse().ok()?))
    }

    /// The name of the sum of all.
    fn total(self) -> &'static str {
        match self {
            Self::Perf => ALL,
            Self::Strace => "total",
        }
    }

    /// What the program itself wrote, without the counts that follow it.
    pub(super) fn without_count(self, notices: &str) -> &str {
        let mark = match self {
            Self::Perf => ALL,
            Self::Strace => "calls syscall",
        };
        let Some((before, _)) = notices.split_once(mark) else { return notices };
        before.rsplit_once('\n').map_or("", |(written, _)| written)
    }
}

/// What perf is to count: all system calls, and those of each kind that there are here.
fn events() -> Vec<String> {
    let exists = |name: &&&str| {
        EVENTS.iter().any(|folder| Path::new(folder).join(format!("sys_enter_{name}")).is_dir())
    };
    let names = KINDS.iter().flat_map(|(_, names)| *names).filter(exists);
    [ALL.to_owned()].into_iter().chain(names.map(|name| format!("{ONE}{name}"))).collect()
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
        let perf = "hello\n29,,raw_syscalls:sys_enter,504009,100.00,,\n\
            7,,syscalls:sys_enter_futex,504009,100.00,,\n3,,syscalls:sys_enter_read,504009,100.00,,\n\
            4,,syscalls:sys_enter_write,504009,100.00,,\n11,,syscalls:sys_enter_sched_yield,504009,100.00,,\n";
        assert_eq!(Counter::Perf.count(perf), counts(29.0, [7.0, 7.0, 11.0]));
        assert_eq!(Counter::Perf.without_count(perf), "hello");
        let refused = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(Counter::Perf.count(refused), None);
        let strace = "    calls syscall\n--------- ----------------\n        7 read\n        5 sched_yield\n\
            --------- ------\n       25 total\n";
        assert_eq!(Counter::Strace.count(strace), counts(25.0, [0.0, 7.0, 5.0]));
        assert_eq!(Counter::Strace.without_count(strace), "");
        assert_eq!(Counter::Strace.count("strace: not permitted\n"), None);
    }

    #[test]
    fn where_perf_knows_no_single_system_calls_only_their_sum_is_counted() {
        let perf = "29,,raw_syscalls:sys_enter,504009,100.00,,\n";
        assert_eq!(Counter::Perf.count(perf), Some(Figures::from([(Measure::SystemCalls, 29.0)])));
    }
}
