//! The user's file of options.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The design that serves here.
const DESIGN: &str = "threads";

/// `threadchat` with this file of settings.
fn with_file(file: &Path, args: &[&str]) -> Command {
    let mut command = threadchat(args);
    command.env("THREADCHAT_CONFIG", file);
    command
}

/// The exit code of `threadchat` with these settings, and what it complains about.
fn complaint(content: &str, args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, content).unwrap();
    let mut command = with_file(&file, args);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The first line that a caller says who types hello.
fn first_words(command: impl FnOnce(&str) -> Command) -> String {
    let (mut program, socket) = accept_from(|port| Program::start(command(port)));
    program.types("hello\n");
    text(&read_line(&socket)).to_owned()
}

#[test]
fn a_setting_holds_unless_the_command_line_says_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, "\u{feff}# mine\n\n--name=ann\n").unwrap();
    let calls = |more: &'static [&str]| {
        let file = &file;
        first_words(move |port| with_file(file, &[&["connect", port], more].concat()))
    };
    assert_eq!(calls(&[]), "/name ann");
    assert_eq!(calls(&["--name", "bob"]), "/name bob");
    assert_eq!(calls(&["--no-config"]), "hello");
}

#[cfg(any(feature = "secure", feature = "web"))]
#[test]
fn the_file_in_the_folder_of_the_platform_is_found() {
    let user = user::User::new();
    let command = |port: &str| {
        let mut command = user.command(&["connect", port]);
        command.env_remove("THREADCHAT_CONFIG");
        command
    };
    assert_eq!(first_words(command), "hello");
    fs::create_dir_all(user.file("")).unwrap();
    fs::write(user.file("config"), "--name=ann\n").unwrap();
    assert_eq!(first_words(command), "/name ann");
}

#[test]
fn an_address_may_be_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let said = first_words(|port| {
        fs::write(&file, format!("[serve]\n--once\n[connect]\n127.0.0.1:{port}\n--name=ann\n")).unwrap();
        with_file(&file, &["connect"])
    });
    assert_eq!(said, "/name ann");
    let said = first_words(|port| {
        fs::write(&file, "127.0.0.1:1\n").unwrap();
        with_file(&file, &["connect", port])
    });
    assert_eq!(said, "hello");
}

#[test]
fn the_command_line_also_wins_where_both_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    for (setting, option) in [("--quiet", "-v"), ("--verbose", "-q")] {
        fs::write(&file, setting).unwrap();
        let mut serve = Program::start(with_file(&file, &["serve", "0", option]));
        serve.ends_input();
        let (serve, _) = serve.with_port();
        if option == "-v" {
            serve.err.wait_for("[main]");
        }
    }
}

#[test]
fn a_wrong_setting_is_an_error_that_names_the_line() {
    for (line, why) in [
        ("--no-such-thing", "serve has no setting --no-such-thing"),
        ("--name=ann", "serve has no setting --name; what only another command has goes below its name"),
        ("--max-line 100", "write --max-line=100"),
        ("--max-line=x", "invalid value 'x' for '--max-line <BYTES>'"),
        ("--max-line", "a value is required for '--max-line <BYTES>'"),
        ("-q", "-q is no setting: write the long name of the option"),
        ("--help", "serve has no setting --help"),
        ("host:http", "invalid value 'host:http' for '[ADDR]'"),
        ("[chat]", "[chat] is not [serve], [connect] or [hub]"),
    ] {
        let (code, complaint) = complaint(&format!("--once\n{line}\n"), &["serve", "0"]);
        assert_eq!(code, 2, "{line}: {complaint}");
        assert!(complaint.starts_with("error: cannot use the settings in "), "{line}: {complaint}");
        assert!(complaint.contains(&format!("config:2: {why}")), "{line}: {complaint}");
    }
}

#[test]
fn an_error_of_settings_together_names_the_file() {
    let settings = "--wire=unframed\n--literal\n";
    let (code, complaint) = complaint(settings, &["serve", "0"]);
    assert_eq!(code, 2);
    assert!(complaint.starts_with("error: --literal needs --wire lines"), "{complaint}");
    assert!(complaint.contains("(with the settings in "), "{complaint}");
}

#[cfg(feature = "web")]
#[test]
fn an_option_may_need_one_that_is_a_setting() {
    let (code, complaint) = complaint("[hub]\n--web\n", &["hub", "--check", "--web-name", "school.example"]);
    assert_eq!(code, 0, "{complaint}");
}

#[test]
fn an_error_of_the_command_line_is_as_without_settings() {
    let (code, complaint) = complaint("--once\n", &["serve", "--no-such-thing"]);
    assert_eq!(code, 2);
    assert!(!complaint.contains("settings"), "{complaint}");
}

#[test]
fn a_file_that_was_chosen_must_be_there() {
    let mut command = with_file(Path::new("/no/such/file"), &["serve", "0"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("cannot use the settings in /no/such/file: "), "{complaint}");
}
