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
    let outputs = Outputs::default();
    let forest = |name, run: &Run| Forest {
        side: Side { name, outputs: &outputs },
        trees: Trees { leaves: run.trees.leaves.clone(), depths: run.trees.depths.clone() },
        training: run.training,
    };
    let pairs = a.iter().zip(b).flat_map(|(a, b)| compare(&parameters, &forest("a", a), &forest("b", b)));
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
