//! When nothing happens, nothing is done.

use super::*;
use std::fs;

/// How often the threads of a process have waited for something. It grows with each time that one wakes up.
pub(super) fn waits(process: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let count = |status: String| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse().unwrap()
    };
    status.map(count).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_line_costs_no_wake_ups() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("half a line");
    says(&peer, "a message\n");
    terminal.wait_for_end(&format!("< a message\n{prompt} half a line"));
    let waiting = Terminal::start(10, 60, &["serve", "0"]);
    waiting.wait_for_end("waiting>");
    for terminal in [&terminal, &waiting] {
        let process = terminal.child.id();
        // What followed from the last event may still be going on.
        wait_until_stable("it is idle", || waits(process).try_into().unwrap());
        let before = waits(process);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(waits(process), before);
    }
}
