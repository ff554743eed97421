//! The machine and the program. Figures mean nothing without them.

use crate::designs::clock::utc_now;
use serde::Serialize;
use std::fs;
use std::thread;

use time::macros::format_description;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    /// The threads that run at once, as far as this program may use them.
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) memory_bytes: Option<u64>,
    /// The version of this program, and its build profile.
    pub(crate) program: String,
    pub(crate) compiler: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        let kernel = format!("{} {kernel}", std::env::consts::OS);
        let system =
            value(&read("/etc/os-release"), "PRETTY_NAME=").map(|name| name.trim_matches('"').to_owned());
        let memory = value(&read("/proc/meminfo"), "MemTotal:");
        let kilobytes = memory.and_then(|memory| memory.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            cpu: value(&read("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, Into::into),
            system: [Some(kernel.trim().to_owned()), system]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
            memory_bytes: kilobytes.map(|kilobytes| kilobytes * 1024),
            program: format!("threadchat {} ({})", env!("CARGO_PKG_VERSION"), env!("THREADCHAT_PROFILE")),
            compiler: env!("THREADCHAT_RUSTC").to_owned(),
        }
    }
}

/// The present in UTC.
pub(crate) fn now() -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    utc_now().format(format).unwrap_or_default()
}

/// A file that only Linux has; empty elsewhere.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn value(file: &str, key: &str) -> Option<String> {
    let line = file.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
