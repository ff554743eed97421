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
