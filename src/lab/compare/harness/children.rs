//! The measured processes, all in one place, so that none is left behind, whether this process ends by an error, a
//! signal or a kill.

use crate::platform::{self, Usage};
use crate::rules::failure::{Context, Failure};
use std::process::{self, Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often to check whether a child has ended. No platform can wait for one child with a limit, and a wait without a
/// limit would hold the lock that keeps its process number from being reused before a kill.
const CHECK: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(crate) struct Children(Mutex<Running>);

#[derive(Default)]
struct Running {
    children: Vec<Child>,
    /// Why they were killed: the first reason, because the later ones follow from it.
    fault: Option<Failure>,
    closed: bool,
}

/// A child, killed when dropped.
pub(crate) struct Process {
    id: u32,
    children: Arc<Children>,
}

/// A child that has just started, and the pipes to it.
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) keyboard: ChildStdin,
    pub(crate) screen: ChildStdout,
    pub(crate) notices: ChildStderr,
}

impl Children {
    /// Starts a child with pipes for its input and outputs. Call it on a thread that outlives the child: Linux kills the
    /// child when the thread that started it ends.
    pub(super) fn start(self: &Arc<Self>, mut command: Command) -> Result<Started, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        platform::set_apart(&mut command);
        platform::tie_to_parent(&mut command, process::id());
        let mut running = self.lock();
        if running.closed {
            return Err("the comparison is over".into());
        }
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().context(format_args!("cannot start {name}"))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process { id: child.id(), children: Arc::clone(self) };
        running.children.push(child);
        drop(running);
        match pipes {
            (Some(keyboard), Some(screen), Some(notices)) => {
                Ok(Started { process, keyboard, screen, notices })
            }
            _ => Err(format!("{name} has no pipes").into()),
        }
    }

    /// Kills all children because of `fault`, so that nothing waits for them.
    pub(crate) fn fail(&self, fault: &Failure) {
        let mut running = self.lock();
        running.fault.get_or_insert_with(|| fault.clone());
        running.children.iter_mut().for_each(platform::kill);
    }

    pub(crate) fn take_fault(&self) -> Option<Failure> {
        self.lock().fault.take()
    }

    /// Kills all children, waits for their end, and starts no more.
    pub(crate) fn close(&self) {
        let mut running = self.lock();
        running.closed = true;
        running.children.drain(..).for_each(kill);
    }

    /// Whether the comparison was interrupted.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn position(&self, id: u32) -> Option<usize> {
        self.children.iter().position(|child| child.id() == id)
    }
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Does what Ctrl-C would do.
    pub(crate) fn interrupt(&self) {
        let mut running = self.children.lock();
        if let Some(at) = running.position(self.id) {
            platform::interrupt(&mut running.children[at]);
        }
    }

    pub(super) fn wait(&self, limit: Duration) -> Result<(ExitStatus, Option<Usage>), Failure> {
        let began = Instant::now();
        loop {
            if let Some(ended) = self.try_wait()? {
                return Ok(ended);
            }
            if began.elapsed() > limit {
                return Err(format!("it did not end within {} s", limit.as_secs()).into());
            }
            thread::sleep(CHECK);
        }
    }

    /// How the child has ended, if it has. Removes it under the lock, so that nothing kills another process that got its
    /// number.
    #[allow(clippy::zombie_processes, reason = "the platform's try_wait has waited for it")]
    pub(super) fn try_wait(&self) -> Result<Option<(ExitStatus, Option<Usage>)>, Failure> {
        let mut running = self.children.lock();
        let at = running.position(self.id).ok_or("it was waited for already")?;
        let ended = platform::try_wait(&mut running.children[at]).context("cannot wait for its end")?;
        if ended.is_some() {
            running.children.swap_remove(at);
        }
        Ok(ended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut running = self.children.lock();
        if let Some(at) = running.position(self.id) {
            kill(running.children.swap_remove(at));
        }
    }
}

fn kill(mut child: Child) {
    platform::kill(&mut child);
    let _ = child.wait();
}
