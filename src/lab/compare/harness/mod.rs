//! How subjects run: processes with pipes as their keyboard and screen, watched and measured. Knows no workload.

pub(super) mod baseline;
pub(super) mod children;
pub(super) mod counter;
#[cfg_attr(not(feature = "secure"), path = "no_encryption.rs")]
pub(super) mod encryption;
pub(super) mod lines;
pub(super) mod load;
pub(super) mod pair;
pub(super) mod redis;
pub(super) mod resources;
pub(super) mod subject;
pub(super) mod viewer;
pub(super) mod watchdog;
#[cfg_attr(not(feature = "web"), path = "no_web.rs")]
pub(super) mod web;

use crate::rules::failure::Failure;
use children::{Children, Started};
use counter::Counter;
use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;
use watchdog::Heartbeat;

/// Where runs take place, one at a time.
pub(super) struct Harness {
    pub(super) children: Arc<Children>,
    pub(super) heartbeat: Heartbeat,
}

impl Harness {
    pub(super) fn new() -> Result<Self, Failure> {
        let harness = Self { children: Arc::default(), heartbeat: Heartbeat::default() };
        watchdog::watch(Arc::clone(&harness.children), harness.heartbeat.clone())?;
        Ok(harness)
    }

    /// Starts a program, under the counter if there is one.
    pub(super) fn start(&self, words: Vec<OsString>, counter: Option<Counter>) -> Result<Started, Failure> {
        let words = match counter {
            Some(counter) => counter.wrap(words),
            None => words,
        };
        let (program, args) = words.split_first().ok_or("the command is empty")?;
        let mut command = Command::new(program);
        // A code or a known peer or the settings of the user must not make a subject encrypt, nor the subject add to what is known.
        command.args(args).env_remove("THREADCHAT_CODE").env("THREADCHAT_CONFIG", "");
        command.env("XDG_CONFIG_HOME", subject::folder()).env("APPDATA", subject::folder());
        self.children.start(command)
    }
}
