//! Two people talk, seen from outside: the same for each full-duplex design, because they differ in how they wait and in
//! nothing that can be seen.

mod errors;
mod foreign;
mod goodbye;
mod serve;
#[cfg(all(unix, signals))]
mod signals;
#[cfg(unix)]
mod stuck;
#[cfg(unix)]
mod terminal;
mod transcript;
mod two_people;
