//! Cross-validation: every block trains and tests on a fold of its own, the same for all implementations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use polars::prelude::{ParquetReader, SerReader};

use crate::support::{Place, fits_schema};

const SPEC: &str = r#"
name = "folded"

[protocol]
blocks = 5

[protocol.fit]
max_samples = 3
max_time    = "5ms"

[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
max_time    = "2ms"

[[experiment]]
name            = "folds"
task            = "regression"
datasets        = ["diabetes"]
implementations = ["rust/faer", "rust/linfa"]
split           = { folds = 4 }

[experiment.algorithms]
ols = {}
"#;

#[test]
fn blocks_go_around_the_folds() {
    let place = Place::new();
    place.write("folded.toml", SPEC);
    let done = place.run(&["folded.toml", "--quiet"]).success();
    assert!(done.stdout.contains("5 blocks over 4 folds, 1 thread"), "{}", done.stdout);
    fits_schema("report", &place.run(&["compare", "folded", "--format", "json"]).json());

    let file = File::open(place.only_run("folded").join("trials.parquet")).unwrap();
    let frame = ParquetReader::new(file).finish().unwrap();
    let text = |name: &str| frame.column(name).unwrap().str().unwrap().clone();
    let number = |name: &str| frame.column(name).unwrap().u32().unwrap().clone();
    let (bundles, implementations, receipts) = (text("bundle"), text("implementation"), text("receipt"));
    let (blocks, folds) = (number("block"), number("fold"));
    let r2 = frame.column("metric_r2").unwrap().f64().unwrap().clone();
    let mut of_block: BTreeMap<u32, (u32, BTreeSet<&str>)> = BTreeMap::new();
    let mut quality: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for i in (0..frame.height()).filter(|i| blocks.get(*i) != Some(0)) {
        let (block, fold, bundle) = (blocks.get(i).unwrap(), folds.get(i).unwrap(), bundles.get(i).unwrap());
        let entry = of_block.entry(block).or_insert((fold, BTreeSet::new()));
        assert_eq!(entry.0, fold, "one fold a block");
        entry.1.insert(bundle);
        assert!(receipts.get(i).unwrap().contains(bundle), "what the worker read");
        if implementations.get(i) == Some("rust/faer") {
            quality.entry(fold).or_default().push(r2.get(i).unwrap());
        }
    }
    let order: Vec<u32> = of_block.values().map(|(fold, _)| *fold).collect();
    assert_eq!(order, [0, 1, 2, 3, 0]);
    assert!(of_block.values().all(|(_, bundles)| bundles.len() == 1), "both on the same bytes");
    let different: BTreeSet<_> = of_block.values().flat_map(|(_, bundles)| bundles).collect();
    assert_eq!(different.len(), 4);

    // The quality of a fold is the same each time; folds count alike.
    assert!(quality.values().flatten().collect::<Vec<_>>().len() == 5);
    let means: Vec<f64> = quality.values().map(|values| values[0]).collect();
    assert!(quality.values().all(|values| values.iter().all(|v| v.to_bits() == values[0].to_bits())));
    let comparison = place.comparison("folded");
    let pair = &comparison["cases"][0]["pairs"][0];
    assert_eq!(pair["comparable"], true, "{pair:#}");
    let faer = comparison["cases"][0]["arms"]
        .as_array()
        .unwrap()
        .iter()
        .find(|arm| arm["implementation"] == "rust/faer")
        .unwrap();
    let expected = means.iter().sum::<f64>() / 4.0;
    assert!((faer["metrics"]["r2"].as_f64().unwrap() - expected).abs() < 1e-12, "{faer:#} {expected}");
}

#[test]
fn folds_need_as_many_blocks_and_no_share() {
    let place = Place::new();
    place.write("folded.toml", &SPEC.replace("folds = 4", "folds = 6"));
    let done = place.run(&["plan", "folded.toml"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("`folds` is 6, but with 5 blocks not every fold gets one"),
        "{}",
        done.stderr
    );
    place.write("folded.toml", &SPEC.replace("folds = 4", "folds = 4, test = 0.2"));
    let done = place.run(&["plan", "folded.toml"]);
    assert!(done.stderr.contains("give `test` or `folds`, not both"), "{}", done.stderr);
    place.write("folded.toml", &SPEC.replace("folds = 4", "folds = 4, stratify = true"));
    let done = place.run(&["plan", "folded.toml"]);
    assert!(
        done.stderr.contains("`diabetes` has no classes by which it could be stratified"),
        "{}",
        done.stderr
    );
}
