//! Standard output or standard error elsewhere.

use super::*;
use std::fs;

/// Starts `connect` in a shell that runs this script, with the program and its arguments in `$0` and `$@`, and a file in
/// `$FILE`.
fn connect_in(script: &str, file: &str) -> (Terminal, TcpStream, String) {
    start_connect(|address| {
        let args = with_design(&["connect", address]);
        let args = [&["-c", script, env!("CARGO_BIN_EXE_threadchat")], &args[..]].concat();
        at(12, 80).env(&[("FILE", file)]).start_program("sh", &args)
    })
}

/// The line is edited at this terminal, and no notice appears at it.
#[track_caller]
fn edits_without_notices(terminal: &Terminal, peer: &TcpStream, prompt: &str) {
    terminal.wait_until("the row alone", |seen| seen == prompt);
    terminal.types("hello wrld\x1b[D\x1b[D\x1b[D");
    says(peer, "a message\n");
    terminal
        .wait_until("the message above the line", |seen| seen == format!("< a message\n{prompt} hello wrld"));
    terminal.types("o\r");
    assert_eq!(text(&read_line(peer)), "hello world");
}

#[test]
fn notices_go_to_a_file_if_standard_error_is_one_and_the_line_is_edited_as_ever() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let (terminal, peer, prompt) = connect_in("exec \"$0\" \"$@\" 2>\"$FILE\"", path);
    edits_without_notices(&terminal, &peer, &prompt);
    says(&peer, "88\n");
    wait_until("the notices are in the file", || {
        let notices = fs::read_to_string(path).unwrap();
        notices.contains("...connected to") && notices.ends_with("they said 88\n")
    });
    assert!(!fs::read_to_string(path).unwrap().contains('\x1b'));
}

#[test]
fn notices_go_to_a_pipe_if_standard_error_is_one_and_the_line_is_edited_as_ever() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let script = "exec 3>&1; \"$0\" \"$@\" 2>&1 >&3 | cat >\"$FILE\"";
    let (terminal, peer, prompt) = connect_in(script, path);
    edits_without_notices(&terminal, &peer, &prompt);
    says(&peer, "88\n");
    wait_until("the notices have gone through the pipe", || {
        fs::read_to_string(path).unwrap().ends_with("they said 88\n")
    });
}

#[test]
fn notices_go_to_another_terminal_if_standard_error_is_one_and_the_prompt_does_not() {
    let pid = tempfile::NamedTempFile::new().unwrap();
    let path = pid.path().to_str().unwrap();
    // Its shell says where it is, and stays.
    let other =
        at(12, 80).env(&[("FILE", path)]).start_program("sh", &["-c", "tty >\"$FILE\"; exec sleep 1000"]);
    wait_until("the name of the other terminal", || fs::read_to_string(path).unwrap().ends_with('\n'));
    let name = fs::read_to_string(path).unwrap().trim().to_owned();
    let (terminal, peer, prompt) = connect_in("exec \"$0\" \"$@\" 2>\"$FILE\"", &name);
    edits_without_notices(&terminal, &peer, &prompt);
    says(&peer, "88\n");
    let seen = other.wait_until("the notices", |seen| seen.ends_with("they said 88"));
    assert!(seen.contains("...connected to"), "{seen}");
    assert!(!seen.contains('>') && !seen.contains("a message"), "neither a prompt nor a message: {seen}");
}

/// Then what a person sees is another program's.
#[test]
fn with_standard_output_in_a_pipe_the_terminal_edits_lines_itself_and_the_pipe_gets_plain_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let (terminal, peer, _) = connect_in("\"$0\" \"$@\" | tee \"$FILE\"", path);
    terminal.wait_until("the notice", |seen| seen.contains("...connected to"));
    terminal.types("hello wrldx\x7f\r");
    assert_eq!(text(&read_line(&peer)), "hello wrld");
    says(&peer, "[Wed Nov 25 19:23:02 2026] hi\n88\n");
    terminal.wait_until("the end", |seen| seen.contains("they said 88"));
    wait_until("the message went through the pipe", || {
        fs::read_to_string(path).unwrap() == "[Wed Nov 25 19:23:02 2026] hi\n"
    });
}
