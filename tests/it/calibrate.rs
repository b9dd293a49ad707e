//! `benchrun calibrate`: from a spec to rates, and what is kept of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Done, Place, fits_schema};

const SPEC: &str = r#"
name = "tiny"

[protocol]
blocks = 3

[protocol.fit]
max_samples = 3

[protocol.predict]
batch_sizes = ["all"]
max_samples = 3

[[experiment]]
name            = "lines"
task            = "regression"
datasets        = [{ generator = "linear", rows = 500, features = 5 }]
implementations = ["rust/faer"]

[experiment.algorithms]
ols = {}
"#;

/// A folder with the spec and a cache of its own: a test must not replace what is known of the machine.
struct Calibrating(Place);

impl Calibrating {
    fn new() -> Self {
        let place = Place::new();
        place.write("tiny.toml", SPEC);
        Self(place)
    }

    fn command(&self, options: &[&str]) -> std::process::Command {
        let mut command = self.0.command(&["calibrate", "tiny.toml"]);
        command.args(options).env("BENCHRUN_CACHE", self.0.path().join("cache"));
        command
    }

    fn run(&self, options: &[&str]) -> Done {
        Done::from(self.command(options).output().unwrap())
    }

    /// The files that are kept for later runs.
    fn kept(&self) -> Vec<PathBuf> {
        let files =
            std::fs::read_dir(self.0.path().join("cache/calibration")).into_iter().flatten().flatten();
        files.map(|file| file.path()).collect()
    }

    fn count(&self, event: &str) -> usize {
        let runs = std::fs::read_dir(self.0.path().join("results/tiny-calibration")).into_iter().flatten();
        runs.flatten()
            .filter_map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).ok())
            .map(|text| text.matches(&format!("\"event\":\"{event}\"")).count())
            .sum()
    }
}

#[test]
fn a_slowdown_is_injected_measured_and_told() {
    let place = Calibrating::new();
    let done =
        place.run(&["--comparisons", "2", "--slowdowns", "300%", "--quiet", "--format", "json"]).success();
    let calibration = done.json();
    fits_schema("calibration", &calibration);
    assert_eq!(calibration["finished"], true);
    assert_eq!(calibration["blocks"], serde_json::json!([3, 3]));
    assert_eq!(calibration["not_comparable"], serde_json::json!({}));
    let phases = calibration["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(names, ["start", "load", "fit_first", "fit", "predict@all"]);
    for phase in phases {
        assert_eq!(phase["implementation"], "rust/faer");
        assert_eq!(phase["identical"]["false_positives"]["of"], 2, "{phase:#}");
        let slowed = phase["slowed"].as_array().unwrap();
        assert_eq!(slowed.len(), usize::from(!["start", "load"].contains(&phase["phase"].as_str().unwrap())));
    }
    let fit = &phases[3]["slowed"][0];
    assert_eq!((&fit["slowdown"], &fit["true_ratio"]), (&Value::from(3.0), &Value::from(0.25)));
    assert!(fit["median_ratio"].as_f64().unwrap() < 1.0, "{fit:#}");

    let kept = place.kept();
    assert_eq!(kept.len(), 1);
    let kept: Value = serde_json::from_slice(&std::fs::read(&kept[0]).unwrap()).unwrap();
    assert_eq!(kept, calibration, "what later runs warn of is what was printed");
    the_run_tells_who_was_slowed(&place);
}

/// The calibration's run is a run like any other, and nothing in it hides the slow-down.
fn the_run_tells_who_was_slowed(place: &Calibrating) {
    let run = place.0.only_run("tiny-calibration");
    let manifest: Value = serde_json::from_slice(&std::fs::read(run.join("manifest.json")).unwrap()).unwrap();
    fits_schema("manifest", &manifest);
    for case in manifest["cases"].as_array().unwrap() {
        let arms = case["arms"].as_array().unwrap();
        let names: Vec<&str> = arms.iter().map(|a| a["implementation"].as_str().unwrap()).collect();
        assert_eq!(names, ["rust/faer", "rust/faer+aa", "rust/faer+slow300pct"]);
        let slowdowns: Vec<&Value> = arms.iter().map(|a| &a["slowdown"]).collect();
        assert_eq!(slowdowns, [&Value::Null, &Value::Null, &Value::from(3.0)], "0 is left out");
    }
    let compared = place.0.run(&["compare", "tiny-calibration"]).success().stdout;
    assert!(compared.contains("rust/faer+slow300pct was slowed by 300 % for calibration"), "{compared}");
    let ids: Vec<String> = place
        .0
        .events("tiny-calibration")
        .iter()
        .filter(|e| e["event"] == "trial_started")
        .map(|e| e["trial"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "every trial has an id of its own");
    // Two comparisons of three arms in three blocks, and one warm-up trial of each arm.
    assert_eq!(ids.len(), 2 * 3 * 3 + 3);
}

#[test]
fn a_calibration_without_slowdowns_is_a_table() {
    let place = Calibrating::new();
    let done = place.run(&["--comparisons", "1", "--slowdowns", ""]).success();
    assert!(
        done.stderr.contains("1 comparisons of implementations with themselves, 6 trials"),
        "{}",
        done.stderr
    );
    for told in ["tiny-calibration", "3 blocks each", "rust/faer", "(start)", "  fit ", "interval excludes 1"]
    {
        assert!(done.stdout.contains(told), "{told}: {}", done.stdout);
    }
    assert!(!done.stdout.contains("interval below 1"), "{}", done.stdout);
}

#[test]
fn a_killed_calibration_is_continued() {
    let place = Calibrating::new();
    let options = ["--comparisons", "3", "--slowdowns", "5%"];
    let mut child = place.command(&options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    while place.count("trial_ended") < 5 {
        assert!(Instant::now() < deadline, "the calibration does not get on");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A quick machine may have finished it: then the same command starts another, and nothing is left to show.
    if place.count("run_finished") > 0 {
        return;
    }
    assert_eq!(place.kept(), Vec::<PathBuf>::new(), "half a calibration says nothing");
    let done = place.run(&options).success();
    assert!(done.stderr.contains("continuing results"), "{}", done.stderr);
    place.0.only_run("tiny-calibration");
    assert_eq!(place.count("block_judged"), 3 * 3, "no block is lost or double");
    assert_eq!(place.kept().len(), 1);
}

#[test]
fn other_slowdowns_are_another_calibration() {
    let place = Calibrating::new();
    place.run(&["--comparisons", "1", "--slowdowns", "5%", "--quiet"]).success();
    place.run(&["--comparisons", "1", "--slowdowns", "10%", "--quiet"]).success();
    assert_eq!(std::fs::read_dir(place.0.path().join("results/tiny-calibration")).unwrap().count(), 2);
    assert_eq!(place.kept().len(), 1, "the last one of a machine is kept");
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let place = Calibrating::new();
    for (options, told) in [
        (["--slowdowns", "abc"], "\"abc\" is no percentage; write for example 1%,2.5%,10%"),
        (["--slowdowns", "0%"], "0% should be above 0 %"),
        (["--slowdowns", "5%,5%"], "5% is given twice"),
        (["--comparisons", "0"], "0 is not in 1"),
        (["--comparisons", "30000"], "the limit is 100000"),
    ] {
        let done = place.run(&options);
        assert_eq!(done.code, Some(2), "{options:?}: {}", done.stderr);
        assert!(done.stderr.contains(told), "{options:?}: {}", done.stderr);
    }
    assert!(!place.0.path().join("results").exists(), "nothing was run");
}

#[test]
fn the_shipped_spec_is_the_default() {
    let place = Calibrating::new();
    let mut command = place.0.command(&["calibrate", "--comparisons", "100000"]);
    command.env("BENCHRUN_CACHE", place.0.path().join("cache"));
    let done = Done::from(command.output().unwrap());
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("12000000 trials"), "{}", done.stderr);
}
