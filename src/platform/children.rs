//! Processes that the lab starts.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// What a process and all its threads have used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time, in the program and in the system.
    pub(crate) cpu: Duration,
    /// How often it gave up the processor because it had to wait.
    pub(crate) voluntary_switches: u64,
    /// How often the system gave its processor to somebody else.
    pub(crate) involuntary_switches: u64,
}

/// Whether a child has ended, how, and what it has used, where the system reports that. Wait for such a child with this
/// function alone: `std` does not notice that it has been waited for.
pub(crate) fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    #[cfg(unix)]
    return unix::try_wait(child.id());
    #[cfg(not(unix))]
    Ok(child.try_wait()?.map(|status| (status, None)))
}

/// Gives a child a process group of its own, so that Ctrl-C at the terminal reaches only its parent.
pub(crate) fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Lets SIGINT end a child, and on Linux kills it when its `parent` ends in any way. Linux kills it when the thread that
/// started it ends, so start it from one that lasts.
pub(crate) fn tie_to_parent(command: &mut Command, parent: u32) {
    #[cfg(unix)]
    unix::tie_to_parent(command, parent);
    #[cfg(not(unix))]
    let _ = (command, parent);
}

/// Replaces this process with another program. Returns only if that fails.
pub(crate) fn become_program(command: &mut Command) -> io::Error {
    #[cfg(unix)]
    return std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    {
        let _ = command;
        io::ErrorKind::Unsupported.into()
    }
}

/// The leader of this process's group: the process that was [`set_apart`] and started this one, directly or not. Unlike the
/// parent, it is still known after it has ended. 0 where there are no such groups.
pub(crate) fn group_leader() -> u32 {
    #[cfg(unix)]
    return rustix::process::getpgrp().as_raw_nonzero().get().cast_unsigned();
    #[cfg(not(unix))]
    0
}

/// Kills a child that has a process group of its own, and everything it has started.
pub(crate) fn kill(child: &mut Child) {
    #[cfg(unix)]
    unix::signal(child.id(), libc::SIGKILL);
    #[cfg(not(unix))]
    let _ = child.kill();
}

/// Does what Ctrl-C would do to a child that has a process group of its own, and to everything it has started.
pub(crate) fn interrupt(child: &mut Child) {
    #[cfg(unix)]
    unix::signal(child.id(), libc::SIGINT);
    #[cfg(not(unix))]
    let _ = child.kill();
}

#[cfg(unix)]
mod unix {
    use super::Usage;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, ExitStatus};
    use std::time::Duration;

    #[allow(unsafe_code, reason = "std does not report what a child has used")]
    pub(super) fn try_wait(id: u32) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both places outlive the call that writes to them; `rusage` is plain integers, for which zero is valid.
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
                    // The parent may have ended before that call.
                    if libc::getppid() != parent.cast_signed() {
                        libc::_exit(1);
                    }
                }
            }
            let _ = parent;
            Ok(())
        };
        // SAFETY: the closure makes only the system calls above: no lock, no allocation.
        unsafe {
            command.pre_exec(prepare);
        }
    }

    #[allow(unsafe_code, reason = "std signals one process only, and only to kill it")]
    pub(super) fn signal(id: u32, signal: libc::c_int) {
        // SAFETY: no memory is involved. The child has not been waited for, so its number is still that of its group.
        unsafe {
            libc::kill(-id.cast_signed(), signal);
        }
    }
}
