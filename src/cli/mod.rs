//! The command line and nothing else.

use crate::designs::Design;
use crate::designs::connect::Call;
use crate::designs::net::Address;
#[cfg(feature = "lab")]
use crate::lab::compare::{self, Crowd, HubPeer, Workload};
#[cfg(feature = "lab")]
use crate::lab::demo;
#[cfg(feature = "hub")]
use crate::rules::hub::{self, DEFAULT_OUTBOX, Door, Rules, parse_net};
use crate::rules::settings::Verbosity;
use crate::rules::settings::{OnEof, PATIENCE, Settings};
use crate::rules::wire::{DEFAULT_MAX_LINE, MAX_LINE_RANGE, Wire};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A full-duplex chat over TCP, built on threads: both sides type and read at the same time.
#[derive(Debug, Parser)]
#[command(version, after_help = format!(
    "{INTRODUCTION}\n`threadchat help COMMAND` shows the options of a command.\n\n\
    Examples:\n{EXAMPLES}\n\nExit codes:\n{EXIT_CODES}"
))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line of this process. A wrong one is explained, and ends the program with exit code 2.
    #[must_use]
    pub fn read() -> Self {
        let cli = Self::parse();
        #[cfg(not(poll))]
        if cli.command.design() == Some(Design::Select) {
            cannot_select();
        }
        if let Err(why) = cli.command.check() {
            Self::command().error(ErrorKind::ArgumentConflict, why).exit();
        }
        cli
    }
}

const INTRODUCTION: &str = "\
Each line you type is sent at once; the line 88 says goodbye and ends the conversation.
The line is neither encrypted nor authenticated: run it through ssh -L where that matters.";

const EXAMPLES: &str = "  threadchat serve                         wait for a caller on this machine
  threadchat connect                       call it, from another terminal
  threadchat serve 0.0.0.0:9000            let other machines call, on port 9000
  threadchat connect --wait 60 host:9000   call, and keep trying for a minute
  threadchat serve --once <file            hand a file to the first caller
  threadchat connect </dev/null >copy      only listen, and keep what is said
  threadchat hub                           let many people talk, who all call here";

const EXIT_CODES: &str =
    "  0      ended by 88, by the end of your input, or because nobody reads the output any more
  1      could not connect or listen, or the conversation did not end in good order
  2      wrong usage
  128+N  ended by signal N (130: Ctrl-C)";

const AFTER_SERVE: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
The host 0.0.0.0 lets other machines in. The port 0 is any that is free.

Examples:
  threadchat serve                  callers from this machine, one after the other
  threadchat serve --once 9000      one caller, on port 9000
  threadchat serve 0.0.0.0          callers from other machines, too

While you wait, what you type is kept for the next caller, and the line 88 ends the program. (In turns, with
--design half-duplex, only Ctrl-C does: nobody looks at the keyboard then.)
`threadchat help` shows the exit codes.";

const AFTER_CONNECT: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
Every address that the host has is tried.

Examples:
  threadchat connect                     whoever serves on this machine
  threadchat connect example.org:9000    whoever serves there, on port 9000
  threadchat connect --wait 60           keep trying for a minute until somebody serves
  threadchat connect </dev/null >copy    only listen, and keep what is said

`threadchat help` shows the exit codes.";

#[cfg(feature = "hub")]
const AFTER_HUB: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
Anything that connects is a client: threadchat connect, netcat, telnet. They say /help to see what they can do.

Examples:
  threadchat hub                                for clients on this machine; you talk and read at its keyboard
  threadchat hub 0.0.0.0:9000                   for other machines, too, on port 9000
  threadchat hub --no-operator --motd hello.txt --transcript talk.jsonl
  threadchat hub 0.0.0.0 --allow 192.0.2.0/24 --max-per-address 3

The line 88 at the keyboard says goodbye to everybody and ends the hub; so does SIGTERM. The commands /kick NAME
and /ban ADDRESS are yours alone.
`threadchat help` shows the exit codes.";

#[cfg(feature = "lab")]
const AFTER_COMPARE: &str = "\
Each design does each work several times, in turns with the others, in processes of its own, and every
line is checked. The floor moves bytes the same way and does nothing else.

Examples:
  threadchat compare                            all designs, all works: some minutes
  threadchat compare --quick                    the same in less than 30 seconds
  threadchat compare --quick --html page.html   with charts, and why the figures come out as they do
  threadchat compare --work latency --peers     one work, also by ncat, nc and socat
  threadchat compare --work hub --hub-clients 100   a hub with 100 clients
  threadchat compare --json figures.json        also each round's figures, for programs

The exit code is 1 if a row failed: if it lost or damaged a line, or did not end.";

#[cfg(feature = "lab")]
const AFTER_TIMELINE: &str = "\
Traces are what serve, connect and hub record (`threadchat help serve` tells how). Those of both sides of a conversation
show the way of each message from the keyboard to the other screen; one alone shows its own half. Of a trace that was cut
short by a crash, what is in it is shown.

Examples:
  threadchat timeline a.json b.json -o page.html    a page to look at in a browser, which needs no network
  threadchat timeline a.json b.json --svg way.svg   the same as a picture for slides
  threadchat timeline a.json -o - >page.html";

#[cfg(feature = "lab")]
const AFTER_DEMO: &str = "\
Two real endpoints talk with each other over TCP on one split screen, slowly enough to watch their threads.

Keys, while nothing stands in the line of the active side:
  Space    pause, and go on              d      the next design, from the start
  .        one step                      Tab    type on the other side
  + -      faster, slower                Enter  type a line that begins with one of these
  q        end                           Any other key begins a line; Enter says it, Esc clears it.
The line 88 on either side ends it, and Ctrl-C does at any time. What was seen stays behind in a few sentences.

A script has lines such as `A Hello!` and `B Hello!`. Those that follow each other directly are typed at the same time;
an empty line waits until all that was typed before has been shown; # begins a comment.

Examples:
  threadchat demo                           what the built-in script types, and you
  threadchat demo --design half-duplex      who is kept from talking, before there was full-duplex
  threadchat demo --plain --script FILE     a line for each step of what FILE types, as without a terminal

`threadchat help` shows the exit codes.";

/// The headings under which options are shown.
const CONVERSATION: &str = "Conversation";
#[cfg(feature = "hub")]
const ROOMS: &str = "Rooms";
#[cfg(feature = "hub")]
const CLIENTS: &str = "Clients";
const OUTPUT: &str = "Output";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait for callers, and talk with one at a time
    #[command(after_help = AFTER_SERVE)]
    Serve(Serve),
    /// Call somebody who serves, or a hub
    #[command(after_help = AFTER_CONNECT)]
    Connect(Connect),
    /// Let any number of people talk with each other
    #[cfg(feature = "hub")]
    #[command(after_help = AFTER_HUB)]
    Hub(Hub),
    /// Watch two endpoints talk, step by step, on one split screen
    #[cfg(feature = "lab")]
    #[command(after_help = AFTER_DEMO)]
    Demo(Demo),
    /// Measure the designs doing the same work, side by side
    #[cfg(feature = "lab")]
    #[command(after_help = AFTER_COMPARE)]
    Compare(Compare),
    /// What `compare` starts beside the other commands
    #[cfg(feature = "lab")]
    #[command(hide = true, subcommand)]
    CompareChild(CompareChild),
    /// Draw what each thread did, and the way of each message, from traces
    #[cfg(feature = "lab")]
    #[command(after_help = AFTER_TIMELINE)]
    Timeline(Timeline),
    /// Write a completion script for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man,
}

impl Command {
    #[cfg(not(poll))]
    fn design(&self) -> Option<Design> {
        match self {
            Self::Serve(serve) => Some(serve.common.design),
            Self::Connect(connect) => Some(connect.common.design),
            #[cfg(feature = "hub")]
            Self::Hub(hub) => Some(hub.common.design),
            #[cfg(feature = "lab")]
            Self::Demo(demo) => Some(demo.design),
            _ => None,
        }
    }

    /// Whether the options agree with the design.
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Serve(Serve { common, talking, .. }) | Self::Connect(Connect { common, talking, .. })
                if common.design == Design::HalfDuplex =>
            {
                if matches!(talking.on_eof, OnEofArg::Wait) {
                    return Err(
                        "--on-eof wait needs a full-duplex design: who has nothing to say cannot take turns",
                    );
                }
                if common.transcript.is_some() {
                    return Err("--transcript needs a full-duplex design, such as --design threads");
                }
                Ok(())
            }
            #[cfg(feature = "hub")]
            Self::Hub(hub) if hub.common.design == Design::HalfDuplex => Err(NO_HUB_IN_TURNS),
            _ => Ok(()),
        }
    }
}

/// Why there is no hub in the half-duplex design.
#[cfg(feature = "hub")]
pub const NO_HUB_IN_TURNS: &str = "a hub cannot be half-duplex: nobody can wait for the turns of many";

/// `threadchat serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(value_name = "ADDR", default_value_t)]
    pub address: Address,

    /// End after the first conversation
    #[arg(long, help_heading = CONVERSATION)]
    pub once: bool,

    /// How to talk.
    #[command(flatten)]
    pub talking: Talking,

    /// What all commands share.
    #[command(flatten)]
    pub common: Common,
}

/// `threadchat connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call
    #[arg(value_name = "ADDR", default_value_t, value_parser = callable)]
    pub address: Address,

    /// Keep trying for so long until somebody listens
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Connecting")]
    pub wait: Option<Duration>,

    /// How long each address of the host may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Connecting")]
    pub timeout: Duration,

    /// How to talk.
    #[command(flatten)]
    pub talking: Talking,

    /// What all commands share.
    #[command(flatten)]
    pub common: Common,
}

impl Connect {
    /// Whom to call, and how patiently.
    #[must_use]
    pub fn call(&self) -> Call {
        Call { address: self.address.clone(), timeout: self.timeout, wait: self.wait }
    }
}

/// `threadchat hub`.
#[cfg(feature = "hub")]
#[derive(Debug, Args)]
pub struct Hub {
    /// Where to listen
    #[arg(value_name = "ADDR", default_value_t)]
    pub address: Address,

    /// Run as a service: nobody is at the keyboard, and nothing is shown but errors
    #[arg(long, help_heading = ROOMS)]
    pub no_operator: bool,

    /// How many of the last messages newcomers get
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = ROOMS)]
    history: usize,

    /// Welcome newcomers with the lines of FILE
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = ROOMS)]
    motd: Option<std::path::PathBuf>,

    /// How many clients there may be [default: as many as there are descriptors and threads for]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = CLIENTS)]
    max_clients: Option<usize>,

    /// How many clients there may be from one address
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = CLIENTS)]
    max_per_address: Option<usize>,

    /// Let in only these addresses and networks, separated by commas, such as 192.0.2.0/24
    #[arg(long, value_name = "NET", value_delimiter = ',', value_parser = parse_net, help_heading = CLIENTS)]
    allow: Vec<ipnet::IpNet>,

    /// Do not let in these addresses and networks
    #[arg(long, value_name = "NET", value_delimiter = ',', value_parser = parse_net, help_heading = CLIENTS)]
    deny: Vec<ipnet::IpNet>,

    /// How many lines a second of each client are passed on; more of them are delayed, and none lost
    #[arg(long, value_name = "LINES", value_parser = rate, help_heading = CLIENTS)]
    rate: Option<f64>,

    /// How much may wait for a client that is slow to read, before those who speak have to wait for it
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_OUTBOX, value_parser = outbox, help_heading = CLIENTS)]
    outbox: usize,

    /// Cut off a client for which so much waits and which has taken nothing for so long
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, help_heading = CLIENTS)]
    stall: Duration,

    /// The longest line, with its stamp and name; longer ones are cut into several
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = hub_max_line,
        help_heading = CLIENTS)]
    max_line: usize,

    /// What all commands share.
    #[command(flatten)]
    pub common: Common,
}

#[cfg(feature = "hub")]
impl Hub {
    /// What the hub is to keep to.
    ///
    /// # Errors
    /// The message of the day cannot be read.
    pub fn rules(&self) -> Result<Rules, String> {
        let read = |path: &std::path::Path| {
            std::fs::read(path)
                .map_err(|error| format!("cannot read the message of the day, {}: {error}", path.display()))
        };
        let motd = self.motd.as_deref().map(read).transpose()?.unwrap_or_default();
        let motd: Vec<_> = String::from_utf8_lossy(&motd).lines().map(str::to_owned).collect();
        if motd.len() > hub::MOTD_LINES || motd.iter().map(String::len).sum::<usize>() > hub::MOTD_BYTES {
            return Err(format!(
                "the message of the day is too long: {} lines and {} bytes are the limit",
                hub::MOTD_LINES,
                hub::MOTD_BYTES
            ));
        }
        Ok(Rules {
            operator: !self.no_operator,
            max_line: self.max_line,
            history: self.history,
            rate: self.rate,
            outbox: self.outbox,
            stall: self.stall,
            motd,
            door: Door {
                max_clients: self.max_clients,
                max_per_address: self.max_per_address,
                allow: self.allow.clone(),
                deny: self.deny.clone(),
                descriptors: None,
            },
            transcribed: self.common.is_transcribed(),
        })
    }
}

/// `threadchat demo`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub struct Demo {
    /// The design to begin with
    #[arg(long, value_name = "DESIGN", value_enum, default_value_t, help_heading = CONVERSATION)]
    pub design: Design,

    /// What is typed for both [default: a greeting, both at once, three lines in one go, and 88]
    #[arg(long, value_name = "FILE", value_parser = demo::Script::read, value_hint = clap::ValueHint::FilePath,
        help_heading = CONVERSATION)]
    script: Option<demo::Script>,

    /// The least time between two steps, in milliseconds [default: 400 at a terminal, else 0]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=60_000), help_heading = OUTPUT)]
    delay: Option<u64>,

    /// Write a line for each step, as without a terminal
    #[arg(long, help_heading = OUTPUT)]
    plain: bool,

    /// Whether to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: ColorArg,
}

#[cfg(feature = "lab")]
impl Demo {
    /// What is to be shown, at this terminal if there is one.
    #[must_use]
    pub fn options(&self, terminal: Option<&impl anstream::stream::RawStream>) -> demo::Options {
        demo::Options {
            design: self.design,
            script: self.script.clone().unwrap_or_default(),
            delay: self.delay.map(Duration::from_millis),
            terminal: terminal.filter(|_| !self.plain).map(|terminal| demo::Colors(self.color.on(terminal))),
        }
    }
}

/// `threadchat compare`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub struct Compare {
    /// The work to do, of several separated by commas [default: all]
    #[arg(long, value_name = "WORK", value_enum, value_delimiter = ',')]
    pub work: Option<Vec<Workload>>,

    /// The designs to compare, separated by commas [default: all]
    #[arg(long, value_name = "DESIGN", value_enum, value_delimiter = ',')]
    pub designs: Option<Vec<Design>>,

    /// Compare also with ncat, nc and socat, where they are installed
    #[arg(long)]
    pub peers: bool,

    /// How many clients the hub has, for each time, separated by commas [default: 10,50,200,1000, with --quick 10,50]
    #[arg(long, value_name = "N", value_parser = clients, value_delimiter = ',')]
    pub hub_clients: Option<Vec<usize>>,

    /// Compare the hub also with this one, which is told its address with {addr} or its port with {port}
    #[arg(long = "hub-peer", value_name = "NAME[,names]=COMMAND")]
    pub hub_peers: Vec<HubPeer>,

    /// Have each design do it once more while it records what its threads do, to see what that costs
    #[arg(long)]
    pub trace: bool,

    /// Less of everything, in less than 30 seconds
    #[arg(long)]
    pub quick: bool,

    /// How many rounds to measure, after one that does not count [default: 7, with --quick 5]
    #[arg(long, value_name = "N", value_parser = rounds)]
    pub rounds: Option<usize>,

    /// Write all figures to FILE as JSON
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub json: Option<std::path::PathBuf>,

    /// Write a page with charts and explanations to FILE
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub html: Option<std::path::PathBuf>,
}

#[cfg(feature = "lab")]
impl From<Compare> for compare::Options {
    fn from(args: Compare) -> Self {
        let Compare { work, designs, peers, hub_clients, hub_peers, trace, quick, rounds, json, html } = args;
        Self { workloads: work, designs, peers, hub_clients, hub_peers, trace, quick, rounds, json, html }
    }
}

/// A process that `threadchat compare` starts.
#[cfg(feature = "lab")]
#[derive(Debug, Subcommand)]
pub enum CompareChild {
    /// The floor, listening
    Serve {
        /// End after the first caller
        #[arg(long)]
        once: bool,
    },
    /// The floor, calling
    Connect {
        /// Whom
        address: std::net::SocketAddr,
    },
    /// The clients of a hub
    Crowd {
        /// Where it listens
        hub: std::net::SocketAddr,
        /// Whether each has to say its name first
        #[arg(long)]
        names: bool,
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
    },
    /// Another program, which ends with whoever started this one
    Exec {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

#[cfg(feature = "lab")]
impl From<CompareChild> for compare::Child {
    fn from(args: CompareChild) -> Self {
        match args {
            CompareChild::Serve { once } => Self::Serve(once),
            CompareChild::Connect { address } => Self::Connect(address),
            CompareChild::Crowd { hub, names, clients, senders, deliveries, messages } => {
                Self::Crowd(Crowd { clients, senders, deliveries, messages }, hub, names)
            }
            CompareChild::Exec { command } => Self::Exec(command),
        }
    }
}

/// `threadchat timeline`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub struct Timeline {
    /// Traces of one or more processes
    #[arg(value_name = "TRACE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub traces: Vec<std::path::PathBuf>,

    /// Write the page to FILE, or with - to standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "svg",
        value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub output: Option<std::path::PathBuf>,

    /// Write the drawing alone to FILE, or with - to standard output, as SVG
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub svg: Option<std::path::PathBuf>,
}

/// How two people talk: what `serve` and `connect` share.
#[derive(Debug, Args)]
pub struct Talking {
    /// What to do when standard input ends
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    on_eof: OnEofArg,

    /// How messages are sent
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    wire: WireArg,

    /// The longest message, with its stamp; longer ones are cut into several
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = max_line,
        help_heading = CONVERSATION)]
    max_line: usize,
}

/// What all of them share.
#[derive(Debug, Args)]
pub struct Common {
    /// How to wait for the keyboard and the other side
    #[arg(long, value_name = "DESIGN", value_enum, default_value_t, help_heading = CONVERSATION)]
    pub design: Design,

    /// Use the terminal's own line input, not the line editor (which only --design threads has)
    #[arg(long, help_heading = OUTPUT)]
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "there is nothing else"))]
    pub plain: bool,

    /// Whether to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: ColorArg,

    /// Append what happens to FILE: each message and event as a line of JSON, with its time
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub transcript: Option<std::path::PathBuf>,

    /// Record what each thread does, and when, in FILE, which Perfetto and `threadchat timeline` can show
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub trace: Option<std::path::PathBuf>,

    /// Show messages and errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    quiet: bool,

    /// Show what each thread does, too
    #[arg(short, long, help_heading = OUTPUT)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OnEofArg {
    /// Say 88 and leave
    #[default]
    Bye,
    /// Close the writing half, and listen until the other side is done
    Wait,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum WireArg {
    /// Stamped, a line each
    #[default]
    Lines,
    /// Byte for byte as the programs of the article do
    Article,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ColorArg {
    /// If the terminal can, and NO_COLOR is not set
    #[default]
    Auto,
    /// Also if not
    Always,
    /// Marks only
    Never,
}

impl ColorArg {
    fn on(self, terminal: &impl anstream::stream::RawStream) -> bool {
        // A Windows console takes the escape sequences as text until it is told.
        let works = anstyle_query::windows::enable_ansi_colors().unwrap_or(true);
        match self {
            Self::Auto => anstream::AutoStream::choice(terminal) != anstream::ColorChoice::Never && works,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Talking {
    /// How the conversation is to be held.
    #[must_use]
    pub fn settings(&self, common: &Common, to_terminal: bool) -> Settings {
        Settings {
            wire: match self.wire {
                WireArg::Lines => Wire::Lines,
                WireArg::Article => Wire::Article,
            },
            max_line: self.max_line,
            on_eof: match self.on_eof {
                OnEofArg::Bye => OnEof::Bye,
                OnEofArg::Wait => OnEof::Wait,
            },
            to_terminal,
            transcribed: common.is_transcribed(),
            patience: PATIENCE,
        }
    }
}

impl Common {
    /// Whether what happens is recorded.
    fn is_transcribed(&self) -> bool {
        self.transcript.is_some()
    }

    /// Whether to use colours on this terminal. `NO_COLOR` and `CLICOLOR_FORCE` are honoured.
    #[must_use]
    pub fn color(&self, terminal: &impl anstream::stream::RawStream) -> bool {
        self.color.on(terminal)
    }

    /// How much is told.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Ends the program with exit code 2, and says why the design `select` is not to be had.
#[cfg(not(poll))]
pub fn cannot_select() -> ! {
    let why = if cfg!(unix) {
        "this program was built without its feature `select`"
    } else {
        "it waits for the keyboard and the connection with one call, and that call accepts nothing but sockets on \
         this platform: neither a console nor a pipe can be waited for"
    };
    let error = format!(
        "the design select cannot be used here: {why}. The design threads, which is the default, works: there, a \
         thread of its own blocks on each of them. (half-duplex works too, in turns.)"
    );
    Cli::command().error(ErrorKind::InvalidValue, error).exit()
}

/// The completion script for a shell.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "threadchat", &mut script);
    script
}

/// The manual page, in roff: one for all commands.
#[must_use]
pub fn manual() -> Vec<u8> {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write_manual(&mut page);
    page
}

fn write_manual(page: &mut Vec<u8>) -> std::io::Result<()> {
    use clap_mangen::Man;
    use std::io::Write;

    let mut program = Cli::command();
    program.build();
    let whole = Man::new(program.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    writeln!(page, ".SH DESCRIPTION\n{INTRODUCTION}")?;
    for command in program.get_subcommands().filter(|command| is_shown(command)) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(page, ".SH \"threadchat {}\"\n{about}.", command.get_name())?;
        let mut options = Vec::new();
        Man::new(command.clone()).render_options_section(&mut options)?;
        // As a part of this command's section, and not one of its own.
        page.extend_from_slice(String::from_utf8_lossy(&options).replace(".SH", ".SS").as_bytes());
        if let Some(notes) = command.get_after_help() {
            writeln!(page, ".SS NOTES\n.nf\n{notes}\n.fi")?;
        }
    }
    for (title, text) in [("EXAMPLES", EXAMPLES), ("EXIT STATUS", EXIT_CODES)] {
        writeln!(page, ".SH \"{title}\"\n.nf\n{text}\n.fi")?;
    }
    Ok(())
}

fn is_shown(command: &clap::Command) -> bool {
    command.get_name() != "help" && !command.is_hide_set()
}

fn callable(text: &str) -> Result<Address, String> {
    let address: Address = text.parse()?;
    if address.port() == 0 {
        return Err("nobody can be called on port 0".to_owned());
    }
    Ok(address)
}

/// The longest time that can be asked for, in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it must be a number of seconds above 0 and up to a year, such as 10 or 0.5".to_owned()),
    }
}

#[cfg(feature = "lab")]
fn rounds(text: &str) -> Result<usize, String> {
    let rounds = text.parse().ok().filter(|rounds| (1..=1000).contains(rounds));
    rounds.ok_or_else(|| "it must be a number from 1 to 1000".to_owned())
}

#[cfg(feature = "lab")]
fn clients(text: &str) -> Result<usize, String> {
    let clients = text.parse().ok().filter(|clients| (2..=100_000).contains(clients));
    clients.ok_or_else(|| "it must be a number from 2 to 100000".to_owned())
}

fn max_line(text: &str) -> Result<usize, String> {
    in_range(text, &MAX_LINE_RANGE)
}

fn in_range(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| format!("it must be a number of bytes from {} to {}", range.start(), range.end()))
}

#[cfg(feature = "hub")]
fn hub_max_line(text: &str) -> Result<usize, String> {
    in_range(text, &hub::MAX_LINE_RANGE)
}

#[cfg(feature = "hub")]
fn at_least_one(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "it must be a number of clients, 1 or more".to_owned())
}

#[cfg(feature = "hub")]
fn outbox(text: &str) -> Result<usize, String> {
    in_range(text, &hub::OUTBOX_RANGE)
}

#[cfg(feature = "hub")]
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=1e6).contains(rate));
    rate.ok_or_else(|| "it must be a number of lines a second, from 0.01 to 1000000".to_owned())
}
