//! The processes that are measured. All of them are in one place, so that whatever ends this one, an error, a
//! signal or a kill, none of them is left behind.

use crate::platform::{self, Usage};
use std::process::{self, Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// All that run.
#[derive(Default)]
pub(super) struct Children(Mutex<Running>);

#[derive(Default)]
struct Running {
    children: Vec<Child>,
    /// Why they were killed. The first reason counts: the others come of it.
    fault: Option<String>,
    closed: bool,
}

/// One of them. Killed when dropped.
pub(super) struct Process {
    id: u32,
    children: Arc<Children>,
}

/// A process that was started, and the pipes to it.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) keyboard: ChildStdin,
    pub(super) screen: ChildStdout,
    pub(super) notices: ChildStderr,
}

impl Children {
    /// Starts it with pipes for its input and outputs. To be called from the main thread, with whose end the system
    /// kills them.
    pub(super) fn start(self: &Arc<Self>, mut command: Command) -> Result<Started, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        platform::set_apart(&mut command);
        platform::tie_to_parent(&mut command, process::id());
        let mut running = self.lock();
        while running.closed {
            // This process is about to end, and what it was about to do no longer matters.
            drop(running);
            thread::park();
            running = self.lock();
        }
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process { id: child.id(), children: Arc::clone(self) };
        running.children.push(child);
        drop(running);
        match pipes {
            (Some(keyboard), Some(screen), Some(notices)) => {
                Ok(Started { process, keyboard, screen, notices })
            }
            _ => Err(format!("{name} has no pipes")),
        }
    }

    /// Gives up what runs, because of this: kills all, so that nobody waits for them.
    pub(super) fn fail(&self, fault: &str) {
        let mut running = self.lock();
        running.fault.get_or_insert_with(|| fault.to_owned());
        running.children.iter_mut().for_each(platform::kill);
    }

    /// Why what ran was given up, if it was.
    pub(super) fn take_fault(&self) -> Option<String> {
        self.lock().fault.take()
    }

    /// Kills all, waits for their end, and lets no other start.
    pub(super) fn close(&self) {
        let mut running = self.lock();
        running.closed = true;
        running.children.drain(..).for_each(|mut child| kill(&mut child));
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Does as Ctrl-C would.
    pub(super) fn interrupt(&self) {
        let mut running = self.children.lock();
        running.children.iter_mut().filter(|child| child.id() == self.id).for_each(platform::interrupt);
    }

    /// Waits for its end, for so long.
    pub(super) fn wait(&self, limit: Duration) -> Result<(ExitStatus, Option<Usage>), String> {
        let began = Instant::now();
        loop {
            if let Some(ended) = self.try_wait()? {
                return Ok(ended);
            }
            if began.elapsed() > limit {
                return Err(format!("it did not end within {} s", limit.as_secs()));
            }
            // Its output has ended, so that it ends within moments.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it has ended, and how. Under the lock, so that nobody kills another process that got its number.
    #[allow(clippy::zombie_processes, reason = "the platform's try_wait has waited for it")]
    pub(super) fn try_wait(&self) -> Result<Option<(ExitStatus, Option<Usage>)>, String> {
        let mut running = self.children.lock();
        let Some(at) = running.children.iter().position(|child| child.id() == self.id) else {
            return Err("it was waited for already".to_owned());
        };
        let ended = platform::try_wait(&mut running.children[at])
            .map_err(|error| format!("cannot wait for its end: {error}"))?;
        if ended.is_some() {
            running.children.swap_remove(at);
        }
        Ok(ended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut running = self.children.lock();
        if let Some(at) = running.children.iter().position(|child| child.id() == self.id) {
            kill(&mut running.children.swap_remove(at));
        }
    }
}

fn kill(child: &mut Child) {
    platform::kill(child);
    while matches!(platform::try_wait(child), Ok(None)) {
        thread::sleep(Duration::from_millis(1));
    }
}
