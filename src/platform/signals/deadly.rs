//! Signals that end the program at once. A terminal has to be restored before.

use super::unix::action;
use signal_hook::low_level::raise;
use std::mem;
use std::ptr;
use std::sync::OnceLock;

/// The signals that can be caught and end a process by default, except for those that [`Signals`](super::Signals) catches and
/// SIGPIPE, which Rust programs ignore. Real-time signals come on top where they are
/// [deadly](real_time).
const DEADLY: &[libc::c_int] = &[
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGUSR1,
    libc::SIGSEGV,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGXCPU,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGSYS,
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "illumos", target_os = "solaris"))]
    libc::SIGIO,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    libc::SIGPWR,
    #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64", target_arch = "arm")
    ))]
    libc::SIGSTKFLT,
];

fn real_time() -> impl Iterator<Item = libc::c_int> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return libc::SIGRTMIN()..=libc::SIGRTMAX();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    std::iter::empty()
}

/// What a handler needs, which may neither wait for a lock nor ask for memory.
struct Prepared {
    restore: fn(),
    /// The handler that each of the signals had before, and its flags.
    found: Vec<(libc::c_int, Action)>,
}

/// A handler, and its flags.
type Action = (libc::sighandler_t, libc::c_int);

static PREPARED: OnceLock<Prepared> = OnceLock::new();

/// From here on each deadly signal first calls `restore`, and then has its usual effect. Those that were ignored stay
/// ignored. Further calls do nothing.
///
/// `restore` runs in the handler of a signal, in any thread and at any moment. So it must not wait for a lock or ask for
/// memory; what POSIX calls async-signal-safe is allowed.
pub fn restore_before_deadly_signals(restore: fn()) {
    let signals = DEADLY.iter().copied().chain(real_time());
    let found = signals.filter_map(|signal| {
        let action = action(signal).filter(|action| action.sa_sigaction != libc::SIG_IGN)?;
        Some((signal, (action.sa_sigaction, action.sa_flags)))
    });
    let found = found.collect();
    if PREPARED.set(Prepared { restore, found }).is_err() {
        return;
    }
    // A thread whose stack is full has another one for this.
    let ours = (handle as *const () as libc::sighandler_t, libc::SA_SIGINFO | libc::SA_ONSTACK);
    for (signal, _) in PREPARED.get().into_iter().flat_map(|prepared| &prepared.found) {
        set(*signal, ours);
    }
}

#[allow(unsafe_code, reason = "signal-hook refuses the signals of faults")]
fn set(signal: libc::c_int, (handler, flags): Action) {
    // SAFETY: all zeros is a valid action. The handler is a function of this file, with the signature that SA_SIGINFO demands, or
    // the system reported it with its flags; it exists as long as the program runs.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        // Blocks all others meanwhile, also SIGTTOU, which would stop the process.
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

#[allow(unsafe_code, reason = "the system calls it")]
extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let Some(prepared) = PREPARED.get() else { return };
    (prepared.restore)();
    let found = prepared.found.iter().find(|(of, _)| *of == signal);
    // SAFETY: the system passes a valid `info`.
    let code = unsafe { (*info).si_code };
    match found {
        // The thread meets the fault again when this returns, and then what was there before takes it: Rust's own handler reports
        // a stack overflow, but not without the fault.
        Some((_, action)) if is_fault(signal, code) => set(signal, *action),
        // The signal is blocked, so that it ends the process when this returns.
        _ => {
            set(signal, (libc::SIG_DFL, 0));
            // Fails for no signal that has just come.
            let _ = raise(signal);
        }
    }
}

/// Whether the thread itself caused the signal. Otherwise somebody sent it, or a timer, and it would not come again.
fn is_fault(signal: libc::c_int, code: libc::c_int) -> bool {
    let causes = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
    // Senders have codes that are not positive, or on some systems large.
    causes.contains(&signal) && (1..0x1_0000).contains(&code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    fn restore() {
        let _ = std::io::stderr().write_all(b"restored\n");
    }

    /// Runs one of the ignored tests below in a process of its own.
    fn run(test: &str) -> (Option<i32>, String) {
        let test = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args([&test, "--ignored", "--exact", "--nocapture"]).output().unwrap();
        (output.status.signal(), String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    #[ignore = "ends its process"]
    fn overflows() {
        #[allow(unconditional_recursion, reason = "that is what it is for")]
        fn recurse(depth: u64) -> u64 {
            std::hint::black_box(recurse(std::hint::black_box(depth) + 1)) + depth
        }
        restore_before_deadly_signals(restore);
        std::hint::black_box(recurse(0));
    }

    #[test]
    #[ignore = "ends its process"]
    fn aborts() {
        restore_before_deadly_signals(restore);
        std::process::abort();
    }

    #[test]
    fn a_stack_overflow_restores_first_and_is_still_reported() {
        let (signal, said) = run("overflows");
        assert!(said.starts_with("restored\n") && said.contains("has overflowed its stack"), "{said}");
        assert_eq!(signal, Some(libc::SIGABRT), "{said}");
    }

    #[test]
    fn an_abort_restores_first_and_is_still_one() {
        assert_eq!(run("aborts"), (Some(libc::SIGABRT), "restored\n".to_owned()));
    }
}
