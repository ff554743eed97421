//! What can go wrong in a chat goes the same way when it is encrypted: the tests of a chat, whose peers speak TLS here.
//! Command lines, terminals and the programs of others do not depend on it.

#[path = "../chat/goodbye.rs"]
mod goodbye;
#[path = "../chat/reconnect.rs"]
mod reconnect;
#[path = "../chat/serve.rs"]
mod serve;
#[cfg(all(unix, signals))]
#[path = "../chat/signals.rs"]
mod signals;
#[cfg(unix)]
#[path = "../chat/stuck.rs"]
mod stuck;
#[path = "../chat/transcript.rs"]
mod transcript;
#[path = "../chat/two_people.rs"]
mod two_people;
