//! The numbers of system calls, by which perf can tell them apart.

/// The number of a system call that Linux has on this processor. Older ones are missing on newer processors.
pub(crate) fn system_call_number(name: &str) -> Option<i64> {
    #[cfg(target_os = "linux")]
    return linux(name);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = name;
        None
    }
}

#[cfg(target_os = "linux")]
fn linux(name: &str) -> Option<i64> {
    let number = match name {
        "futex" => libc::SYS_futex,
        "ppoll" => libc::SYS_ppoll,
        "pselect6" => libc::SYS_pselect6,
        "epoll_pwait" => libc::SYS_epoll_pwait,
        "nanosleep" => libc::SYS_nanosleep,
        "clock_nanosleep" => libc::SYS_clock_nanosleep,
        "accept" => libc::SYS_accept,
        "accept4" => libc::SYS_accept4,
        "read" => libc::SYS_read,
        "readv" => libc::SYS_readv,
        "recvfrom" => libc::SYS_recvfrom,
        "recvmsg" => libc::SYS_recvmsg,
        "recvmmsg" => libc::SYS_recvmmsg,
        "write" => libc::SYS_write,
        "writev" => libc::SYS_writev,
        "sendto" => libc::SYS_sendto,
        "sendmsg" => libc::SYS_sendmsg,
        "sendmmsg" => libc::SYS_sendmmsg,
        "sendfile" => libc::SYS_sendfile,
        "splice" => libc::SYS_splice,
        "sched_yield" => libc::SYS_sched_yield,
        #[cfg(target_arch = "x86_64")]
        "poll" => libc::SYS_poll,
        #[cfg(target_arch = "x86_64")]
        "select" => libc::SYS_select,
        #[cfg(target_arch = "x86_64")]
        "epoll_wait" => libc::SYS_epoll_wait,
        _ => return None,
    };
    // 32 bits wide on some processors.
    #[allow(clippy::useless_conversion, reason = "not useless on all of them")]
    Some(number.into())
}
