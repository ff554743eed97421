//! The names of the threads, in `-v`, traces and the demo.

use std::cell::OnceCell;
#[cfg(feature = "web")]
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
#[cfg(feature = "web")]
use std::sync::{Mutex, PoisonError};

pub(crate) const STDIN_READER: &str = "stdin-reader";
pub(crate) const SOCKET_READER: &str = "socket-reader";
#[cfg(all(feature = "secure", feature = "hub"))]
pub(crate) const CHANNEL_OPENER: &str = "channel-opener";
pub(crate) const CLIENT_READER: &str = "client-reader";
pub(crate) const MAIN: &str = "main";
pub(crate) const SOCKET_WRITER: &str = "socket-writer";
pub(crate) const CLIENT_WRITER: &str = "client-writer";
pub(crate) const SCREEN_WRITER: &str = "screen-writer";

/// The threads that a message passes, in this order. All others are helpers.
const PATH: [&str; 7] =
    [STDIN_READER, SOCKET_READER, CLIENT_READER, MAIN, SOCKET_WRITER, CLIENT_WRITER, SCREEN_WRITER];

/// The position of a thread on the path of a message; none for a helper.
pub(crate) fn position(name: &str) -> Option<usize> {
    PATH.iter().position(|on_path| *on_path == name)
}

/// The position by which tracks are sorted: helpers come last.
pub(crate) fn sort_index(name: &str) -> usize {
    position(name).unwrap_or(PATH.len())
}

/// The number of the current thread, which no other thread of this process ever gets.
pub(crate) fn current_thread() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local!(static NUMBER: OnceCell<u32> = const { OnceCell::new() });
    NUMBER.with(|number| *number.get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// The name of the current thread. Many threads share few names, which are kept for ever.
#[cfg(feature = "web")]
pub(crate) fn kept_thread_name() -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    thread_local!(static NAME: OnceCell<&'static str> = const { OnceCell::new() });
    let keep = || {
        let name = current_thread_name();
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name.as_str()).copied().unwrap_or_else(|| {
            let name = name.leak();
            names.insert(name);
            name
        })
    };
    NAME.with(|name| *name.get_or_init(keep))
}

pub(crate) fn current_thread_name() -> String {
    std::thread::current().name().unwrap_or("?").to_owned()
}
