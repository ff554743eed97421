//! Counting system calls, with what the platform has for it. It slows down what it watches, so it gets a run of its own.

use super::rows::is_installed;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    Perf,
    Strace,
}

impl Counter {
    /// One that is installed and permitted.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn find() -> Result<Self, String> {
        let found = [Self::Perf, Self::Strace].into_iter().find(|counter| counter.works());
        found.ok_or_else(|| {
            let installed = ["perf", "strace"].into_iter().find(|program| is_installed(program));
            match installed {
                Some(program) => format!("{program} is installed, but not permitted to count"),
                None => "neither perf nor strace is installed".to_owned(),
            }
        })
    }

    pub(super) fn name(self) -> &'static str {
        self.words()[0]
    }

    fn works(self) -> bool {
        let words = self.words();
        // Something that does nothing, to see whether its calls are counted.
        let command = Command::new(words[0]).args(&words[1..]).arg("true").stdin(Stdio::null()).output();
        command.is_ok_and(|output| self.count(&String::from_utf8_lossy(&output.stderr)).is_some())
    }

    /// The command line before that of the program to watch.
    pub(super) fn wrap(self, command: Vec<OsString>) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.words().iter().map(Into::into).collect();
        // The program is a grandchild then, which has to be tied to its parent, too.
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

    /// The count, from what stands on standard error at the end.
    pub(super) fn count(self, notices: &str) -> Option<f64> {
        let line = notices.lines().rev().find(|line| match self {
            Self::Perf => line.contains(",raw_syscalls:sys_enter,"),
            Self::Strace => line.trim_end().ends_with(" total"),
        })?;
        line.trim().split([',', ' ']).next()?.parse().ok()
    }

    /// What the program itself said, without the count that follows it.
    pub(super) fn without_count(self, notices: &str) -> &str {
        let mark = match self {
            Self::Perf => ",raw_syscalls:sys_enter,",
            Self::Strace => "calls syscall",
        };
        let Some((before, _)) = notices.split_once(mark) else { return notices };
        before.rsplit_once('\n').map_or("", |(said, _)| said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_what_the_program_says() {
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
