//! Members that run other programs. These tests are ignored by default, because the programs have to be installed:
//! `cargo test --tests -- --ignored foreign::`.

mod strangers;
mod terminals;

use super::*;
use std::process::Command;

/// The command line of each program.
const TOOLS: [(&str, &str); 4] = [
    ("nc", "nc.openbsd 127.0.0.1 PORT"),
    ("ncat", "ncat 127.0.0.1 PORT"),
    ("socat", "socat - TCP:127.0.0.1:PORT"),
    ("tutorial", "python3 tests/peers/tutorial_client.py PORT"),
];

/// Starts a program, and gives the member a name.
fn joins(name: &str, line: &str, port: u16) -> Program {
    let line = line.replace("PORT", &port.to_string());
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    let mut program = Program::start(command);
    program.out.wait_for("are here");
    program.types(format!("/name {name}\n"));
    program.out.wait_for(&from_hub(&format!("you are now {name}")));
    program
}

#[test]
#[ignore = "needs nc, ncat, socat and python3"]
fn all_programs_hear_each_other_and_leave_with_88() {
    let (mut hub, port) = hub(&[]);
    let mut telnet = Client::joins(port);
    telnet.sends("/name telnet\r\n");
    let mut tools = TOOLS.map(|(name, line)| joins(name, line, port));
    let ours = connect(port, &[]);
    for (tool, (name, _)) in tools.iter_mut().zip(TOOLS) {
        tool.types(format!("{name} speaks\n"));
        telnet.hears(&format!("<{name}> {name} speaks"));
    }
    telnet.sends("so does telnet\r\n");
    hub.types("and the operator\n");
    for (tool, (own, _)) in tools.iter().zip(TOOLS) {
        for (name, _) in TOOLS.into_iter().filter(|(name, _)| *name != own) {
            tool.out.wait_for(&format!("<{name}> {name} speaks\n"));
        }
        tool.out.wait_for("<telnet> so does telnet\n");
        tool.out.wait_for("<@operator> and the operator\n");
        assert!(!tool.out.text().contains(&format!("<{own}>")), "an echo: {}", tool.out.text());
    }
    for (name, _) in TOOLS {
        ours.out.wait_for(&format!("<{name}> {name} speaks\n"));
        hub.out.wait_for(&format!("<{name}> {name} speaks\n"));
    }
    for (tool, (name, _)) in tools.iter_mut().zip(TOOLS) {
        tool.types("88\n");
        // Enough have joined that a summary may announce this.
        wait_until("it has left", || {
            telnet.says("/who");
            let (_, who) = telnet.hears_until_one(|line| present(line).is_some());
            !present(&who).unwrap().names.iter().any(|present| present == name)
        });
        // Some programs stay until their own input has ended.
        tool.ends_input();
        tool.status();
    }
    telnet.sends("88\r\n");
    assert_eq!(telnet.hears_the_rest().1, "");
    hub.types("88\n");
    hub.exits(0);
}

#[test]
#[ignore = "needs nc, ncat, socat and python3"]
fn all_programs_get_the_goodbye_of_the_hub() {
    let (mut hub, port) = hub(&[]);
    let mut tools = TOOLS.map(|(name, line)| joins(name, line, port));
    hub.types("last words\n88\n");
    for tool in &mut tools {
        tool.out.wait_for("<@operator> last words\n");
        tool.out.wait_until("the goodbye", |said| said.trim_ascii_end().ends_with(b"\n88"));
    }
    // The client of the php.cn tutorial (2018) recognizes it, because it came in a read of its own.
    tools[3].exits(0);
    for tool in &mut tools[..3] {
        tool.ends_input();
        tool.status();
    }
    hub.exits(0);
}

#[test]
#[ignore = "needs nc, ncat, socat and python3"]
fn a_killed_program_is_announced() {
    for (name, line) in TOOLS {
        let (_hub, port) = hub(&[]);
        let mut bob = Client::joins_as(port, "bob");
        let mut tool = joins(name, line, port);
        tool.kill();
        let begins = format!("* {name} l");
        let (_, line) = bob.hears_until_one(|line| line.starts_with(&begins));
        let without_88 = format!("* {name} left without 88");
        assert!(line == without_88 || line.starts_with(&format!("* {name} lost the connection: ")), "{line}");
    }
}

#[test]
#[ignore = "needs nc"]
fn a_pipe_through_nc_arrives_completely_and_its_end_is_announced() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    let mut nc = joins("nc", "nc.openbsd -N 127.0.0.1 PORT", port);
    let lines: Vec<_> = (0..1000).map(|n| format!("{n} {}", filler(n % 150))).collect();
    nc.types(lines.join("\n"));
    nc.ends_input();
    let heard = bob.hears_until("* nc left without 88");
    let said: Vec<_> = heard.iter().filter_map(|line| line.strip_prefix("<nc> ")).collect();
    assert_eq!(said, lines);
    nc.status();
}
