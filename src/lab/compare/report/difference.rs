//! Two reports, each of a run of its own: what has become faster or slower from one to the other?

use super::super::measure::Measure;
use super::super::workloads::task::Task;
use super::FORMAT;
use super::stats::Spread;
use super::table::{align, lines, wrapped};
use super::verdict::{Ratio, Verdict};
use crate::platform;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use comfy_table::LineStyle;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const READING: &str = "\
How many times as fast after as before: the ratio of the medians, and an interval that has the true ratio in it at least 19 times in \
20, if the machine was the same. The two runs were not side by side: whatever else was different counts as well. The floor is the \
same program in both, and shows it.";

/// What is read of a report.
#[derive(Deserialize)]
struct Saved {
    format: u32,
    date: String,
    machine: Machine,
    works: Vec<Work>,
}

#[derive(Deserialize)]
struct Machine {
    cpu: String,
    cores: usize,
    system: String,
    program: String,
}

#[derive(Deserialize)]
struct Work {
    #[serde(flatten)]
    task: Task,
    forth: usize,
    back: usize,
    compared: Vec<Compared>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Compared {
    measure: Measure,
}

#[derive(Deserialize)]
struct Row {
    row: String,
    #[serde(default)]
    figures: BTreeMap<Measure, Figure>,
}

#[derive(Deserialize)]
struct Figure {
    rounds: Vec<f64>,
}

/// Prints what is different between two files.
pub(crate) fn print([before, after]: &[PathBuf; 2]) -> Result<Exit, Failure> {
    platform::print(render(&Saved::read(before)?, &Saved::read(after)?)?.as_bytes())?;
    Ok(Exit::Success)
}

impl Saved {
    fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = fs::read(path).context(format_args!("cannot read {name}"))?;
        let is_wrong = || format!("{name} is no report of threadchat compare --json");
        let saved: Self = serde_json::from_slice(&text).context(is_wrong())?;
        if saved.format != FORMAT {
            return Err(format!("{name} has the format {}, and not {FORMAT}", saved.format).into());
        }
        Ok(saved)
    }

    fn title(&self) -> String {
        let Machine { cpu, cores, system, program } = &self.machine;
        format!("{program}, {}, {cpu}, {cores} cores, {system}", self.date)
    }
}

fn render(before: &Saved, after: &Saved) -> Result<String, Failure> {
    let mut table = lines(LineStyle::none());
    table.set_header(["", "", "before", "after", "", ""]);
    let mut floors = Vec::new();
    for work in &after.works {
        let is_same = |old: &&Work| (old.task, old.forth, old.back) == (work.task, work.forth, work.back);
        let Some(old) = before.works.iter().find(is_same) else { continue };
        for Compared { measure } in &work.compared {
            let mut title = format!("{}, {}", work.task.title(), measure.title().replace('\n', " "));
            for row in &work.rows {
                let rounds = |row: &'_ Row| row.figures.get(measure).map(|figure| figure.rounds.clone());
                let Some(old) = old.rows.iter().find(|old| old.row == row.row).and_then(rounds) else {
                    continue;
                };
                let Some(new) = rounds(row) else { continue };
                let ratio = match measure.more_is_better() {
                    true => Ratio::apart(&new, &old),
                    false => Ratio::apart(&old, &new),
                };
                let Some(ratio) = ratio else { continue };
                let median = |values: &[f64]| measure.show(Spread::of(values).median);
                let (words, name) = (ratio.verdict().words().to_owned(), row.row.clone());
                table.add_row([
                    std::mem::take(&mut title),
                    name,
                    median(&old),
                    median(&new),
                    ratio.short(),
                    words,
                ]);
                floors.extend((row.row == "floor").then_some(ratio.verdict()));
            }
        }
    }
    if table.row_count() == 0 {
        return Err(
            "these reports have nothing in common: neither a row at the same work, nor as much of it".into(),
        );
    }
    align(&mut table);
    let mut text = format!("before: {}\nafter:  {}\n\n", before.title(), after.title());
    let _ = writeln!(text, "{}\n\n{}", table.trim_fmt(), wrapped(READING));
    let has_changed = floors.iter().any(|verdict| *verdict != Verdict::CannotTell);
    if has_changed {
        let _ = writeln!(
            text,
            "\n{}",
            wrapped("The floor differs: the machine was not the same, or was busy once.")
        );
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report_of;
    use super::*;
    use crate::lab::compare::workloads::task::Workload;

    fn saved(floor: f64, threads: f64) -> Saved {
        let by = |factor: f64| [1.00, 1.01, 0.99, 1.02, 0.98].map(|value| value * factor);
        let measure = Measure::P50Microseconds;
        let rows = [("floor", measure, by(floor)), ("threads", measure, by(threads))];
        let json = serde_json::to_vec(&report_of(Workload::Latency, &rows)).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_takes_half_the_time_is_twice_as_fast() {
        let text = words(&render(&saved(10.0, 40.0), &saved(10.0, 20.0)).unwrap());
        assert!(text.contains("Latency, p50 floor 10 µs 10 µs 1.00×"), "{text}");
        assert!(text.contains("threads 40 µs 20 µs 2.00×") && text.contains("faster"), "{text}");
        assert!(!text.contains("The floor differs"), "{text}");
    }

    #[test]
    fn a_floor_that_differs_is_a_warning() {
        let text = words(&render(&saved(10.0, 40.0), &saved(20.0, 80.0)).unwrap());
        assert!(text.contains("threads 40 µs 80 µs 0.50×") && text.contains("slower"), "{text}");
        assert!(text.contains("The floor differs"), "{text}");
    }

    #[test]
    fn other_work_is_not_compared() {
        let (before, mut after) = (saved(10.0, 40.0), saved(10.0, 40.0));
        after.works[0].forth += 1;
        let error = render(&before, &after).unwrap_err().to_string();
        assert!(error.contains("nothing in common"), "{error}");
    }
}
