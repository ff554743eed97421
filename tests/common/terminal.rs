//! A program at a terminal, on a line that delays what is typed and what is shown, and the terminal's screen.

use super::emulator::Emulator;
use super::{LIMIT, reset_ignored_signals, with_design};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A program at a terminal, with its screen. Killed when dropped. Nobody answers what it asks the terminal, and the test
/// fails if it asks something.
pub struct Terminal {
    pub child: Child,
    pub pty: OwnedFd,
    line: Sender<(Instant, Sent)>,
    delay: Duration,
    may_ask: bool,
    screen: Arc<Screen>,
}

/// A terminal that no program runs at yet.
pub struct Setup<'a> {
    rows: u16,
    columns: u16,
    told: Winsize,
    delay: Duration,
    may_ask: bool,
    is_stuck: bool,
    env: Vec<(&'a str, &'a str)>,
}

struct Screen {
    emulator: Mutex<Emulator>,
    drawn: Condvar,
}

/// What goes from the terminal to the program.
enum Sent {
    Keys(Vec<u8>),
    Size(Winsize),
}

/// A terminal of this size.
pub fn at<'a>(rows: u16, columns: u16) -> Setup<'a> {
    let told = size(rows, columns);
    Setup {
        rows,
        columns,
        told,
        delay: Duration::ZERO,
        may_ask: false,
        is_stuck: false,
        env: vec![("TERM", "xterm"), ("NO_COLOR", "1")],
    }
}

impl<'a> Setup<'a> {
    /// Delays everything by this in each direction. The order is kept, and the bandwidth is unlimited.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The program is told another size than the screen has.
    pub fn told(mut self, rows: u16, columns: u16) -> Self {
        self.told = size(rows, columns);
        self
    }

    /// Takes nothing that the program shows, as after Ctrl-S.
    pub fn stuck(mut self) -> Self {
        self.is_stuck = true;
        self
    }

    /// The test does not fail if the program asks the terminal something.
    pub fn that_may_be_asked(mut self) -> Self {
        self.may_ask = true;
        self
    }

    pub fn env(mut self, env: &[(&'a str, &'a str)]) -> Self {
        self.env.extend_from_slice(env);
        self
    }

    /// Starts `threadchat`, in the design under test.
    pub fn start(self, args: &[&str]) -> Terminal {
        self.start_program(env!("CARGO_BIN_EXE_threadchat"), &with_design(args))
    }

    pub fn start_program(self, program: &str, args: &[&str]) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        tcsetwinsize(&pty, self.told).unwrap();
        let command = pty_process::blocking::Command::new(program).args(args);
        let command = command.env_remove(super::CODE_VARIABLE).envs(super::NO_SETTINGS).envs(self.env);
        reset_ignored_signals();
        let child = command.spawn(pts).unwrap();
        let pty = pty.as_fd().try_clone_to_owned().unwrap();
        let emulator = Mutex::new(Emulator::new(self.rows, self.columns));
        let screen = Arc::new(Screen { emulator, drawn: Condvar::new() });
        let [typing, showing] = [(); 2].map(|()| File::from(pty.try_clone().unwrap()));
        let (line, sent) = channel();
        thread::spawn(move || deliver(&sent, typing));
        let (shown, drawing, delay) = (channel(), Arc::clone(&screen), self.delay);
        if !self.is_stuck {
            thread::spawn(move || receive(showing, &shown.0, delay));
        }
        thread::spawn(move || draw(&shown.1, &drawing));
        Terminal { child, pty, line, delay, may_ask: self.may_ask, screen }
    }
}

impl Terminal {
    /// Starts `threadchat` at a terminal of this size.
    pub fn start(rows: u16, columns: u16, args: &[&str]) -> Self {
        at(rows, columns).start(args)
    }

    pub fn types(&self, keys: impl AsRef<[u8]>) {
        self.send(Sent::Keys(keys.as_ref().to_vec()));
    }

    fn send(&self, sent: Sent) {
        self.line.send((Instant::now() + self.delay, sent)).unwrap();
    }

    /// Waits until there is no complaint about the screen, and returns what was found then.
    #[track_caller]
    pub fn wait_without_complaint<T>(
        &self,
        what: &str,
        mut check: impl FnMut(&Emulator) -> Result<T, String>,
    ) -> T {
        let (mut screen, began) = (self.screen.emulator.lock().unwrap(), Instant::now());
        loop {
            match check(&screen) {
                Ok(found) => return found,
                Err(complaint) if began.elapsed() > LIMIT => {
                    let seen = seen(&screen);
                    drop(screen);
                    panic!("timed out waiting for {what}: {complaint}; seen:\n{seen}");
                }
                Err(_) => {
                    screen = self.screen.drawn.wait_timeout(screen, Duration::from_millis(200)).unwrap().0;
                }
            }
        }
    }

    /// Waits until something is found on the screen.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&Emulator) -> Option<T>) -> T {
        self.wait_without_complaint(what, |screen| find(screen).ok_or_else(|| "it is not there".to_owned()))
    }

    /// Waits until the lines on the screen satisfy a condition, and returns them.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        self.wait_for(what, |emulator| Some(seen(emulator)).filter(|seen| condition(seen)))
    }

    /// Waits until the screen ends with `text`.
    #[track_caller]
    pub fn wait_for_end(&self, text: &str) {
        self.wait_until(&format!("{text:?} at the end"), |seen| seen.ends_with(text));
    }

    /// The lines on the screen, without the time of day in front of each, the spaces at their ends and the empty lines at
    /// the bottom.
    pub fn seen(&self) -> String {
        self.look(seen)
    }

    pub fn look<T>(&self, look: impl FnOnce(&Emulator) -> T) -> T {
        look(&self.screen.emulator.lock().unwrap())
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.screen.emulator.lock().unwrap().resize(rows, columns);
        self.tell_size(rows, columns);
    }

    /// Tells the program a size. The screen stays as it is.
    pub fn tell_size(&self, rows: u16, columns: u16) {
        self.send(Sent::Size(size(rows, columns)));
    }

    /// Waits until the program exits.
    #[track_caller]
    pub fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < LIMIT, "it does not exit; seen:\n{}", self.seen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    pub fn exits(&mut self, code: i32) {
        assert_eq!(self.status().code(), Some(code), "seen:\n{}", self.seen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.may_ask && !thread::panicking() {
            self.look(|emulator| assert_eq!(emulator.questions(), [""; 0], "seen:\n{}", seen(emulator)));
        }
    }
}

pub fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn seen(emulator: &Emulator) -> String {
    let rows = emulator.screen();
    rows.iter().map(|row| without_time(row)).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// A line without the time of day in front of it, as in `19:23:02 < hi`.
pub fn without_time(line: &str) -> &str {
    let is_time = |time: &[u8]| {
        time.iter()
            .zip(b"00:00:00 ")
            .all(|(is, like)| if *like == b'0' { is.is_ascii_digit() } else { is == like })
    };
    line.split_at_checked(9).filter(|(time, _)| is_time(time.as_bytes())).map_or(line, |(_, rest)| rest)
}

fn wait_till(due: Instant) {
    // A line with a delay is a clock: there is nothing else to wait for.
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// Gives the program what was sent to it, when it is due.
fn deliver(sent: &Receiver<(Instant, Sent)>, mut pty: File) {
    for (due, sent) in sent {
        wait_till(due);
        // The program may have ended.
        let _ = match sent {
            Sent::Keys(keys) => pty.write_all(&keys),
            Sent::Size(size) => tcsetwinsize(&pty, size).map_err(Into::into),
        };
    }
}

/// Takes what the program shows as soon as it does.
fn receive(mut pty: File, shown: &Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = pty.read(&mut bytes) {
        let _ = shown.send((Instant::now() + delay, bytes[..read].to_vec()));
    }
}

/// Draws what the program shows, when it is due.
fn draw(shown: &Receiver<(Instant, Vec<u8>)>, screen: &Screen) {
    for (due, bytes) in shown {
        wait_till(due);
        screen.emulator.lock().unwrap().draw(&bytes);
        screen.drawn.notify_all();
    }
}
