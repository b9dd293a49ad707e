//! What fails alike again and again is given up; what fails before it was ready may be begun anew.

use serde_json::Value;

use crate::adapters::adapter;
use crate::support::{Place, refused};

/// Statuses of one implementation's trials, in the order of the journal; those of a warm-up trial first.
fn statuses(place: &Place, spec: &str, implementation: &str) -> Vec<String> {
    let events = place.events(spec);
    let of = |id: &str| id.contains(&implementation.replace('/', "-"));
    let status = |event: &Value| match event["event"].as_str()? {
        "trial_ended" if of(event["trial"].as_str()?) => Some(event["status"].as_str()?.to_owned()),
        "trial_skipped" if of(event["trial"]["id"].as_str()?) => Some("skipped".to_owned()),
        _ => None,
    };
    events.iter().filter_map(status).collect()
}

fn spec(name: &str, protocol: &str, fault: &str) -> String {
    format!(
        r#"
name = "{name}"
[protocol]
blocks = 5
{protocol}
[protocol.fit]
max_samples = 2
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
[[experiment]]
name      = "faults"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["python/suspect", "rust/faer"]
baseline = "rust/faer"
[experiment.algorithms]
ridge = {{}}
[experiment.settings."python/suspect"]
fault = "{fault}"
"#
    )
}

#[test]
fn equal_failures_are_given_up_and_the_others_go_on() {
    let place = Place::new();
    let folder = adapter(&place, "suspect");
    place.write("up.toml", &spec("up", "", "raise"));
    let done = place.run(&["up.toml", "--quiet", "--adapters", &folder, "--format", "json"]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let failing = statuses(&place, "up", "python/suspect");
    // The warm-up trial counts: three failures in a row, then nothing more is tried.
    assert_eq!(failing, ["failed", "failed", "failed", "skipped", "skipped", "skipped"]);
    assert_eq!(statuses(&place, "up", "rust/faer"), ["ok"; 6]);
    let comparison = done.json()["comparisons"][0].clone();
    assert_eq!((&comparison["trials"]["skipped"], &comparison["trials"]["failed"]), (&3.into(), &2.into()));
    let pair = &comparison["cases"][0]["pairs"][0];
    refused(pair, "given up after 3 equal failures in a row, failed: ValueError: planted");
    // Continuing has nothing to do, and the rows stay.
    place.write("never.toml", &spec("never", "give_up_after = 0", "raise"));
    place.run(&["never.toml", "--quiet", "--adapters", &folder]);
    assert_eq!(statuses(&place, "never", "python/suspect"), ["failed"; 6]);
}

#[test]
fn a_block_is_begun_anew_where_a_worker_was_never_ready() {
    let place = Place::new();
    let folder = adapter(&place, "suspect");
    let module = place.path().join("adapters/suspect/suspect_adapter.py");
    let flaky = r#"
import pathlib
import tempfile

_tries = pathlib.Path(tempfile.gettempdir(), "tries")
_tried = int(_tries.read_text()) if _tries.exists() else 0
_tries.write_text(str(_tried + 1))
if _tried < 2:
    raise ImportError("the file system is not there yet")
"#;
    let text = std::fs::read_to_string(&module).unwrap();
    std::fs::write(&module, text.replacen("import os\n", &format!("import os\n{flaky}"), 1)).unwrap();
    place.write("flaky.toml", &spec("flaky", "retries = 1", "none"));
    std::fs::create_dir(place.path().join("tmp")).unwrap();
    let mut command = place.command(&["flaky.toml", "--quiet", "--adapters", &folder, "--format", "json"]);
    let output = command.env("TMPDIR", place.path().join("tmp")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The warm-up trial and the first of a block fail; the block is begun anew, whole.
    assert_eq!(statuses(&place, "flaky", "python/suspect"), [&["failed"; 2][..], &["ok"; 5]].concat());
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(comparison["comparisons"][0]["trials"], serde_json::json!({"ok": 10}));
    let judged: Vec<(u64, u64)> = place
        .events("flaky")
        .iter()
        .filter(|e| e["event"] == "block_judged")
        .map(|e| (e["block"].as_u64().unwrap(), e["attempt"].as_u64().unwrap()))
        .collect();
    assert_eq!(judged, [(1, 1), (2, 0), (3, 0), (4, 0), (5, 0)]);
}
