//! Who may watch: what a thread does ([`Step`]), told to whoever watches ([`Observer`]): `-v`, a trace, a test or the demo.
//!
//! Each thread of an endpoint says at each [`Step`] what it does from now on, so that its life is a row of steps without
//! gaps, whichever the design. When nobody watches, nothing is paid but a look whether somebody does.

mod observer;
mod step;
pub mod trace;

pub use observer::{Observe, Observer, current_thread, current_thread_name};
pub use step::{Decision, For, Goodbye, Place, Step};
