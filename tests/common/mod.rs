//! Starts real processes and waits for their output. Nothing here depends on the speed of the machine: each wait is
//! for a condition, and after a generous limit it fails and shows all output so far. Each test binary names the design
//! under test in its `DESIGN`.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(all(unix, feature = "web"))]
pub mod chromium;
#[cfg(unix)]
pub mod emulator;
#[cfg(unix)]
pub mod foreign;
#[cfg(all(unix, line_editor))]
pub mod person;
#[cfg(all(unix, feature = "link"))]
pub mod redis;
#[cfg(unix)]
pub mod terminal;
#[cfg(feature = "secure")]
pub mod tls;
pub mod user;
#[cfg(all(unix, feature = "web"))]
pub mod web;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A running `threadchat` or a foreign peer. Killed when dropped.
pub struct Program {
    child: Child,
    pub stdin: Option<Box<dyn Write + Send>>,
    pub out: Captured,
    pub err: Captured,
}

/// Adds `--design` with the design under test, if the command has that option and `args` does not set it; and the options of
/// an encrypted conversation, if these tests are encrypted.
pub fn with_design<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let may_choose =
        matches!(args.first(), Some(&("serve" | "connect" | "hub"))) && !args.contains(&"--design");
    let design = crate::DESIGN.split(' ').next().unwrap();
    let design: &[&str] = if may_choose { &["--design", design] } else { &[] };
    #[cfg(feature = "secure")]
    if may_choose && is_encrypted() {
        return [args, design, tls::options(args[0])].concat();
    }
    [args, design].concat()
}

/// Whether all conversations of this test binary are encrypted.
pub fn is_encrypted() -> bool {
    crate::DESIGN.ends_with(" encrypted")
}

/// Whether to leave out a test, because all conversations are encrypted, and it would not make sense. The reason is for those
/// who read the test.
pub fn is_for_clear_text(_reason: &str) -> bool {
    is_encrypted()
}

/// A port on which nobody listens. The system gives none of these to a connection meanwhile, as it may those that it chooses itself;
/// and each process of tests begins at another one.
pub fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let ports = || {
        let place = std::process::id() as usize * 101 + NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(22_000 + place % 10_000).unwrap()
    };
    // On Unix, a program that starts has a copy of every socket for a moment, and would keep one that listens. On Windows, a call that
    // nobody answers takes two seconds.
    let is_free = |port: &u16| match cfg!(unix) {
        true => TcpStream::connect(("127.0.0.1", *port)).is_err(),
        false => TcpListener::bind(("127.0.0.1", *port)).is_ok(),
    };
    std::iter::repeat_with(ports).find(is_free).unwrap()
}

/// The peer at the other end of a connection that was accepted: from now on this test speaks with it as if in clear text.
pub fn accepted(socket: TcpStream) -> TcpStream {
    #[cfg(feature = "secure")]
    if is_encrypted() {
        return tls::encrypt(socket, tls::files().server(false));
    }
    socket
}

/// With this variable, programs use a code that is none of the test's.
pub const CODE_VARIABLE: &str = "THREADCHAT_CODE";

/// Where programs look for the user's key, known peers and settings, and find none: those of the person who runs the tests do not
/// matter.
pub const NO_SETTINGS: [(&str, &str); 3] = [
    ("THREADCHAT_CONFIG", ""),
    ("XDG_CONFIG_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-settings")),
    ("APPDATA", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-settings")),
];

/// The threads of `serve` in the threads design, sorted, also while it waits for a call. There is a listener for each address.
pub const THREADS_OF_SERVE: [&str; 8] = [
    "listener",
    "main",
    "notice-writer",
    "screen-writer",
    "signals",
    "socket-reader",
    "socket-writer",
    "stdin-reader",
];

/// Lines of about this many bytes in all, each of them different.
pub fn many_lines(bytes: usize) -> String {
    let mut lines = String::with_capacity(bytes + 200);
    for n in 0.. {
        if lines.len() >= bytes {
            break;
        }
        lines.push_str(&format!("{n} {}\n", "x".repeat(n % 150)));
    }
    lines
}

/// A file with this content, to be read from the beginning.
pub fn file_of(content: impl AsRef<[u8]>) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content.as_ref()).unwrap();
    file.rewind().unwrap();
    file
}

/// Roughly how many bytes of memory a Windows program takes under Wine before it does anything, beside its file, which Wine loads
/// with all debug information.
const WINE: u64 = 16 << 20;

/// The program under test. If the environment variable `THREADCHAT_WINDOWS` names a Windows program, Wine runs that one.
fn program() -> Command {
    let Some(windows) = std::env::var_os("THREADCHAT_WINDOWS") else { return native(&[]) };
    let mut command = Command::new("wine");
    command.arg(windows).env_remove(CODE_VARIABLE).envs(NO_SETTINGS);
    command
}

/// The command for `threadchat` with these arguments, not started yet.
pub fn threadchat(args: &[&str]) -> Command {
    let mut command = program();
    command.args(with_design(args));
    command
}

/// `threadchat` as built for this machine, even while the Windows program is tested.
pub fn native(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadchat"));
    command.args(args).env_remove(CODE_VARIABLE).envs(NO_SETTINGS);
    command
}

/// `threadchat`, started by a shell that runs the command `first` before it.
#[cfg(unix)]
pub fn threadchat_after(first: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{first}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_threadchat")]).args(with_design(args));
    command.env_remove(CODE_VARIABLE).envs(NO_SETTINGS);
    command
}

/// `threadchat serve` on a free port, and that port.
pub fn serve(args: &[&str]) -> (Program, u16) {
    serve_with(threadchat(&[&["serve", "0"], args].concat()))
}

/// Starts a prepared `serve` command, and returns its port too.
pub fn serve_with(command: Command) -> (Program, u16) {
    Program::start(command).with_port()
}

/// `threadchat connect` to that port. Waits until it is connected, unless it is quiet.
pub fn connect(port: u16, args: &[&str]) -> Program {
    let port = port.to_string();
    let program = Program::start(threadchat(&[&["connect", &port], args].concat()));
    if !args.contains(&"-q") {
        program.err.wait_for("...connected to");
    }
    program
}

/// Runs a conversation of three lines from each side, and returns the paths of both traces.
pub fn record_traces(design: &str, files: &tempfile::TempDir) -> [std::path::PathBuf; 2] {
    let [a, b] = ["a.json", "b.json"].map(|name| files.path().join(name));
    let options = |path| ["--design", design, "--trace", path];
    let listening = options(a.to_str().unwrap());
    let (mut serve, port) = serve_with(threadchat(&[&["serve", "0", "--once"], &listening[..]].concat()));
    let mut connect = connect(port, &options(b.to_str().unwrap()));
    for line in ["one", "two", "three"] {
        connect.types(format!("{line} from B\n"));
        serve.out.wait_for(&format!("{line} from B\n"));
        serve.types(format!("{line} from A\n"));
        connect.out.wait_for(&format!("{line} from A\n"));
    }
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    [a, b]
}

/// Connects this test to that port as a peer.
pub fn call(port: u16) -> TcpStream {
    let socket = call_in_clear_text(port);
    #[cfg(feature = "secure")]
    if is_encrypted() {
        return tls::encrypt(socket, tls::files().client(false));
    }
    socket
}

/// The same, to see the bytes themselves also where conversations are encrypted.
pub fn call_in_clear_text(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// The TLS alert `access_denied`, which a caller gets who finds the line of an encrypted `serve` busy.
pub const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// This caller hears that the line is busy: a line and a goodbye, or the alert, in front of which there can be no line.
#[track_caller]
pub fn hears_that_the_line_is_busy(caller: &TcpStream) {
    if is_encrypted() {
        return expect_bytes(caller, &ACCESS_DENIED);
    }
    assert!(read_line(caller).contains("the line is busy"));
    expect_bytes(caller, b"88");
}

/// A message each way and a goodbye of the caller, which has ended then.
#[track_caller]
pub fn talk_and_leave(called: &mut Program, caller: &mut Program) {
    caller.types("from the caller\n");
    called.out.wait_for("from the caller");
    called.types("from the called\n");
    caller.out.wait_for("from the called");
    caller.types("88\n");
    caller.exits(0);
}

/// Starts `threadchat connect` to a port of this test, and accepts its connection.
pub fn accept_connect(args: &[&str]) -> (Program, TcpStream) {
    accept_from(|port| Program::start(threadchat(&[&["connect", port], args].concat())))
}

/// Like `accept_connect`, with a file as its input. The program reads much of a file at once, so if it cannot pass it
/// on, it always holds more than the system's buffers may accept later.
pub fn accept_connect_with_file(contents: &[u8], args: &[&str]) -> (Program, TcpStream) {
    accept_from(|port| {
        let mut command = threadchat(&[&["connect", port], args].concat());
        command.stdin(file_of(contents)).stdout(Stdio::piped()).stderr(Stdio::piped());
        Program::spawn(command)
    })
}

/// Accepts a connection. On Windows, programs that are started later would inherit one that the standard library accepts, and
/// keep it open.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = socket2::SockRef::from(listener).accept().unwrap();
    socket.into()
}

/// Like `accept_connect`, for a program that `start` starts with the port to connect to.
pub fn accept_from(start: impl FnOnce(&str) -> Program) -> (Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let program = start(&port);
    let socket = accept(&listener);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_nodelay(true).unwrap();
    (program, accepted(socket))
}

/// A port on this machine that answers no calls: its listener accepts none, and its backlog is full.
#[cfg(target_os = "linux")]
pub struct SilentListener {
    pub port: String,
    _listener: rustix::fd::OwnedFd,
    _waiting: TcpStream,
}

#[cfg(target_os = "linux")]
impl SilentListener {
    pub fn new() -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let waiting = TcpStream::connect(address).unwrap();
        Self { port: address.port().to_string(), _listener: listener, _waiting: waiting }
    }

    /// Waits until somebody calls: the system then lists a connection to the port in the state SYN_SENT.
    pub fn wait_until_called(&self) {
        wait_until("somebody calls", || self.is_called());
    }

    /// Waits until nobody calls any longer.
    pub fn wait_until_not_called(&self) {
        wait_until("nobody calls", || !self.is_called());
    }

    fn is_called(&self) -> bool {
        let port = format!(":{:04X} 02 ", self.port.parse::<u16>().unwrap());
        std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&port)
    }
}

/// Reads as many bytes as `expected` has, and compares.
#[track_caller]
pub fn expect_bytes(mut socket: &TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    socket.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
}

#[track_caller]
pub fn read_line(mut socket: &TcpStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        assert_eq!(socket.read(&mut byte).unwrap(), 1, "the stream ended after {line:?}");
        if byte[0] == b'\n' {
            return String::from_utf8(line).unwrap();
        }
        line.push(byte[0]);
    }
}

/// Reads to the end, and closes the sending half after a goodbye, as a chat program does.
pub fn read_rest(mut socket: &TcpStream) -> Vec<u8> {
    let (mut rest, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match socket.read(&mut part).unwrap() {
            0 => return rest,
            read => rest.extend_from_slice(&part[..read]),
        }
        if rest == b"88" || rest.ends_with(b"\n88") {
            // Fails if it is closed already.
            let _ = socket.shutdown(Shutdown::Write);
        }
    }
}

/// The text of a message without its stamp. Fails if it has no stamp.
#[track_caller]
pub fn text(message: &str) -> &str {
    let (stamp, text) = message.split_at_checked(27).unwrap_or_else(|| panic!("no stamp: {message:?}"));
    assert!(stamp.starts_with('[') && stamp.ends_with("] "), "no stamp: {message:?}");
    text
}

impl Program {
    /// Starts the command with pipes for its input and outputs.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts the command with the input and outputs that it already has.
    pub fn spawn(mut command: Command) -> Self {
        #[cfg(unix)]
        reset_ignored_signals();
        // Wine now and then says "internal error" (1359) when it is to start a program on a busy machine.
        let is_wine = |error: &std::io::Error| cfg!(windows) && error.raw_os_error() == Some(1359);
        let child = (0..5).map(|_| command.spawn()).find(|child| !child.as_ref().is_err_and(is_wine));
        let mut child =
            child.unwrap_or_else(|| command.spawn()).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            stdin: child.stdin.take().map(|stdin| Box::new(stdin) as _),
            out: child.stdout.take().map(Captured::start).unwrap_or_default(),
            err: child.stderr.take().map(Captured::start).unwrap_or_default(),
            child,
        }
    }

    /// Starts `threadchat` at a terminal of its own: `types` types there, and `out` captures what it shows.
    #[cfg(unix)]
    pub fn start_at_terminal(args: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 200)).unwrap();
        let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_threadchat"));
        // The tests must not depend on the terminal from which they are run.
        let command = command.args(with_design(args)).env("TERM", "xterm").env("NO_COLOR", "1");
        let command = command.env_remove(CODE_VARIABLE).envs(NO_SETTINGS);
        reset_ignored_signals();
        let child = command.spawn(pts).unwrap();
        let keyboard = std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned().unwrap();
        let out = Captured::start(File::from(keyboard.try_clone().unwrap()));
        Self { stdin: Some(Box::new(File::from(keyboard))), out, err: Captured::default(), child }
    }

    /// The program and the port on which it reports that it listens.
    pub fn with_port(self) -> (Self, u16) {
        let stderr = self.err.wait_for("listening on ");
        let address = stderr.split("listening on ").nth(1).unwrap().split([' ', ',', '\n']).next().unwrap();
        let port = address.parse::<SocketAddr>().unwrap().port();
        (self, port)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub fn types(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.as_mut().expect("its input has ended").write_all(bytes.as_ref()).unwrap();
    }

    pub fn ends_input(&mut self) {
        self.stdin = None;
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it exits and all its output is captured.
    #[track_caller]
    pub fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.out.join();
                self.err.join();
                return status;
            }
            let said = (self.out.text(), self.err.text());
            assert!(began.elapsed() < LIMIT, "it does not exit; it said {said:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it exits, and checks the exit code.
    #[track_caller]
    pub fn exits(&mut self, code: i32) {
        let status = self.status();
        assert_eq!(status.code(), Some(code), "it said {:?}", self.err.text());
    }

    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_raw(self.id().cast_signed()).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Its maximum resident memory so far, in bytes.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> usize {
        self.memory("VmHWM:")
    }

    /// From now on, its maximum resident memory counts anew.
    #[cfg(target_os = "linux")]
    pub fn forget_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    /// Its resident memory now, in bytes.
    #[cfg(target_os = "linux")]
    pub fn resident_memory(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// Nothing where qemu runs it, whose own memory, and what it needs for each thread and for translated code, nobody knows.
    #[cfg(target_os = "linux")]
    fn memory(&self, which: &str) -> usize {
        let runs = std::fs::read_link(format!("/proc/{}/exe", self.id())).unwrap_or_default();
        if runs.to_string_lossy().contains("/qemu-") {
            return 0;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(which)).unwrap();
        let program = std::env::var_os("THREADCHAT_WINDOWS");
        let wine = program.map_or(0, |program| WINE + std::fs::metadata(program).unwrap().len());
        (line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024).saturating_sub(wine) as usize
    }

    /// The number of its open descriptors.
    #[cfg(target_os = "linux")]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// The numbers of bytes it has read and written so far. Sockets do not count.
    #[cfg(target_os = "linux")]
    fn bytes_moved(&self) -> [u64; 2] {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.id())).unwrap();
        let number = |name| io.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap();
        ["rchar: ", "wchar: "].map(number)
    }

    /// Waits until it has read something, and then nothing for a while although all its threads slept. Nothing outside shows that
    /// it will never read again, so this is the best sign there is. By then, the thread of the test that writes to it is stuck.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn wait_until_it_stops_reading(&self) {
        let mut last = (self.bytes_moved(), Instant::now());
        wait_until("it reads no more", || {
            let now = self.bytes_moved();
            // Some 10 kB are itself, its libraries and certificates. Before it reads more, or shows what it has received, it
            // may be that it waits for the handshake of an encrypted connection.
            if now.iter().all(|bytes| *bytes < 12_288) || now != last.0 || !self.sleeps() {
                last = (now, Instant::now());
            }
            last.1.elapsed() > Duration::from_millis(500)
        });
    }

    /// Whether all its threads sleep.
    #[cfg(target_os = "linux")]
    fn sleeps(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let stat = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat")).ok();
        // The state follows the name, which is in parentheses.
        let sleeps = |stat: String| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'));
        tasks.filter_map(Result::ok).filter_map(stat).all(sleeps)
    }

    /// The names of its threads, sorted. The main thread has that of the program; here it is `main`, as in a trace.
    #[cfg(target_os = "linux")]
    pub fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        // A thread may end while we look.
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
        let mut names: Vec<String> = tasks
            .filter_map(Result::ok)
            .filter_map(name)
            .map(|name| name.trim().replace("threadchat", "main"))
            .collect();
        names.sort();
        names
    }
}

/// Signals may be ignored where tests run in the background or under `nohup`, and a child would inherit that. A signal
/// that has a handler here gets its default action in the child.
#[cfg(unix)]
pub fn reset_ignored_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let end = Arc::new(std::sync::atomic::AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, end).unwrap();
        }
    });
}

impl Drop for Program {
    #[expect(clippy::print_stdout, reason = "the output of a test, which shows it if the test fails")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let errors = self.err.text();
        if thread::panicking() && !errors.is_empty() {
            println!("a program of the failed test had said on standard error:\n{errors}");
        }
    }
}

/// What a program has written so far to one of its outputs.
#[derive(Default)]
pub struct Captured {
    said: Arc<(Mutex<Said>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    fn start(mut from: impl Read + Send + 'static) -> Self {
        let said = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let shared = Arc::clone(&said);
        let thread = thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            loop {
                let read = from.read(&mut bytes).unwrap_or(0);
                let mut said = shared.0.lock().unwrap();
                said.bytes.extend_from_slice(&bytes[..read]);
                said.ended = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { said, thread: Some(thread) }
    }

    /// Waits until the output satisfies a condition, and returns the output.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let (mut said, began) = (self.said.0.lock().unwrap(), Instant::now());
        while !condition(&said.bytes) {
            let tail = String::from_utf8_lossy(&said.bytes[said.bytes.len().saturating_sub(2000)..]);
            assert!(!said.ended, "the output ended without {what}; it said {tail:?}");
            assert!(began.elapsed() < LIMIT, "timed out waiting for {what}; it said {tail:?}");
            said = self.said.1.wait_timeout(said, Duration::from_secs(1)).unwrap().0;
        }
        said.bytes.clone()
    }

    /// Waits until the output contains a line with `what`, and returns the output.
    #[track_caller]
    pub fn wait_for(&self, what: &str) -> String {
        let complete = |bytes: &[u8]| {
            let said = String::from_utf8_lossy(bytes);
            said.find(what).is_some_and(|at| said[at..].contains('\n'))
        };
        String::from_utf8_lossy(&self.wait_until(&format!("{what:?}"), complete)).into_owned()
    }

    /// Waits until the output contains `what` at least `count` times, and returns the output.
    #[track_caller]
    pub fn wait_for_times(&self, count: usize, what: &str) -> String {
        let complete = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches(what).count() >= count;
        String::from_utf8_lossy(&self.wait_until(&format!("{count} times {what:?}"), complete)).into_owned()
    }

    /// Waits until the output has at least `count` lines, and returns the lines without their stamps.
    #[track_caller]
    pub fn wait_for_texts(&self, count: usize) -> Vec<String> {
        let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
        let said = self.wait_until(&format!("{count} lines"), |bytes| lines(bytes) >= count);
        String::from_utf8(said).unwrap().lines().map(|line| text(line).to_owned()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.said.0.lock().unwrap().bytes.clone()
    }

    /// Waits until the output ends.
    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Waits until a count is above zero and has not changed for a while, and returns it.
#[track_caller]
pub fn wait_until_stable(what: &str, count: impl Fn() -> usize) -> usize {
    let mut last = (0, Instant::now());
    wait_until(what, || {
        let now = count();
        if now != last.0 || now == 0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(500)
    });
    last.0
}

#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "timed out waiting until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the other end of a pipe is closed everywhere. A process that another test is starting holds it, too, for
/// a moment.
#[cfg(unix)]
#[track_caller]
pub fn wait_until_nobody_reads(pipe: &std::io::PipeWriter) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    wait_until("nobody reads", || {
        let mut ends = [PollFd::new(pipe, PollFlags::OUT)];
        poll(&mut ends, Some(&Timespec::default())).unwrap();
        ends[0].revents().contains(PollFlags::ERR)
    });
}
