//! A small run from TOML to verdict, and what it leaves behind.

use std::fs::File;

use polars::prelude::{ParquetReader, SerReader};
use serde_json::Value;

use crate::support::{Place, fits_schema};

const SPEC: &str = r#"
name = "small"

[protocol]
blocks = 3

[protocol.fit]
max_samples = 3

[protocol.predict]
batch_sizes = [1, "all"]
max_samples = 5
max_time    = "5ms"

[[experiment]]
name      = "direct solvers"
task      = "regression"
datasets  = ["diabetes"]
languages = ["rust", "python"]

[experiment.algorithms]
ols   = {}
lasso = { alpha = 1.0 }

[experiment.settings."rust/linfa"]
tolerance      = 1e-14
max_iterations = 20000

[experiment.settings."python/scikit-learn".lasso]
tol      = 1e-14
max_iter = 20000
"#;

#[test]
fn a_run_goes_from_toml_to_verdict() {
    let place = Place::new();
    place.write("small.toml", SPEC);
    let done = place.run(&["small.toml", "--quiet"]).success();
    assert!(done.stdout.contains("direct solvers · diabetes · ols"), "{}", done.stdout);
    assert!(done.stdout.contains("15 ok"), "{}", done.stdout);

    let comparison = place.comparison("small");
    fits_schema("report", &place.run(&["compare", "small", "--format", "json"]).json());
    assert_eq!(comparison["finished"], true);
    assert_eq!(comparison["trials"]["ok"], 15);
    assert_eq!(comparison["trials"]["unsupported"], 1, "faer offers no lasso");
    // Two contenders for ols, one for lasso, three primary phases each.
    assert_eq!(comparison["family"], 9);
    for case in comparison["cases"].as_array().unwrap() {
        for pair in case["pairs"].as_array().unwrap() {
            assert_eq!(pair["comparable"], true, "{pair:#}");
            assert!(pair["figures"]["objective"].as_f64().unwrap() < 1e-12, "{pair:#}");
            for phase in pair["phases"].as_array().unwrap() {
                assert_eq!(phase["blocks"], 3);
                let [low, high] = [0, 1].map(|i| phase["interval"][i].as_f64().unwrap());
                assert!(low <= phase["ratio"].as_f64().unwrap() && phase["ratio"].as_f64().unwrap() <= high);
            }
        }
        for arm in case["arms"].as_array().unwrap().iter().filter(|a| a["unsupported"].is_null()) {
            assert!(arm["metrics"]["coefficient_difference"].as_f64().unwrap() < 1e-6, "{arm:#}");
        }
    }
    the_journal_fits_its_schemas(&place);
    workers_load_only_their_own_libraries(&place);
    the_parquet_holds_every_row(&place);

    let again = place.run(&["compare", "small"]).success();
    assert_eq!(again.stdout, done.stdout, "comparing again prints the same");
}

fn the_journal_fits_its_schemas(place: &Place) {
    let events = place.events("small");
    let mut from_python = 0;
    for event in &events {
        fits_schema("trial_event", event);
        if event["event"] == "worker" {
            fits_schema("event", &event["message"]);
            from_python += usize::from(event["trial"].as_str().unwrap().ends_with("python-scikit-learn"));
        }
    }
    assert!(from_python > 50, "both sides are validated, {from_python} events came from Python");
    let manifest = std::fs::read_to_string(place.only_run("small").join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    fits_schema("manifest", &manifest);
    let version = |id: &str, library: &str| manifest["implementations"][id]["libraries"][library].as_str();
    assert!(version("python/scikit-learn", "numpy").is_some(), "{manifest:#}");
    assert!(version("rust/linfa", "linfa-linear").is_some(), "{manifest:#}");
}

fn workers_load_only_their_own_libraries(place: &Place) {
    for event in place.events("small").iter().filter(|e| e["message"]["event"] == "receipt") {
        let libraries = event["message"]["libraries"].as_array().unwrap();
        let has = |name: &str| libraries.iter().any(|l| l.as_str().unwrap().contains(name));
        if event["trial"].as_str().unwrap().contains("-rust-") {
            let foreign = ["python", "openblas", "torch", "mkl", "gomp"].into_iter().find(|name| has(name));
            assert_eq!(foreign, None, "{libraries:?}");
        } else {
            assert!(has("openblas"), "{libraries:?}");
            assert!(!has("torch"), "{libraries:?}");
        }
    }
}

fn the_parquet_holds_every_row(place: &Place) {
    let run = place.only_run("small");
    let read = |name: &str| ParquetReader::new(File::open(run.join(name)).unwrap()).finish().unwrap();
    let trials = read("trials.parquet");
    // 15 that count, 3 warm-up trials, 1 that was not asked.
    assert_eq!(trials.height(), 19);
    for column in ["metric_r2", "metric_objective_gap", "peak_rss_bytes", "receipt", "start_ns", "seed"] {
        assert!(trials.column(column).is_ok(), "{column} is missing");
    }
    let samples = read("samples.parquet");
    let told: usize = place
        .events("small")
        .iter()
        .filter(|e| e["message"]["event"] == "samples")
        .map(|e| e["message"]["calls"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(samples.height(), told);
    // Objective, own predictions and predictions, for four pairs in three blocks: also for the pair of the two Rust implementations.
    let parity = read("parity.parquet");
    let kinds = parity.column("kind").unwrap().str().unwrap();
    let of = |kind| kinds.iter().filter(|k| *k == Some(kind)).count();
    assert_eq!(of("contract"), 36);
    // Rows, features, type, device, bundle, allowed threads, CPUs, threads of both sides; `fit_intercept`, and for lasso `alpha`.
    assert_eq!(of("condition"), 3 * (10 + 10 + 11));
}

#[test]
fn blocks_share_seeds_and_orders_are_shuffled() {
    let place = Place::new();
    place.write(
        "small.toml",
        &SPEC.replace("blocks = 3", "blocks = 4").replace("lasso = { alpha = 1.0 }", ""),
    );
    place.run(&["small.toml", "--quiet"]).success();
    let started: Vec<Value> = place
        .events("small")
        .into_iter()
        .filter(|e| e["event"] == "trial_started" && e["trial"]["block"] != 0)
        .map(|e| e["trial"].clone())
        .collect();
    assert_eq!(started.len(), 12);
    for block in 1..=4 {
        let of_block: Vec<&Value> = started.iter().filter(|t| t["block"] == block).collect();
        assert!(of_block.iter().all(|t| t["seed"] == of_block[0]["seed"]), "one seed for all sides");
    }
    let seeds: std::collections::BTreeSet<u64> =
        started.iter().map(|t| t["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds.len(), 4, "every block has a seed of its own");
    let firsts: std::collections::BTreeSet<&str> = started
        .iter()
        .filter(|t| t["position"] == 0)
        .map(|t| t["implementation"].as_str().unwrap())
        .collect();
    assert!(firsts.len() > 1, "not always the same side goes first");
}
