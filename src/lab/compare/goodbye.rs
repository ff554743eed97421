//! Start and goodbye: many conversations with one listener, one after the other, each no more than a goodbye. Who calls
//! is this process, with a bare socket, so that the listener is what is measured.

use super::bench::Bench;
use super::counter::Counter;
use super::lines::LINE;
use super::measure::{Figures, Measure};
use super::pair::End;
use super::resources;
use super::rows::Row;
use super::watchdog::PATIENCE;
use super::work::Material;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Instant;

const GOODBYE: &[u8] = b"88\n";

pub(super) fn run(
    bench: &Bench,
    row: Row,
    material: &Material,
    counter: Option<Counter>,
) -> Result<Figures, String> {
    let (mut end, port) = End::listen(bench, row, |port| row.listener(port, false), counter)?;
    match work(bench, row, &mut end, port, material.forth.len() / LINE) {
        Ok(mut figures) => end.interrupt(&mut figures).map(|()| figures),
        Err(fault) => Err(end.blame(bench, fault)),
    }
}

fn work(bench: &Bench, row: Row, end: &mut End, port: u16, conversations: usize) -> Result<Figures, String> {
    let began = Instant::now();
    for number in 1..=conversations {
        converse(port).map_err(|error| format!("conversation {number}: {error}"))?;
        bench.beats.beat();
    }
    let seconds = began.elapsed().as_secs_f64();
    // A design of ours takes it for a goodbye, and the others for something to show.
    if !row.is_ours() {
        end.screen.expect_bytes(&GOODBYE.repeat(conversations))?;
    }
    let mut figures = Figures::from([(Measure::ConnectionsPerSecond, conversations as f64 / seconds)]);
    resources::look(&[&end.process], &mut figures);
    Ok(figures)
}

/// Says goodbye, and waits for the other side to close. It has read the goodbye then: if it had closed without, there would
/// be an error instead of an end.
fn converse(port: u16) -> io::Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(GOODBYE)?;
    socket.shutdown(Shutdown::Write)?;
    let mut said = Vec::new();
    match socket.read_to_end(&mut said)? {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("it said {:?}", String::from_utf8_lossy(&said)))),
    }
}
