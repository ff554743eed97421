//! A hub that browsers can join.

use super::*;
use tempfile::TempDir;

pub struct Hub {
    pub program: Program,
    /// The port of netcat and `threadchat connect`.
    pub port: u16,
    /// The port of the pages.
    pub web: u16,
    pub ticket: String,
    /// The ticket of the projector page.
    pub live: String,
    files: TempDir,
}

impl Hub {
    pub fn start(args: &[&str]) -> Self {
        let files = TempDir::new().unwrap();
        let (program, port, web, ticket) = start(["0", "0"], &files, args);
        let said = program.err.wait_for("/live#");
        let live = said.split("/live#").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        Self { program, port, web, ticket, live, files }
    }

    /// It crashes, and is started again.
    pub fn restarts(&mut self) {
        self.program.kill();
        let ports = [self.port, self.web].map(|port| port.to_string());
        let (program, port, web, ticket) = start([&ports[0], &ports[1]], &self.files, &[]);
        assert_eq!((port, web, &ticket), (self.port, self.web, &self.ticket));
        self.program = program;
    }

    pub fn link(&self) -> String {
        self.link_through(self.web)
    }

    /// Through something that listens on another port.
    pub fn link_through(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}/#{}", self.ticket)
    }
}

fn start(ports: [&str; 2], files: &TempDir, args: &[&str]) -> (Program, u16, u16, String) {
    let tickets = files.path().join("tickets");
    let tickets = ["hub", ports[0], "--web", ports[1], "--web-tickets", tickets.to_str().unwrap()];
    let (program, port) = serve_with(threadchat(&[&tickets, args].concat()));
    let said = program.err.wait_for("browsers join at ");
    let link = said.split("browsers join at ").nth(1).unwrap().split_whitespace().next().unwrap();
    let (address, ticket) = link.split_once("/#").unwrap();
    let web = address.rsplit(':').next().unwrap().parse().unwrap();
    (program, port, web, ticket.to_owned())
}
