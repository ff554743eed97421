//! This process.

/// Returns free memory to the system where the allocator keeps it otherwise: glibc keeps everything in front of the last
/// block that is in use.
#[cfg(feature = "hub")]
#[allow(unsafe_code, reason = "no crate offers this call")]
pub(crate) fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes the current thread less urgent than the others, where threads have priorities of their own. (On systems other than
/// Linux, niceness belongs to the process, and stays as it is.)
pub fn lower_thread_priority() {
    /// A thread with this niceness gets about a tenth of a processor that others want as well.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const NICENESS: i32 = 10;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // Fails only if the thread already has the highest niceness.
    let _ = rustix::process::nice(NICENESS);
}

/// Raises the limit of open files as far as the system allows, and returns it if there is one.
#[cfg(any(feature = "hub", feature = "lab"))]
pub fn raise_descriptor_limit() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let soft = std::mem::replace(&mut limit.current, limit.maximum);
        // Some systems have another, lower limit, and refuse this one.
        let limit = if setrlimit(Resource::Nofile, limit).is_ok() { limit.current } else { soft };
        limit.and_then(|limit| usize::try_from(limit).ok())
    }
    #[cfg(not(unix))]
    None
}

/// What this machine is called, if it can tell.
#[cfg(feature = "link")]
pub(crate) fn host_name() -> Option<String> {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_str().ok().map(str::to_owned);
    #[cfg(not(unix))]
    std::env::var("COMPUTERNAME").ok()
}

/// Keeps the memory of this process, which holds keys, out of core dumps, and on Linux also out of the reach of the user's other
/// processes. Where the system refuses, dumps stay as they are.
#[cfg(feature = "secure")]
pub(crate) fn forbid_core_dumps() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A limit would not do: the kernel passes a dump to a program such as systemd-coredump whatever the limit is.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android", target_os = "haiku"))))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}

#[cfg(all(test, feature = "secure", any(target_os = "linux", target_os = "android")))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn a_process_that_holds_keys_leaves_no_core_dump() {
        super::forbid_core_dumps();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
