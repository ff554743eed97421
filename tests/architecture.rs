//! The layout of the source: which room may import which. `docs/architecture.md` describes the rooms.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms by floors, from the ground. A file imports from its own room and from the floors below it.
const FLOORS: [&[&str]; 6] =
    [&["rules"], &["observe", "platform", "terminal"], &["designs"], &["lab"], &["cli"], &["main"]];

/// The crates that rules may use: none of them does I/O or looks at a clock (those of `secure`
/// ask the system for random bytes).
const PURE: [&str; 24] = [
    "base64",
    "bytecount",
    "caseless",
    "httparse",
    "ipnet",
    "memchr",
    "qrcodegen",
    "rcgen",
    "redis_protocol",
    "ring",
    "rustls",
    "rustyline",
    "spake2",
    "std",
    "time",
    "unicode_normalization",
    "unicode_security",
    "unicode_segmentation",
    "unicode_width",
    "websocket_sans_io",
    "zeroize",
    // In tests.
    "proptest",
    "tungstenite",
    "crate",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(rust).chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}

/// The code of each file below `src/`, without comments, and its path from there without `.rs`.
fn sources() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let source = |path: &PathBuf| {
        let code = fs::read_to_string(path).unwrap();
        let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let name = path.strip_prefix(&src).unwrap().with_extension("");
        (name.to_str().unwrap().replace('\\', "/"), lines.join("\n"))
    };
    files(&src).iter().map(source).collect()
}

/// What follows each `start` in the code: the names up to the next `::`.
fn names_after<'a>(code: &'a str, start: &str) -> BTreeSet<&'a str> {
    let name = |rest: &'a str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
    code.split(start).skip(1).map(name).collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn imports_point_down_only() {
    let mut wrong = Vec::new();
    for (name, code) in sources() {
        let room = name.split('/').next().unwrap();
        // `lib` only names the rooms.
        let Some(own) = floor(room) else { continue };
        let root = if room == "main" { "threadchat::" } else { "crate::" };
        for imported in names_after(&code, root) {
            if imported != room && floor(imported).is_none_or(|floor| floor >= own) {
                wrong.push(format!("{name} imports {imported}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_design_is_read_without_the_others() {
    let designs = ["threads", "select", "half_duplex"];
    let mut wrong = Vec::new();
    for (name, code) in sources() {
        let Some(own) = designs.iter().find(|design| name.starts_with(&format!("designs/{design}/"))) else {
            continue;
        };
        let imported = names_after(&code, "designs::");
        wrong.extend(
            designs
                .iter()
                .filter(|design| *design != own && imported.contains(*design))
                .map(|design| format!("{name} imports {design}")),
        );
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn rules_use_std_and_pure_crates_only() {
    let mut wrong = Vec::new();
    for (name, code) in sources().into_iter().filter(|(name, _)| name.starts_with("rules/")) {
        let imported = code
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("use "))
            .map(|path| path.split("::").next().unwrap().trim_end_matches(';'));
        let is_module =
            |first: &str| first == "super" || first == "self" || first.starts_with(char::is_uppercase);
        wrong.extend(
            imported
                .filter(|first| !PURE.contains(first) && !is_module(first))
                .map(|first| format!("{name} uses {first}")),
        );
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_colour_is_one_of_those_that_each_terminal_has_its_own_way() {
    let has_its_own = |code: &str| code.contains("AnsiColor") || code.contains("Ansi(");
    let wrong: Vec<_> =
        sources().into_iter().filter(|(_, code)| has_its_own(code)).map(|(name, _)| name).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_design_is_started_in_one_place_and_main_is_short() {
    let starts = |code: &str| {
        ["threads::", "select::", "half_duplex::"]
            .iter()
            .any(|design| code.contains(&format!("{design}run(")))
    };
    let starting: Vec<_> =
        sources().into_iter().filter(|(_, code)| starts(code)).map(|(name, _)| name).collect();
    assert_eq!(starting, ["designs/mod"]);
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 150, "{} lines", main.lines().count());
}

/// The names in backquotes in a cell of a table.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_path_of_a_message_is_as_the_map_describes_it() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    let section = map.split("## The path of a message").nth(1).unwrap().split("\n## ").next().unwrap();
    let sources = sources();
    let mut files = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').collect();
        let codes: Vec<_> = quoted(cells[1])
            .into_iter()
            .map(|file| {
                let folder = if file.contains('/') {
                    ""
                } else if file == "framer.rs" {
                    "rules/wire/"
                } else {
                    "designs/threads/"
                };
                let name = format!("{folder}{}", file.trim_end_matches(".rs"));
                let (name, code) = sources
                    .iter()
                    .find(|(path, _)| *path == name)
                    .unwrap_or_else(|| panic!("{name} is not there"));
                files.insert(name);
                code
            })
            .collect();
        for function in quoted(cells[2]) {
            let definition = format!("fn {}", function.rsplit("::").next().unwrap());
            assert!(
                codes.iter().any(|code| code.contains(&definition)),
                "{definition} is not in {}",
                cells[1]
            );
        }
    }
    assert!((10..=12).contains(&files.len()), "{files:?}");
}
