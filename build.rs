//! Counts the lines of code of each design, for `threadchat compare`, and tells it what it is built with.
#![allow(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    for (name, path) in [
        ("THREADS", "src/threads"),
        ("THREADS_HUB", "src/threads/hub"),
        ("SELECT", "src/select"),
        ("SELECT_HUB", "src/select/hub"),
        ("HALF_DUPLEX", "src/half_duplex"),
        ("FLOOR", "src/compare/floor.rs"),
    ] {
        // The hub of a design counts by itself.
        let lines = lines_of_code(Path::new(path)) - lines_of_code(&Path::new(path).join("hub"));
        println!("cargo::rustc-env=THREADCHAT_LINES_{name}={lines}");
    }
    let compiler =
        std::env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rustc-env=THREADCHAT_RUSTC={}", compiler.unwrap_or_default());
    println!("cargo::rustc-env=THREADCHAT_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}

/// Of a file or of a folder; 0 if it is not there.
fn lines_of_code(path: &Path) -> usize {
    if let Ok(entries) = fs::read_dir(path) {
        return entries.flatten().map(|entry| lines_of_code(&entry.path())).sum();
    }
    let source = fs::read_to_string(path).unwrap_or_default();
    // Neither tests, which stand at the end of a file, nor comments nor empty lines.
    let code = source.split("\n#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}
