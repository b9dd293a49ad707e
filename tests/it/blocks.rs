//! The number of blocks of a case: chosen once from its pilot, journalled, honoured, and kept.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::adapters::adapter;
use crate::support::{Place, fits_schema};

/// Two cases of two quick implementations, and blocks of which hardly any number reaches the precision.
const SPEC: &str = r#"
name = "staged"

[protocol]
blocks = { min = 2, max = 5, precision = "0.1%" }

[protocol.fit]
max_samples = 3

[protocol.predict]
batch_sizes = [1, "all"]
max_samples = 3

[[experiment]]
name            = "quick"
task            = "regression"
datasets        = [{ generator = "linear", rows = 200, features = 5 }]
implementations = ["rust/faer", "rust/linfa"]
baseline        = "rust/linfa"

[experiment.algorithms]
ols   = {}
ridge = { alpha = 1.0 }

[experiment.settings."rust/linfa".ridge]
max_iterations = 20
"#;

/// Starts the run and kills it once its journal holds a text.
fn kill_at(place: &Place, text: &str) {
    let mut command = place.command(&["staged.toml", "--quiet"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let journal = || {
        let mut runs = std::fs::read_dir(place.path().join("results/staged")).into_iter().flatten().flatten();
        runs.find_map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).ok())
    };
    while !journal().is_some_and(|journal| journal.contains(text)) {
        assert!(Instant::now() < deadline, "the run does not get on");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The journal's decisions.
fn fixed(place: &Place) -> Vec<Value> {
    place.events("staged").into_iter().filter(|e| e["event"] == "blocks_fixed").collect()
}

/// The blocks of a case that were judged.
fn judged(place: &Place, case: &Value) -> Vec<u64> {
    let events = place.events("staged");
    let blocks = events.iter().filter(|e| e["event"] == "block_judged" && e["case"] == *case);
    let mut blocks: Vec<u64> = blocks.map(|e| e["block"].as_u64().unwrap()).collect();
    blocks.sort_unstable();
    blocks
}

#[test]
fn the_pilot_decides_once_and_is_heeded() {
    let place = Place::new();
    place.write("staged.toml", SPEC);
    place.run(&["staged.toml", "--quiet"]).success();
    let fixed = fixed(&place);
    assert_eq!(fixed.len(), 2, "one decision for each case: {fixed:#?}");
    for event in &fixed {
        fits_schema("trial_event", event);
        let number = |key: &str| event[key].as_u64().unwrap();
        assert_eq!(number("blocks"), number("wanted").min(5));
        // Two cases, one contender, three primary phases.
        assert_eq!(number("comparisons"), 6);
        let pilot = event["pilot"].as_array().unwrap();
        let phases: Vec<&str> = pilot.iter().map(|p| p["phase"].as_str().unwrap()).collect();
        assert_eq!(phases, ["fit", "predict@1", "predict@all"]);
        for comparison in pilot {
            assert_eq!(comparison["contender"], "rust/faer");
            assert_eq!(comparison["degrees_of_freedom"], 1);
            assert!(comparison["standard_deviation"].as_f64().unwrap() >= 0.0);
        }
        let wanted = pilot.iter().map(|p| p["wanted"].as_u64().unwrap()).max();
        assert_eq!(wanted, Some(number("wanted")));
        let blocks: Vec<u64> = (1..=number("blocks")).collect();
        assert_eq!(judged(&place, &event["case"]), blocks);
    }
    // Nothing is decided before the pilot of every case is over, and nothing later is run before.
    let events = place.events("staged");
    let at = |is: &dyn Fn(&Value) -> bool| events.iter().position(is).unwrap();
    let decided = at(&|e| e["event"] == "blocks_fixed");
    assert_eq!(events[..decided].iter().filter(|e| e["event"] == "block_judged").count(), 4);
    assert!(decided < at(&|e| e["event"] == "trial_started" && e["trial"]["block"] == 3));

    let manifest = std::fs::read_to_string(place.only_run("staged").join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    fits_schema("manifest", &manifest);
    assert_eq!(manifest["blocks"], serde_json::json!({ "min": 2, "max": 5, "precision": 0.001 }));
    assert_eq!(manifest["max_blocks_asked"], Value::Null);

    // A run that lost its decisions, but none of its blocks, decides the same: the later blocks have no say.
    let journal = place.only_run("staged").join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let lost = |line: &&str| !line.contains("\"blocks_fixed\"") && !line.contains("\"run_finished\"");
    let kept: String = text.lines().filter(lost).map(|line| format!("{line}\n")).collect();
    std::fs::write(&journal, kept).unwrap();
    place.run(&["staged.toml", "--quiet"]).success();
    assert_eq!(self::fixed(&place), fixed);
}

#[test]
fn a_continued_run_keeps_its_decision() {
    let place = Place::new();
    place.write("staged.toml", SPEC);
    kill_at(&place, "\"block\":3");
    let before = fixed(&place);
    assert!(before.iter().all(|event| event["blocks"] == 5), "too precise for the pilot: {before:#?}");
    // A decision that this pilot would never give shows that it is read, not made again.
    let journal = place.only_run("staged").join("journal.jsonl");
    let other = std::fs::read_to_string(&journal).unwrap().replace("\"blocks\":5,", "\"blocks\":4,");
    std::fs::write(&journal, other).unwrap();
    let done = place.run(&["staged.toml"]).success();
    assert!(done.stderr.contains("continuing results"), "{}", done.stderr);
    let after = fixed(&place);
    assert_eq!(after.len(), 2, "nothing is decided twice");
    for (event, earlier) in after.iter().zip(&before) {
        assert_eq!(event["pilot"], earlier["pilot"]);
        assert_eq!(judged(&place, &event["case"]), [1, 2, 3, 4]);
    }
    assert_eq!(place.comparison("staged")["finished"], true);
}

#[test]
fn a_contender_that_failed_in_the_pilot_has_no_say() {
    let place = Place::new();
    let folder = adapter(&place, "suspect");
    let spec = SPEC
        .replace("rust/linfa\"]", "rust/linfa\", \"python/suspect\"]")
        .replace("ols   = {}\n", "")
        .replace("[experiment.settings.\"rust/linfa\".ridge]", "[experiment.settings.\"python/suspect\"]")
        .replace("max_iterations = 20", "fault = \"raise\"")
        .replace("max = 5", "max = 3");
    place.write("staged.toml", &spec);
    let done = place.run(&["staged.toml", "--quiet", "--adapters", &folder]);
    assert_eq!(done.code, Some(1), "trials failed: {}", done.stderr);
    let fixed = fixed(&place);
    assert_eq!(fixed.len(), 1, "{fixed:#?}");
    assert_eq!(fixed[0]["comparisons"], 6, "it was planned to be compared");
    let contenders: Vec<&Value> =
        fixed[0]["pilot"].as_array().unwrap().iter().map(|p| &p["contender"]).collect();
    assert_eq!(contenders, ["rust/faer"; 3]);

    // With the failing one as the baseline nothing can be paired, and the pilot is all there is.
    let place = Place::new();
    let folder = adapter(&place, "suspect");
    let spec = spec.replace("baseline        = \"rust/linfa\"", "baseline = \"python/suspect\"");
    place.write("staged.toml", &spec);
    let done = place.run(&["staged.toml", "--quiet", "--adapters", &folder]);
    assert_eq!(done.code, Some(1), "trials failed: {}", done.stderr);
    let fixed = self::fixed(&place);
    assert_eq!((&fixed[0]["blocks"], &fixed[0]["wanted"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(fixed[0]["pilot"], serde_json::json!([]));
    assert_eq!(judged(&place, &fixed[0]["case"]), [1, 2]);
}

#[test]
fn a_budget_lowers_the_largest_number_and_a_continued_run_keeps_it() {
    let place = Place::new();
    // Where nothing was measured, a round of these four trials is expected to take 1.6 seconds.
    let budget = "max = 4, precision = \"0.1%\" }\nbudget = \"5s\"";
    place.write("staged.toml", &SPEC.replace("max = 5, precision = \"0.1%\" }", budget));
    kill_at(&place, "trial_ended");
    // Ids of runs are times in seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let lowers = "the budget lowers the largest number of blocks from 4 to 3";
    let fresh = place.run(&["staged.toml", "--quiet", "--fresh"]).success();
    assert!(fresh.stderr.contains(lowers), "{}", fresh.stderr);
    // By now the trials are known to be quick, and the budget would leave the spec's own number.
    let plan = place.run(&["plan", "staged.toml", "--format", "json"]).success().json();
    assert_eq!((&plan["blocks"]["max"], &plan["max_blocks_asked"]), (&Value::from(4), &Value::Null));
    let continued = place.run(&["staged.toml", "--quiet"]).success();
    assert!(continued.stderr.contains("continuing results"), "{}", continued.stderr);
    assert!(continued.stderr.contains(lowers), "{}", continued.stderr);
    for run in std::fs::read_dir(place.path().join("results/staged")).unwrap() {
        let read = |name: &str| std::fs::read_to_string(run.as_ref().unwrap().path().join(name)).unwrap();
        let manifest: Value = serde_json::from_str(&read("manifest.json")).unwrap();
        assert_eq!((&manifest["blocks"]["max"], &manifest["max_blocks_asked"]), (&3.into(), &4.into()));
        assert_eq!(read("journal.jsonl").matches("\"event\":\"block_judged\"").count(), 6);
    }
}
