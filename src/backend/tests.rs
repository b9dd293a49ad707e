//! What every registered algorithm must do, so that a new one is tested by being registered.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::{RngExt, SeedableRng};

use super::*;
use crate::task::parameter::{Type, Value};
use crate::task::regression::linear::{Penalty, Reference};
use crate::task::{AlgorithmDef, task};

/// Every algorithm of every framework, with its definition.
fn registered() -> Vec<(&'static Framework, &'static dyn Algorithm, AlgorithmDef)> {
    let all = FRAMEWORKS.iter().flat_map(|f| f.algorithms.iter().map(|a| (*f, *a)));
    all.map(|(framework, algorithm)| {
        let definition = task(algorithm.task()).unwrap().definition();
        let known = definition.algorithm(algorithm.name());
        let found = known.unwrap_or_else(|| panic!("{} {algorithm:?} is no task's", framework.id));
        (framework, algorithm, found.clone())
    })
    .collect()
}

/// Rows to fit where a model must come of it. Half the rows of no pair of classes are a whole number, so that at nu = 0.5 some support vector
/// is free: linfa's nu-SVC has no finite answer without one.
const ROWS: usize = 62;

/// Arrays that a fit may see.
struct Data {
    x: Array2<f64>,
    numbers: Array1<f64>,
    classes: Array1<i64>,
}

impl Data {
    /// Three groups of rows, far from the origin; features have means of their own.
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows and features")]
    fn new(rows: usize, features: usize) -> Self {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let x = Array2::from_shape_fn((rows, features), |(i, j)| {
            random.random::<f64>() * (j + 1) as f64 + 5.0 + ((i % 3) * (j + 1)) as f64
        });
        let numbers = x.outer_iter().map(|row| row.sum() + 2.0 + random.random::<f64>()).collect();
        let classes = (0..rows).map(|i| i64::try_from(i % 3).unwrap()).collect();
        Self { x, numbers, classes }
    }

    fn training(&self, task: &str) -> Training<'_> {
        let target = match task {
            "regression" => Target::Numbers(self.numbers.view()),
            "classification" => Target::Classes(self.classes.view()),
            _ => Target::None,
        };
        Training { features: self.x.view(), target }
    }
}

/// The settings that an implementation has where a spec gives none.
fn defaults(parameters: &[ParameterDef]) -> Parameters {
    parameters.iter().map(|p| (p.name.clone(), p.default.clone())).collect()
}

fn fit<'d>(
    algorithm: &dyn Algorithm,
    hyperparameters: &Parameters,
    settings: &Parameters,
    data: &'d Data,
) -> Result<Box<dyn Fitted + 'd>, String> {
    let estimator = algorithm.configure(&Ask { hyperparameters, settings, seed: 7 })?;
    // A model may borrow the training arrays; two views a fit are what the tests leave behind.
    estimator.fit(Box::leak(Box::new(data.training(algorithm.task()))))
}

/// The hyperparameters to test with: the defaults, or for each value that the implementation cannot honour another one.
fn usable(algorithm: &dyn Algorithm, definition: &AlgorithmDef) -> Parameters {
    let mut usable = defaults(&definition.parameters);
    for cannot in algorithm.cannot() {
        if cannot.values.contains(&usable[&cannot.parameter]) {
            let parameter = definition.parameters.iter().find(|p| p.name == cannot.parameter).unwrap();
            let truths = [true, false].map(Value::Bool).into_iter().filter(|_| parameter.ty == Type::Bool);
            let other = truths.chain(parameter.choices.iter().map(|c| Value::Text(c.clone())));
            usable.insert(
                cannot.parameter.clone(),
                other.into_iter().find(|v| !cannot.values.contains(v)).unwrap(),
            );
        }
    }
    usable
}

fn apply(model: &dyn Fitted, rows: ArrayView2<'_, f64>) -> Answer {
    model.apply(rows).unwrap()
}

#[test]
fn every_algorithm_reads_back_what_it_used_and_answers_rows_alike_in_any_batch() {
    let data = Data::new(ROWS, 4);
    for (framework, algorithm, definition) in registered() {
        let name = format!("{} {}", framework.id, algorithm.name());
        let (asked, settings) = (usable(algorithm, &definition), defaults(&algorithm.settings()));
        let model = fit(algorithm, &asked, &settings, &data).unwrap_or_else(|e| panic!("{name}: {e}"));
        let read = model.read_back();
        assert_eq!(read.hyperparameters.len(), asked.len(), "{name}: {read:?}");
        assert!(asked.iter().all(|(k, v)| read.hyperparameters[k].agrees_with(v)), "{name}: {read:?}");
        assert_eq!(read.settings.len(), settings.len(), "{name}: {read:?}");
        assert!(settings.iter().all(|(k, v)| read.settings[k].agrees_with(v)), "{name}: {read:?}");
        assert_eq!(read.features, 4, "{name}");
        for key in &definition.work {
            assert!(read.work.contains_key(key), "{name} does not tell its {key}");
        }
        assert!(!model.outputs(data.x.view()).unwrap().is_empty(), "{name}");
        if definition.transductive {
            continue;
        }
        let all = apply(&*model, data.x.view());
        assert_eq!(all.rows(), ROWS, "{name}");
        for (i, batch) in data.x.axis_chunks_iter(Axis(0), 7).enumerate() {
            let rows = 7 * i..7 * i + batch.nrows();
            assert!(
                alike(&part(&all, rows), &apply(&*model, batch)),
                "{name}: a batch's answers are those of all rows"
            );
        }
    }
}

/// Some rows of an answer.
fn part(answer: &Answer, rows: std::ops::Range<usize>) -> Answer {
    let rows = ndarray::Slice::from(rows);
    match answer {
        Answer::Numbers(a) => Answer::Numbers(a.slice_axis(Axis(0), rows).to_owned()),
        Answer::Labels(a) => Answer::Labels(a.slice_axis(Axis(0), rows).to_owned()),
        Answer::Rows(a) => Answer::Rows(a.slice_axis(Axis(0), rows).to_owned()),
    }
}

/// Whether two answers are the same but for rounding: a product of one row takes another path than one of many.
fn alike(a: &Answer, b: &Answer) -> bool {
    let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-9 * (1.0 + x.abs());
    match (a, b) {
        (Answer::Numbers(a), Answer::Numbers(b)) => a.len() == b.len() && a.iter().zip(b).all(close),
        (Answer::Rows(a), Answer::Rows(b)) => a.dim() == b.dim() && a.iter().zip(b).all(close),
        _ => a == b,
    }
}

#[test]
fn the_same_seed_gives_the_same_outputs() {
    let data = Data::new(ROWS, 4);
    for (framework, algorithm, definition) in registered() {
        let (asked, settings) = (usable(algorithm, &definition), defaults(&algorithm.settings()));
        let outputs = || fit(algorithm, &asked, &settings, &data).unwrap().outputs(data.x.view()).unwrap();
        assert_eq!(outputs(), outputs(), "{} {}", framework.id, algorithm.name());
    }
}

/// Training arrays on which no model may exist: each fit ends in an error or in a model, and never in a panic or without end.
#[test]
fn degenerate_rows_end_in_an_error_or_a_model() {
    let plain = Data::new(30, 4);
    let mut cases: Vec<(&str, Data)> = vec![
        ("one row", Data::new(1, 4)),
        ("two rows", Data::new(2, 4)),
        ("fewer rows than features", Data::new(6, 20)),
        ("no rows", Data { x: Array2::zeros((0, 4)), numbers: Array1::zeros(0), classes: Array1::zeros(0) }),
        (
            "no features",
            Data {
                x: Array2::zeros((30, 0)),
                numbers: plain.numbers.clone(),
                classes: plain.classes.clone(),
            },
        ),
        (
            "constant features",
            Data { x: Array2::ones((30, 4)), numbers: plain.numbers.clone(), classes: plain.classes.clone() },
        ),
        (
            "a single class",
            Data { x: plain.x.clone(), numbers: Array1::ones(30), classes: Array1::zeros(30) },
        ),
        (
            "a class that is absent",
            Data {
                x: plain.x.clone(),
                numbers: plain.numbers.clone(),
                classes: plain.classes.mapv(|c| 2 * (c % 2)),
            },
        ),
        (
            "huge numbers",
            Data {
                x: plain.x.mapv(|v| v * 1e300),
                numbers: plain.numbers.mapv(|v| v * 1e300),
                classes: plain.classes.clone(),
            },
        ),
    ];
    for hole in [f64::NAN, f64::INFINITY] {
        let mut x = plain.x.clone();
        x[[3, 1]] = hole;
        cases.push((
            "a value that is no number",
            Data { x, numbers: plain.numbers.clone(), classes: plain.classes.clone() },
        ));
    }
    let cases: Vec<_> = cases.into_iter().map(|(what, data)| (what, Arc::new(data))).collect();
    let mut faults = Vec::new();
    for (framework, algorithm, definition) in registered() {
        let asked = usable(algorithm, &definition);
        for (what, data) in &cases {
            let (asked, data) = (asked.clone(), Arc::clone(data));
            let (ended, end) = mpsc::channel();
            // A thread that hangs ends with the process.
            let fitting = std::thread::spawn(move || {
                let test = Data::new(10, data.x.ncols()).x;
                let model = fit(algorithm, &asked, &defaults(&algorithm.settings()), &data);
                let _ = model.map(|model| model.outputs(test.view()));
                let _ = ended.send(());
            });
            let fault = match end.recv_timeout(Duration::from_secs(60)) {
                Err(RecvTimeoutError::Timeout) => "hangs",
                _ if fitting.join().is_err() => "panics",
                _ => continue,
            };
            faults.push(format!("{} {} on {what} {fault}", framework.id, algorithm.name()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn linear_models_reach_the_optimum() {
    let data = Data::new(60, 4);
    for (framework, algorithm, definition) in registered() {
        for intercept in [true, false] {
            let mut asked = defaults(&definition.parameters);
            asked.insert("fit_intercept".to_owned(), Value::Bool(intercept));
            let Some(penalty) = Penalty::of(algorithm.name(), &asked, 60) else { continue };
            let mut settings = defaults(&algorithm.settings());
            if settings.contains_key("tolerance") {
                settings.insert("tolerance".to_owned(), Value::Float(1e-15));
                settings.insert("max_iterations".to_owned(), Value::Int(100_000));
            }
            let name = format!("{} {} intercept={intercept}", framework.id, algorithm.name());
            let model = fit(algorithm, &asked, &settings, &data).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("outputs");
            std::fs::write(&path, serialize(&model.outputs(data.x.view()).unwrap()).unwrap()).unwrap();
            let outputs = crate::task::outputs::Outputs::read(&path).unwrap();
            let coefficients = outputs.vector("coefficients", 4).unwrap();
            let own = outputs.vector("intercept", 1).unwrap()[0];

            let (x, y) = (data.x.view(), data.numbers.view());
            let reference = Reference::solve(x, y, penalty).unwrap();
            let gap = reference.gap(penalty.objective(x, y, coefficients.view(), own));
            assert!(gap.abs() < 1e-12, "{name}: {gap}");
            let implied = data.x.dot(&coefficients) + own;
            let predictions = outputs.vector("predictions", 60).unwrap();
            assert!(predictions.iter().zip(&implied).all(|(a, b)| (a - b).abs() < 1e-9), "{name}");
        }
    }
}

#[test]
fn householder_qr_refuses_fewer_rows_than_features() {
    let ols = framework("rust/faer").unwrap().algorithm("regression", "ols").unwrap();
    let asked = [("fit_intercept".to_owned(), Value::Bool(true))].into();
    let error = fit(ols, &asked, &Parameters::new(), &Data::new(3, 5)).err().unwrap();
    assert!(error.contains("3 rows are fewer than 5 features"), "{error}");
}

#[test]
fn settings_are_sound() {
    for (framework, algorithm, definition) in registered() {
        let name = format!("{} {}", framework.id, algorithm.name());
        for setting in algorithm.settings() {
            assert_eq!(setting.check(&setting.default).as_ref(), Ok(&setting.default), "{name}");
            assert!(!setting.binding, "{name}: a setting belongs to one implementation");
        }
        for cannot in algorithm.cannot() {
            let parameter = definition.parameters.iter().find(|p| p.name == cannot.parameter);
            let parameter = parameter.unwrap_or_else(|| panic!("{name} has no {}", cannot.parameter));
            for value in &cannot.values {
                assert_eq!(parameter.check(value).as_ref(), Ok(value), "{name}");
            }
        }
    }
}
