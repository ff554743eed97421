//! One run: hubs and clients, faults for a while, and then, without faults, everything must arrive.

use super::clients::{self, Client, Talk, signal};
use super::hubs::{Life, Place, Redis};
use super::limits::SmallDisk;
use super::plan::Fault;
use super::proxy::{Command, Manner, Proxy, Record};
use super::subject::Subject;
use super::verdict;
use fastrand::Rng;
use memchr::memmem;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long everything may take to arrive when the faults have ended. A program that calls again may pause for 30 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// What callers hear for whom the hub has no thread or descriptor.
const REFUSED: &[u8] = b"the hub is out of threads or file descriptors";

/// How many faults there are at a time.
const AT_A_TIME: usize = 3;

/// What a run has shown.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    pub runs: usize,
    pub time: Duration,
    pub said: usize,
    pub received: usize,
    /// Lines that a program which calls again said twice.
    pub repeated: usize,
    /// Lines of such a program that a hub or a network took along that broke: nothing can know of these.
    pub taken_along: usize,
    /// Lines of which `connect` has reported that they may not have arrived.
    pub reported: usize,
    pub faults: [usize; Fault::KINDS.len()],
    /// How many callers heard that the hub is out of threads or file descriptors.
    pub refused: usize,
    /// A hub has told its operator that it cannot write the transcript.
    pub told_that_it_cannot_record: bool,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.time += other.time;
        self.said += other.said;
        self.received += other.received;
        self.repeated += other.repeated;
        self.taken_along += other.taken_along;
        self.reported += other.reported;
        self.refused += other.refused;
        self.told_that_it_cannot_record |= other.told_that_it_cannot_record;
        self.faults.iter_mut().zip(other.faults).for_each(|(sum, more)| *sum += more);
    }
}

/// # Errors
/// A promise was broken: which one, what happened before, and where the files are.
pub fn run(subject: Subject, seed: u64, time: Duration, also: Option<Fault>) -> Result<Figures, String> {
    let folder = tempfile::tempdir().unwrap();
    let run = || World::new(subject, seed, time, folder.path()).run(time, also);
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or_else(|| panic.downcast_ref().copied()).unwrap_or("a panic").to_owned())
    });
    result.map_err(|error| {
        let faults = std::fs::read_to_string(folder.path().join("faults")).unwrap_or_default();
        format!("{subject}, seed {seed:x}: {error}\n{faults}The files are in {}", folder.keep().display())
    })
}

struct World<'a> {
    subject: Subject,
    folder: &'a Path,
    stall: &'static str,
    rng: Rng,
    clients: Vec<Client>,
    /// What those said and heard who do not come back.
    gone: Vec<Talk>,
    places: Vec<Place>,
    redis: Option<Redis>,
    _disk: Option<SmallDisk>,
    proxy: Proxy,
    active: Vec<Active>,
    faults: [usize; Fault::KINDS.len()],
    log: File,
    began: Instant,
}

/// A fault that has not ended.
struct Active {
    fault: Fault,
    until: Instant,
    /// Who was stopped.
    pid: Option<u32>,
}

impl<'a> World<'a> {
    fn new(subject: Subject, seed: u64, time: Duration, folder: &'a Path) -> Self {
        let mut rng = Rng::with_seed(seed);
        // In a short time, patience is short.
        let stall = if time < Duration::from_secs(10) { "1" } else { "5" };
        #[cfg(feature = "link")]
        let redis = subject.is_linked().then(super::hubs::redis);
        #[cfg(not(feature = "link"))]
        let redis = None;
        let disk = subject.has_full_disk.then(|| {
            let at = folder.join("disk");
            std::fs::create_dir(&at).unwrap();
            SmallDisk::mounts(&at).expect("the test has tried that it may mount")
        });
        // The hub may be another user's.
        std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        let mut places: Vec<_> = (0..subject.hubs).map(Place::new).collect();
        for place in &mut places {
            place.starts(subject, stall, redis.as_ref(), folder, &mut rng);
        }
        let proxy = Proxy::start(subject.clients, rng.u64(..));
        let client = |slot| Client::new(slot, slot % subject.hubs, rng.fork());
        let clients = (0..subject.clients).map(client).collect();
        let (faults, log) = (Default::default(), File::create(folder.join("faults")).unwrap());
        let (gone, active, began) = (Vec::new(), Vec::new(), Instant::now());
        Self {
            subject,
            folder,
            stall,
            rng,
            clients,
            gone,
            places,
            redis,
            _disk: disk,
            proxy,
            active,
            faults,
            log,
            began,
        }
    }

    fn run(mut self, time: Duration, also: Option<Fault>) -> Result<Figures, String> {
        let mut next = self.began;
        if let Some(fault) = also {
            self.does(fault, Duration::ZERO);
        }
        while self.began.elapsed() < time {
            let now = Instant::now();
            if now >= next {
                self.begins(time);
                next = now + Duration::from_millis(self.rng.u64(0..800));
            }
            self.end_faults(now);
            self.steps()?;
            for client in &mut self.clients {
                client.speaks(self.subject);
            }
        }
        self.tell("the faults end");
        self.end_faults(Instant::now() + Duration::from_secs(3600));
        self.everything_arrives()?;
        self.everybody_leaves()?;
        for place in &mut self.places {
            place.ends()?;
        }
        self.judge(time)
    }

    fn tell(&mut self, what: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        writeln!(self.log, "{seconds:8.3} {what}").unwrap();
    }

    /// A fault begins, if there are not too many.
    fn begins(&mut self, time: Duration) {
        let (fault, lasts) = Fault::choose(self.subject, &mut self.rng, time);
        // It would not start again with a full disk.
        let is_possible = !(self.subject.may_not_record() && matches!(fault, Fault::KillsHub(_)));
        if is_possible
            && self.active.len() < AT_A_TIME
            && !self.active.iter().any(|active| active.fault.meets(fault))
        {
            self.does(fault, lasts);
        }
    }

    fn does(&mut self, fault: Fault, lasts: Duration) {
        let mut pid = None;
        match fault {
            Fault::Passes(slot, way, manner) => self.proxy.does(Command::Pass { slot, way, manner }),
            Fault::Resets(slot) => self.proxy.does(Command::Reset { slot }),
            Fault::HalfCloses(slot, way) => self.proxy.does(Command::HalfClose { slot, way }),
            Fault::LosesByte(slot, way) => self.proxy.does(Command::Lose { slot, way }),
            Fault::StopsClient(slot) | Fault::KillsClient(slot) => {
                pid = self.clients[slot].pid();
                let Some(pid) = pid else { return };
                let stops = fault == Fault::StopsClient(slot);
                signal(pid, if stops { Signal::STOP } else { Signal::KILL });
            }
            Fault::StopsHub(hub) => {
                pid = self.places[hub].pid();
                let Some(pid) = pid else { return };
                signal(pid, Signal::STOP);
            }
            Fault::KillsHub(hub) => self.places[hub].is_killed(),
            Fault::SlowDisk(hub) => self.has_slow_disk(hub, true),
            #[cfg(feature = "link")]
            Fault::StopsRedis => {
                pid = self.redis.as_ref().map(Redis::pid);
                pid.into_iter().for_each(|pid| signal(pid, Signal::STOP));
            }
            #[cfg(feature = "link")]
            Fault::KillsRedis => self.redis.as_mut().into_iter().for_each(Redis::kill),
            #[cfg(not(feature = "link"))]
            Fault::StopsRedis | Fault::KillsRedis => return,
        }
        self.faults[fault.kind()] += 1;
        self.tell(&format!("{fault:?} for {:.3} s", lasts.as_secs_f64()));
        self.active.push(Active { fault, until: Instant::now() + lasts, pid });
    }

    fn has_slow_disk(&mut self, hub: usize, is: bool) {
        self.places[hub].hub.iter_mut().for_each(|hub| hub.has_slow_disk(is));
    }

    fn end_faults(&mut self, now: Instant) {
        for Active { fault, pid, .. } in
            self.active.extract_if(.., |active| active.until <= now).collect::<Vec<_>>()
        {
            match fault {
                Fault::Passes(slot, way, _) => {
                    self.proxy.does(Command::Pass { slot, way, manner: Manner::AtOnce });
                }
                Fault::StopsClient(_) | Fault::StopsHub(_) | Fault::StopsRedis => {
                    pid.into_iter().for_each(|pid| signal(pid, Signal::CONT));
                }
                Fault::KillsHub(hub) => self.starts(hub),
                Fault::SlowDisk(hub) => self.has_slow_disk(hub, false),
                #[cfg(feature = "link")]
                Fault::KillsRedis => self.redis.as_mut().into_iter().for_each(Redis::restart),
                _ => {}
            }
        }
    }

    fn starts(&mut self, hub: usize) {
        let Self { subject, stall, redis, folder, rng, places, .. } = self;
        places[hub].starts(*subject, stall, redis.as_ref(), folder, rng);
        self.tell(&format!("hub {hub} is there again"));
    }

    /// A moment passes.
    fn steps(&mut self) -> Result<(), String> {
        for place in &mut self.places {
            let Some(hub) = &mut place.hub else { continue };
            hub.moves();
            if !hub.is_running() {
                return Err(format!("the hub has ended, and said {}", hub.said()));
            }
        }
        for client in &mut self.clients {
            client.comes(self.subject, self.places[client.hub].port, &mut self.proxy, self.folder);
            client.moves(&self.proxy);
        }
        clients::wait(&self.clients);
        Ok(())
    }

    fn steps_until(&mut self, what: &str, is_done: impl Fn(&[Client], usize) -> bool) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let waits: Vec<_> =
                (0..self.clients.len()).filter(|slot| !is_done(&self.clients, *slot)).collect();
            if waits.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{PATIENCE:?} after the faults, {waits:?} are not {what}"));
            }
            self.steps()?;
            self.clients.iter_mut().for_each(Client::says_last);
            let words = self.clients.iter().flat_map(Client::last_words).cloned().collect();
            self.clients.iter_mut().for_each(|client| client.looks_for(&words));
        }
    }

    fn everything_arrives(&mut self) -> Result<(), String> {
        // Those for whom there may be no place are not to be here.
        let stay = Subject::hub("").clients;
        for client in self.clients.iter_mut().skip(stay) {
            client.leaves();
            client.stays_away();
        }
        self.steps_until("gone", |clients, slot| slot < stay || clients[slot].is_gone())?;
        for mut client in self.clients.split_off(self.clients.len().min(stay)) {
            self.gone.append(&mut client.past);
        }
        self.steps_until("heard by all", |clients, slot| {
            (0..clients.len()).all(|other| other == slot || clients[other].has_heard(&clients[slot]))
        })?;
        self.clients.iter_mut().for_each(Client::is_whole);
        self.tell("everything has arrived");
        Ok(())
    }

    fn everybody_leaves(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            client.leaves();
            client.stays_away();
        }
        self.steps_until("gone", |clients, slot| clients[slot].is_gone())
    }

    fn judge(mut self, time: Duration) -> Result<Figures, String> {
        let lives: Vec<Life> = self.places.into_iter().flat_map(|place| place.past).collect();
        let records: Vec<Record> = self.proxy.records();
        let failures: Vec<_> = self.clients.iter().flat_map(|client| &client.failures).collect();
        if !failures.is_empty() {
            return Err(format!("{failures:?}"));
        }
        let mut talks = self.gone;
        self.clients.iter_mut().for_each(|client| talks.append(&mut client.past));
        if let Some(talk) = talks.iter().find(|talk| talk.is_whole && !talk.has_left) {
            return Err(format!("the client at door {} did not end in order", talk.door));
        }
        let figures = verdict::judge(self.subject, &lives, &talks, &records)?;
        let refused = talks.iter().filter(|talk| memmem::find(&talk.received, REFUSED).is_some()).count();
        let told_that_it_cannot_record =
            lives.iter().any(|life| life.notices.contains("cannot write the transcript: "));
        let (faults, reported) = (self.faults, reported(self.folder));
        Ok(Figures { runs: 1, time, faults, reported, refused, told_that_it_cannot_record, ..figures })
    }
}

/// How many lines may not have arrived, as `connect` says.
fn reported(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let clients = files.filter(|file| file.file_name().to_string_lossy().starts_with("client-"));
    let said: Vec<_> = clients.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect();
    let lines = said.iter().flat_map(|said| said.lines()).filter(|line| line.contains("delivered"));
    let count = |line: &str| line.split_whitespace().find_map(|word| word.parse::<usize>().ok());
    lines.filter_map(count).sum()
}

/// The figures as a table for `docs/reliability.md`.
pub fn table(rows: &[(Subject, Figures)]) -> String {
    let mut table = String::new();
    let mut line = |name: &str, value: &dyn Fn(&Subject, &Figures) -> String| {
        let values: Vec<_> = rows.iter().map(|(subject, figures)| value(subject, figures)).collect();
        let _ = writeln!(table, "| {name} | {} |", values.join(" | "));
    };
    line("", &|subject, _| subject.to_string());
    line("---", &|_, _| "---:".to_owned());
    line("seconds of faults", &|_, figures| figures.time.as_secs().to_string());
    line("runs", &|_, figures| figures.runs.to_string());
    line("clients", &|subject, _| subject.clients.to_string());
    line("lines said in a second", &|_, figures| format!("{:.0}", rate(figures.said, figures.time)));
    line("lines received in a second", &|_, figures| format!("{:.0}", rate(figures.received, figures.time)));
    line("lines checked", &|_, figures| (figures.said + figures.received).to_string());
    line("lost", &|_, _| "0".to_owned());
    line("said twice by `connect --reconnect`", &|_, figures| figures.repeated.to_string());
    line("taken along by what broke", &|_, figures| figures.taken_along.to_string());
    line("reported by `connect` as not delivered", &|_, figures| figures.reported.to_string());
    for (kind, name) in Fault::KINDS.into_iter().enumerate() {
        line(name, &|_, figures| figures.faults[kind].to_string());
    }
    table
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
