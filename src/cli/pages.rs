//! `threadchat completions` and `threadchat man`.

use super::{Cli, EXAMPLES, EXIT_CODES, INTRODUCTION, PROTECTION, SETTINGS};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::{self, Write};

/// The completion script for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "threadchat", &mut script);
    script
}

/// The manual page in roff: that of a command, or one for all of them.
#[must_use]
pub fn manual(command: Option<&str>) -> Vec<u8> {
    let mut program = Cli::command();
    program.build();
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = match command.and_then(|name| program.find_subcommand(name)) {
        Some(command) => write_page(command, &mut page),
        None => write_manual(&program, &mut page),
    };
    page
}

/// The name of a command.
pub(super) fn command(name: &str) -> Result<String, String> {
    match Cli::command().find_subcommand(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err("there is no such command".to_owned()),
    }
}

/// The page of one command.
fn write_page(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).source(concat!("threadchat ", env!("CARGO_PKG_VERSION")));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_options_section(page)?;
    if let Some(notes) = command.get_after_help() {
        writeln!(page, ".SH NOTES\n.nf\n{notes}\n.fi")?;
    }
    writeln!(page, ".SH \"SEE ALSO\"\nthreadchat(1)")
}

fn write_manual(program: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let whole = Man::new(program.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    writeln!(page, ".SH DESCRIPTION\n{INTRODUCTION}\n{PROTECTION}")?;
    let is_shown = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
    for command in program.get_subcommands().filter(is_shown) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(page, ".SH \"threadchat {}\"\n{about}.", command.get_name())?;
        let mut options = Vec::new();
        Man::new(command.clone()).render_options_section(&mut options)?;
        // The options are a part of the command's section.
        page.extend_from_slice(String::from_utf8_lossy(&options).replace(".SH", ".SS").as_bytes());
        if let Some(notes) = command.get_after_help() {
            writeln!(page, ".SS NOTES\n.nf\n{notes}\n.fi")?;
        }
    }
    for (title, text) in [("EXAMPLES", EXAMPLES), ("SETTINGS", SETTINGS), ("EXIT STATUS", EXIT_CODES)] {
        writeln!(page, ".SH \"{title}\"\n.nf\n{text}\n.fi")?;
    }
    Ok(())
}
