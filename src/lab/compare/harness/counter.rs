//! Counts system calls, with perf or strace. Counting slows down what it watches, so it happens in the warm-up.

use super::subject::is_installed;
use crate::rules::failure::Failure;
use std::ffi::OsString;
use std::process::{Command, Stdio};

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
        self.words()[0]
    }

    fn works(self) -> bool {
        let words = self.words();
        let command = Command::new(words[0]).args(&words[1..]).arg("true").stdin(Stdio::null()).output();
        command.is_ok_and(|output| self.count(&String::from_utf8_lossy(&output.stderr)).is_some())
    }

    /// Puts the counter before the command line of the program it watches.
    pub(super) fn wrap(self, command: Vec<OsString>) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.words().iter().map(Into::into).collect();
        // The program becomes a grandchild, which `exec` ties to this process, too.
        words.extend(std::env::current_exe().map(Into::into));
        words.extend(["compare-child", "exec"].map(Into::into));
        words.extend(command);
        words
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Perf => &["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "--"],
            Self::Strace => &["strace", "-f", "-c", "-U", "calls,name", "--"],
        }
    }

    /// Finds the count, which the counter writes to standard error at the end.
    pub(super) fn count(self, notices: &str) -> Option<f64> {
        let line = notices.lines().rev().find(|line| match self {
            Self::Perf => line.contains(",raw_syscalls:sys_enter,"),
            Self::Strace => line.trim_end().ends_with(" total"),
        })?;
        line.trim().split([',', ' ']).next()?.parse().ok()
    }

    /// What the program itself wrote, without the count that follows it.
    pub(super) fn without_count(self, notices: &str) -> &str {
        let mark = match self {
            Self::Perf => ",raw_syscalls:sys_enter,",
            Self::Strace => "calls syscall",
        };
        let Some((before, _)) = notices.split_once(mark) else { return notices };
        before.rsplit_once('\n').map_or("", |(written, _)| written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_after_what_the_program_writes() {
        let perf = "hello\n29,,raw_syscalls:sys_enter,504009,100.00,,\n";
        assert_eq!(Counter::Perf.count(perf), Some(29.0));
        assert_eq!(Counter::Perf.without_count(perf), "hello");
        let refused = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(Counter::Perf.count(refused), None);
        let strace = "    calls syscall\n--------- ----------------\n        7 read\n--------- ------\n       25 total\n";
        assert_eq!(Counter::Strace.count(strace), Some(25.0));
        assert_eq!(Counter::Strace.without_count(strace), "");
        assert_eq!(Counter::Strace.count("strace: not permitted\n"), None);
    }
}
