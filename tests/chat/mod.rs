//! A chat of two people, seen from outside. The tests are the same for each full-duplex design, because the designs
//! differ only in how they wait, which nobody can see.

mod errors;
mod foreign;
mod goodbye;
mod raw;
mod reconnect;
mod serve;
#[cfg(all(unix, signals))]
mod signals;
#[cfg(unix)]
mod stuck;
#[cfg(unix)]
mod terminal;
mod transcript;
mod two_people;
