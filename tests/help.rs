//! How the program explains itself.
#![allow(clippy::unwrap_used)]

use std::process::Command;

/// What it says on standard output when it is run like this, in order.
fn say(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_threadchat")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_teaches_with_examples_and_exit_codes() {
    let help = say(&["--help"]);
    assert!(help.contains("Examples:\n  threadchat serve ") && help.contains("Exit codes:\n  0 "), "{help}");
    for command in ["serve", "connect"] {
        let help = say(&["help", command]);
        assert!(help.contains("Conversation:") && help.contains("ADDR is HOST, HOST:PORT"), "{help}");
    }
}

#[cfg(feature = "generate")]
#[test]
fn there_are_completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(say(&["completions", shell]).contains("on-eof"), "{shell}");
    }
}

#[cfg(feature = "generate")]
#[test]
fn the_manual_page_has_every_option_of_every_command() {
    let page = say(&["man"]);
    for command in ["serve", "connect"] {
        let help = say(&[command, "--help"]);
        let section = page.split(".SH \"threadchat ").find(|section| section.starts_with(command)).unwrap();
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        for option in options {
            let name = option.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
            assert!(section.contains(&name.replace('-', "\\-")), "{command} {option}");
        }
    }
}
