//! `threadchat timeline`.

use super::OUTPUT;
use crate::lab::timeline::Options;
use clap::Args;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
The commands serve, connect and hub record traces (see `threadchat help serve`). Those of both sides of a conversation
show the path of each message from one keyboard to the other screen; one alone shows its own half. A trace that was cut
short by a crash is drawn as far as it goes.

Examples:
  threadchat timeline a.json b.json -o page.html    a page for a browser, which needs no network
  threadchat timeline a.json b.json --svg path.svg  a picture for print
  threadchat timeline a.json b.json --svg one.svg --message 2   one message, for a slide
  threadchat timeline a.json -o - >page.html
  xz -dc b.json.xz | threadchat timeline a.json - -o page.html";

/// `threadchat timeline`.
#[derive(Debug, Args)]
pub struct Timeline {
    /// Traces of one or more processes; - is standard input
    #[arg(value_name = "TRACE", required = true, value_hint = clap::ValueHint::FilePath)]
    traces: Vec<PathBuf>,

    /// Write the page to FILE, or to standard output if FILE is -
    #[arg(short, long, value_name = "FILE", required_unless_present = "svg",
        value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    output: Option<PathBuf>,

    /// Write only the drawing to FILE as SVG, or to standard output if FILE is -
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    svg: Option<PathBuf>,

    /// Draw in the SVG only the message in row N of the table, as a slide of 16:9
    #[arg(long, value_name = "N", requires = "svg", help_heading = OUTPUT)]
    message: Option<usize>,
}

impl From<Timeline> for Options {
    fn from(Timeline { traces, output, svg, message }: Timeline) -> Self {
        Self { traces, output, svg, message }
    }
}
