//! Decides what the platform has, and passes facts about this build to `threadchat compare`: the compiler, the profile, and the
//! lines of code of each design.
#![allow(clippy::print_stdout, reason = "a build script passes instructions to cargo this way")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=THREADCHAT_PORTABLE");
    detect_platform();
    for (name, path) in [
        ("THREADS", "src/designs/threads"),
        ("THREADS_HUB", "src/designs/threads/hub"),
        ("SELECT", "src/designs/select"),
        ("SELECT_HUB", "src/designs/select/hub"),
        ("HALF_DUPLEX", "src/designs/half_duplex"),
        ("FLOOR", "src/lab/compare/harness/baseline.rs"),
    ] {
        // The hub of a design is counted separately.
        let lines = lines_of_code(Path::new(path)) - lines_of_code(&Path::new(path).join("hub"));
        println!("cargo::rustc-env=THREADCHAT_LINES_{name}={lines}");
    }
    let compiler = env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rustc-env=THREADCHAT_RUSTC={}", compiler.unwrap_or_default());
    println!("cargo::rustc-env=THREADCHAT_PROFILE={}", env::var("PROFILE").unwrap_or_default());
}

/// Sets the names by which the source asks what the platform has, as in `#[cfg(poll)]`. `src/platform/` has a fall-back for
/// each. Without `poll` there is no select design, and without `line_editor` the terminal's own line input is used.
///
/// With `THREADCHAT_PORTABLE` in the environment the platform has nothing, so that the fall-backs can be tested anywhere.
fn detect_platform() {
    let is_set = |name: &str| env::var_os(name).is_some();
    let is_one_of =
        |name: &str, values: &[&str]| env::var(name).is_ok_and(|is| values.contains(&is.as_str()));
    let os = |systems: &[&str]| is_one_of("CARGO_CFG_TARGET_OS", systems);
    let (unix, windows) = (is_set("CARGO_CFG_UNIX"), is_set("CARGO_CFG_WINDOWS"));
    let [select, editor] = ["SELECT", "EDITOR"].map(|name| is_set(&format!("CARGO_FEATURE_{name}")));
    let portable = is_set("THREADCHAT_PORTABLE");
    // Redox lacks the flags for it.
    let writes_without_blocking = unix && !os(&["redox"]) && !portable;
    let shutdown_wakes =
        os(&["linux", "android", "macos", "ios", "freebsd", "netbsd", "openbsd", "dragonfly"])
            || os(&["illumos", "solaris"]);
    for (name, has_it) in [
        // One call waits for descriptors of all kinds.
        ("can_poll", writes_without_blocking),
        ("poll", select && writes_without_blocking),
        // A write does not block on a descriptor that blocks otherwise.
        ("nonblocking_send", writes_without_blocking),
        // Probing a silent peer, with an interval of our choice.
        (
            "keep_alive",
            (windows
                || os(&["linux", "android", "macos", "ios", "freebsd", "netbsd", "dragonfly", "illumos"]))
                && !portable,
        ),
        // The system reports what it knows about the other end of a connection.
        ("tcp_info", os(&["linux"]) && is_one_of("CARGO_CFG_TARGET_ENV", &["gnu"]) && !portable),
        // Shutting a listening socket down wakes the thread that accepts callers.
        ("shutdown_wakes_accept", os(&["linux", "android"]) && !portable),
        // A manager of services may pass sockets, and wants to know when callers are accepted.
        ("service_manager", os(&["linux"]) && is_set("CARGO_FEATURE_HUB") && !portable),
        // Nothing wakes a thread that is blocked in reading or writing, so it polls whether it is to end.
        ("polling_io", portable || !(shutdown_wakes || windows)),
        ("signals", (unix || windows) && !portable),
        ("line_editor", editor && (unix || windows) && !portable),
        ("fallbacks_only", portable),
    ] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if has_it {
            println!("cargo::rustc-cfg={name}");
        }
    }
}

/// Counts those of a file or folder; 0 if it does not exist.
fn lines_of_code(path: &Path) -> usize {
    if let Ok(entries) = fs::read_dir(path) {
        return entries.flatten().map(|entry| lines_of_code(&entry.path())).sum();
    }
    let source = fs::read_to_string(path).unwrap_or_default();
    // Tests, at the end of a file, comments and empty lines do not count.
    let code = source.split("\n#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}
