//! Planted frauds: each is caught and named; honest deviations are accepted. Faults that end a trial are in `faults.rs`.

use serde_json::Value;

use crate::adapters::adapter;
use crate::support::{Place, refused};

/// Runs the suspect with one fault against scikit-learn, and gives the comparison of the pair.
fn judged(faults: &[&str]) -> Vec<(Value, i32)> {
    judged_with("", faults)
}

/// The same with more lines of the protocol.
fn judged_with(protocol: &str, faults: &[&str]) -> Vec<(Value, i32)> {
    let place = Place::new();
    let folder = adapter(&place, "suspect");
    let mut found = Vec::new();
    for fault in faults {
        let name = format!("fault_{fault}");
        let spec = format!(
            r#"
name = "{name}"
[protocol]
blocks = 2
memory = "2GiB"
{protocol}
[protocol.fit]
max_samples = 3
[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
[[experiment]]
name      = "frauds"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["python/suspect", "rust/faer"]
baseline = "rust/faer"
[experiment.algorithms]
ridge = {{ alpha = 1.0 }}
[experiment.settings."python/suspect"]
fault = "{fault}"
"#
        );
        place.write(&format!("{name}.toml"), &spec);
        let done =
            place.run(&[&format!("{name}.toml"), "--quiet", "--adapters", &folder, "--format", "json"]);
        let comparison = done.json()["comparisons"][0].clone();
        assert_eq!(comparison["finished"], true, "the run goes on: {fault}");
        found.push((comparison["cases"][0]["pairs"][0].clone(), done.code.unwrap()));
    }
    found
}

#[test]
fn honest_deviations_are_accepted() {
    for (pair, code) in judged(&["none", "other_rows"]) {
        assert_eq!(code, 0);
        assert_eq!(pair["comparable"], true, "{pair:#}");
        assert!(!pair["phases"].as_array().unwrap().is_empty());
    }
}

/// How a solver reaches the optimum does not matter; that it reaches it does.
#[test]
fn other_solvers_and_iteration_caps_are_judged_by_what_they_achieve() {
    let place = Place::new();
    let experiment = |name: &str, implementation: &str, settings: &str| {
        format!(
            r#"
[[experiment]]
name      = "{name}"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["{implementation}", "rust/faer"]
baseline = "rust/faer"
[experiment.algorithms]
ridge = {{ alpha = 1.0 }}
[experiment.settings."{implementation}"]
{settings}
"#
        )
    };
    let protocol = r#"
name = "solvers"
[protocol]
blocks = 2
[protocol.fit]
max_samples = 3
[protocol.predict]
batch_sizes = ["all"]
max_samples = 3
"#;
    let spec = [
        protocol.to_owned(),
        experiment("capped but accurate", "rust/linfa", "max_iterations = 2000"),
        experiment("too few iterations", "rust/linfa", "max_iterations = 50"),
        experiment("singular values", "python/scikit-learn", "solver = \"svd\""),
        experiment("iterative", "python/scikit-learn", "solver = \"lsqr\"\ntol = 1e-14"),
        experiment("stopped early", "python/scikit-learn", "solver = \"lsqr\"\ntol = 1e-2"),
    ];
    place.write("solvers.toml", &spec.concat());
    let done = place.run(&["solvers.toml", "--quiet"]).success();
    let comparison = place.comparison("solvers");
    let pair = |i: usize| &comparison["cases"][i]["pairs"][0];
    for accepted in [0, 2, 3] {
        assert_eq!(pair(accepted)["comparable"], true, "{:#}", pair(accepted));
    }
    assert!(done.stdout.contains("rust/linfa stopped at its iteration cap (2000)"), "{}", done.stdout);
    refused(pair(1), "rust/linfa is");
    refused(pair(4), "python/scikit-learn is");
    for refused_pair in [1, 4] {
        refused(pair(refused_pair), "from the optimum");
    }
}

/// The allowance of threads is binding, its use is not.
#[test]
fn fewer_threads_than_allowed_are_accepted() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        // Skipped: with one CPU no trial may be allowed two threads.
        return;
    }
    let (pair, code) = judged_with("threads = 2", &["one_thread"]).remove(0);
    assert_eq!((code, &pair["comparable"]), (0, &Value::Bool(true)), "{pair:#}");
}

#[test]
fn frauds_are_refused_and_named() {
    let expected = [
        ("fewer_rows", "training rows should be 353, but python/suspect used 176"),
        ("hidden_fewer_rows", "python/suspect is"),
        ("constant", "from the optimum"),
        ("constant_predictions", "python/suspect's predictions differ by"),
        ("other_alpha", "alpha should be 1, but python/suspect used 3"),
        ("hidden_other_alpha", "from the optimum"),
        ("noise", "predictions differ by"),
        ("huge_coefficients", "from the optimum"),
        ("threads", "python/suspect reports 4 threads, but 1 were allowed"),
    ];
    let found = judged(&expected.map(|(fault, _)| fault));
    for ((_, reason), (pair, code)) in expected.iter().zip(found) {
        assert_eq!(code, 0, "not comparable is a result");
        refused(&pair, reason);
    }
}

#[test]
fn more_cpus_than_allowed_are_noticed() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        // Skipped: one CPU cannot be exceeded.
        return;
    }
    let (pair, _) = judged(&["busy_threads"]).remove(0);
    refused(&pair, "CPUs in fit");
}
