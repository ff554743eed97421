//! The channels of the threads: crossbeam's, or a model of them with which a model checker can try every order.

#[cfg(shuttle)]
mod model;

#[cfg(not(shuttle))]
pub(super) use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, after, at, bounded, never, select, select_biased,
    unbounded,
};
#[cfg(shuttle)]
pub(super) use model::*;
