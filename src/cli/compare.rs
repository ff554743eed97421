//! `threadchat compare`, and the hidden command for the processes that it starts.

use super::{OUTPUT, values};
use crate::designs::Design;
use crate::lab::compare::{ChatPeer, Child, Crowd, Custom, HubPeer, Options, Workload};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Each design does each kind of work several times, alternating with the others, in processes of its own; every line is
checked. The row `floor` is a baseline: a program that only moves the bytes.

Examples:
  threadchat compare                            every design, every kind of work; takes a few minutes
  threadchat compare --quick                    the same in less than 30 seconds, with --peers in a minute
  threadchat compare --quick --html page.html   with charts and explanations
  threadchat compare --work latency --peers     one kind of work, also with ncat, nc and socat
  threadchat compare --work hub --hub-clients 100   a hub with 100 clients
  threadchat compare --work linked              hubs that are one, on a Redis server that it starts
  threadchat compare --work web                 a hub with 1000 browsers and 1000 netcats, beside one of 2000 netcats
  threadchat compare --work steady --rate 1000,50000   lines at these rates, timed from when each was due
  threadchat compare --json figures.json        also the figures of each round, for programs
  threadchat compare --diff old.json new.json   what has become faster or slower between two such files

The exit code is 1 if a row failed: if it lost or damaged a line, or did not end.";

/// `threadchat compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Kinds of work, separated by commas [default: all but steady, linked and web]
    #[arg(long, value_name = "WORK", value_enum, value_delimiter = ',')]
    work: Option<Vec<Workload>>,

    /// The designs to compare, separated by commas [default: all]
    #[arg(long, value_name = "DESIGN", value_enum, value_delimiter = ',')]
    designs: Option<Vec<Design>>,

    /// Also measure ncat, nc and socat, where they are installed
    #[arg(long)]
    peers: bool,

    /// Also measure this program for two people; COMMAND gets serve or connect as {side}, and the address as {addr} or the port as {port}
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    chat_peers: Vec<ChatPeer>,

    /// Numbers of clients of the hub, of each of eight linked hubs, or with browsers of both kinds together, separated by commas
    /// [default: 10,50,200,1000, with --quick 10,50; of linked hubs 1000, with --quick 20; with browsers 2000, with --quick 40]
    #[arg(long, value_name = "N", value_parser = values::hub_clients, value_delimiter = ',')]
    hub_clients: Option<Vec<usize>>,

    /// Rates of --work steady in lines a second in each direction, separated by commas [default: 10000]
    #[arg(long, value_name = "N", value_parser = values::steady_rate, value_delimiter = ',')]
    rate: Option<Vec<u32>>,

    /// Also measure this hub; COMMAND gets its address as {addr} or its port as {port}
    #[arg(long = "hub-peer", value_name = "NAME[,names]=COMMAND")]
    hub_peers: Vec<HubPeer>,

    /// Also measure each design while it records a trace
    #[arg(long)]
    trace: bool,

    /// Also measure the hub of each full-duplex design while somebody views it on its page /live
    #[cfg(feature = "web")]
    #[arg(long)]
    live: bool,

    /// Also measure the full-duplex designs while they encrypt, and with --peers ncat --ssl and socat OPENSSL
    #[cfg(feature = "secure")]
    #[arg(long)]
    secure: bool,

    /// Do less of everything, in less than 30 seconds
    #[arg(long)]
    quick: bool,

    /// Number of rounds to measure, after one to warm up [default: 9, with --quick 5]
    #[arg(long, value_name = "N", value_parser = values::rounds)]
    rounds: Option<usize>,

    /// Print all figures after the summary
    #[arg(long, help_heading = OUTPUT)]
    details: bool,

    /// Measure nothing; print what has become faster or slower from one report to another, both made by --json
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], value_hint = clap::ValueHint::FilePath, exclusive = true, help_heading = OUTPUT)]
    diff: Option<Vec<PathBuf>>,

    /// Write all figures to FILE as JSON, or to standard output if FILE is -; the summary is then on standard error
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    json: Option<PathBuf>,

    /// Write a page with charts and explanations to FILE, or to standard output in the same way
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    html: Option<PathBuf>,
}

impl From<Compare> for Options {
    fn from(args: Compare) -> Self {
        Self {
            workloads: args.work,
            designs: args.designs,
            peers: args.peers,
            chat_peers: args.chat_peers,
            hub_clients: args.hub_clients,
            rates: args.rate,
            hub_peers: args.hub_peers,
            trace: args.trace,
            #[cfg(feature = "web")]
            live: args.live,
            #[cfg(not(feature = "web"))]
            live: false,
            #[cfg(feature = "secure")]
            secure: args.secure,
            #[cfg(not(feature = "secure"))]
            secure: false,
            quick: args.quick,
            rounds: args.rounds,
            details: args.details,
            // There are two, as its `num_args` says.
            diff: args.diff.and_then(|files| files.try_into().ok()),
            json: args.json,
            html: args.html,
        }
    }
}

/// A process that `threadchat compare` starts.
#[derive(Debug, Subcommand)]
pub enum CompareChild {
    /// The listening side of the floor
    Serve {
        /// End after the first caller
        #[arg(long)]
        once: bool,
    },
    /// The calling side of the floor
    Connect {
        /// Whom to call
        address: SocketAddr,
    },
    /// The clients of a hub, or of several
    Crowd {
        /// The addresses of the hubs
        #[arg(required = true)]
        hubs: Vec<SocketAddr>,
        /// The hub asks each client for its name
        #[arg(long)]
        names: bool,
        /// The hub is encrypted
        #[arg(long)]
        secure: bool,
        /// The hub is one of ours
        #[arg(long)]
        ours: bool,
        /// Every second client is a browser, and joins there
        #[arg(long, value_name = "ADDR")]
        browsers: Option<SocketAddr>,
        /// The number of clients
        #[arg(long)]
        clients: usize,
        /// The number of clients that send as fast as they can
        #[arg(long)]
        senders: usize,
        /// The approximate number of deliveries
        #[arg(long)]
        deliveries: usize,
        /// The number of messages that measure latency
        #[arg(long)]
        messages: usize,
        /// The number of such messages in a second
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        rate: u32,
    },
    /// Another program, which must not outlive the process that started this one
    Exec {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

impl From<CompareChild> for Child {
    fn from(args: CompareChild) -> Self {
        match args {
            CompareChild::Serve { once } => Self::Serve(once),
            CompareChild::Connect { address } => Self::Connect(address),
            CompareChild::Crowd {
                hubs,
                names,
                secure,
                ours,
                browsers,
                clients,
                senders,
                deliveries,
                messages,
                rate,
            } => {
                let crowd = Crowd { clients, senders, deliveries, messages, rate };
                Self::Crowd(crowd, hubs, Custom { names, secure, ours, browsers })
            }
            CompareChild::Exec { command } => Self::Exec(command),
        }
    }
}
