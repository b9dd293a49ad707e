//! A stochastic learner of two adapters: equivalent, different and undecided quality, and unequal work.

use serde_json::{Value, json};

use crate::adapters::adapter;
use crate::import::converted;
use crate::support::{Place, ROOT, refused};

const SPEC: &str = r#"
name = "stochastic"
[protocol]
blocks = 6
[protocol.fit]
max_samples = 2
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
max_time = "5ms"
"#;

/// The suspect, cut short or not, against the toy.
fn experiment(name: &str, epochs: u32, cut: &str, more: &str) -> String {
    format!(
        r#"
[[experiment]]
name      = "{name}"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["python/suspect", "python/toy"]
baseline  = "python/toy"
{more}
[experiment.algorithms]
"acme:sgd" = {{ epochs = {epochs} }}
[experiment.settings."python/suspect"]
cut = "{cut}"
"#
    )
}

#[test]
fn quality_over_seeds_has_three_outcomes() {
    let place = Place::new();
    adapter(&place, "toy");
    let folder = adapter(&place, "suspect");
    let spec = [
        SPEC.to_owned(),
        experiment("honest", 20, "none", ""),
        experiment("told", 5, "told", ""),
        experiment("hidden", 20, "hidden", ""),
        experiment("short", 1, "none", ""),
        experiment("tolerant", 1, "none", "tolerance = { quality = 0.1 }"),
    ];
    place.write("stochastic.toml", &spec.concat());
    let done = place.run(&["stochastic.toml", "--quiet", "--keep-outputs", "--adapters", &folder]).success();
    let comparison = place.comparison("stochastic");
    let [honest, told, hidden, short, tolerant] =
        [0, 1, 2, 3, 4].map(|i| comparison["cases"][i]["pairs"][0].clone());

    assert_eq!((&honest["comparable"], &honest["reasons"]), (&json!(true), &json!([])), "{honest:#}");
    found(&honest, "quality equivalent over 6 seeds: mean r2 differs by");
    assert_eq!(phases(&honest), ["fit", "fit_first", "load", "predict@all", "start"]);

    refused(&told, "epochs should be equal, but python/suspect used 1 and python/toy used 5 (in 6 blocks)");
    refused(&hidden, "quality different over 6 seeds: mean r2 differs by");

    // Undecided: time to quality stays open, time per unit of work does not.
    assert_eq!(short["comparable"], true, "{short:#}");
    assert_eq!(phases(&short), ["load", "predict@all", "start"]);
    for phase in ["fit", "fit_first"] {
        let open = short["open_phases"][phase].as_str().unwrap();
        assert!(open.contains("quality undecided over 6 seeds"), "{open}");
        assert!(open.contains("margin ±0.01"), "{open}");
        let needed = open.rsplit_once("; ").unwrap().1.strip_suffix(" seeds would decide").unwrap();
        assert!(needed.parse::<u32>().unwrap() > 6, "{open}");
    }

    assert_eq!(tolerant["comparable"], true, "{tolerant:#}");
    found(&tolerant, "margin ±0.1");
    assert_eq!(phases(&tolerant), ["fit", "fit_first", "load", "predict@all", "start"]);
    assert!(done.stdout.contains("tolerances set by the spec: {\"quality\":0.1}"), "{}", done.stdout);
    foreign_seeds_must_be_told_and_distinct(&place, &folder);
}

/// Imported, the same trials are equivalent too, but only where their blocks are shown to be distinct draws.
fn foreign_seeds_must_be_told_and_distinct(place: &Place, folder: &str) {
    let records = converted(&place.only_run("stochastic"));
    let judged = |name: &str, seed: &dyn Fn(&Value) -> Value| {
        let mut records = records.clone();
        for trial in records["trials"].as_array_mut().unwrap() {
            trial["seed"] = seed(trial);
        }
        place.write("records.json", &records.to_string());
        let arguments = ["import", "records.json", "--adapters", folder, "--name", name];
        place.run(&[&arguments[..], &["--baseline", "python/toy"]].concat()).success();
        place.comparison(name)["cases"][0]["pairs"][0].clone()
    };
    let honest = judged("seeds", &|trial| trial["seed"].clone());
    assert_eq!(honest["comparable"], true, "{honest:#}");
    found(&honest, "quality equivalent over 6 seeds");
    refused(&judged("silent", &|_| Value::Null), "nothing tells the seeds of python/suspect");
    refused(&judged("repeated", &|_| json!(7)), "python/suspect used the seed 7 in several blocks");
}

fn phases(pair: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        pair["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn found(pair: &Value, finding: &str) {
    let is_told =
        pair["findings"].as_object().unwrap().values().any(|f| f.as_str().unwrap().contains(finding));
    assert!(is_told, "{finding}: {pair:#}");
}

#[test]
fn an_algorithm_of_two_adapters_has_one_sound_definition() {
    let place = Place::new();
    adapter(&place, "toy");
    let folder = adapter(&place, "suspect");
    let listed = place.run(&["list", "algorithms", "--adapters", &folder]).success().stdout;
    assert!(listed.contains("equal work: epochs"), "{listed}");
    assert!(listed.contains("mean r2 within ±0.01 over seeds (decides on fit, fit_first)"), "{listed}");
    assert!(listed.contains("offered by python/suspect, python/toy"), "{listed}");
    let listed = place.run(&["list", "algorithms", "--adapters", &folder, "--format", "json"]).json();
    let algorithms = listed[0]["algorithms"].as_array().unwrap();
    let sgd = algorithms.iter().find(|a| a["name"] == "acme:sgd").unwrap();
    assert_eq!(sgd["work"], json!(["epochs"]));
    assert_eq!(
        sgd["equivalence"],
        json!({ "metric": "r2", "margin": 0.01, "quality_phases": ["fit", "fit_first"] })
    );

    let manifest = std::fs::read_to_string(format!("{ROOT}/tests/adapters/toy/adapter.toml")).unwrap();
    let told = |from: &str, to: &str, reason: &str| {
        assert!(manifest.contains(from), "{from}");
        place.write("adapters/toy/adapter.toml", &manifest.replacen(from, to, 1));
        let done = place.run(&["list", "algorithms", "--adapters", &folder]);
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        assert!(done.stderr.contains(reason), "{reason}: {}", done.stderr);
    };
    let work = "work = [\"epochs\"]";
    told(
        "margin = 0.01",
        "margin = -0.01",
        "equivalence.margin is -0.01, but must be a finite number larger than 0",
    );
    told(
        "margin = 0.01",
        "margin = nan",
        "equivalence.margin is NaN, but must be a finite number larger than 0",
    );
    told("margin = 0.01, ", "", "missing field `margin`");
    told("margin = 0.01, ", "margin = 0.01, margins = 1, ", "unknown field `margins`");
    told("metric = \"r2\"", "metric = \"\"", "equivalence.metric is \"\", but must name a metric");
    told("\"fit_first\"]", "\"predict@none\"]", "quality_phases holds `predict@none`, but a phase is");
    told(work, "work = [\"\"]", "work holds \"\", but must hold keys of the receipt's `work`");
    told(work, "work = [\"epochs\", \"epochs\"]", "work holds `epochs` twice");
    told("\"acme:sgd\"", "\"acme:\"", "`acme:`: must be `vendor:name`");
    told("name = \"rate\"", "name = \"epochs\"", "the parameter `epochs` is there twice");
    told(work, "work = []", "`acme:sgd` has other work than another adapter gives it");
    told("default = 5", "default = 6", "`acme:sgd` has other parameters than another adapter gives it");
    told("margin = 0.01", "margin = 0.02", "`acme:sgd` has other equivalence than another adapter gives it");
    let of_task = "doc = \"normal equations by numpy.linalg.solve\"";
    told(of_task, &format!("{of_task}\n{work}"), "`ridge` is the task's own algorithm");
}
