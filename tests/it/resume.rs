//! Runs that are interrupted or killed, and continued by the same command.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::Place;

const SPEC: &str = r#"
name = "long"

[protocol]
blocks = 6

[protocol.fit]
max_samples = 2

[protocol.predict]
batch_sizes = ["all"]
max_samples = 2

[[experiment]]
name            = "ols"
task            = "regression"
datasets        = ["diabetes"]
implementations = ["rust/faer", "rust/linfa", "python/scikit-learn"]

[experiment.algorithms]
ols   = {}
"#;

/// Starts the run and waits until its journal holds some ended trials.
fn start_and_wait(place: &Place, ended: usize) -> std::process::Child {
    let child =
        place.command(&["long.toml", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    while count(place.path(), "trial_ended") < ended {
        assert!(Instant::now() < deadline, "the run does not get on");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn count(place: &Path, event: &str) -> usize {
    let runs = std::fs::read_dir(place.join("results/long")).into_iter().flatten().flatten();
    runs.filter_map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).ok())
        .map(|text| text.matches(&format!("\"event\":\"{event}\"")).count())
        .sum()
}

/// Trials that count, by block and implementation, with how often each is there.
fn counted(place: &Place) -> BTreeMap<(u64, String), usize> {
    let events = place.events("long");
    let judged: BTreeSet<(u64, u64)> = events
        .iter()
        .filter(|e| e["event"] == "block_judged")
        .map(|e| (e["block"].as_u64().unwrap(), e["attempt"].as_u64().unwrap()))
        .collect();
    let mut counted = BTreeMap::new();
    for trial in events.iter().filter(|e| e["event"] == "trial_started").map(|e| &e["trial"]) {
        let (block, attempt) = (trial["block"].as_u64().unwrap(), trial["attempt"].as_u64().unwrap());
        if judged.contains(&(block, attempt)) {
            *counted.entry((block, trial["implementation"].as_str().unwrap().to_owned())).or_default() += 1;
        }
    }
    counted
}

fn is_whole(place: &Place) {
    let counted = counted(place);
    assert_eq!(counted.len(), 18, "none is lost: {counted:?}");
    assert!(counted.values().all(|times| *times == 1), "none is double: {counted:?}");
    assert_eq!(place.comparison("long")["trials"]["ok"], 18);
    assert_eq!(place.comparison("long")["finished"], true);
}

#[test]
fn a_killed_runner_is_continued() {
    let place = Place::new();
    place.write("long.toml", SPEC);
    for ended in [5, 9, 14] {
        let mut child = start_and_wait(&place, ended);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let judged = count(place.path(), "block_judged");
    let done = place.run(&["long.toml"]).success();
    assert!(done.stderr.contains("continuing results"), "{}", done.stderr);
    is_whole(&place);
    assert_eq!(
        count(place.path(), "block_judged"),
        6,
        "blocks that were there, {judged}, were not run again"
    );
    let started: Vec<_> = place
        .events("long")
        .into_iter()
        .filter(|e| e["event"] == "trial_started")
        .map(|e| e["trial"]["id"].clone())
        .collect();
    let ids: BTreeSet<&str> = started.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(ids.len(), started.len(), "every attempt has an id of its own");
}

#[test]
fn an_interrupt_leaves_a_valid_run() {
    let place = Place::new();
    place.write("long.toml", SPEC);
    let mut child = start_and_wait(&place, 6);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(place.only_run("long").join("trials.parquet").is_file(), "what is there is written");
    let comparison = place.comparison("long");
    assert_eq!(comparison["finished"], false);

    place.run(&["long.toml", "--quiet"]).success();
    is_whole(&place);
    // A finished run never changes: the same command starts a new one.
    place.run(&["long.toml", "--quiet"]).success();
    assert_eq!(std::fs::read_dir(place.path().join("results/long")).unwrap().count(), 2);
}

#[test]
fn another_spec_starts_a_new_run_and_says_why() {
    let place = Place::new();
    place.write("long.toml", SPEC);
    let mut child = start_and_wait(&place, 4);
    child.kill().unwrap();
    child.wait().unwrap();
    place.write("long.toml", &SPEC.replace("blocks = 6", "blocks = 2"));
    let done = place.run(&["long.toml"]).success();
    assert!(done.stderr.contains("not continuing the unfinished run"), "{}", done.stderr);
    assert!(done.stderr.contains("differs in spec"), "{}", done.stderr);
}

#[test]
fn two_runners_do_not_share_a_run() {
    let place = Place::new();
    place.write("long.toml", SPEC);
    let mut child = start_and_wait(&place, 4);
    let second = place.run(&["long.toml", "--quiet"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.code, Some(4), "{}", second.stderr);
    assert!(second.stderr.contains("another runner is at work"), "{}", second.stderr);
}
