//! What `std` does not give: small functions, each with a portable fall-back.
//!
//! `build.rs` decides what a platform has, under names such as `#[cfg(nonblocking_send)]`. With `THREADCHAT_PORTABLE` in its
//! environment it chooses every fall-back, so that they can be tested anywhere. `docs/platforms.md` has the table.

#[cfg(feature = "secure")]
mod authorities;
#[cfg(feature = "lab")]
mod children;
mod connection;
mod files;
mod listener;
#[cfg(nonblocking_send)]
mod out;
mod process;
#[cfg_attr(not(service_manager), path = "no_service.rs")]
mod service;
mod signals;
mod sockets;
mod streams;
#[cfg(feature = "lab")]
mod system_calls;
mod tcp_info;
mod wait;

#[cfg(feature = "secure")]
pub(crate) use authorities::system_authority;
#[cfg(feature = "lab")]
pub(crate) use children::*;
pub(crate) use connection::Connection;
#[cfg(feature = "hub")]
pub(crate) use files::check_writable;
#[cfg(any(feature = "lab", feature = "secure", feature = "web"))]
pub(crate) use files::create_private_folder;
#[cfg(feature = "lab")]
pub(crate) use files::is_same_file;
#[cfg(feature = "web")]
pub(crate) use files::replace_private;
pub(crate) use files::{append_to_private, is_named_pipe, read_at_most};
#[cfg(feature = "secure")]
pub(crate) use files::{create_once, is_open_to_others};
pub use files::{create_private, print};
#[cfg(feature = "hub")]
pub use listener::widen_backlog;
pub(crate) use listener::{accept_any, is_only_for_ipv6, listen, wake_listener};
#[cfg(nonblocking_send)]
pub use out::Out;
#[cfg(feature = "secure")]
pub(crate) use process::forbid_core_dumps;
#[cfg(feature = "link")]
pub(crate) use process::host_name;
pub use process::lower_thread_priority;
#[cfg(any(feature = "hub", feature = "lab"))]
pub use process::raise_descriptor_limit;
#[cfg(feature = "hub")]
pub(crate) use process::trim_memory;
#[cfg(feature = "hub")]
pub(crate) use service::passed_listeners;
pub use service::report_ready;
#[cfg(all(signals, unix))]
pub use signals::restore_before_deadly_signals;
pub use signals::{Caught, Signals, TerminalChange, stop};
pub(crate) use sockets::{connect, is_connected, prepare, reset_at_close, try_write, write_first};
#[cfg(feature = "hub")]
pub(crate) use sockets::{prepare_client, try_write_vectored};
pub use streams::Patient;
#[cfg(feature = "lab")]
pub(crate) use streams::has_hung_up;
#[cfg(feature = "secure")]
pub(crate) use streams::unbuffered_stdin;
#[cfg(feature = "lab")]
pub(crate) use system_calls::system_call_number;
#[cfg(feature = "hub")]
pub(crate) use tcp_info::end_of_stream;
pub(crate) use tcp_info::peer_state;
pub(crate) use wait::{wait_for_answer, wait_for_caller};
