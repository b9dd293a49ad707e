//! The fault suite: one adapter that misbehaves on command, beside a healthy implementation, in one run.
//!
//! Each fault ends in a row with the expected status and reason; the healthy side's rows are all there; no ratio is printed for the
//! pair; no process is left. `docs/design/faults.md` holds the table as this suite writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use polars::prelude::{ParquetReader, SerReader};
use serde_json::Value;

use crate::adapters::adapter;
use crate::fault_table::{BROKEN_ENVIRONMENT, Fault, HANGS, QUICK};
use crate::support::{Done, Place, ROOT};

const PROTOCOL: &str = r#"
[protocol.fit]
max_samples = 2
max_time = "1ms"
min_sample = "0ms"
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
max_time = "1ms"
min_sample = "0ms"
"#;

/// What a run with faults left behind.
struct Suffered {
    place: Place,
    done: Done,
    rows: Vec<Row>,
}

/// One row of `trials.parquet`, as far as faults go.
#[derive(Debug)]
struct Row {
    experiment: String,
    implementation: String,
    block: u32,
    trial: String,
    status: String,
    reason: String,
    limited_by: String,
}

/// A spec with an experiment for each fault, named as it is: the misbehaving adapter beside a healthy native implementation.
fn spec(faults: &[&str], protocol: &str) -> String {
    let mut text = format!("name = \"faults\"\n[protocol]\n{protocol}\n{PROTOCOL}");
    for fault in faults {
        write!(
            text,
            r#"
[[experiment]]
name            = "{fault}"
task            = "regression"
datasets        = [{{ generator = "linear", rows = 60, features = 3 }}]
implementations = ["python/misbehaving", "rust/faer"]
baseline        = "rust/faer"
[experiment.algorithms]
ridge = {{ alpha = 1.0 }}
[experiment.settings."python/misbehaving"]
fault = "{fault}"
"#
        )
        .unwrap();
    }
    text
}

/// Runs the faults in a place whose temporary folder marks every process that comes from it.
fn suffer_in(place: Place, faults: &[&str], protocol: &str, variables: &[(&str, &Path)]) -> Suffered {
    let folder = adapter(&place, "misbehaving");
    place.write("faults.toml", &spec(faults, protocol));
    let mut command = place.command(&["faults.toml", "--quiet", "--adapters", &folder, "--format", "json"]);
    command.env("TMPDIR", place.path()).envs(variables.iter().copied());
    let done = Done::from(command.output().unwrap());
    assert!(matches!(done.code, Some(0 | 1)), "the run did not go on: {:?} {}", done.code, done.stderr);
    no_process_is_left(place.path());
    let rows = rows(&place.only_run("faults"));
    Suffered { place, done, rows }
}

fn suffer(faults: &[Fault], protocol: &str) -> Suffered {
    // The control is the first: its trial is the warm-up too.
    let names: Vec<&str> = std::iter::once("none").chain(faults.iter().map(|f| f.name)).collect();
    suffer_in(Place::new(), &names, protocol, &[])
}

fn rows(run: &Path) -> Vec<Row> {
    let table = ParquetReader::new(File::open(run.join("trials.parquet")).unwrap()).finish().unwrap();
    let text = |name: &str, i: usize| {
        table.column(name).unwrap().str().unwrap().get(i).unwrap_or_default().to_owned()
    };
    (0..table.height())
        .map(|i| Row {
            experiment: text("experiment", i),
            implementation: text("implementation", i),
            block: table.column("block").unwrap().u32().unwrap().get(i).unwrap(),
            trial: text("trial", i),
            status: text("status", i),
            reason: text("reason", i),
            limited_by: text("memory_limited_by", i),
        })
        .collect()
}

/// Waits until nothing that was started with a temporary folder is alive: a process that was killed takes a moment to go.
#[track_caller]
fn no_process_is_left(temporary: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = processes_of(temporary);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "processes are left: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes whose environment names a temporary folder, each with its name. Workers and what they start inherit it.
pub fn processes_of(temporary: &Path) -> BTreeMap<u32, String> {
    let marker = format!("TMPDIR={}", temporary.display());
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|b| *b == 0).any(|variable| variable == marker.as_bytes()) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.insert(pid, name.trim().to_owned());
        }
    }
    found
}

impl Suffered {
    /// The rows of both blocks.
    fn both(&self, experiment: &str, implementation: &str) -> [&Row; 2] {
        [1, 2].map(|block| {
            let mut rows = self.rows.iter().filter(|row| {
                row.experiment == experiment && row.implementation == implementation && row.block == block
            });
            let row = rows.next().unwrap_or_else(|| panic!("no row of {experiment}: {}", self.done.stderr));
            assert!(rows.next().is_none(), "{experiment} has one row a block");
            row
        })
    }

    fn pair(&self, experiment: &str) -> Value {
        let comparison = &self.done.json()["comparisons"][0];
        let cases = comparison["cases"].as_array().unwrap();
        cases.iter().find(|case| case["case"]["experiment"] == experiment).unwrap()["pairs"][0].clone()
    }

    /// Everything that a fault must and must not leave behind. Gives what is wrong.
    fn check(&self, fault: &Fault) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{}: {what}", fault.name));
            }
        };
        for row in self.both(fault.name, "python/misbehaving") {
            if fault.needs_group && !row.limited_by.contains("cgroup") {
                // The runner adds up what it sees.
                let seen = row.status == "out_of_memory" && row.reason.contains("together");
                expect(seen, format!("without a control group: {row:?}"));
                continue;
            }
            expect(row.status == fault.status, format!("should be {}, but is {row:?}", fault.status));
            for part in fault.reason {
                expect(row.reason.contains(part), format!("the reason should say `{part}`: {row:?}"));
            }
            let longest = row.reason.chars().count();
            expect(longest <= 8000 + 100, format!("the reason has {longest} characters"));
            let log = self.log(row);
            for part in fault.log {
                expect(log.contains(part), format!("the log should say `{part}`, but ends {:?}", tail(&log)));
            }
        }
        for healthy in self.both(fault.name, "rust/faer") {
            expect(healthy.status == "ok", format!("the healthy side should be ok: {healthy:?}"));
        }
        let pair = self.pair(fault.name);
        let one_cpu = std::thread::available_parallelism().map_or(1, usize::from) == 1;
        let comparable = fault.status == "ok" && (one_cpu || fault.refused.is_empty());
        for part in fault.refused.iter().filter(|_| !one_cpu) {
            let told = pair["reasons"].to_string();
            expect(told.contains(part), format!("the pair should be refused for `{part}`: {told}"));
        }
        expect(pair["comparable"] == comparable, format!("comparable should be {comparable}: {pair}"));
        let ratios = pair["phases"].as_array().map_or(0, Vec::len);
        expect(comparable || ratios == 0, format!("a ratio is printed: {pair}"));
        wrong
    }

    fn log(&self, row: &Row) -> String {
        let path = self.place.only_run("faults").join("logs").join(format!("{}.log", row.trial));
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// The run went on to its end, and says that trials failed.
    fn went_on(&self, faults: &[Fault]) {
        let wrong: Vec<String> = faults.iter().flat_map(|fault| self.check(fault)).collect();
        assert!(wrong.is_empty(), "{} of {} faults:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
        let control = self.both("none", "python/misbehaving");
        assert!(control.iter().all(|row| row.status == "ok"), "the control: {control:?}");
        assert_eq!(self.done.json()["comparisons"][0]["finished"], true);
        assert_eq!(self.done.code, Some(1), "trials failed: {}", self.done.stderr);
        let work = self.place.only_run("faults").join("work");
        let left = std::fs::read_dir(work).into_iter().flatten().count();
        assert_eq!(left, 0, "the work folder is empty");
    }
}

fn tail(text: &str) -> String {
    text.chars().skip(text.chars().count().saturating_sub(300)).collect()
}

#[test]
fn every_fault_is_a_row_and_the_run_goes_on() {
    suffer(QUICK, "blocks = 2\nmemory = \"1GiB\"\ntimeout = \"2min\"").went_on(QUICK);
}

/// Hangs cost time and no CPU, so each gets a run of its own and all wait together.
#[test]
fn every_hang_is_a_row_and_the_run_goes_on() {
    std::thread::scope(|scope| {
        let running: Vec<_> = HANGS
            .chunks(1)
            .map(|faults| {
                scope.spawn(move || {
                    suffer(faults, "blocks = 2\nmemory = \"1GiB\"\ntimeout = \"15s\"").went_on(faults)
                })
            })
            .collect();
        for run in running {
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// The environment breaks in the first trial that the order puts before others; every later trial of it is a row that says so, and the
/// healthy side's trials are all there. The environment is a copy by links: the real one stays.
#[test]
fn an_environment_that_breaks_under_way_is_told() {
    for fault in BROKEN_ENVIRONMENT {
        let place = Place::new();
        let cache = place.path().join("cache");
        copy_environments(&cache.join("envs"));
        let suffered = suffer_in(place, &["none", fault.name], "blocks = 2", &[("BENCHRUN_CACHE", &cache)]);
        let broken: Vec<&Row> = suffered
            .rows
            .iter()
            .filter(|row| row.implementation == "python/misbehaving" && row.status != "ok")
            .collect();
        assert!(!broken.is_empty(), "{:#?}", suffered.rows);
        for row in &broken {
            assert!(row.status == fault.status, "{row:#?}");
            assert!(fault.reason.iter().any(|part| row.reason.contains(part)), "{row:#?}");
        }
        let healthy: Vec<&Row> =
            suffered.rows.iter().filter(|row| row.implementation == "rust/faer" && row.block > 0).collect();
        assert_eq!(healthy.len(), 4);
        assert!(healthy.iter().all(|row| row.status == "ok"), "{healthy:#?}");
        assert_eq!(suffered.done.code, Some(1));
    }
}

/// Copies the finished environments of the cache by hard links, which takes no space: what a test removes is a name only.
fn copy_environments(to: &Path) {
    let from = benchrun::files::cache_root().unwrap().join("envs");
    if !from.is_dir() {
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(&from).unwrap().flatten() {
        if entry.path().join("complete.json").is_file() {
            let mut copy = std::process::Command::new("cp");
            let by_links = copy.arg("-a").arg("-l").arg(entry.path()).arg(to).output().unwrap();
            if !by_links.status.success() {
                // Links do not reach across file systems.
                let copied = std::process::Command::new("cp").arg("-a").arg(entry.path()).arg(to).status();
                assert!(copied.unwrap().success());
            }
        }
    }
}

/// The table in the documentation is the suite's own.
#[test]
fn the_page_shows_the_table_of_the_suite() {
    let mut table = "| fault | injected how | row | reason says |\n| --- | --- | --- | --- |\n".to_owned();
    for fault in QUICK.iter().chain(HANGS).chain(BROKEN_ENVIRONMENT) {
        let said: Vec<String> = fault
            .reason
            .iter()
            .map(|part| format!("`{}`", part.replace('`', "'").replace('|', "\\|")))
            .collect();
        let said = if said.is_empty() { "–".to_owned() } else { said.join(", ") };
        writeln!(table, "| {} | {} | `{}` | {said} |", fault.name, fault.how, fault.status).unwrap();
    }
    let path = format!("{ROOT}/docs/design/faults.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- table -->\n").expect("the page marks its table");
    let (_, after) = rest.split_once("<!-- end -->").expect("the page marks its table's end");
    let right = format!("{before}<!-- table -->\n{table}<!-- end -->{after}");
    if std::env::var_os("BENCHRUN_WRITE_SCHEMAS").is_some() {
        std::fs::write(&path, &right).unwrap();
        return;
    }
    assert!(page == right, "docs/design/faults.md is out of date: `make schemas` writes it");
}
