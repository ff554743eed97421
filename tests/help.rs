//! The help, error messages for wrong arguments, completions and the man page.
#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Without the settings of the person who runs the tests.
fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_threadchat"));
    program.env("THREADCHAT_CONFIG", "");
    program
}

/// Standard output of a run that succeeds.
fn stdout_of(args: &[&str]) -> String {
    let output = program().args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_wrong_command_line_is_explained_and_exits_with_2() {
    for (args, expected) in [
        (&["serve", "host:http"][..], "\"http\" is not a port"),
        (&["connect", "0"], "nobody can be called on port 0"),
        (&["connect", "host", "0"], "nobody can be called on port 0"),
        (&["connect", "host:80", "9000"], "the port is given twice"),
        (&["serve", "9000", "9001"], "the port is given twice"),
        (&["serve", "host", "http"], "\"http\" is not a port"),
        (&["connect", "http://example.org/chat"], "threadchat does not speak http; write example.org"),
        (&["connect", "ssh://ann@example.org"], "threadchat does not speak ssh; write example.org"),
        (&["serve", "ann@example.org"], "\"ann@\" is not part of an address; write example.org"),
        (&["connect", "example.org/chat"], "\"/chat\" is not part of an address; write example.org"),
        (&["serve", "-l", "9000"], "tip: to listen on a port, write: threadchat serve 9000"),
        (&["-l", "9000"], "tip: to listen on a port, write: threadchat serve 9000"),
        (&["connect", "-p", "9000", "host"], "tip: to call a port, write: threadchat connect HOST:9000"),
        (&["example.org", "9000"], "tip: to call it, write: threadchat connect example.org"),
        (&["serve", "--max-line", "31"], "from 32 to 1048576"),
        (&["serve", "--on-eof", "never"], "possible values: bye, wait"),
        (&["connect", "--wait", "0"], "number of seconds above 0"),
        (&["connect", "--name", ""], "it is empty"),
        (&["connect", "--name", "ann b"], "a name has no blanks"),
        (&["connect", "--name", "an\u{7}n"], "no control characters"),
        (&["connect", "--reconnect=sometimes"], "possible values: hub, always, never"),
        (&["connect", "--reconnect", "--design", "half-duplex"], "--reconnect needs a full-duplex design"),
        (&["connect", "--name", "ann", "--design", "half-duplex"], "--name needs a full-duplex design"),
        (&["serve", "--literal", "--wire", "unframed"], "--literal needs --wire lines"),
        (&["connect", "--literal", "--wire", "article"], "--literal needs --wire lines"),
        #[cfg(feature = "secure")]
        (&["serve", "--secure", "--design", "half-duplex"], "encryption needs a full-duplex design"),
        #[cfg(feature = "secure")]
        (&["connect", "--ca", "system", "--design", "half-duplex"], "encryption needs a full-duplex design"),
        #[cfg(feature = "secure")]
        (&["connect", "--trust-first", "--wire", "unframed"], "encryption needs --wire lines"),
        #[cfg(feature = "secure")]
        (&["serve", "--cert", "a.pem"], "--cert needs --key"),
        #[cfg(feature = "secure")]
        (&["connect", "--key", "a.pem"], "--key needs --cert"),
        #[cfg(feature = "secure")]
        (
            &["serve", "--code", "7-velvet-oter"],
            "--code: it has a word that is in no code: check its spelling",
        ),
        #[cfg(feature = "secure")]
        (&["serve", "--code", "-", "--trust-first"], "--code and --trust-first exclude each other"),
        #[cfg(feature = "secure")]
        (&["connect", "--code", "-", "--trust-first"], "--code and --trust-first exclude each other"),
        #[cfg(feature = "secure")]
        (&["connect", "--code", "-", "--ca", "a.pem"], "--code and --ca exclude each other"),
        #[cfg(feature = "secure")]
        (&["connect", "--trust-first", "--ca", "a.pem"], "--trust-first and --ca exclude each other"),
        #[cfg(feature = "secure")]
        (&["serve", "--code", "-", "--cert", "a", "--key", "a"], "--code and --cert exclude each other here"),
        #[cfg(feature = "secure")]
        (
            &["serve", "--trust-first", "--cert", "a", "--key", "a"],
            "--trust-first and --cert exclude each other",
        ),
        #[cfg(feature = "secure")]
        (&["serve", "--ca", "a.pem"], "unexpected argument '--ca'"),
        #[cfg(not(feature = "secure"))]
        (&["serve", "--secure"], "unexpected argument '--secure'"),
        #[cfg(all(feature = "hub", feature = "secure"))]
        (&["hub", "--code", "7-velvet-otter"], "the code of a hub needs 3 words"),
        #[cfg(feature = "link")]
        (&["hub", "--link", "redis://:secret@host"], "--link: the name of the group of hubs is missing"),
        #[cfg(feature = "link")]
        (&["hub", "--name-of-hub", "east"], "--link <URL>"),
        (&["serve", "-q", "-v"], "cannot be used with"),
        (&["sevre"], "similar subcommand exists: 'serve'"),
        (&["serve", "--onec"], "similar argument exists: '--once'"),
        #[cfg(not(poll))]
        (&["serve", "--design", "select"], "select cannot be used here"),
        (&[], "Usage: threadchat"),
    ] {
        let output = program().args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let help = stdout_of(&["--help"]);
    assert!(help.contains("Examples:\n  threadchat serve ") && help.contains("Exit codes:\n  0 "), "{help}");
    for command in ["serve", "connect"] {
        let help = stdout_of(&["help", command]);
        assert!(help.contains("Conversation:") && help.contains("ADDR is HOST, HOST:PORT"), "{help}");
    }
}

#[cfg(feature = "secure")]
#[test]
fn the_help_says_how_to_encrypt_and_who_can_see_a_code() {
    assert!(stdout_of(&["--help"]).contains("With --secure, the connection is encrypted"));
    for command in ["serve", "connect"] {
        let help = stdout_of(&["help", command]);
        let section = help.split("Encryption:").nth(1).unwrap();
        assert!(section.contains("can see WORDS in the list of processes"), "{help}");
        assert!(section.contains("--ca <FILE|system>") == (command == "connect"), "{help}");
    }
}

#[cfg(feature = "lab")]
#[test]
fn the_help_of_compare_has_examples_and_hides_the_command_of_its_children() {
    let help = stdout_of(&["help", "compare"]);
    assert!(help.contains("Examples:\n  threadchat compare ") && help.contains("--peers"), "{help}");
    assert!(!stdout_of(&["--help"]).contains("compare-child"));
}

#[test]
fn there_are_completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout_of(&["completions", shell]).contains("on-eof"), "{shell}");
    }
}

#[test]
fn the_man_page_has_every_option_of_every_command() {
    let page = stdout_of(&["man"]);
    let mut commands = vec!["serve", "connect"];
    commands.extend(cfg!(feature = "lab").then_some("compare"));
    commands.extend(cfg!(feature = "lab").then_some("demo"));
    commands.extend(cfg!(feature = "hub").then_some("hub"));
    commands.extend(cfg!(feature = "secure").then_some("key"));
    commands.extend(cfg!(feature = "lab").then_some("timeline"));
    for command in commands {
        let help = stdout_of(&[command, "--help"]);
        let section = page
            .split(".SH \"threadchat ")
            .find(|section| section.starts_with(&format!("{command}\"")))
            .unwrap();
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        for option in options {
            let name = option.split(['[', '=']).next().unwrap();
            let name = name.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
            assert!(section.contains(&name.replace('-', "\\-")), "{command} {option}");
        }
    }
}

#[test]
fn every_command_has_a_man_page_of_its_own() {
    let page = stdout_of(&["man", "serve"]);
    assert!(page.contains(".TH threadchat-serve 1"), "{page}");
    for part in ["on\\-eof", ".SH NOTES", "threadchat(1)"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("threadchat connect --name"), "{page}");
}

#[cfg(feature = "hub")]
#[test]
fn the_help_of_hub_has_examples_and_the_commands_of_the_operator() {
    let help = stdout_of(&["help", "hub"]);
    assert!(help.contains("Examples:\n  threadchat hub ") && help.contains("/kick NAME"), "{help}");
    assert!(stdout_of(&["--help"]).contains("threadchat hub"));
}

#[cfg(feature = "link")]
#[test]
fn the_help_says_how_to_link_hubs_and_who_can_see_a_password() {
    let help = stdout_of(&["help", "hub"]);
    let section = help.split("Other hubs:").nth(1).unwrap();
    for text in
        ["redis://HOST:6379/NAME", "THREADCHAT_LINK_PASSWORD", "in the list of processes", "--name-of-hub"]
    {
        assert!(section.contains(text), "{text}: {help}");
    }
}

#[cfg(feature = "hub")]
#[test]
fn only_designs_that_have_a_hub_are_offered_for_one() {
    let help = stdout_of(&["hub", "--help"]);
    assert!(help.contains("- threads:") && !help.contains("half-duplex"), "{help}");
    assert!(stdout_of(&["serve", "--help"]).contains("- half-duplex:"));
    // One for each command with a design but the hub.
    let completions = stdout_of(&["completions", "bash"]);
    let offers = completions.matches("compgen -W \"threads select half-duplex\"").count();
    assert!(offers > 1 && completions.matches("compgen -W \"threads select\"").count() > 0, "{completions}");
    let output = program().args(["hub", "--design", "half-duplex"]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("a hub cannot be half-duplex"), "{said}");
}
