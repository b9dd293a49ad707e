//! Runs that an older version kept are read; those of a version to come are refused by name.

use std::fs;
use std::path::{Path, PathBuf};

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

fn ratio(place: &Place) -> f64 {
    let comparison = place.comparison("old");
    assert_eq!(comparison["trials"]["ok"], 4);
    let pair = &comparison["cases"][0]["pairs"][0];
    assert_eq!(pair["comparable"], true, "{pair:#}");
    let fit = pair["phases"].as_array().unwrap().iter().find(|p| p["phase"] == "fit").unwrap();
    fit["ratio"].as_f64().unwrap()
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
    let from_tables = ratio(&place);
    for table in ["trials", "samples", "parity"] {
        fs::remove_file(run.join(format!("{table}.parquet"))).unwrap();
    }
    assert_eq!(ratio(&place), from_tables);
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
