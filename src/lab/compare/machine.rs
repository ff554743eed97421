//! Where a comparison ran, and what: no figure means anything without.

use serde::{Deserialize, Serialize};
use std::fs;
use std::thread;
use time::OffsetDateTime;
use time::macros::format_description;

/// The machine and the program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) cpu: String,
    /// How many threads it runs at once, as far as this program may use them.
    pub(super) cores: usize,
    /// The kernel and the system around it.
    pub(super) system: String,
    /// All memory, in bytes.
    pub(super) memory_bytes: Option<u64>,
    /// The version of this program, and how it was built.
    pub(super) program: String,
    /// The compiler it was built with.
    pub(super) compiler: String,
}

impl Machine {
    /// This one.
    pub(super) fn here() -> Self {
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

/// This moment in UTC.
pub(super) fn now() -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

/// A file that only Linux has; elsewhere, nothing.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn value(file: &str, key: &str) -> Option<String> {
    let line = file.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
