//! Programs of others that call, and how a person uses them at a terminal.

use super::emulator::Emulator;
use super::terminal::{self, Terminal};
use super::{Program, wait_until};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

/// Programs with which a person at a terminal calls. `PORT` stands for the port.
pub const TELNETS: [&str; 2] = ["inetutils-telnet 127.0.0.1 PORT", "telnet-ssl 127.0.0.1 PORT"];
pub const PLINK: &str = "plink -telnet -P PORT 127.0.0.1";
pub const TINY_FUGUE: &str = "tf5 -f -v -q -l 127.0.0.1 PORT";

/// A connection that sends each key, and shows what arrives as it comes.
pub const RAW_NC: &str = "stty raw -echo; exec nc.openbsd 127.0.0.1 PORT";

/// What somebody sends who lets a browser speak.
pub const SPEECH: &str = "/name mallory\nhello\n88\n";

/// A command line, in which `PORT` stands for the port.
pub fn command(line: &str, port: u16) -> Command {
    let line = line.replace("PORT", &port.to_string());
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Runs a command line of a shell at a terminal.
pub fn at_terminal(line: &str, port: u16) -> Terminal {
    let line = line.replace("PORT", &port.to_string());
    // The programs of others may ask the terminal, and one of them wants to know where letters are kept.
    let terminal =
        terminal::at(50, 130).that_may_be_asked().env(&[("MAIL", "/nowhere"), ("LC_ALL", "C.UTF-8")]);
    terminal.start_program("sh", &["-c", &line])
}

/// The text of each row that begins with a stamp, without the stamp. A line that does not begin in the first column has none.
pub fn messages(terminal: &Terminal) -> Vec<String> {
    let rows = terminal.look(Emulator::text);
    rows.iter().filter_map(|row| Some(row.strip_prefix('[')?.split_once("] ")?.1.to_owned())).collect()
}

/// Waits until this is the text of a message on the screen.
#[track_caller]
pub fn shows(terminal: &Terminal, text: &str) {
    let row_ends = |row: &String| row.starts_with('[') && row.ends_with(&format!("] {text}"));
    terminal.wait_for(text, |screen| screen.text().iter().any(row_ends).then_some(()));
}

/// Interrupts telnet, for the first, second or further time, and waits until our program, which reports each step, has heard
/// of it: what is typed before may be lost with the interrupt, and netkit's telnet may end.
#[track_caller]
pub fn interrupts(telnet: &Terminal, ours: &Program, times: usize) {
    telnet.types("\x03");
    // IAC IP IAC DO TIMING-MARK.
    ours.err.wait_for_times(times, " read 5 bytes");
}

/// Asks telnet to ask whether somebody is there, and waits for the answer.
#[track_caller]
pub fn is_there(telnet: &Terminal) {
    telnet.types("\x1d");
    telnet.wait_until("the prompt of telnet", |seen| {
        seen.ends_with("telnet>") || seen.ends_with("telnet-ssl>")
    });
    telnet.types("send ayt\r");
    telnet.wait_until("the answer", |seen| seen.contains("[yes]"));
}

/// Types so slowly that each key arrives alone, and later than a pause between two messages.
pub fn types_slowly(terminal: &Terminal, keys: &str) {
    for key in keys.chars() {
        terminal.types(key.to_string());
        // The pace is what this is about.
        thread::sleep(Duration::from_millis(70));
    }
}

/// How many times a test starts a stranger whom the hub has greeted instead of refused. A hub greets a client that has sent nothing for
/// 20 ms, and on a busy machine a stranger may take longer to send its first bytes.
const TRIES: usize = 10;

/// What curl gets for a request with this body.
#[track_caller]
pub fn posts(body: &str, port: u16) -> String {
    /// How curl exits when what it gets is no HTTP, but the greeting.
    const GREETED: Option<i32> = Some(1);
    let url = format!("http://127.0.0.1:{port}/");
    let args = ["--silent", "--include", "--max-time", "20", "--data-binary", body, &url];
    let mut answers = (0..TRIES).map(|_| run(Command::new("curl").args(args)));
    let answer = answers.find(|answer| answer.status.code() != GREETED).unwrap();
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8(answer.stdout).unwrap()
}

/// A request is refused with a sentence.
#[track_caller]
pub fn is_refused(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("This is threadchat, a chat, and no web server."), "{answer}");
}

/// What somebody gets who tries to speak TLS.
#[track_caller]
pub fn speaks_tls(port: u16) -> String {
    /// In a dump, the bytes of a line are repeated as text behind this column.
    const TEXT: usize = 57;
    let address = format!("127.0.0.1:{port}");
    let mut attempts = (0..TRIES).map(|_| {
        let mut openssl = Command::new("openssl");
        let attempt = run(openssl.args(["s_client", "-debug", "-connect", &address]).stdin(Stdio::null()));
        assert!(!attempt.status.success(), "{attempt:?}");
        let said = String::from_utf8_lossy(&attempt.stdout).into_owned();
        let dumps = said.split("read from ").skip(1).flat_map(|dump| dump.lines().skip(1));
        dumps.filter_map(|line| line.get(TEXT..)).collect::<String>()
    });
    attempts.find(|heard| !heard.contains("* hub: ")).unwrap()
}

/// Looks whether the port is open.
#[track_caller]
pub fn probes(port: u16) {
    let probe = run(&mut command("nc.openbsd -z 127.0.0.1 PORT", port));
    assert!(probe.status.success(), "{probe:?}");
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A browser that shows a page of somebody who wants to speak: it opens a WebSocket, and when that fails it sends a form.
pub struct Browser {
    program: Program,
    _files: tempfile::TempDir,
}

impl Browser {
    pub fn shows_a_page_that_speaks(port: u16) -> Self {
        let files = tempfile::tempdir().unwrap();
        let page = files.path().join("page.html");
        let text = format!(
            "<form method=post enctype=text/plain action=http://127.0.0.1:{port}/><textarea name=a>{SPEECH}</textarea></form>\n\
            <script>\n\
            const socket = new WebSocket('ws://127.0.0.1:{port}/');\n\
            socket.onopen = () => socket.send(document.forms[0].a.value);\n\
            socket.onclose = () => document.forms[0].submit();\n\
            </script>\n"
        );
        std::fs::write(&page, text).unwrap();
        let mut chromium = Command::new("chromium");
        chromium
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", files.path().join("profile").display()))
            .arg(format!("file://{}", page.display()));
        Self { program: Program::start(chromium), _files: files }
    }

    /// Ends it, and waits until all of its processes have gone.
    pub fn closes(mut self) {
        self.program.signal(rustix::process::Signal::TERM);
        wait_until("the browser ends", || !self.program.is_running());
    }
}
