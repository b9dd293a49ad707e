//! Data on which a model may not exist: each trial ends in a typed row, whichever side runs it, and the run goes on.

use std::fmt::Write;

use crate::support::Place;

const SPEC: &str = r#"
name = "degenerate"
[protocol]
blocks = 2
timeout = "1min"
[protocol.fit]
max_samples = 2
max_time = "1ms"
[protocol.predict]
batch_sizes = ["all"]
max_samples = 2
max_time = "1ms"
"#;

/// One experiment on files of the user.
fn experiment(task: &str, files: &[&str], target: &str, algorithms: &str) -> String {
    let files: Vec<String> =
        files.iter().map(|f| format!("{{ path = \"{f}.csv\", target = \"{target}\" }}")).collect();
    format!(
        r#"
[[experiment]]
name      = "{task}"
task      = "{task}"
datasets  = [{}]
languages = ["rust", "python"]
scale     = "none"
[experiment.algorithms]
{algorithms}
"#,
        files.join(", ")
    )
}

/// Rows of `features` numbers and a target.
fn csv(
    rows: usize,
    features: usize,
    value: impl Fn(usize, usize) -> f64,
    target: impl Fn(usize) -> String,
) -> String {
    let mut text = (0..features).map(|j| format!("x{j},")).collect::<String>() + "y\n";
    for i in 0..rows {
        (0..features).for_each(|j| write!(text, "{},", value(i, j)).unwrap());
        writeln!(text, "{}", target(i)).unwrap();
    }
    text
}

#[test]
fn degenerate_data_end_in_typed_rows() {
    let place = Place::new();
    let spread = |i: usize, j: usize| f64::from(u32::try_from((i * 37 + j * 101 + i * i * j) % 83).unwrap());
    let class = |i: usize| ["a", "b"][i % 2].to_owned();
    place.write("constant.csv", &csv(30, 3, |_, _| 1.0, class));
    place.write("wide.csv", &csv(12, 40, spread, class));
    place.write("flat.csv", &csv(30, 3, |_, _| 1.0, |i| i.to_string()));
    let spec = [
        SPEC.to_owned(),
        experiment(
            "classification",
            &["constant", "wide"],
            "y",
            "logistic_regression = {}\ngaussian_nb = {}\nsvc = {}\nlinear_svc = {}\nrandom_forest = { n_estimators = 3 }",
        ),
        experiment("regression", &["flat"], "y", "ols = {}\nsvr = {}\ndecision_tree = {}"),
        experiment("clustering", &["constant"], "y", "kmeans = { n_clusters = 2 }\ngaussian_mixture = {}"),
        experiment("decomposition", &["constant"], "y", "pca = {}"),
    ];
    place.write("degenerate.toml", &spec.concat());
    let done = place.run(&["degenerate.toml", "--quiet"]);
    assert!(matches!(done.code, Some(0 | 1)), "{}{}", done.stdout, done.stderr);
    let comparison = place.comparison("degenerate");
    assert_eq!(comparison["finished"], true, "the run goes on");
    let mut failed = 0;
    for event in place.events("degenerate").iter().filter(|e| e["event"] == "trial_ended") {
        match event["status"].as_str().unwrap() {
            "ok" => {}
            "failed" => {
                failed += 1;
                let reason = event["reason"].as_str().unwrap();
                assert!(!reason.is_empty() && !reason.contains("Panic"), "{event}");
            }
            _ => panic!("{event}"),
        }
    }
    assert!(failed > 0, "a density needs a spread");
}

#[test]
fn a_single_class_is_refused_before_the_run() {
    let place = Place::new();
    place.write("one_class.csv", &csv(30, 3, |i, j| if i > j { 1.0 } else { 2.0 }, |_| "a".to_owned()));
    let spec = [SPEC.to_owned(), experiment("classification", &["one_class"], "y", "knn = {}")];
    place.write("degenerate.toml", &spec.concat());
    let done = place.run(&["degenerate.toml", "--quiet"]);
    assert_eq!(done.code, Some(3), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("the target of one_class has one class only, `a`"), "{}", done.stderr);
}
