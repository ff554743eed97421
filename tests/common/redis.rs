//! A Redis server of a test's own: on a Unix socket, in a temporary folder, and gone with the test.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long the server may take to start.
const LIMIT: Duration = Duration::from_secs(20);

/// A running server. Killed when dropped.
pub struct Redis {
    folder: TempDir,
    child: Child,
    /// Kills it if the test is killed.
    guard: Child,
    options: Vec<String>,
}

impl Redis {
    /// Starts one that keeps nothing when it ends.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more options.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let (child, guard) = launch(&folder, &options);
        let redis = Self { folder, child, guard, options };
        redis.wait();
        redis
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// The URL of a group of hubs in it.
    pub fn url(&self, name: &str) -> String {
        format!("unix:{}?name={name}", self.socket().display())
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(&mut self) {
        // First the guard, so that it kills nobody who gets the same number. Either may be dead.
        for child in [&mut self.guard, &mut self.child] {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Starts it again, with what it has saved.
    pub fn restart(&mut self) {
        (self.child, self.guard) = launch(&self.folder, &self.options);
        self.wait();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `redis-cli` prints.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments).output().expect("redis-cli comes with redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The same, without waiting for it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.cli(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.socket()).args(arguments);
        command
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < LIMIT, "redis-server does not answer");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it is ready. With a password it answers an error, which will do.
    fn answers(&self) -> bool {
        let Ok(mut socket) = UnixStream::connect(self.socket()) else { return false };
        let mut answer = [0; 5];
        let is_answered = socket.write_all(b"PING\r\n").and_then(|()| socket.read_exact(&mut answer)).is_ok();
        is_answered && &answer != b"-LOAD"
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(folder: &TempDir, options: &[String]) -> (Child, Child) {
    let socket = folder.path().join("s");
    let _ = std::fs::remove_file(&socket);
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", ""])
        .arg("--unixsocket")
        .arg(socket)
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("these tests need redis-server: apt-get install redis-server");
    // Its input ends with this process, however that ends.
    let guard = Command::new("sh")
        .args(["-c", "read _; kill -9 $0", &child.id().to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    (child, guard)
}
