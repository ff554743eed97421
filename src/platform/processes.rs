//! This process, and those that it starts.

#[cfg(feature = "lab")]
use std::io;
#[cfg(feature = "lab")]
use std::process::{Child, Command, ExitStatus};
#[cfg(feature = "lab")]
use std::time::Duration;

/// Gives memory back to the system that is not in use any more, where the allocator keeps it otherwise: glibc keeps what
/// is in front of anything that is in use.
#[cfg(feature = "hub")]
#[allow(unsafe_code, reason = "nobody else has this call")]
pub fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets the other threads have the processor first, where a thread can be told that it is less urgent than they. (On other
/// systems than Linux niceness is that of the process, and is left alone.)
pub fn give_way() {
    /// Gets about a tenth of a processor for which it has to compete, which is more than it needs.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const NICENESS: i32 = 10;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // Fails only if it is as nice already.
    let _ = rustix::process::nice(NICENESS);
}

/// Raises the limit of open files as far as that is allowed. The limit then, if there is one and the system tells.
#[cfg(any(feature = "hub", feature = "lab"))]
pub fn raise_descriptor_limit() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let soft = std::mem::replace(&mut limit.current, limit.maximum);
        // Refused by systems that have a lower limit of another kind.
        let limit = if setrlimit(Resource::Nofile, limit).is_ok() { limit.current } else { soft };
        limit.and_then(|limit| usize::try_from(limit).ok())
    }
    #[cfg(not(unix))]
    None
}

/// What a process had used by its end, all its threads together.
#[cfg(feature = "lab")]
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Time on a processor, its own and in the system for it.
    pub cpu: Duration,
    /// How often it gave the processor away, because it had to wait.
    pub voluntary_switches: u64,
    /// How often the processor was taken from it, because somebody else was to have it.
    pub involuntary_switches: u64,
}

/// Whether a child has ended, how, and what it had used where the system tells. It is waited for with this
/// alone: `std` does not notice.
///
/// # Errors
/// What the system said.
#[cfg(feature = "lab")]
pub fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    #[cfg(unix)]
    return children::try_wait(child.id());
    #[cfg(not(unix))]
    Ok(child.try_wait()?.map(|status| (status, None)))
}

/// Gives a child a process group of its own, so that Ctrl-C at the terminal is its parent's to handle.
#[cfg(feature = "lab")]
pub fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Lets SIGINT end a child, and on Linux has it killed when its parent ends, however that happens. `parent` is that
/// parent. Linux takes the end of the thread that starts the child for the parent's, so start it from one that lasts.
#[cfg(feature = "lab")]
pub fn tie_to_parent(command: &mut Command, parent: u32) {
    #[cfg(unix)]
    children::tie_to_parent(command, parent);
    #[cfg(not(unix))]
    let _ = (command, parent);
}

/// Replaces this process by another program. Returns only if that fails.
#[cfg(feature = "lab")]
pub fn become_program(command: &mut Command) -> io::Error {
    #[cfg(unix)]
    return std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    {
        let _ = command;
        io::ErrorKind::Unsupported.into()
    }
}

/// Who leads the process group of this process, if the system has such groups: whoever was [`set_apart`], and who has started
/// this one since. Unlike the parent this is still known when they have ended.
#[cfg(feature = "lab")]
#[must_use]
pub fn group_leader() -> u32 {
    #[cfg(unix)]
    return rustix::process::getpgrp().as_raw_nonzero().get().cast_unsigned();
    #[cfg(not(unix))]
    0
}

/// Kills a child that has a process group of its own, and what it has started.
#[cfg(feature = "lab")]
pub fn kill(child: &mut Child) {
    #[cfg(unix)]
    children::signal(child.id(), libc::SIGKILL);
    #[cfg(not(unix))]
    let _ = child.kill();
}

/// Does as Ctrl-C would to a child that has a process group of its own, and to what it has started.
#[cfg(feature = "lab")]
pub fn interrupt(child: &mut Child) {
    #[cfg(unix)]
    children::signal(child.id(), libc::SIGINT);
    #[cfg(not(unix))]
    let _ = child.kill();
}

#[cfg(all(feature = "lab", unix))]
mod children {
    use super::Usage;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, ExitStatus};
    use std::time::Duration;

    #[allow(unsafe_code, reason = "std does not tell what a child has used")]
    pub(super) fn try_wait(id: u32) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both places are written to for as long as the call takes; `rusage` is plain integers, of which zero
        // is a valid value.
        let (ended, usage) = unsafe {
            let ended = libc::wait4(id.cast_signed(), &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
            (ended, usage.assume_init())
        };
        match ended {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some((ExitStatus::from_raw(status), Some(usage_of(&usage))))),
        }
    }

    fn usage_of(usage: &libc::rusage) -> Usage {
        let time = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec as u64)
        };
        Usage {
            cpu: time(usage.ru_utime) + time(usage.ru_stime),
            voluntary_switches: usage.ru_nvcsw.unsigned_abs(),
            involuntary_switches: usage.ru_nivcsw.unsigned_abs(),
        }
    }

    #[allow(unsafe_code, reason = "std has no call for these between fork and exec")]
    pub(super) fn tie_to_parent(command: &mut Command, parent: u32) {
        let prepare = move || {
            // SAFETY: plain system calls, which may be made between fork and exec.
            unsafe {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                #[cfg(target_os = "linux")]
                {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    // It may have ended before we asked to be told.
                    if libc::getppid() != parent.cast_signed() {
                        libc::_exit(1);
                    }
                }
            }
            let _ = parent;
            Ok(())
        };
        // SAFETY: it does nothing but the system calls above: no lock, no allocation.
        unsafe {
            command.pre_exec(prepare);
        }
    }

    #[allow(unsafe_code, reason = "std signals one process only, and only to kill it")]
    pub(super) fn signal(id: u32, signal: libc::c_int) {
        // SAFETY: no memory is involved. The child has not been waited for, so that its number is still its own, and that
        // of its group.
        unsafe {
            libc::kill(-id.cast_signed(), signal);
        }
    }
}
