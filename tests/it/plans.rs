//! Plans: what would run, and matrices of any size.

use crate::support::{Place, fits_schema};

#[test]
fn a_plan_says_what_would_run() {
    let place = Place::new();
    let plan = place.run(&["plan", "classical", "--format", "json", "--trials", "7"]).success().json();
    fits_schema("plan", &plan);
    assert_eq!(plan["order"].as_array().unwrap().len(), 7);
    let matrix = plan["matrix"].as_array().unwrap();
    let pairs: usize = matrix.iter().map(|c| c["implementations"].as_array().unwrap().len()).sum();
    assert!((10..=100).contains(&pairs), "the main job stays small: {pairs}");
    assert_eq!(plan["trials"].as_u64().unwrap(), pairs as u64 * plan["blocks"]["max"].as_u64().unwrap());
    let again = place.run(&["plan", "classical", "--format", "json", "--trials", "7"]).success().json();
    assert_eq!(plan["order"], again["order"], "the order comes from the recorded seed");
}

#[test]
fn grids_unite_exclude_and_include() {
    let place = Place::new();
    place.write(
        "grid.toml",
        r#"
name = "grid"
[protocol]
blocks = 2
[[experiment]]
name      = "grid"
task      = "regression"
datasets  = ["diabetes", { generator = "linear", rows = 200, features = 5 }]
implementations = ["rust/faer", "python/scikit-learn"]
[experiment.algorithms]
ridge = [{ alpha = [0.1, 1, 10] }, { alpha = [1.0, 100.0], fit_intercept = [true, false] }]
[[experiment.exclude]]
dataset = "diabetes"
hyperparameters = { alpha = 100 }
[[experiment.include]]
dataset = "boston"
algorithm = "ols"
"#,
    );
    let plan = place.run(&["plan", "grid.toml", "--format", "json"]).success().json();
    // Six points for the generated data (alpha = 1 with an intercept is in both grids), four for diabetes, one included.
    assert_eq!(plan["cases"], 6 + 4 + 1, "{plan:#}");
    let alphas: Vec<f64> = plan["matrix"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["dataset"] == "diabetes")
        .map(|c| c["hyperparameters"]["alpha"].as_f64().unwrap())
        .collect();
    assert!(!alphas.contains(&100.0), "{alphas:?}");
    let ids: std::collections::BTreeSet<&str> =
        plan["matrix"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 11, "every case has an id of its own");
}

#[test]
fn a_budget_refuses_or_trims() {
    let place = Place::new();
    place.write(
        "tight.toml",
        r#"
name = "tight"
[protocol]
blocks = 2
budget = "8s"
[protocol.predict]
batch_sizes = ["all"]
[[experiment]]
name      = "tight"
task      = "regression"
datasets  = ["diabetes"]
implementations = ["rust/faer", "python/scikit-learn"]
[experiment.algorithms]
ridge = { alpha = [0.1, 1.0, 10.0] }
"#,
    );
    let refused = place.run(&["tight.toml", "--quiet"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("but its budget is 8s"), "{}", refused.stderr);
    assert!(!place.path().join("results").exists(), "nothing was run");
    let trimmed = place.run(&["tight.toml", "--quiet", "--trim"]).success();
    assert!(trimmed.stderr.contains("the budget leaves out 2 cases"), "{}", trimmed.stderr);
}

#[test]
fn a_plan_says_how_far_its_blocks_and_times_may_go() {
    let place = Place::new();
    let spec = r#"
name = "staged"
[protocol]
blocks = { min = 2, max = 20, precision = "3%" }
budget = "10s"
[protocol.predict]
batch_sizes = ["all"]
[[experiment]]
name      = "staged"
task      = "regression"
datasets  = [{ generator = "linear", rows = 200, features = 5 }]
implementations = ["rust/faer", "rust/linfa"]
baseline  = "rust/linfa"
[experiment.algorithms]
ols   = {}
ridge = { alpha = 1.0 }
"#;
    place.write("staged.toml", spec);
    let printed = |text: &str| {
        place.write("staged.toml", text);
        place.run(&["plan", "staged.toml"]).success().stdout
    };
    insta::assert_snapshot!("a_staged_plan", printed(spec));
    let fixed = printed(&spec.replace("{ min = 2, max = 20, precision = \"3%\" }", "2"));
    assert!(fixed.starts_with("staged: 2 cases × 2 blocks, 8 trials\nexpected time: 2s ("), "{fixed}");
    let unbound = printed(&spec.replace("budget = \"10s\"", ""));
    assert!(unbound.starts_with("staged: 2 cases × 2 to 20 blocks, up to 80 trials\n"), "{unbound}");
    assert!(!unbound.contains("the budget"), "{unbound}");
    let short = printed(&spec.replace("10s", "1s"));
    assert!(short.contains("the budget of 1s is too short for 2 blocks of each case"), "{short}");
    // What is left out leaves time for more blocks of the rest: 0.7 seconds for each.
    let trimmed = place.write("staged.toml", &spec.replace("10s", "2200ms"));
    let trimmed = place.run(&[trimmed.to_str().unwrap(), "--quiet", "--trim"]).success();
    assert!(trimmed.stderr.contains("the budget leaves out 1 cases"), "{}", trimmed.stderr);
    assert!(trimmed.stderr.contains("number of blocks from 20 to 3"), "{}", trimmed.stderr);
}

#[test]
fn a_million_trials_are_planned() {
    let place = Place::new();
    let alphas: Vec<String> = (1..=50_000).map(|i| format!("{}", f64::from(i) / 1000.0)).collect();
    let spec = format!(
        "name = \"huge\"\n[protocol]\nblocks = 10\n[[experiment]]\nname = \"huge\"\ntask = \"regression\"\ndatasets = \
         [\"diabetes\"]\nimplementations = [\"rust/faer\", \"python/scikit-learn\"]\n[experiment.algorithms]\nridge = {{ alpha = [{}] }}\n",
        alphas.join(", ")
    );
    place.write("huge.toml", &spec);
    let done = place.run(&["plan", "huge.toml", "--max-trials", "1000000"]).success();
    assert!(done.stdout.contains("50000 cases × 10 blocks, 1000000 trials"), "{}", done.stdout);
    assert_eq!(place.run(&["plan", "huge.toml"]).code, Some(2), "beyond the limit only when asked");
}
