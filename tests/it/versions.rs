//! Runs that an older version kept are read; those of a version to come are refused by name.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Place, ROOT};

/// A run of two native implementations, two blocks each, kept by the version before.
fn old_run(place: &Place) -> PathBuf {
    let stored = fs::read_dir(format!("{ROOT}/tests/data/runs/schema_2/old")).unwrap();
    let stored: PathBuf = stored.map(|entry| entry.unwrap().path()).next().unwrap();
    let run = place.path().join("results/old").join(stored.file_name().unwrap());
    fs::create_dir_all(&run).unwrap();
    for entry in fs::read_dir(stored).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, run.join(path.file_name().unwrap())).unwrap();
    }
    run
}

/// Every figure on the phases of the only pair.
fn figures(place: &Place) -> Value {
    let comparison = place.comparison("old");
    assert_eq!(comparison["trials"]["ok"], 4);
    let pair = &comparison["cases"][0]["pairs"][0];
    assert_eq!(pair["comparable"], true, "{pair:#}");
    assert!(pair["phases"].as_array().unwrap().iter().any(|p| p["phase"] == "fit"));
    pair["phases"].clone()
}

fn edit(run: &Path, from: &str, to: &str) {
    let path = run.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn an_older_run_is_read_from_its_tables_and_from_its_journal() {
    let place = Place::new();
    let run = old_run(&place);
    let from_tables = figures(&place);
    for table in ["trials", "samples", "parity"] {
        fs::remove_file(run.join(format!("{table}.parquet"))).unwrap();
    }
    assert_eq!(figures(&place), from_tables);
}

#[test]
fn a_run_of_another_version_is_refused_by_name() {
    let place = Place::new();
    let run = old_run(&place);
    edit(&run, "\"schema_version\": 2", "\"schema_version\": 99");
    let done = place.run(&["compare", "old"]);
    assert_eq!(done.code, Some(4));
    assert!(done.stderr.contains("has schema version 99, and this benchrun reads 2 to 3"), "{}", done.stderr);
}
