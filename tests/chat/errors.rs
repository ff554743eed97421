//! Error messages and exit codes.

use crate::common::*;
use std::net::TcpListener;
use std::process::Stdio;

/// Runs the program with an empty input, and returns its exit code and standard error.
fn run(args: &[&str]) -> (i32, String) {
    let mut command = threadchat(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let code = program.status().code().unwrap();
    (code, program.err.text())
}

#[test]
fn a_port_in_use_is_reported_with_what_to_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (code, stderr) = run(&["serve", &address]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("threadchat: cannot listen on {address}: ")), "{stderr}");
    assert!(stderr.contains("choose another port"), "{stderr}");
}

#[test]
fn a_refused_connection_is_reported_with_what_to_try() {
    let port = free_port().to_string();
    let (code, stderr) = run(&["connect", &port]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("threadchat: cannot connect to 127.0.0.1:{port}")), "{stderr}");
    assert!(stderr.contains("threadchat serve") && stderr.contains("--wait"), "{stderr}");
    let (code, stderr) = run(&["connect", &port, "--wait", "0.5"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("cannot connect to"), "{stderr}");
}

#[test]
fn a_name_that_is_not_found_is_reported_with_what_to_try() {
    for command in ["serve", "connect"] {
        let (code, stderr) = run(&[command, "no-such-host.invalid"]);
        assert_eq!(code, 1);
        assert!(stderr.contains("cannot find the address of no-such-host.invalid"), "{stderr}");
        assert!(stderr.contains("check its spelling"), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_that_nobody_answers_fails_after_its_timeout() {
    let silent = SilentListener::new();
    let (code, stderr) = run(&["connect", &silent.port, "--timeout", "0.3"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("timed out") && stderr.contains("no firewall blocks the connection"), "{stderr}");
}

/// 127.0.0.1 does not answer, but ::1 does. With such a timeout, connect would otherwise wait for longer than a test may.
#[cfg(target_os = "linux")]
#[test]
fn connect_does_not_wait_for_an_address_that_does_not_answer() {
    let silent = SilentListener::new();
    let Ok(listener) = TcpListener::bind(("::1", silent.port.parse::<u16>().unwrap())) else { return };
    let mut connect = Program::start(threadchat(&["connect", &silent.port, "--timeout", "3600"]));
    let (socket, _) = listener.accept().unwrap();
    connect.err.wait_for(&format!("...connected to: [::1]:{}\n", silent.port));
    silent.wait_until_not_called();
    drop(socket);
    connect.exits(1);
}

#[test]
fn listening_on_the_address_of_another_machine_is_an_error() {
    // Reserved for documentation (RFC 5737): no machine has this address.
    let (code, stderr) = run(&["serve", "192.0.2.1"]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("cannot listen on 192.0.2.1:21567") && stderr.contains("does not have that address")
    );
}

#[test]
fn serve_says_how_to_accept_other_machines_while_it_accepts_only_this_one() {
    let (mut serve, port) = serve(&[]);
    assert!(serve.err.text().contains(&format!("threadchat serve 0.0.0.0:{port})")));
    serve.types("88\n");
    serve.exits(0);
    let (mut open, _) = Program::start(threadchat(&["serve", "0.0.0.0:0"])).with_port();
    assert!(!open.err.text().contains("to let others in"));
    open.types("88\n");
    open.exits(0);
}

/// Not every machine, and not every container, has IPv6.
fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn serve_listens_on_every_address_of_this_machine_that_its_host_has() {
    for host in [&["0"][..], &["localhost:0"], &["localhost", "0"], &["tcp://localhost:0/"]] {
        let (mut serve, port) = serve_with(threadchat(&[&["serve"], host].concat()));
        let shown = serve.err.wait_for("waiting for connection...");
        for address in ["127.0.0.1", "::1"].iter().filter(|address| has_ipv6() || **address != "::1") {
            let shown_address = format!("{}:{port}", if *address == "::1" { "[::1]" } else { address });
            assert!(shown.contains(&shown_address), "{shown}");
            let mut connect = Program::start(threadchat(&["connect", address, &port.to_string()]));
            connect.err.wait_for(&format!("...connected to: {shown_address}\n"));
            connect.types("hello over ");
            connect.types(address.as_bytes());
            connect.types("\n");
            serve.out.wait_for(&format!("hello over {address}\n"));
            connect.types("88\n");
            connect.exits(0);
        }
        serve.types("88\n");
        serve.exits(0);
    }
}

#[test]
fn connect_finds_this_machine_also_where_only_one_of_its_addresses_is_listened_on() {
    for address in ["127.0.0.1:0", "[::1]:0"].iter().filter(|address| has_ipv6() || !address.starts_with('['))
    {
        let (mut serve, port) = serve_with(threadchat(&["serve", address]));
        let mut connect = connect(port, &[]);
        connect.types("hello\n");
        serve.out.wait_for("hello\n");
        connect.types("88\n");
        connect.exits(0);
        serve.types("88\n");
        serve.exits(0);
    }
}

#[test]
fn a_port_that_is_in_use_on_one_of_the_addresses_is_reported_with_that_address() {
    let Ok(taken) = TcpListener::bind("[::1]:0") else { return };
    let taken = taken.local_addr().unwrap();
    let (code, stderr) = run(&["serve", &taken.port().to_string()]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("threadchat: cannot listen on {taken}: ")), "{stderr}");
}

/// The other threads would wait for the one that panicked.
#[test]
#[cfg(debug_assertions)]
fn a_panic_in_any_thread_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("now");
    let mut command = threadchat(&["serve", "0"]);
    command.env("THREADCHAT_PANIC_WHEN", &file);
    let (mut serve, _) = serve_with(command);
    std::fs::File::create(&file).unwrap();
    serve.exits(101);
    assert!(serve.err.text().contains("on request"));
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;
    use std::net::Ipv6Addr;

    /// An address of this machine that is valid at one of its interfaces only, with the number and the name of that interface.
    fn link_local() -> Option<(Ipv6Addr, u32, String)> {
        let addresses = fs::read_to_string("/proc/net/if_inet6").ok()?;
        addresses.lines().find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let [address, number, .., name] = fields[..] else { return None };
            let address = Ipv6Addr::from(u128::from_str_radix(address, 16).ok()?);
            let number = u32::from_str_radix(number, 16).ok()?;
            address.is_unicast_link_local().then(|| (address, number, name.to_owned()))
        })
    }

    #[test]
    fn an_address_may_name_its_interface_and_is_shown_with_it() {
        let Some((address, number, name)) = link_local() else { return };
        for interface in [number.to_string(), name] {
            let (mut serve, port) = serve_with(threadchat(&["serve", &format!("[{address}%{interface}]:0")]));
            let shown = format!("[{address}%{number}]:{port}");
            assert!(serve.err.text().contains(&format!("listening on {shown}")), "{}", serve.err.text());
            let mut connect = Program::start(threadchat(&[
                "connect",
                &format!("{address}%{interface}"),
                &port.to_string(),
            ]));
            connect.err.wait_for(&format!("...connected to: {shown}\n"));
            serve.err.wait_for(&format!("...connected from: [{address}%{number}]:"));
            connect.types("88\n");
            connect.exits(0);
            serve.types("88\n");
            serve.exits(0);
            let (code, stderr) = run(&["connect", &shown]);
            assert_eq!(code, 1);
            assert!(stderr.contains(&format!("cannot connect to {shown}: ")), "{stderr}");
        }
        for (command, address, hint) in [
            ("connect", address.to_string(), "needs the interface behind it"),
            ("serve", address.to_string(), "needs the interface behind it"),
            ("serve", format!("{address}%no-such0"), "check the name of the interface"),
        ] {
            let (code, stderr) = run(&[command, &address]);
            assert!(code == 1 && stderr.contains(hint), "{command} {address}: {stderr}");
        }
    }

    #[test]
    fn too_many_open_files_are_reported_once_and_the_conversation_goes_on() {
        let (mut serve, port) = serve_with(threadchat_after("ulimit -n 14", &["serve", "127.0.0.1:0"]));
        let mut first = connect(port, &[]);
        serve.err.wait_for("...connected from");
        let callers: Vec<_> = (0..20).map(|_| call(port)).collect();
        serve.err.wait_for("cannot accept a call: ");
        first.types("still here\n");
        serve.out.wait_for("still here");
        // Callers who have been turned away make place for others, and then the same shortage is back.
        serve.err.wait_for_times(4, "was told that the line is busy");
        drop(callers);
        first.types("88\n");
        first.exits(0);
        assert!(serve.err.text().contains("ulimit -n"));
        // It accepts calls again afterwards.
        let mut next = connect(port, &[]);
        next.types("next\n");
        serve.out.wait_for("next");
        next.types("88\n");
        next.exits(0);
        serve.types("88\n");
        serve.exits(0);
        assert_eq!(serve.err.text().matches("cannot accept a call").count(), 1, "{}", serve.err.text());
    }

    #[cfg(signals)]
    #[test]
    fn a_signal_ends_a_serve_that_has_no_descriptor_left() {
        // The limit is the number of descriptors in use while it waits for the first call.
        let mut unlimited = Program::start(threadchat(&["serve", "0"]));
        unlimited.err.wait_for("waiting for connection...");
        let descriptors = unlimited.descriptors();
        unlimited.kill();
        let limited = threadchat_after(&format!("ulimit -n {descriptors}"), &["serve", "0"]);
        let (mut serve, _) = serve_with(limited);
        serve.signal(rustix::process::Signal::TERM);
        serve.exits(143);
    }

    #[test]
    fn a_closed_output_ends_the_program_silently_and_cleanly() {
        let (screen, to_screen) = std::io::pipe().unwrap();
        let ours = to_screen.try_clone().unwrap();
        let (mut connect, mut socket) = accept_from(|port| {
            let mut command = threadchat(&["connect", port]);
            command.stdin(Stdio::piped()).stdout(to_screen).stderr(Stdio::piped());
            Program::spawn(command)
        });
        drop(screen);
        wait_until_nobody_reads(&ours);
        socket.write_all(b"nobody reads this\n").unwrap();
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(0);
        assert_eq!(connect.err.text().lines().count(), 1, "{}", connect.err.text());
    }

    #[test]
    fn a_full_disk_under_the_output_is_an_error() {
        let (mut connect, mut socket) = accept_from(|port| {
            let mut command = threadchat(&["connect", port]);
            let full = File::options().write(true).open("/dev/full").unwrap();
            command.stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped());
            Program::spawn(command)
        });
        socket.write_all(b"there is no room for this\n").unwrap();
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(1);
        assert!(connect.err.text().contains("cannot write the messages to standard output: No space left"));
    }

    #[test]
    fn an_input_that_cannot_be_read_is_reported_and_the_conversation_goes_on() {
        let (mut connect, mut socket) = accept_from(|port| {
            let mut command = threadchat(&["connect", port]);
            command.stdin(File::open("/").unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
            Program::spawn(command)
        });
        connect.err.wait_for("cannot read standard input: Is a directory");
        socket.write_all(b"hello\n88\n").unwrap();
        connect.out.wait_for("hello");
        drop(socket);
        // Exit code 1, because not all input was sent.
        connect.exits(1);
    }
}
