//! A hub with many clients: how much it delivers when one or ten of them send as fast as they can, and how long a line
//! takes when one sends now and then. The clients are another process, so that only the hub is measured. Or several hubs that
//! are one, with the Redis server that they need; or a hub of netcats and browsers.

pub(crate) mod crowd;
mod deliveries;

use super::task::Material;
use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::children::{Process, Started};
use crate::lab::compare::harness::pair::Endpoint;
use crate::lab::compare::harness::redis::Redis;
use crate::lab::compare::harness::resources;
use crate::lab::compare::harness::subject::{Subject, words_of};
use crate::lab::compare::harness::viewer;
use crate::lab::compare::harness::web;
use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::{Context, Failure};
use crowd::{CONNECTED, Crowd, Custom};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

/// How many hubs are one in an idle run.
const HUBS: usize = 2;

/// Without a crowd, the hub starts and ends.
pub(super) fn run(harness: &Harness, subject: &Subject, material: &Material) -> Result<Figures, Failure> {
    let mut figures = match *subject {
        Subject::Linked(_, fsync) => {
            let redis = Redis::start(harness, fsync)?;
            let hubs = material.hubs.unwrap_or(HUBS);
            let mut figures = measure(harness, subject, material, hubs, Some(&redis))?;
            redis.end(&mut figures)?;
            figures
        }
        _ => measure(harness, subject, material, 1, None)?,
    };
    // What several hubs have in common is lines.
    if let Some(crowd) = material.crowd.filter(|_| material.hubs.is_some())
        && let Some(deliveries) = figures.remove(&Measure::DeliveriesPerSecond)
    {
        figures.insert(Measure::LinesPerSecond, deliveries / (crowd.clients - 1) as f64);
    }
    Ok(figures)
}

/// Starts this number of hubs, and ends them.
fn measure(
    harness: &Harness,
    subject: &Subject,
    material: &Material,
    count: usize,
    redis: Option<&Redis>,
) -> Result<Figures, Failure> {
    let page = material.lets_browsers_in.then(web::port).transpose()?;
    let page = page.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let start = |number| {
        let command = |port| {
            let mut words = subject.hub(port);
            if let Some(page) = page {
                words.extend(words_of(&format!("--web {page} --web-tickets {{tickets}}")));
            }
            if redis.is_some() {
                words.extend(["--name-of-hub".into(), format!("hub{number}").into()]);
            }
            words
        };
        Endpoint::listen(harness, subject, command, None)
    };
    let started = (1..=count).map(start).collect::<Result<Vec<_>, _>>()?;
    let (mut hubs, ports): (Vec<Endpoint>, Vec<u16>) = started.into_iter().unzip();
    if let Subject::Viewed(_) = subject {
        hubs.iter().try_for_each(|hub| viewer::view(&hub.link()?))?;
    }
    let done = thread::scope(|scope| {
        let mut processes = Vec::new();
        for Endpoint { process, screen, .. } in &mut hubs {
            // Some hubs print who comes and goes, and would stop if nobody read it.
            scope.spawn(|| screen.ignore());
            processes.push(&*process);
        }
        let done = match material.crowd {
            Some(crowd) => {
                let (names, secure) = (subject.asks_for_names(), subject.is_encrypted());
                let browsers = page.filter(|_| matches!(subject, Subject::Web(_)));
                let custom = Custom { names, secure, ours: subject.design().is_some(), browsers };
                run_crowd(harness, custom, (&processes, redis), &ports, crowd)
            }
            None => Ok(Figures::default()),
        };
        match &done {
            Ok(_) => processes.iter().for_each(|process| process.interrupt()),
            Err(fault) => harness.children.fail(fault),
        }
        done
    });
    hubs.into_iter().fold(done, |done, hub| hub.end(harness, done))
}

/// Starts the crowd, and waits for its figures.
fn run_crowd(
    harness: &Harness,
    custom: Custom,
    (hubs, redis): (&[&Process], Option<&Redis>),
    ports: &[u16],
    crowd: Crowd,
) -> Result<Figures, Failure> {
    let command = crowd.command(ports, custom);
    // The crowd stays until its input ends, so that the hubs can be sampled while all clients are connected.
    let Started { process: _process, mut keyboard, screen, .. } = harness.start(command, None)?;
    let mut idle = Figures::default();
    for line in BufReader::new(screen).lines() {
        let line = line.context("cannot read the figures")?;
        harness.heartbeat.beat();
        if line == CONNECTED {
            resources::sample_idle(hubs, &mut idle);
            keyboard.write_all(b"\n").context("cannot tell the crowd to begin")?;
        } else if !line.is_empty() {
            let figures = serde_json::from_str::<Result<Figures, String>>(&line);
            let mut figures = figures.context("cannot parse the figures")??;
            figures.append(&mut idle);
            resources::sample(hubs, &mut figures);
            if let Some(redis) = redis {
                redis.sample(&mut figures);
            }
            return Ok(figures);
        }
    }
    Err("the crowd ended without figures".into())
}
