//! Start and goodbye: many conversations with one listener, one after the other, each just a goodbye. This process
//! calls with a bare socket (and TLS, if the listener is encrypted), so that only the listener is measured.

use super::task::Material;
use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::counter::Counter;
use crate::lab::compare::harness::encryption::{Caller, open};
use crate::lab::compare::harness::lines::LINE;
use crate::lab::compare::harness::pair::Endpoint;
use crate::lab::compare::harness::resources;
use crate::lab::compare::harness::subject::Subject;
use crate::lab::compare::harness::watchdog::PATIENCE;
use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::Channel;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Instant;

const GOODBYE: &[u8] = b"88\n";

pub(super) fn run(
    harness: &Harness,
    subject: &Subject,
    material: &Material,
    counter: Option<Counter>,
) -> Result<Figures, Failure> {
    let command = |port| subject.listener(port, false);
    let (mut listener, port) = Endpoint::listen(harness, subject, command, counter)?;
    let done = converse(harness, subject, &mut listener, port, material.forth.len() / LINE);
    listener.end(harness, done)
}

fn converse(
    harness: &Harness,
    subject: &Subject,
    listener: &mut Endpoint,
    port: u16,
    conversations: usize,
) -> Result<Figures, Failure> {
    let caller = subject.is_encrypted().then(Caller::new).transpose()?;
    let began = Instant::now();
    for number in 1..=conversations {
        let code = matches!(subject, Subject::WithCode(_)).then(|| listener.code()).transpose()?;
        let channel = caller.as_ref().map(|caller| caller.channel(code.as_deref())).transpose();
        let channel = channel.context("cannot encrypt")?;
        say_goodbye(port, channel).context(format_args!("conversation {number}"))?;
        harness.heartbeat.beat();
    }
    let seconds = began.elapsed().as_secs_f64();
    // To our designs it is a goodbye, to the others a line to show.
    if subject.design().is_none() {
        listener.screen.expect_bytes(&GOODBYE.repeat(conversations))?;
    }
    let mut figures = Figures::from([(Measure::ConnectionsPerSecond, conversations as f64 / seconds)]);
    resources::sample(&[&listener.process], &mut figures);
    Ok(figures)
}

/// Waits for the listener to close after the goodbye. If it closed before reading it, there would be an error instead
/// of an end.
fn say_goodbye(port: u16, channel: Option<Channel>) -> io::Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut said = Vec::new();
    if let Some(mut channel) = channel {
        socket.set_nodelay(true)?;
        said = open(&socket, &mut channel)?;
        let mut sealed = Vec::new();
        let _ = channel.send(GOODBYE, &mut sealed);
        channel.close(&mut sealed);
        socket.write_all(&sealed)?;
        socket.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        socket.read_to_end(&mut received)?;
        channel.receive(&received, &mut said).map_err(io::Error::other)?;
    } else {
        socket.write_all(GOODBYE)?;
        socket.shutdown(Shutdown::Write)?;
        socket.read_to_end(&mut said)?;
    }
    match said.len() {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("it said {:?}", String::from_utf8_lossy(&said)))),
    }
}
