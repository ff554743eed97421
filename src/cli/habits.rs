//! What people type who know netcat and its kin, and how to write it here.

use crate::rules::address::{self, Address};
use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Adds to an error on the command line how to write what was meant, if that is known. `words` are those behind the name of the
/// program.
pub(super) fn explain(mut error: Error, words: &[String]) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let tip = match (text(ContextKind::InvalidArg), text(ContextKind::InvalidSubcommand)) {
        (Some(option), _) => for_option(option, words),
        (_, Some(word)) if is_address(word) => Some(format!("to call it, write: threadchat connect {word}")),
        _ => None,
    };
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Ports are no options here, and to listen is a command.
fn for_option(option: &str, words: &[String]) -> Option<String> {
    let listens = match option {
        "-l" | "--listen" => true,
        "-p" | "--port" => false,
        _ => return None,
    };
    // What stands in front of the option may be the value of another one.
    let (before, behind) =
        words.split_at(words.iter().position(|word| word.starts_with(option)).unwrap_or(0));
    let port = behind.iter().chain(before).map(|word| word.trim_start_matches(|c: char| !c.is_ascii_digit()));
    let port =
        port.filter(|word| address::port(word).is_ok()).find(|word| !word.is_empty()).unwrap_or("9000");
    let command = words.iter().find(|word| ["serve", "connect", "hub"].contains(&word.as_str()));
    Some(match command.map(String::as_str) {
        Some("hub") => format!("to listen on a port, write: threadchat hub {port}"),
        Some("connect") if !listens => format!("to call a port, write: threadchat connect HOST:{port}"),
        None if !listens => {
            format!(
                "write threadchat serve {port} to listen there, or threadchat connect HOST:{port} to call"
            )
        }
        _ => format!("to listen on a port, write: threadchat serve {port}"),
    })
}

/// Whether this is rather an address than a misspelt command.
fn is_address(word: &str) -> bool {
    word.parse::<Address>().is_ok() && (word.contains(['.', ':']) || address::port(word).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Cli;
    use super::*;
    use clap::Parser;
    use clap::error::ErrorKind;

    #[test]
    fn what_netcat_understands_is_refused_with_how_to_write_it() {
        for (line, tip) in [
            ("-l 9000", "write: threadchat serve 9000"),
            ("-l -p 9000", "write: threadchat serve 9000"),
            ("-l9000", "write: threadchat serve 9000"),
            ("-lp 9000", "write: threadchat serve 9000"),
            ("--listen 9000", "write: threadchat serve 9000"),
            ("-l", "write: threadchat serve 9000"),
            ("-p 9001", "threadchat serve 9001 to listen there, or threadchat connect HOST:9001"),
            ("serve -l 9001", "write: threadchat serve 9001"),
            ("serve -p 9001", "write: threadchat serve 9001"),
            ("serve --port=9001", "write: threadchat serve 9001"),
            ("connect -l 9001", "write: threadchat serve 9001"),
            ("connect host -p 9001", "write: threadchat connect HOST:9001"),
            ("connect --timeout 5 -p 9001 host", "write: threadchat connect HOST:9001"),
            ("connect --timeout 5 host -p9001", "write: threadchat connect HOST:9001"),
            ("connect --port 9001 host", "write: threadchat connect HOST:9001"),
            #[cfg(feature = "hub")]
            ("hub -l 9001", "write: threadchat hub 9001"),
            #[cfg(feature = "hub")]
            ("hub -p 9001", "write: threadchat hub 9001"),
            ("example.org 9000", "write: threadchat connect example.org"),
            ("[::1]:9000", "write: threadchat connect [::1]:9000"),
            ("9000", "write: threadchat connect 9000"),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let error = Cli::try_parse_from([&["threadchat".to_owned()], &words[..]].concat()).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand),
                "{line}: {error}"
            );
            let text = explain(error, &words).render().to_string();
            assert!(text.contains(tip), "{line}: {text}");
        }
    }

    #[test]
    fn a_misspelt_command_is_no_address() {
        let error = Cli::try_parse_from(["threadchat", "sevre"]).unwrap_err();
        assert!(!explain(error, &["sevre".to_owned()]).render().to_string().contains("to call it"));
    }
}
