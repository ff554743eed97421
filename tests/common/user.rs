//! A user with a key and known peers of their own.

use super::{Program, threadchat};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A user who has never encrypted anything.
pub struct User(TempDir);

impl User {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// `threadchat`, as this user runs it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = threadchat(args);
        command.env("XDG_CONFIG_HOME", self.settings()).env("APPDATA", self.settings());
        command
    }

    /// Where the settings of all programs are.
    pub fn settings(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.settings().join("threadchat").join(name)
    }

    /// What `threadchat key` prints: the hash of the key.
    pub fn key(&self) -> String {
        let mut program = Program::start(self.command(&["key"]));
        program.exits(0);
        program.out.text().trim().to_owned()
    }
}
