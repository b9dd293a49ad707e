//! What the doctor says, and what a run keeps of it and of the noise during its blocks.

use std::fs::File;

use polars::prelude::{ParquetReader, SerReader};
use serde_json::Value;

use crate::support::{Place, fits_schema};

const SPEC: &str = r#"
name = "noise"

[protocol]
blocks = 3

[protocol.fit]
max_samples = 2

[protocol.predict]
batch_sizes = ["all"]
max_samples = 2

[[experiment]]
name            = "ols"
task            = "regression"
datasets        = ["diabetes"]
implementations = ["rust/faer", "rust/linfa"]

[experiment.algorithms]
ols   = {}
ridge = { alpha = 1.0 }
"#;

#[test]
fn the_doctor_speaks_to_people_and_to_scripts() {
    let place = Place::new();
    let json = place.run(&["doctor", "--format", "json"]).success().json();
    fits_schema("doctor", &json);
    let text = place.run(&["doctor"]).success().stdout;
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.len() > 20, "{findings:#?}");
    for finding in findings {
        let name = finding["name"].as_str().unwrap();
        assert!(text.contains(&format!(" {name} ")), "{name}: {text}");
        assert!(!finding["finding"].as_str().unwrap().is_empty(), "{finding:#}");
        let needs_advice = finding["level"] == "warning";
        assert!(!needs_advice || finding["advice"].is_string(), "a warning says what to do: {finding:#}");
    }
    for clock in ["wall", "cpu"] {
        let figures = json["clocks"].as_array().unwrap().iter().find(|c| c["clock"] == clock).unwrap();
        assert!(figures["step_ns"].as_u64().unwrap() > 0 && figures["read_ns"].as_f64().unwrap() > 0.0);
    }
    let strict = place.run(&["doctor", "--strict", "--format", "json"]);
    let warns = strict.json()["findings"].as_array().unwrap().iter().any(|f| f["level"] == "warning");
    assert_eq!(strict.code, Some(if warns { 5 } else { 0 }));
    let greedy = place.run(&["doctor", "--threads", "100000"]);
    assert_eq!(greedy.code, Some(2), "{}", greedy.stderr);
}

#[test]
fn a_run_keeps_what_the_doctor_found_and_the_noise_of_every_block() {
    let place = Place::new();
    place.write("noise.toml", SPEC);
    let done = place.run(&["noise.toml", "--quiet"]).success();
    let run = place.only_run("noise");
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("manifest.json")).unwrap()).unwrap();
    fits_schema("manifest", &manifest);
    fits_schema("doctor", &manifest["doctor"]);
    assert!(
        manifest["fingerprint"].as_object().unwrap().keys().all(|part| !part.contains("doctor")),
        "a run is continued under another load"
    );
    let warned: Vec<&str> = manifest["doctor"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["level"] == "warning")
        .map(|f| f["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        done.stdout.contains(&format!("`benchrun doctor` warned before the run: {}\n", warned.join(", "))),
        !warned.is_empty(),
        "{warned:?}: {}",
        done.stdout
    );

    let told: Vec<Value> =
        place.events("noise").into_iter().filter(|e| e["event"] == "block_noise").collect();
    assert_eq!(told.len(), 6, "three blocks of two cases");
    for event in &told {
        fits_schema("trial_event", event);
        let noise = &event["noise"];
        for (name, value) in noise.as_object().unwrap() {
            assert_eq!(value.is_null(), noise["absent"].get(name).is_some(), "{name}: {noise:#}");
        }
        assert!(noise["wall_ns"].as_u64().unwrap() > 0);
    }
    let blocks = ParquetReader::new(File::open(run.join("blocks.parquet")).unwrap()).finish().unwrap();
    assert_eq!(blocks.height(), 6);
    assert!(blocks.column("counted").unwrap().bool().unwrap().iter().all(|c| c == Some(true)));
    let walls = blocks.column("wall_ns").unwrap().u64().unwrap();
    assert!(told.iter().zip(walls.iter()).all(|(event, wall)| event["noise"]["wall_ns"].as_u64() == wall));
    for column in ["steal_share", "others_trial_cpus", "others_elsewhere_cpus", "load", "throttles", "absent"]
    {
        assert!(blocks.column(column).is_ok(), "{column} is missing");
    }
}

/// A run of an earlier benchrun has neither findings nor noise, and is judged all the same.
#[test]
fn a_run_without_noise_is_read() {
    let place = Place::new();
    place.write("noise.toml", SPEC);
    place.run(&["noise.toml", "--quiet"]).success();
    let run = place.only_run("noise");
    std::fs::remove_file(run.join("blocks.parquet")).unwrap();
    let path = run.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("doctor").unwrap();
    std::fs::write(&path, manifest.to_string()).unwrap();
    let comparison = place.comparison("noise");
    assert_eq!(comparison["trials"]["ok"], 12);
    let warnings = comparison["warnings"].as_array().unwrap();
    let of_noise =
        |w: &Value| w.as_str().unwrap().contains("doctor") || w.as_str().unwrap().starts_with("noise");
    assert!(!warnings.iter().any(of_noise), "{warnings:?}");
}
