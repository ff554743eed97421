//! The command line.

use super::*;
use std::net::TcpListener;
#[cfg(unix)]
use std::process::Command;

#[test]
fn invalid_options_exit_with_2() {
    for args in [
        &["--max-clients", "many"][..],
        &["--max-clients", "-1"],
        &["--max-per-address", "x"],
        &["--allow", "nonsense"],
        &["--allow", "300.1.2.3"],
        &["--deny", "10.0.0.0/33"],
        &["--deny", "127.0.0.1,,x"],
        &["--deny", "::1/129"],
        &["--history", "x"],
        &["--rate", "x"],
        &["--rate", "-1"],
        &["--outbox", "x"],
        &["--stall", "0"],
        &["--stall", "x"],
        &["--max-line", "5"],
        &["--max-line", "x"],
        &["--no-such-option"],
        &["0", "0"],
        &["not:a:port"],
    ] {
        let (code, stderr) = run(args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
    }
}

#[test]
fn there_is_no_half_duplex_hub() {
    let (code, stderr) = run(&["0", "--design", "half-duplex"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("half-duplex"), "{stderr}");
}

#[test]
fn a_port_in_use_is_reported_with_a_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (code, stderr) = run(&[&address]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("threadchat: cannot listen on {address}: ")), "{stderr}");
    assert!(stderr.contains("choose another port"), "{stderr}");
}

#[test]
fn an_unreadable_message_of_the_day_is_reported_at_the_start() {
    let (code, stderr) = run(&["0", "--motd", "/no/such/motd"]);
    assert!(code == 1 || code == 2, "{code}");
    assert!(stderr.contains("/no/such/motd"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_message_of_the_day_without_end_or_from_nobody_is_refused_at_the_start() {
    let (code, stderr) = run(&["0", "--motd", "/dev/zero"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("too long"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (code, stderr) = run(&["0", "--motd", pipe.to_str().unwrap()]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("nobody writes to this named pipe"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_hub_without_descriptors_for_clients_is_refused_at_the_start() {
    let mut command = threadchat_after("ulimit -n 32", &["hub", "0"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("needs 32 file descriptors and one for each client") && said.contains("ulimit -n"));
}

#[test]
fn the_hub_reports_where_it_listens_and_how_to_let_others_in() {
    let (hub, port) = hub(&[]);
    assert!(hub.err.text().contains(&format!("listening on 127.0.0.1:{port}")), "{}", hub.err.text());
    assert!(hub.err.text().contains(&format!("0.0.0.0:{port}")), "{}", hub.err.text());
}

#[test]
fn a_quiet_hub_reports_its_port_and_shows_the_chat() {
    let (mut hub, port) = hub(&["-q"]);
    let mut bob = Client::joins_as(port, "bob");
    bob.says("hello");
    hub.out.wait_for("<bob> hello\n");
    hub.types("88\n");
    hub.exits(0);
    assert_eq!(hub.err.text().lines().count(), 1, "{}", hub.err.text());
}

#[test]
fn help_lists_the_options() {
    let mut command = threadchat(&["hub", "--help"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    program.exits(0);
    for option in [
        "--design",
        "--no-operator",
        "--max-clients",
        "--max-per-address",
        "--allow",
        "--deny",
        "--motd",
        "--history",
        "--rate",
        "--outbox",
        "--stall",
        "--max-line",
    ] {
        assert!(program.out.text().contains(option), "{option}");
    }
}
