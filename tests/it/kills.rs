//! The runner killed at random moments and continued: what counts in the end is what an undisturbed run has.
//!
//! `KILLS` says how many times it is disturbed (`make prove-kill`), six in ten of them by SIGKILL; CI makes a few. The moments are drawn from a
//! seed, `KILL_SEED`, from zero to the length of an undisturbed run, so that they also fall into preparation and into the writing of the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use benchrun::executor::event::TrialEvent;
use benchrun::store::rows::trials;
use benchrun::store::run_folder::read_manifest;
use benchrun::store::state::RunState;
use polars::prelude::{ParquetReader, SerReader};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::adapters::adapter;
use crate::faults::processes_of;
use crate::support::{Done, Place};

/// Short trials of both languages, with fixed blocks.
const SPEC: &str = r#"
name = "kills"
[protocol]
blocks = 4
[protocol.fit]
max_samples = 2
max_time = "2ms"
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
max_time = "2ms"
[[experiment]]
name            = "native"
task            = "regression"
datasets        = [{ generator = "linear", rows = 40, features = 3 }]
implementations = ["rust/faer", "rust/linfa"]
[experiment.algorithms]
ols   = {}
[[experiment]]
name            = "both"
task            = "regression"
datasets        = [{ generator = "linear", rows = 60, features = 4 }]
implementations = ["rust/faer", "python/toy"]
[experiment.algorithms]
ridge = { alpha = [0.1, 1.0] }
"#;

/// The coordinates of a trial that counts, and what must not depend on disturbances.
type Counted = BTreeMap<(String, String, u32), (String, u64, String)>;

fn number_of(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A place with a cache of its own, so that the data is prepared in it; environments are the user's.
fn fresh_place() -> (Place, String) {
    let place = Place::new();
    let folder = adapter(&place, "toy");
    place.write("kills.toml", SPEC);
    let cache = benchrun::files::cache_root().unwrap();
    std::fs::create_dir_all(cache.join("envs")).unwrap();
    std::fs::create_dir_all(place.path().join("cache")).unwrap();
    std::os::unix::fs::symlink(cache.join("envs"), place.path().join("cache/envs")).unwrap();
    (place, folder)
}

fn start(place: &Place, adapters: &str) -> Child {
    let errors = File::options().create(true).append(true).open(place.path().join("errors")).unwrap();
    let mut command = place.command(&["kills.toml", "--quiet", "--adapters", adapters]);
    command.env("TMPDIR", place.path()).env("BENCHRUN_CACHE", place.path().join("cache"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap()
}

fn errors(place: &Place) -> String {
    std::fs::read_to_string(place.path().join("errors")).unwrap_or_default()
}

/// The newest run's folder, once it is one.
fn newest(place: &Place) -> Option<PathBuf> {
    let runs = std::fs::read_dir(place.path().join("results/kills")).ok()?;
    let runs = runs.flatten().map(|run| run.path());
    runs.filter(|run| run.join("manifest.json").is_file()).max()
}

/// One row of the table, as far as continuing goes.
struct Row {
    trial: String,
    case: String,
    implementation: String,
    block: u32,
    attempt: u32,
    counted: bool,
    status: String,
    seed: u64,
    outputs: String,
}

/// The rows of a run, from its journal. A runner that was killed after the last event has written no table; where there is one, it holds
/// the same trials.
fn rows(run: &Path) -> Vec<Row> {
    let manifest = read_manifest(run).unwrap();
    let rows = trials(&manifest, &RunState::replay(&journal(run).0));
    if let Ok(file) = File::open(run.join("trials.parquet")) {
        let table = ParquetReader::new(file).finish().unwrap();
        let of_table = table.column("trial").unwrap().str().unwrap();
        let of_journal = rows.iter().map(|row| row.trial.as_deref());
        assert!(of_table.iter().eq(of_journal), "the table holds the journal's trials");
    }
    let rows = rows.into_iter().map(|row| Row {
        trial: row.trial.unwrap(),
        case: row.case,
        implementation: row.implementation,
        block: row.block.unwrap(),
        attempt: row.attempt.unwrap(),
        counted: row.counted,
        status: row.status,
        seed: row.seed.unwrap(),
        outputs: row.outputs_sha256.unwrap_or_default(),
    });
    rows.collect()
}

/// What counts in a run. None may be there twice.
fn counted(rows: &[Row]) -> Counted {
    let mut counted = Counted::new();
    for row in rows.iter().filter(|row| row.counted) {
        let coordinates = (row.case.clone(), row.implementation.clone(), row.block);
        let before = counted.insert(coordinates, (row.status.clone(), row.seed, row.outputs.clone()));
        assert!(before.is_none(), "{} is there twice", row.trial);
    }
    counted
}

/// Rows of a block that was split are told apart from those that replaced them, and one attempt of each block counts.
fn attempts_are_told_apart(rows: &[Row]) {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.trial.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "every trial has an id of its own");
    let mut counting: BTreeMap<(&str, u32), BTreeSet<u32>> = BTreeMap::new();
    let mut begun: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.block > 0) {
        let block = (row.case.as_str(), row.block);
        let last = begun.entry(block).or_default();
        *last = (*last).max(row.attempt);
        if row.counted {
            counting.entry(block).or_default().insert(row.attempt);
        }
    }
    for (block, last) in begun {
        assert_eq!(
            counting.get(&block),
            Some(&BTreeSet::from([last])),
            "the last attempt at {block:?} counts"
        );
    }
}

/// The events of a journal whose last line may be torn, and its whole lines as they are.
fn journal(run: &Path) -> (Vec<TrialEvent>, Vec<u8>) {
    let mut bytes = std::fs::read(run.join("journal.jsonl")).unwrap_or_default();
    bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1));
    let events = benchrun::store::journal::read(run).unwrap_or_else(|e| {
        assert!(bytes.is_empty(), "the journal is damaged: {e}");
        Vec::new()
    });
    (events, bytes)
}

/// What was seen over all disturbances.
#[derive(Debug, Default)]
struct Seen {
    disturbances: u64,
    kills: u64,
    signals: u64,
    torn: u64,
    /// Disturbances before there was a run, while a trial was in flight, and between or after the trials.
    before: u64,
    in_flight: u64,
    between: u64,
    runs: u64,
    interrupted_rows: u64,
    replaced_rows: u64,
    lost: u64,
    doubled: u64,
    survivors: u64,
}

/// Ends the runner in one of the ways in which runners end. Tells whether it was given no chance to end well.
fn disturb(child: &mut Child, random: &mut ChaCha8Rng, seen: &mut Seen) -> bool {
    let pid = Pid::from_child(child);
    let signals: &[Signal] = match random.random_range(0..10) {
        0 => &[Signal::TERM],
        1 => &[Signal::INT],
        2 => &[Signal::TERM, Signal::TERM],
        3 => &[Signal::INT, Signal::INT],
        _ => &[Signal::KILL],
    };
    for (i, signal) in signals.iter().enumerate() {
        if i > 0 {
            std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        }
        let _ = kill_process(pid, *signal);
    }
    let is_kill = signals == [Signal::KILL];
    seen.kills += u64::from(is_kill);
    seen.signals += u64::from(!is_kill);
    let code = child.wait().unwrap().code();
    // 130 is documented; no code: the signal came before there was a handler; the others: it had just finished.
    assert!(matches!(code, None | Some(0 | 130)), "the runner ended with {code:?}");
    is_kill
}

#[test]
fn a_runner_that_is_killed_at_random_moments_loses_and_doubles_nothing() {
    let wanted = number_of("KILLS", 8);
    let seed = number_of("KILL_SEED", 5);
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let (place, adapters) = fresh_place();
    let began = Instant::now();
    let code = start(&place, &adapters).wait().unwrap().code();
    let length = began.elapsed();
    assert_eq!(code, Some(0), "{}", errors(&place));
    let undisturbed = counted(&rows(&newest(&place).unwrap()));
    assert_eq!(undisturbed.len(), 4 * (2 + 2 * 2));
    assert!(undisturbed.values().all(|(status, ..)| status == "ok"), "{undisturbed:?}");

    let mut seen = Seen::default();
    while seen.disturbances < wanted {
        one_disturbed_run(&undisturbed, length, wanted, &mut random, &mut seen);
    }
    #[expect(clippy::print_stderr, reason = "`make prove-kill` shows what was seen")]
    {
        eprintln!("{length:.1?} a run, seed {seed}: {seen:#?}");
    }
    assert_eq!((seen.lost, seen.doubled, seen.survivors), (0, 0, 0));
}

/// Disturbs one run until it is finished, or until enough is seen; then lets it finish, and compares.
fn one_disturbed_run(
    undisturbed: &Counted,
    length: Duration,
    wanted: u64,
    random: &mut ChaCha8Rng,
    seen: &mut Seen,
) {
    let (place, adapters) = fresh_place();
    let mut known: Vec<u8> = Vec::new();
    let mut disturbances = 0;
    let mut in_flight: BTreeSet<String> = BTreeSet::new();
    let mut left_behind: BTreeMap<u32, String> = BTreeMap::new();
    loop {
        let mut child = start(&place, &adapters);
        let undisturbed_by_now = seen.disturbances >= wanted;
        let moment = length.mul_f64(random.random_range(0.0..1.0));
        let ended = if undisturbed_by_now { Some(child.wait().unwrap()) } else { wait(&mut child, moment) };
        if let Some(status) = ended {
            assert_eq!(status.code(), Some(0), "{}", errors(&place));
        } else {
            let was_kill = disturb(&mut child, random, seen);
            seen.disturbances += 1;
            disturbances += 1;
            let Some(run) = newest(&place) else {
                seen.before += 1;
                continue;
            };
            let (events, whole) = journal(&run);
            assert!(whole.starts_with(&known), "what was in the journal is still there");
            // Whatever an earlier runner left behind was ended when this one began its session.
            if whole.len() > known.len() {
                let alive = processes_of(place.path());
                seen.survivors += left_behind.keys().filter(|pid| alive.contains_key(pid)).count() as u64;
            }
            left_behind = processes_of(place.path());
            known = whole;
            let open = open_trials(&events);
            assert!(open.len() <= 1, "in flight are {open:?}");
            if open.is_empty() {
                seen.between += 1;
            } else {
                seen.in_flight += 1;
            }
            in_flight.extend(open);
            if matches!(events.last(), Some(TrialEvent::RunFinished { .. })) {
                // Only the tables were still to be written: the journal stands for them.
                place.comparison("kills");
                break;
            }
            // A crash of the whole machine may also tear the line that was being written.
            if was_kill && random.random_range(0..3) == 0 {
                let journal = File::options().append(true).open(run.join("journal.jsonl"));
                if let Ok(mut journal) = journal {
                    journal.write_all(br#"{"event":"trial_ended","trial":"0123"#).unwrap();
                    seen.torn += 1;
                }
            }
            continue;
        }
        let run = newest(&place).unwrap();
        let (events, whole) = journal(&run);
        assert!(whole.starts_with(&known), "what was in the journal is still there");
        assert!(matches!(events.last(), Some(TrialEvent::RunFinished { .. })), "{}", errors(&place));
        break;
    }
    let run = newest(&place).unwrap();
    let rows = rows(&run);
    let counted = counted(&rows);
    seen.lost += undisturbed.keys().filter(|coordinates| !counted.contains_key(*coordinates)).count() as u64;
    seen.doubled +=
        counted.keys().filter(|coordinates| !undisturbed.contains_key(*coordinates)).count() as u64;
    assert_eq!(&counted, undisturbed, "statuses, seeds and outputs are those of an undisturbed run");
    attempts_are_told_apart(&rows);
    let interrupted = rows.iter().filter(|row| row.status == "interrupted").count() as u64;
    assert!(interrupted <= disturbances, "{interrupted} rows are interrupted by {disturbances} disturbances");
    for trial in in_flight {
        let row = rows.iter().find(|row| row.trial == trial);
        assert!(row.is_some_and(|row| row.status == "interrupted"), "{trial} was in flight");
    }
    seen.interrupted_rows += interrupted;
    seen.replaced_rows += rows.iter().filter(|row| row.block > 0 && !row.counted).count() as u64;
    seen.runs += 1;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !processes_of(place.path()).is_empty() {
        assert!(Instant::now() < deadline, "processes are left: {:?}", processes_of(place.path()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the runner until a moment has come. Gives its exit status if it ended before.
fn wait(child: &mut Child, moment: Duration) -> Option<std::process::ExitStatus> {
    let until = Instant::now() + moment;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::sleep(left.min(Duration::from_millis(2)));
    }
}

/// Trials that began and did not end.
fn open_trials(events: &[TrialEvent]) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for event in events {
        match event {
            TrialEvent::TrialStarted { trial, .. } => {
                open.insert(trial.id.clone());
            }
            TrialEvent::TrialEnded { trial, .. } => {
                open.remove(trial);
            }
            _ => {}
        }
    }
    open
}

/// A worker that hangs outlives its killed runner; the next start ends it, and its block is run again.
#[test]
fn a_worker_that_outlived_its_runner_is_dead_after_the_next_start() {
    let place = Place::new();
    let adapters = adapter(&place, "misbehaving");
    let spec = r#"
name = "orphan"
[protocol]
blocks = 2
timeout = "10min"
[[experiment]]
name            = "orphan"
task            = "regression"
datasets        = [{ generator = "linear", rows = 40, features = 3 }]
implementations = ["python/misbehaving"]
[experiment.algorithms]
ridge = {}
[experiment.settings."python/misbehaving"]
fault = "hang_ignoring_signals"
"#;
    place.write("orphan.toml", spec);
    let start = || {
        let mut command = place.command(&["orphan.toml", "--quiet", "--adapters", &adapters]);
        let errors = File::options().create(true).append(true).open(place.path().join("errors")).unwrap();
        command.env("TMPDIR", place.path()).stdout(Stdio::null()).stderr(errors).spawn().unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(300);
    let hanging = |runner: &mut Child, session: usize, but: &BTreeMap<u32, String>| loop {
        assert!(runner.try_wait().unwrap().is_none(), "the runner ended: {}", errors(&place));
        // The worker is in its phase, so it has taken its signals over.
        let journal = place.path().join("results/orphan");
        let begun = std::fs::read_dir(&journal).into_iter().flatten().flatten().any(|run| {
            let text = std::fs::read_to_string(run.path().join("journal.jsonl")).unwrap_or_default();
            let sessions = text.matches("session_started").count();
            sessions == session && text.matches("\"phase\":\"fit_first\"").count() == session
        });
        let mut alive = processes_of(place.path());
        alive.remove(&runner.id());
        alive.retain(|pid, _| !but.contains_key(pid));
        if begun && !alive.is_empty() {
            std::thread::sleep(Duration::from_millis(300));
            return alive;
        }
        assert!(Instant::now() < deadline, "no worker hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut first = start();
    let orphans = hanging(&mut first, 1, &BTreeMap::new());
    first.kill().unwrap();
    first.wait().unwrap();
    let alive = processes_of(place.path());
    assert!(orphans.keys().all(|pid| alive.contains_key(pid)), "{orphans:?} outlive their runner: {alive:?}");
    let mut second = start();
    let others = hanging(&mut second, 2, &orphans);
    let alive = processes_of(place.path());
    assert!(orphans.keys().all(|pid| !alive.contains_key(pid)), "{orphans:?} are dead: {alive:?}");
    // The runner's own worker must not stay behind either.
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(130));
    let deadline = Instant::now() + Duration::from_secs(20);
    while others.keys().any(|pid| processes_of(place.path()).contains_key(pid)) {
        assert!(Instant::now() < deadline, "{others:?} are left");
        std::thread::sleep(Duration::from_millis(20));
    }
    let statuses: Vec<String> =
        rows(&place.only_run("orphan")).iter().map(|row| row.status.clone()).collect();
    assert_eq!(statuses, ["interrupted", "interrupted"]);
}

/// Two runners that start together: one of them does the work, the other is refused or finds it done.
#[test]
fn two_runners_that_start_together_do_not_mix() {
    for _ in 0..number_of("RACES", 2) {
        let (place, adapters) = fresh_place();
        let mut both = [start(&place, &adapters), start(&place, &adapters)];
        let codes: Vec<i32> = both.iter_mut().map(|child| child.wait().unwrap().code().unwrap()).collect();
        let told = errors(&place);
        assert!(codes.contains(&0), "{codes:?}: {told}");
        assert!(codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}: {told}");
        if codes.contains(&4) {
            assert!(told.contains("another runner is at work"), "{told}");
        }
        let mut finished = 0;
        for run in std::fs::read_dir(place.path().join("results/kills")).unwrap().flatten() {
            let rows = rows(&run.path());
            attempts_are_told_apart(&rows);
            assert_eq!(counted(&rows).len(), 4 * (2 + 2 * 2));
            finished += 1;
        }
        assert_eq!(finished, codes.iter().filter(|code| **code == 0).count());
    }
}

/// A full disk, told apart by how the system reports it: a limit on the size of files works everywhere.
#[test]
fn a_file_that_may_not_grow_ends_the_run_clearly_and_it_is_continued() {
    let (place, adapters) = fresh_place();
    // The adapters are unpacked before, because a lock of theirs is longer than what is allowed.
    let mut unpacking = place.command(&["list", "implementations", "--adapters", &adapters]);
    unpacking.env("BENCHRUN_CACHE", place.path().join("cache"));
    assert!(unpacking.output().unwrap().status.success());
    // 48 KiB hold the manifest and the tables of this spec, but not its journal. An ignored SIGXFSZ makes the write fail, as a full disk would.
    let limited = |ignore: &str| {
        let script = format!("{ignore} ulimit -f 96; exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_benchrun")]);
        command.args(["kills.toml", "--quiet", "--adapters", &adapters]).current_dir(place.path());
        command.env("BENCHRUN_CACHE", place.path().join("cache")).env("TMPDIR", place.path());
        Done::from(command.output().unwrap())
    };
    let told = limited("trap '' XFSZ;");
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    assert!(told.stderr.contains("cannot write") && told.stderr.contains("journal.jsonl"), "{}", told.stderr);
    let run = newest(&place).unwrap();
    let (events, whole) = journal(&run);
    assert!(!events.is_empty());
    // The default action of the signal ends the runner at once, as a kill does. The journal is as long as it may be by now.
    let killed = limited("");
    assert!(matches!(killed.code, None | Some(4)), "{:?} {}", killed.code, killed.stderr);
    assert!(journal(&run).1.starts_with(&whole));
    continues(&place, &adapters, &run, &whole);
}

/// A real full disk, where this test may mount one.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn a_full_disk_ends_the_run_clearly_and_it_is_continued() {
    let (place, adapters) = fresh_place();
    let disk = place.path().join("results");
    std::fs::create_dir(&disk).unwrap();
    let mount = |options: &str| {
        let mut command = std::process::Command::new("mount");
        let done = command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
        done.is_ok_and(|done| done.status.success())
    };
    if !mount("size=128k") {
        eprintln!("skipped: this test may not mount a small file system");
        return;
    }
    let _unmount = Unmount(disk.clone());
    let mut code = start(&place, &adapters).wait().unwrap().code();
    assert_eq!(code, Some(4), "{}", errors(&place));
    assert!(errors(&place).contains("No space left on device"), "{}", errors(&place));
    let run = newest(&place).unwrap();
    let (events, whole) = journal(&run);
    assert!(!events.is_empty());
    // Still full: the same message, and nothing is lost.
    code = start(&place, &adapters).wait().unwrap().code();
    assert_eq!(code, Some(4), "{}", errors(&place));
    assert!(journal(&run).1.starts_with(&whole));
    assert!(mount("remount,size=64m"), "the disk has room again");
    continues(&place, &adapters, &run, &whole);
}

/// Takes a mounted disk away, also when the test fails.
struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The same command finishes the run, keeping what its journal held.
fn continues(place: &Place, adapters: &str, run: &Path, whole: &[u8]) {
    let code = start(place, adapters).wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", errors(place));
    assert_eq!(newest(place).as_deref(), Some(run), "it is the same run");
    assert!(journal(run).1.starts_with(whole), "what was in the journal is still there");
    let rows = rows(run);
    attempts_are_told_apart(&rows);
    assert_eq!(counted(&rows).len(), 4 * (2 + 2 * 2));
}
