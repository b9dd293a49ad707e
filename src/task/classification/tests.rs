//! Calibration of the contracts: answers of scikit-learn to the same problem, and those of every native backend, must be accepted; planted
//! faults must be refused.

use ndarray::Array2;
use serde::Deserialize;
use serde_json::Value as Json;

use super::*;
use crate::backend::{Ask, Target, Tensor, Training, serialize};
use crate::task::Tolerances;

#[derive(Deserialize)]
struct Entry {
    name: String,
    train: Vec<Vec<f64>>,
    labels: Vec<i64>,
    test: Vec<Vec<f64>>,
    truth: Vec<i64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    algorithm: String,
    hyperparameters: Parameters,
    accepted: Vec<Json>,
    refused: Vec<Json>,
}

fn entries() -> Vec<Entry> {
    serde_json::from_str(include_str!("../../../tests/reference/classifiers.json")).unwrap()
}

fn table(rows: &[Vec<f64>]) -> Array2<f64> {
    let shape = (rows.len(), rows[0].len());
    Array2::from_shape_vec(shape, rows.iter().flatten().copied().collect()).unwrap()
}

fn data(entry: &Entry) -> Data {
    let occurring = Occurring::of(&entry.labels);
    let classes = occurring.count();
    Data { train: table(&entry.train), occurring, test: table(&entry.test), classes }
}

/// Raw outputs as a worker hands them in.
fn outputs(tensors: &[(&'static str, Tensor)]) -> Outputs {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outputs.safetensors");
    std::fs::write(&path, serialize(tensors).unwrap()).unwrap();
    Outputs::read(&path).unwrap()
}

const NAMES: [&str; 8] = [
    "predictions",
    "probabilities",
    "coefficients",
    "intercept",
    "joint_log_likelihood",
    "priors",
    "means",
    "variances",
];

fn told(answer: &Json) -> Vec<(&'static str, Tensor)> {
    let there = NAMES.into_iter().filter(|name| !answer[*name].is_null());
    there
        .map(|name| {
            let values = answer[name].clone();
            let tensor = match name {
                "predictions" => serde_json::from_value::<Vec<i64>>(values).unwrap().into(),
                "intercept" | "priors" => {
                    ndarray::Array1::from(serde_json::from_value::<Vec<f64>>(values).unwrap()).into()
                }
                _ => table(&serde_json::from_value::<Vec<Vec<f64>>>(values).unwrap()).into(),
            };
            (name, tensor)
        })
        .collect()
}

fn side<'a>(name: &'a str, outputs: &'a Outputs) -> Side<'a> {
    Side { name, outputs, kernels: None }
}

fn judge(data: &Data, case: &Case, bundle: &str, a: &Outputs, b: &Outputs) -> Vec<Check> {
    let sides = (side("a", a), side("b", b));
    let tolerances = Tolerances::default();
    let parameters = &case.hyperparameters;
    let checks = match case.algorithm.as_str() {
        "logistic_regression" => logistic::judge(data, parameters, bundle, sides, &tolerances),
        "gaussian_nb" => bayes::judge(data, parameters, sides, &tolerances),
        _ => neighbours::judge(data, parameters, sides),
    };
    checks.unwrap()
}

fn reasons(checks: &[Check]) -> String {
    checks.iter().filter(|c| !c.agrees).map(|c| c.finding.clone()).collect::<Vec<_>>().join("; ")
}

/// Each case with its data and the first answer that is accepted.
fn each(mut see: impl FnMut(&Entry, &Data, &Case, &Outputs, &str)) {
    for entry in entries() {
        let data = data(&entry);
        for case in &entry.cases {
            let first = outputs(&told(&case.accepted[0]));
            let at = format!("{} {} {:?}", entry.name, case.algorithm, case.hyperparameters);
            see(&entry, &data, case, &first, &at);
        }
    }
}

#[test]
fn answers_to_the_same_problem_are_accepted() {
    each(|entry, data, case, first, at| {
        for answer in &case.accepted {
            let other = outputs(&told(answer));
            for (a, b) in [(first, &other), (&other, first)] {
                let checks = judge(data, case, &entry.name, a, b);
                assert_eq!(reasons(&checks), "", "{at}: {}", answer["name"]);
            }
        }
    });
}

#[test]
fn planted_faults_are_refused() {
    let mut refused_on_grid = 0;
    each(|entry, data, case, first, at| {
        for answer in &case.refused {
            // A grid of few points may well have the same neighbours under another rule.
            if case.algorithm == "knn" && answer["probabilities"] == case.accepted[0]["probabilities"] {
                continue;
            }
            let other = outputs(&told(answer));
            for (a, b) in [(first, &other), (&other, first)] {
                let checks = judge(data, case, &entry.name, a, b);
                let refused = checks.iter().any(|c| !c.agrees);
                // On a coarse grid, where many points coincide, ties allow what some faults give.
                let tied = entry.name == "grid"
                    && case.algorithm == "knn"
                    && checks.iter().all(|c| c.finding.ends_with("all of them ties"));
                refused_on_grid += usize::from(refused && entry.name == "grid" && case.algorithm == "knn");
                assert!(refused || tied, "{at}: {}: {checks:#?}", answer["name"]);
            }
        }
    });
    assert!(refused_on_grid >= 10, "{refused_on_grid}");
}

/// Faults that are made of an honest answer: noise, a constant, another algorithm's labels.
#[test]
fn made_up_outputs_are_refused() {
    each(|entry, data, case, first, at| {
        let honest = told(&case.accepted[0]);
        let refused = |what: &str, name: &'static str, tensor: Tensor| {
            let mut tensors = honest.clone();
            tensors.iter_mut().filter(|(n, _)| *n == name).for_each(|(_, t)| *t = tensor.clone());
            let checks = judge(data, case, &entry.name, first, &outputs(&tensors));
            assert!(checks.iter().any(|c| !c.agrees), "{at}: {what}: {checks:#?}");
        };
        let constant = data.occurring.labels[0];
        refused("a constant prediction", "predictions", vec![constant; data.test.nrows()].into());
        refused("the truth as prediction, one off", "predictions", {
            let mut labels = entry.truth.clone();
            let last = i64::try_from(data.classes).unwrap() - 1;
            labels[0] = if labels[0] == last { 0 } else { labels[0] + 1 };
            labels.into()
        });
        let shape = (data.test.nrows(), data.occurring.count());
        for name in ["probabilities", "joint_log_likelihood"] {
            if first.has(name) {
                let mut values = first.matrix(name, shape).unwrap();
                values[[3, 0]] += 1e-5;
                refused("noise", name, values.into());
            }
        }
    });
}

/// Settings under which the native solvers reach what the contract asks.
fn tight(settings: Vec<crate::task::parameter::ParameterDef>) -> Parameters {
    let tightened = |name: &str, default| match name {
        "gradient_tolerance" => Value::Float(1e-9),
        "max_iterations" => Value::Int(10_000),
        _ => default,
    };
    settings.into_iter().map(|s| (s.name.clone(), tightened(&s.name, s.default))).collect()
}

/// Every backend that offers an algorithm, on every data set and every value of its settings.
#[test]
fn native_backends_agree_with_scikit_learn() {
    let mut seen = Vec::new();
    each(|entry, data, case, first, at| {
        for framework in
            ["rust/linfa", "rust/smartcore", "rust/faer"].map(|id| crate::backend::framework(id).unwrap())
        {
            let Some(algorithm) = framework.algorithm("classification", &case.algorithm) else { continue };
            let honoured =
                |c: crate::implementation::Cannot| !c.values.contains(&case.hyperparameters[&c.parameter]);
            if !algorithm.cannot().into_iter().all(honoured) {
                continue;
            }
            let mut variants = vec![tight(algorithm.settings())];
            for setting in algorithm.settings() {
                for choice in setting.choices {
                    let mut variant = tight(algorithm.settings());
                    variant.insert(setting.name.clone(), Value::Text(choice));
                    variants.push(variant);
                }
            }
            for settings in variants {
                let at = format!("{} on {at} {settings:?}", framework.id);
                let ask = Ask { hyperparameters: &case.hyperparameters, settings: &settings, seed: 1 };
                let labels = ndarray::Array1::from(entry.labels.clone());
                let training =
                    Training { features: data.train.view(), target: Target::Classes(labels.view()) };
                let estimator = algorithm.configure(&ask).unwrap();
                let model = estimator.fit(&training).unwrap_or_else(|e| panic!("{at}: {e}"));
                let own = outputs(&model.outputs(data.test.view()).unwrap());
                let checks = judge(data, case, &entry.name, &own, first);
                assert_eq!(reasons(&checks), "", "{at}");
                seen.push((framework.id, algorithm.name()));
            }
        }
    });
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 8, "{seen:?}");
}

#[test]
fn a_single_class_has_no_logistic_regression() {
    let entry = &entries()[1];
    let mut data = data(entry);
    data.occurring = Occurring::of(&vec![2; data.train.nrows()]);
    let case = entry.cases.iter().find(|c| c.algorithm == "logistic_regression").unwrap();
    let first = outputs(&told(&case.accepted[0]));
    let sides = (side("a", &first), side("b", &first));
    let error =
        logistic::judge(&data, &case.hyperparameters, "one", sides, &Tolerances::default()).unwrap_err();
    assert_eq!(error.to_string(), "no converged reference: the training rows hold a single class");
}

#[test]
fn a_class_without_training_rows_has_probability_0() {
    let occurring = Occurring::of(&[3, 1, 3, 0]);
    assert_eq!(occurring.labels, [0, 1, 3]);
    assert_eq!(occurring.of_rows, [2, 1, 2, 0]);
    assert_eq!((occurring.position(3), occurring.position(2)), (Some(2), None));
}

#[test]
fn the_figure_nearest_to_its_allowance_is_judged() {
    assert_eq!(worst([(1.0, 10.0), (0.5, 1.0), (0.0, 0.0)]), (0.5, 1.0));
    assert_eq!(worst([(1.0, 10.0), (1e-9, 0.0)]), (1e-9, 0.0));
    let (figure, _) = worst([(f64::NAN, 1.0), (0.5, 1.0)]);
    assert!(figure.is_nan(), "a figure that is no number is never allowed");
    assert!(!figure_check("x", (f64::NAN, 1.0), |_| String::new()).agrees);
}
