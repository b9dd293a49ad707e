use ndarray::{Array1, Array2, Axis};
use serde_json::Value as Json;

use super::*;
use crate::stats::Interval;
use crate::stats::equivalence::{self, Outcome};
use crate::task::parameter::Value;

fn file() -> Json {
    serde_json::from_str(include_str!("../../../../tests/reference/forests.json")).unwrap()
}

/// What the reference tells of one forest.
struct Run {
    trees: Trees,
    training: f64,
    quality: f64,
}

/// Numbers of leaves with a given count and sum, and a sum of squares as near as whole numbers come.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "numbers of leaves")]
fn leaves(count: usize, sum: i64, squares: f64) -> Vec<i64> {
    let mean = sum as f64 / count as f64;
    let spread = (squares / count as f64 - mean.powi(2)).max(0.0).sqrt();
    let of = |i: usize| if i.is_multiple_of(2) { mean + spread } else { mean - spread };
    let mut leaves: Vec<i64> = (0..count).map(|i| of(i).round() as i64).collect();
    let missing = sum - leaves.iter().sum::<i64>();
    for i in 0..missing.unsigned_abs() as usize {
        leaves[i % count] += missing.signum();
    }
    leaves
}

fn run(json: &Json) -> Run {
    let number = |key: &str| json[key].as_f64().unwrap();
    let count = usize::try_from(json["trees"].as_u64().unwrap()).unwrap();
    let trees = Trees {
        leaves: leaves(count, json["leaves"].as_i64().unwrap(), number("squares")),
        depths: vec![json["depth"].as_i64().unwrap(); count],
    };
    Run { trees, training: number("training"), quality: number("quality") }
}

fn runs(json: &Json) -> Vec<Run> {
    json.as_array().unwrap().iter().map(run).collect()
}

/// Why a gate that looks at these seeds of two implementations would refuse them; empty where it would not. `asked` is the number of
/// trees and the largest depth.
fn refusals(a: &[Run], b: &[Run], asked: (i64, Option<i64>)) -> Vec<String> {
    let depth = asked.1.map_or(Value::Text("none".to_owned()), Value::Int);
    let parameters: Parameters =
        [("n_estimators".to_owned(), Value::Int(asked.0)), ("max_depth".to_owned(), depth)].into();
    let forest = |name, run: &Run| Forest {
        name,
        trees: Trees { leaves: run.trees.leaves.clone(), depths: run.trees.depths.clone() },
        training: run.training,
    };
    let pairs = a.iter().zip(b).flat_map(|(a, b)| points(&parameters, &forest("a", a), &forest("b", b)));
    let mut found: Vec<String> = pairs.filter(|check| !check.agrees).map(|check| check.finding).collect();
    let quality = |runs: &[Run]| runs.iter().map(|run| run.quality).collect::<Vec<f64>>();
    let bounds = Interval { low: -MARGIN, high: MARGIN };
    match equivalence::welch(&quality(a), &quality(b), bounds, 0.05) {
        Ok(judged) if judged.outcome == Outcome::Different => {
            found.push(format!("quality differs by {}", judged.test.difference));
        }
        _ => {}
    }
    found
}

#[test]
fn scikit_learn_against_itself_is_accepted() {
    for (name, kinds) in file().as_object().unwrap() {
        for (one, other, asked) in [
            ("reference", "other order", (100, None)),
            ("ten trees", "ten trees, other order", (10, None)),
            ("another depth", "another depth, other order", (100, Some(3))),
        ] {
            let found = refusals(&runs(&kinds[one]), &runs(&kinds[other]), asked);
            assert!(found.is_empty(), "{name}: {one} and {other}: {found:#?}");
        }
        let quality = |kind: &str| runs(&kinds[kind]).iter().map(|r| r.quality).collect::<Vec<f64>>();
        let bounds = Interval { low: -MARGIN, high: MARGIN };
        let judged = equivalence::welch(&quality("reference"), &quality("other order"), bounds, 0.05);
        assert_eq!(judged.unwrap().outcome, Outcome::Equivalent, "{name}");
    }
}

#[test]
fn planted_faults_are_refused() {
    for (name, kinds) in file().as_object().unwrap() {
        let right = runs(&kinds["reference"]);
        for (kind, wrong) in kinds.as_object().unwrap() {
            // What cannot be told from the reference is said in the module's documentation.
            if ["reference", "other order", "another criterion"].contains(&kind.as_str()) {
                continue;
            }
            let found = refusals(&runs(wrong), &right, (100, None));
            assert!(!found.is_empty(), "{name}: {kind}");
        }
    }
}

#[test]
fn a_tree_deeper_than_asked_is_refused() {
    let file = file();
    let (right, deep) = (runs(&file["iris"]["another depth"]), runs(&file["iris"]["reference"]));
    let found = refusals(&deep, &right, (100, Some(3)));
    assert!(found.iter().any(|f| f.contains("where 3 is the most")), "{found:#?}");
}

#[test]
fn features_drawn_are_rounded_down_to_at_least_one() {
    let asked = |value: Value| [("max_features".to_owned(), value)].into();
    let text = |text: &str| asked(Value::Text(text.to_owned()));
    let drawn = |asked: &Parameters, d| features_drawn(asked, d);
    assert_eq!([1, 3, 30, 64].map(|d| drawn(&text("sqrt"), d)), [1, 1, 5, 8]);
    assert_eq!([1, 3, 30, 64].map(|d| drawn(&text("log2"), d)), [1, 1, 4, 6]);
    assert_eq!(drawn(&text("all"), 30), 30);
    assert_eq!([1, 5, 40].map(|n| drawn(&asked(Value::Int(n)), 30)), [1, 5, 30]);
}

/// Rows to learn from and to test on, of a set of `forest_data.json`.
struct Split {
    x: Array2<f64>,
    y: Array1<f64>,
    x_test: Array2<f64>,
    y_test: Array1<f64>,
}

fn splits() -> Vec<(String, Split)> {
    let file: Json =
        serde_json::from_str(include_str!("../../../../tests/reference/forest_data.json")).unwrap();
    let numbers = |json: &Json| -> Vec<f64> {
        json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let split = |set: &Json| {
        let rows: Vec<Vec<f64>> = set["x"].as_array().unwrap().iter().map(numbers).collect();
        let x = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let y = Array1::from(numbers(&set["y"]));
        let tests = |row: &usize| set["test"].as_array().unwrap().contains(&Json::from(*row));
        let (test, train): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(tests);
        Split {
            x: x.select(Axis(0), &train),
            y: y.select(Axis(0), &train),
            x_test: x.select(Axis(0), &test),
            y_test: y.select(Axis(0), &test),
        }
    };
    file.as_array()
        .unwrap()
        .iter()
        .map(|set| (set["name"].as_str().unwrap().to_owned(), split(set)))
        .collect()
}

/// The forests of this project on the rows of the reference, over seeds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "labels and numbers of rows"
)]
fn own(split: &Split, task: &str, changes: &[(&str, Value)]) -> Vec<Run> {
    let definition = crate::task::task(task).unwrap().definition();
    let parameters = &definition.algorithm("random_forest").unwrap().parameters;
    let mut asked: Parameters = parameters.iter().map(|p| (p.name.clone(), p.default.clone())).collect();
    asked.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let offered =
        crate::backend::framework("rust/ndarray").unwrap().algorithm(task, "random_forest").unwrap();
    let labels: Array1<i64> = split.y.mapv(|y| y.round() as i64);
    let target = match task {
        "classification" => crate::backend::Target::Classes(labels.view()),
        _ => crate::backend::Target::Numbers(split.y.view()),
    };
    let training = crate::backend::Training { features: split.x.view(), target };
    let quality = |given: &Array1<f64>, truth: &Array1<f64>| {
        if task == "classification" {
            let right = given.iter().zip(truth).filter(|(a, b)| (*a - *b).abs() < 0.5).count();
            return right as f64 / truth.len() as f64;
        }
        1.0 - (given - truth).mapv(|e| e * e).sum() / (truth - truth.mean().unwrap()).mapv(|e| e * e).sum()
    };
    let run = |seed| {
        let settings = Parameters::new();
        let ask = crate::backend::Ask { hyperparameters: &asked, settings: &settings, seed };
        let estimator = offered.configure(&ask).unwrap();
        let model = estimator.fit(&training).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs");
        let outputs = model.outputs(split.x_test.view()).unwrap();
        std::fs::write(&path, crate::backend::serialize(&outputs).unwrap()).unwrap();
        let outputs = Outputs::read(&path).unwrap();
        let given = |name, rows: usize| match task {
            "classification" => {
                let labels = outputs.labels(name, rows, 0..i64::MAX).unwrap();
                labels.into_iter().map(|label| label as f64).collect()
            }
            _ => outputs.vector(name, rows).unwrap(),
        };
        Run {
            trees: Trees::read(&outputs).unwrap(),
            training: quality(&given("train_predictions", split.y.len()), &split.y),
            quality: quality(&given("predictions", split.y_test.len()), &split.y_test),
        }
    };
    (0..12).map(run).collect()
}

#[test]
fn the_forests_of_this_project_are_accepted_and_with_planted_faults_refused() {
    let file = file();
    for (name, split) in splits() {
        let task = if name == "diabetes" { "regression" } else { "classification" };
        let kinds = &file[&name];
        let reference = runs(&kinds["reference"]);
        let right = own(&split, task, &[]);
        let found = refusals(&right, &reference, (100, None));
        assert!(found.is_empty(), "{name}: {found:#?}");
        let quality = |runs: &[Run]| runs.iter().map(|run| run.quality).collect::<Vec<f64>>();
        let bounds = Interval { low: -MARGIN, high: MARGIN };
        let judged = equivalence::welch(&quality(&right), &quality(&reference), bounds, 0.05).unwrap();
        // So few seeds may leave the 30 test rows of Iris undecided; they must not show a difference, which is seen above.
        assert!(judged.outcome == Outcome::Equivalent || name == "iris", "{name}: {judged:?}");

        let shallow = own(&split, task, &[("max_depth", Value::Int(3))]);
        let found = refusals(&shallow, &runs(&kinds["another depth"]), (100, Some(3)));
        assert!(found.is_empty(), "{name}: {found:#?}");
        for fault in [
            ("max_depth", Value::Int(3)),
            ("min_samples_leaf", Value::Int(5)),
            ("bootstrap", Value::Bool(false)),
            ("n_estimators", Value::Int(50)),
        ] {
            let found = refusals(&own(&split, task, std::slice::from_ref(&fault)), &reference, (100, None));
            assert!(!found.is_empty(), "{name}: {fault:?}");
        }
        // Its own larger leaves are the reference's.
        let leaves = own(&split, task, &[("min_samples_leaf", Value::Int(5))]);
        let found = refusals(&leaves, &runs(&kinds["larger leaves"]), (100, None));
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}
