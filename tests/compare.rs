//! `threadchat compare` from the outside, with small workloads: the figures themselves are not tested.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The design of the tests that do not choose one.
const DESIGN: &str = "threads";

/// The outcome of the select design on this platform.
const SELECT: &str = if cfg!(poll) { "measured" } else { "absent" };

/// Held while something is measured on Windows. Under Wine the processes of several comparisons starve each other until nothing moves,
/// and it no longer starts programs ("internal error").
fn alone() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    cfg!(windows).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs a small comparison, and reads its report.
fn compare(args: &[&str]) -> (Output, Value) {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let small = ["compare", "--quick", "--json", json.to_str().unwrap()];
    let output = threadchat(&[&small, args].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    let report = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    (output, report)
}

/// A folder with the peers that are installed, for a PATH on which no system calls can be counted: each count takes most of a
/// second to prepare.
#[cfg(all(unix, feature = "secure"))]
fn only_peers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ncat", "nc", "socat"] {
        let path = std::env::var_os("PATH").unwrap();
        let mut found = std::env::split_paths(&path).map(|part| part.join(name)).filter(|path| path.exists());
        if let Some(path) = found.next() {
            std::os::unix::fs::symlink(path, folder.path().join(name)).unwrap();
        }
    }
    folder
}

/// The subject and the outcome of each row of the first workload.
fn outcomes(report: &Value) -> Vec<(&str, &str)> {
    let rows = report["works"][0]["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["row"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect()
}

/// Runs a workload, and checks that every subject that can do it has these figures.
fn every_subject_runs(workload: &str, half_duplex: &str, figures: &[&str]) {
    let (output, report) = compare(&["--work", workload, "--rounds", "1"]);
    let expected =
        [("floor", "measured"), ("threads", "measured"), ("select", SELECT), ("half-duplex", half_duplex)];
    assert_eq!(outcomes(&report), expected);
    assert_eq!((report["format"].as_u64(), report["works"][0]["work"].as_str()), (Some(2), Some(workload)));
    for row in
        report["works"][0]["rows"].as_array().unwrap().iter().filter(|row| row["outcome"] == "measured")
    {
        for figure in figures {
            let figure = &row["figures"][figure];
            assert!(
                figure["median"].as_f64().unwrap() > 0.0 && figure["rounds"].as_array().unwrap().len() == 1,
                "{row}"
            );
            assert!(row["row"] == "floor" || figure["to_floor"]["median"].as_f64().unwrap() > 0.0, "{row}");
        }
        #[cfg(target_os = "linux")]
        for figure in
            ["threads", "peak_memory_bytes", "cpu_seconds", "voluntary_switches", "involuntary_switches"]
        {
            assert!(row["figures"][figure]["median"].is_number(), "{figure}: {row}");
        }
    }
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    assert_eq!(table.contains("turns"), half_duplex == "absent", "{table}");
}

#[test]
fn latency_is_measured() {
    every_subject_runs("latency", "measured", &["p50_microseconds", "p99_microseconds", "p999_microseconds"]);
}

#[test]
fn the_cost_of_a_trace_is_measured_and_the_traces_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut compare =
        threadchat(&["compare", "--quick", "--rounds", "1", "--work", "one-way,hub", "--trace"]);
    compare.args(["--designs", "threads", "--hub-clients", "10", "--json", json.to_str().unwrap()]);
    let _alone = alone();
    let output = compare.env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let rows = [("floor", "measured"), ("threads", "measured"), ("threads, traced", "measured")];
    assert_eq!(outcomes(&report), rows);
    let hub = report["works"][1]["rows"].as_array().unwrap();
    assert!(hub.iter().all(|row| row["outcome"] == "measured"), "{hub:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(feature = "secure")]
#[test]
fn what_encryption_costs_is_measured_and_no_key_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let work = ["--work", "one-way,goodbye,hub", "--hub-clients", "10", "--designs", "threads,half-duplex"];
    let _alone = alone();
    let mut compare = threadchat(&["compare", "--quick", "--rounds", "1", "--secure", "--peers"]);
    compare.args(work).args(["--json", json.to_str().unwrap()]);
    #[cfg(unix)]
    let peers = only_peers();
    #[cfg(unix)]
    compare.env("PATH", peers.path());
    // A code of the user's must not make what is in clear text encrypted.
    compare.env("TMPDIR", folder.path()).env("THREADCHAT_CODE", "7-velvet-otter");
    let output = compare.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    for (work, ours) in report["works"].as_array().unwrap().iter().zip([
        &["threads", "threads --secure"][..],
        &["threads", "threads --secure", "threads --code"],
        &["threads", "threads --secure"],
    ]) {
        let rows: Vec<_> = work["rows"].as_array().unwrap().iter().collect();
        for subject in ours {
            let row = rows.iter().find(|row| row["row"] == *subject);
            assert_eq!(row.unwrap()["outcome"], "measured", "{work}");
        }
        let encrypted: Vec<_> =
            rows.iter().filter(|row| row["row"].as_str().unwrap().contains("ssl")).collect();
        assert!(!encrypted.is_empty(), "{work}");
        assert!(encrypted.iter().all(|row| row["outcome"] != "failed"), "{encrypted:?}");
        assert!(!rows.iter().any(|row| row["row"] == "half-duplex --secure"), "{work}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn lines_one_way_are_measured() {
    every_subject_runs("one-way", "absent", &["lines_per_second", "megabytes_per_second"]);
}

#[test]
fn lines_both_ways_are_measured() {
    every_subject_runs("both-ways", "absent", &["lines_per_second", "megabytes_per_second"]);
}

#[test]
fn a_stalled_peer_is_measured_and_the_other_way_moves() {
    every_subject_runs(
        "stalled",
        "absent",
        &["taken_bytes", "other_way_lines", "other_way_p50_microseconds"],
    );
}

#[test]
fn start_and_goodbye_are_measured() {
    every_subject_runs("goodbye", "measured", &["connections_per_second"]);
}

/// It need not serve one caller after the other.
#[test]
fn another_program_for_two_people_is_measured_at_everything_but_many_conversations() {
    let other = format!("other={} {{side}} {{addr}} --raw -q", env!("CARGO_BIN_EXE_threadchat"));
    let works = ["--work", "latency,goodbye", "--rounds", "1", "--designs", "threads"];
    let (_, report) = compare(&[&works[..], &["--peer", &other]].concat());
    assert_eq!(outcomes(&report), ["floor", "threads", "other"].map(|row| (row, "measured")));
    let goodbye = report["works"][1]["rows"].as_array().unwrap();
    assert_eq!(goodbye.iter().map(|row| &row["row"]).collect::<Vec<_>>(), ["floor", "threads"]);
    for (wrong, why) in [
        ("other", "NAME=COMMAND"),
        ("=cat {side} {addr}", "a name and a command"),
        ("other= ", "a name and a command"),
        ("other=cat {addr}", "{side}"),
        ("other=cat {side}", "{port} or {addr}"),
    ] {
        let output = threadchat(&["compare", "--peer", wrong]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    }
}

#[test]
fn an_option_of_a_work_that_is_not_done_is_refused() {
    for (options, needed) in [
        (&["--rate", "1000"][..], "--rate needs --work steady"),
        (&["--work", "latency", "--rate", "1000"], "--rate needs --work steady"),
        (&["--work", "latency", "--hub-clients", "5"], "--hub-clients needs --work hub"),
        (&["--work", "latency", "--hub-peer", "other=cat {port}"], "--hub-peer needs --work hub"),
    ] {
        let output = threadchat(&[&["compare", "--quick"], options].concat()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(needed), "{said}");
    }
}

#[test]
#[ignore = "builds examples/tokio"]
fn the_asynchronous_design_is_measured_beside_ours() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/tokio");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tokio/Cargo.toml");
    let build = ["build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", folder];
    assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    let tokio = format!("tokio={folder}/debug/tokio-chat {{side}} {{addr}}");
    let works = ["--work", "latency,one-way,both-ways,stalled", "--rounds", "1", "--designs", "threads"];
    let (_, report) = compare(&[&works[..], &["--peer", &tokio]].concat());
    for work in report["works"].as_array().unwrap() {
        let tokio = work["rows"].as_array().unwrap().iter().find(|row| row["row"] == "tokio");
        assert_eq!(tokio.unwrap()["outcome"], "measured", "{work}");
    }
}

/// The rows of a workload that were measured, and the others.
#[cfg(feature = "hub")]
fn rows(work: &Value) -> (Vec<&Value>, Vec<&Value>) {
    work["rows"].as_array().unwrap().iter().partition(|row| row["outcome"] == "measured")
}

#[cfg(feature = "hub")]
#[test]
fn a_hub_is_measured_with_each_number_of_clients_beside_another() {
    let other = format!("other={} hub {{addr}} --no-operator", env!("CARGO_BIN_EXE_threadchat"));
    let args = ["--work", "hub", "--rounds", "1", "--hub-clients", "5,20", "--hub-peer", &other];
    let (output, report) = compare(&args);
    for (work, clients) in report["works"].as_array().unwrap().iter().zip([5, 20]) {
        assert_eq!((work["clients"].as_u64(), work["senders"].as_u64()), (Some(clients), Some(1)));
        let (measured, others) = rows(work);
        let names: Vec<_> = measured.iter().map(|row| row["row"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            if cfg!(poll) { &["threads", "select", "other"][..] } else { &["threads", "other"] }
        );
        assert!(others.iter().all(|row| row["outcome"] == "absent"), "{others:?}");
        for row in &measured {
            let figure = |name: &str| row["figures"][name]["median"].as_f64().unwrap();
            // The hub puts a stamp and a name before each line of 64 bytes.
            let bytes_of_a_line =
                figure("delivered_megabytes_per_second") * 1e6 / figure("deliveries_per_second");
            assert!((64.0 + 27.0..64.0 + 50.0).contains(&bytes_of_a_line), "{bytes_of_a_line}");
            assert!(figure("p50_microseconds") > 0.0);
            #[cfg(target_os = "linux")]
            assert!(row["row"] == "select" || figure("threads") > clients as f64, "{row}");
        }
    }
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("Hub, 20 clients, 1 sender") && table.contains("not possible"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
}

#[cfg(feature = "hub")]
#[test]
fn a_program_that_is_no_hub_fails_and_the_others_go_on() {
    // It accepts one client, and says 88 to the others.
    let other = format!("other={} serve -q {{addr}}", env!("CARGO_BIN_EXE_threadchat"));
    let args = [
        "--work",
        "hub",
        "--rounds",
        "1",
        "--hub-clients",
        "3",
        "--designs",
        "threads",
        "--hub-peer",
        &other,
    ];
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let small = ["compare", "--quick", "--json", json.to_str().unwrap()];
    let _alone = alone();
    let output = threadchat(&[&small[..], &args].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let (measured, others) = rows(&report["works"][0]);
    assert_eq!((measured[0]["row"].as_str(), measured.len()), (Some("threads"), 1));
    assert_eq!((others[0]["row"].as_str(), others[0]["outcome"].as_str()), (Some("other"), Some("failed")));
    assert!(!others[0]["reason"].as_str().unwrap().is_empty(), "{}", others[0]);
}

/// The outcomes of linked hubs are as `expected`, beside those of hubs that are not linked.
#[cfg(all(unix, feature = "link"))]
fn linked_hubs(compare: &mut Command, expected: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    compare.args(["--work", "linked", "--hub-clients", "3", "--json", json.to_str().unwrap()]);
    let output = compare.env("TMPDIR", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 120), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let rows = [
        ("threads", "measured"),
        ("threads --link", expected),
        ("threads --link, always", expected),
        ("select", SELECT),
        ("select --link", if cfg!(poll) { expected } else { "absent" }),
        ("select --link, always", if cfg!(poll) { expected } else { "absent" }),
    ];
    assert_eq!(outcomes(&report), rows);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what Redis saved is left behind");
    report
}

#[cfg(all(unix, feature = "link"))]
#[test]
fn linked_hubs_are_measured_beside_one_hub_and_nothing_is_left_behind() {
    let path = std::env::var_os("PATH").unwrap();
    let is_installed = std::env::split_paths(&path).any(|folder| folder.join("redis-server").exists());
    let mut compare = threadchat(&["compare", "--quick", "--rounds", "1"]);
    let report = linked_hubs(&mut compare, if is_installed { "measured" } else { "absent" });
    let works = report["works"].as_array().unwrap();
    let sizes: Vec<_> = works.iter().map(|work| (work["hubs"].as_u64(), work["clients"].as_u64())).collect();
    assert_eq!(sizes, [(Some(2), Some(20)), (Some(8), Some(24))]);
    let names: Vec<_> = rows(&works[1]).0.iter().map(|row| row["row"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| name.ends_with("--link")), "{names:?}");
    for row in works.iter().flat_map(|work| rows(work).0) {
        assert!(row["figures"]["p50_microseconds"]["median"].as_f64().unwrap() > 0.0, "{row}");
        let is_linked = row["row"].as_str().unwrap().contains("--link");
        assert_eq!(row["figures"]["same_hub_p50_microseconds"].is_object(), is_linked, "{row}");
        #[cfg(target_os = "linux")]
        assert_eq!(row["cpu_seconds_by_thread"]["redis-server"].is_number(), is_linked, "{row}");
    }
    for row in rows(&works[0]).0 {
        assert!(row["figures"]["lines_per_second"]["median"].as_f64().unwrap() > 0.0, "{row}");
        let is_linked = row["row"].as_str().unwrap().contains("--link");
        assert_eq!(row["figures"]["added_p50_microseconds"].is_object(), is_linked, "{row}");
        let to_unlinked = &row["figures"]["p50_microseconds"]["to_unlinked"];
        assert_eq!(to_unlinked.is_object(), is_linked, "{row}");
    }
}

#[cfg(all(unix, feature = "link"))]
#[test]
fn without_a_redis_server_the_report_says_what_to_install() {
    let mut compare = threadchat(&["compare", "--quick", "--rounds", "1"]);
    let report = linked_hubs(compare.env("PATH", ""), "absent");
    let reason = &report["works"][0]["rows"][1]["reason"];
    assert_eq!(reason, "needs redis-server: apt-get install redis-server", "{report}");
}

#[test]
fn designs_and_workloads_can_be_chosen() {
    let (_, report) = compare(&["--work", "goodbye", "--designs", "select", "--rounds", "1"]);
    assert_eq!(outcomes(&report), [("floor", "measured"), ("select", SELECT)]);
}

#[test]
fn a_peer_that_is_not_installed_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut command =
        threadchat(&["compare", "--quick", "--rounds", "1", "--peers", "--work", "goodbye", "--json"]);
    let output = command.arg(&json).env("PATH", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("System calls were not counted: neither perf nor strace is installed."), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(outcomes(&report)[4..], [("ncat", "absent"), ("nc", "absent"), ("socat", "absent")]);
    assert_eq!(report["works"][0]["rows"][4]["reason"], "not installed", "{report}");
}

#[cfg(unix)]
#[test]
fn a_subject_that_changes_lines_fails_and_the_others_go_on() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (json, fake) = (folder.path().join("report.json"), folder.path().join("ncat"));
    // It puts a stamp before each line, which ncat does not.
    let chat = env!("CARGO_BIN_EXE_threadchat");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -l ] && exec {chat} serve -q --once $2:$3\nexec {chat} connect -q $1:$2\n"
    );
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();

    let args = [
        "compare",
        "--quick",
        "--rounds",
        "1",
        "--peers",
        "--designs",
        "threads",
        "--work",
        "latency",
        "--json",
    ];
    let output = threadchat(&args).arg(&json).env("PATH", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Latency, ncat, failed: warm-up: line h0000000000 is damaged"), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(outcomes(&report)[..3], [("floor", "measured"), ("threads", "measured"), ("ncat", "failed")]);
    assert!(report["works"][0]["rows"][2]["figures"].is_null(), "{report}");
}

#[test]
fn a_report_on_standard_output_is_alone_there() {
    let _alone = alone();
    let names = if cfg!(target_os = "linux") { &["-", "/dev/stdout", "/proc/self/fd/1"][..] } else { &["-"] };
    for name in names {
        let small = ["compare", "--quick", "--rounds", "1", "--work", "goodbye", "--designs", "threads"];
        let mut compare = threadchat(&[&small[..], &["--json", name]].concat());
        let output = compare.env("PATH", "").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("How many times as fast as threads"),
            "{name}: {said}"
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(outcomes(&report), [("floor", "measured"), ("threads", "measured")], "{name}");
        let output = threadchat(&["compare", "--json", "-", "--html", name]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("name the same file"), "{name}: {said}");
    }
}

#[test]
fn wrong_usage_is_reported_before_anything_runs() {
    for args in [
        &["--work", "sleep"][..],
        &["--designs", "async"],
        &["--rounds", "0"],
        &["--rounds", "many"],
        &["--json"],
    ] {
        Program::start(threadchat(&[&["compare"], args].concat())).exits(2);
    }
    let mut program = Program::start(threadchat(&["compare", "--json", "/nowhere/report.json"]));
    program.exits(1);
    let said = program.err.text();
    assert!(said.starts_with("threadchat: cannot write to /nowhere/report.json: "), "{said}");
}

#[cfg(target_os = "linux")]
mod nothing_is_left_behind {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::thread;
    use std::time::Duration;

    /// Has a folder of its own for temporary files. Its path in their environment identifies its children, and theirs.
    struct Comparison {
        program: Program,
        mark: tempfile::TempDir,
    }

    impl Comparison {
        /// Starts a comparison, and waits until its endpoints run.
        fn start(args: &[&str]) -> Self {
            let mark = tempfile::tempdir().unwrap();
            let mut command = threadchat(&[&["compare", "--rounds", "1000", "--quick"], args].concat());
            command.env("TMPDIR", mark.path());
            let comparison = Self { program: Program::start(command), mark };
            wait_until("endpoints run", || comparison.processes().len() >= 3);
            comparison
        }

        fn processes(&self) -> BTreeSet<u32> {
            let is_ours = |process: &Path| {
                let mark = self.mark.path().as_os_str().as_encoded_bytes();
                let environment = fs::read(process.join("environ")).unwrap_or_default();
                environment.windows(mark.len()).any(|part| part == mark)
            };
            let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
            let ours = processes.filter(|process| is_ours(process));
            ours.filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
        }
    }

    #[cfg(signals)]
    const ENCRYPTED: &[&str] = if cfg!(feature = "secure") { &["--secure"] } else { &[] };

    #[cfg(signals)]
    #[test]
    fn by_a_signal() {
        use rustix::process::Signal;
        let folder = tempfile::tempdir().unwrap();
        let [json, html] = ["json", "html"].map(|name| folder.path().join(name));
        fs::write(&json, "the report before").unwrap();
        let work = ["latency", "one-way", "stalled", "hub", "linked"];
        let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
        for (work, (signal, code)) in work.into_iter().zip(signals.into_iter().cycle()) {
            if work == "hub" && cfg!(not(feature = "hub"))
                || work == "linked" && cfg!(not(all(unix, feature = "link")))
            {
                continue;
            }
            let files = ["--json", json.to_str().unwrap(), "--html", html.to_str().unwrap()];
            let mut comparison =
                Comparison::start(&[&["--trace", "--work", work], ENCRYPTED, &files[..]].concat());
            comparison.program.signal(signal);
            comparison.program.exits(code);
            // They are killed, but the system may take a moment to remove the child of a child.
            wait_until("nothing is left", || comparison.processes().is_empty());
            assert_eq!(fs::read_dir(comparison.mark.path()).unwrap().count(), 0, "a trace or a key is left");
            let said = (comparison.program.out.text(), comparison.program.err.text());
            assert_eq!(said, (String::new(), String::new()), "{work}");
            assert_eq!(fs::read_to_string(&json).unwrap(), "the report before");
            assert!(!html.exists(), "a report without figures");
        }
    }

    #[test]
    fn by_a_kill_at_any_moment() {
        // In the warm-up the counter stands between the comparison and the endpoints.
        for moment in [0, 100, 400, 1600] {
            let mut comparison = Comparison::start(&["--work", "one-way"]);
            thread::sleep(Duration::from_millis(moment));
            comparison.program.kill();
            wait_until("nothing is left", || comparison.processes().is_empty());
        }
    }
}

/// `cargo test --test compare -- --ignored` runs it.
#[test]
#[ignore = "needs chromium"]
fn the_page_shows_charts_and_explains_them() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    compare(&["--rounds", "3", "--work", "latency,one-way,stalled", "--html", page.to_str().unwrap()]);
    let source = fs::read_to_string(&page).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "src="] {
        // The name of SVG is no address.
        assert!(!source.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
    }
    let chromium = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is installed");
    let shown = String::from_utf8_lossy(&chromium.stdout);
    for expected in [
        "<table class=\"summary\">",
        "<h2>Latency</h2>",
        "<h2>One way</h2>",
        "<h2>Stalled peer</h2>",
        "Processor",
        "<figcaption>p50</figcaption>",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    // p50, p99, p99.9; lines/s; taken, memory, p50; and for each workload memory and processor time.
    assert_eq!(shown.matches("<svg").count(), 7 + 3 * 2, "{shown}");
    assert!(
        shown.contains("not possible in turns") && shown.contains("The other way kept moving"),
        "{shown}"
    );
    assert!(shown.contains("is faster than") || shown.contains("This run cannot tell whether"), "{shown}");
    // The verdicts come first, then the charts; all figures are folded.
    let at = |part: &str| shown.find(part).unwrap_or(usize::MAX);
    assert!(at("How many times as fast as") < at("<svg") && at("<svg") < at("<details>"), "{shown}");
    assert_eq!(shown.matches("<details>").count(), 3 + 1, "{shown}");
}

/// The names and the commands of other hubs come from the command line, and what these say from themselves.
#[cfg(all(unix, feature = "hub", feature = "web"))]
#[test]
#[ignore = "needs chromium"]
fn markup_in_the_name_of_another_hub_is_shown_as_text() {
    use chromium::Page;

    // A name has no equals sign.
    let markup = "\"'></td></title></style></svg>]]>--><!--<script>owned()</script><iframe>\u{2028}";
    let good = format!("{markup}={} hub {{addr}} --no-operator", env!("CARGO_BIN_EXE_threadchat"));
    let bad = format!("bad {markup}=/nowhere/{markup} {{addr}}");
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let args = [
        "compare",
        "--quick",
        "--work",
        "hub",
        "--rounds",
        "2",
        "--hub-clients",
        "3",
        "--designs",
        "threads",
    ];
    let more = ["--hub-peer", &good, "--hub-peer", &bad, "--html", page.to_str().unwrap()];
    let output = threadchat(&[&args[..], &more].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let home = format!("file://{}", page.display());
    let page = Page::open(&home);
    let shown = page.text("body");
    assert!(shown.contains(markup) && shown.contains(&format!("bad {markup}")), "{shown}");
    assert_eq!(page.evaluate("document.querySelectorAll('script').length"), 0);
    page.is_unharmed(&home);
}

/// What a class sees on a projector.
#[cfg(all(unix, feature = "hub", feature = "secure", feature = "web"))]
#[test]
#[ignore = "needs chromium"]
fn nothing_on_the_page_is_cut_off_at_1280_pixels_and_every_curve_is_in_the_legend() {
    use chromium::Page;

    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let more = ["--peers", "--secure", "--live", "--rounds", "3", "--hub-clients", "3,5"];
    let work = ["--work", "latency,goodbye,hub", "--html", page.to_str().unwrap()];
    compare(&[&more[..], &work].concat());
    let page = Page::open(&format!("file://{}", page.display()));
    let cut = "[...document.querySelectorAll('figure svg text')].filter((text) => {
        const [inner, outer] = [text.getBoundingClientRect(), text.closest('svg').getBoundingClientRect()];
        return inner.left < outer.left - 1 || inner.right > outer.right + 1;
    }).map((text) => text.textContent).join(', ')";
    assert_eq!(page.evaluate(cut), "");
    let hidden = "(() => { const table = document.querySelector('.table'); return table.scrollWidth - table.clientWidth; })()";
    assert_eq!(page.evaluate(hidden), 0, "a part of the summary must be scrolled into view");
    let looks = |line: &str| {
        let look = "[line.closest('[stroke]').getAttribute('stroke'), line.getAttribute('stroke-dasharray')].join(' ')";
        page.evaluate(&format!(
            "[...new Set([...document.querySelectorAll('{line}')].map((line) => {look}))].sort().join(', ')"
        ))
    };
    let (curves, legend) = (looks("figure polyline"), looks(".legend line"));
    assert!(
        curves == legend && curves.as_str().is_some_and(|looks| looks.split(", ").count() >= 7),
        "{curves} {legend}"
    );
}

#[test]
fn a_steady_rate_is_timed_from_when_each_line_was_due_and_two_reports_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.json");
    let small = ["compare", "--quick", "--rounds", "1", "--work", "steady", "--rate", "100,1000"];
    let _alone = alone();
    let output = threadchat(&small).arg("--json").arg(&old).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Steady rate"), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(&old).unwrap()).unwrap();
    let works = report["works"].as_array().unwrap();
    let sizes: Vec<_> = works.iter().map(|work| (&work["lines_per_second"], &work["forth"])).collect();
    assert_eq!(sizes, [(&100.into(), &100.into()), (&1000.into(), &1000.into())]);
    let in_turns = ("half-duplex", "absent");
    assert_eq!(
        outcomes(&report),
        [("floor", "measured"), ("threads", "measured"), ("select", SELECT), in_turns]
    );
    for row in rows(&works[0]).0 {
        assert!(row["figures"]["p99_microseconds"]["median"].as_f64().unwrap() > 0.0, "{row}");
    }

    let diff =
        |new: &std::path::Path| threadchat(&["compare", "--diff"]).arg(&old).arg(new).output().unwrap();
    let output = diff(&old);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.matches("1.00×").count() >= 4, "{said}");
    fs::write(folder.path().join("new.json"), "{}").unwrap();
    let output = diff(&folder.path().join("new.json"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("is no report of threadchat compare"), "{said}");
}
