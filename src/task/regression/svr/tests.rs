//! Calibration of the contract: scikit-learn against itself and linfa against it are accepted, planted faults are refused.

use super::*;
use crate::backend::{Target, Training};
use crate::task::Tolerances;
use crate::task::parameter::Value;
use crate::task::svm::kernel::gamma;
use crate::task::svm::reference::{self, Case, File, native};

impl Answer {
    fn of(answer: &reference::Answer) -> Self {
        Self {
            predictions: answer.decision().column(0).to_owned(),
            dual: answer.dual().row(0).to_owned(),
            intercept: answer.intercept[0],
        }
    }

    fn again(&self) -> Self {
        Self { predictions: self.predictions.clone(), dual: self.dual.clone(), intercept: self.intercept }
    }
}

fn data(file: &File, case: &Case) -> Data {
    let kernel = kernel_of(&case.hyperparameters, &file.train()).unwrap();
    let rows = Rows { kernel, train: file.train(), test: file.test() };
    Data { rows, target: Array1::from(file.numbers.clone()) }
}

fn disagreements(case: &Case, data: &Data, a: &Answer, b: &Answer) -> Vec<String> {
    let tolerances = Tolerances::default();
    let asked = Asked { algorithm: "svr", hyperparameters: &case.hyperparameters, tolerances: &tolerances };
    let checks = data.compare(&asked, ("a", a), ("b", b));
    assert_eq!(checks.len(), 3, "{checks:?}");
    checks.into_iter().filter(|c| !c.agrees).map(|c| c.finding).collect()
}

fn linfa(case: &Case, data: &Data, rows: usize, change: &[(&str, f64)]) -> Answer {
    fitted("rust/linfa", case, data, rows, change)
}

fn fitted(implementation: &str, case: &Case, data: &Data, rows: usize, change: &[(&str, f64)]) -> Answer {
    let mut hyperparameters = case.hyperparameters.clone();
    hyperparameters.extend(change.iter().map(|(name, value)| ((*name).to_owned(), Value::Float(*value))));
    let x = data.rows.train.select(Axis(0), &(0..rows).collect::<Vec<_>>());
    let y: Array1<f64> = data.target.iter().take(rows).copied().collect();
    let training = Training { features: x.view(), target: Target::Numbers(y.view()) };
    let settings = [("tolerance", Value::Float(1e-9))];
    let test = data.rows.test.view();
    let outputs =
        native(implementation, "regression", ("svr", &hyperparameters), &settings, &training, test).unwrap();
    let mut dual = Array1::zeros(data.target.len());
    dual.slice_axis_mut(Axis(0), ndarray::Slice::from(..rows)).assign(&outputs.vector("dual", rows).unwrap());
    Answer {
        predictions: outputs.vector("predictions", test.nrows()).unwrap(),
        dual,
        intercept: outputs.vector("intercept", 1).unwrap()[0],
    }
}

fn cases(file: &File) -> impl Iterator<Item = &Case> {
    file.cases.iter().filter(|c| c.algorithm == "svr")
}

#[test]
fn honest_answers_agree() {
    let file = File::read();
    assert_eq!(cases(&file).count(), 4);
    for case in cases(&file) {
        let (data, truth) = (data(&file, case), Answer::of(&case.tight));
        for (name, answer) in [
            ("shuffled rows", Answer::of(&case.shuffled)),
            ("linfa", linfa(case, &data, 60, &[])),
            ("ndarray", fitted("rust/ndarray", case, &data, 60, &[])),
        ] {
            let found = disagreements(case, &data, &answer, &truth);
            assert!(found.is_empty(), "{name}: {found:?} {case:?}");
        }
    }
}

#[test]
fn planted_faults_are_refused() {
    let file = File::read();
    for case in cases(&file) {
        let (data, truth) = (data(&file, case), Answer::of(&case.tight));
        let honest = linfa(case, &data, 60, &[]);
        let mut faults = vec![
            ("another C", linfa(case, &data, 60, &[("C", 2.4)])),
            ("another epsilon", linfa(case, &data, 60, &[("epsilon", 0.21)])),
            ("fewer rows", linfa(case, &data, 50, &[])),
        ];
        if case.hyperparameters["kernel"] != Value::Text("linear".to_owned()) {
            let gamma = gamma(&case.hyperparameters["gamma"], data.rows.train.view()).unwrap();
            faults.push(("another gamma", linfa(case, &data, 60, &[("gamma", 1.05 * gamma)])));
        }
        let mut noisy = honest.again();
        noisy.predictions[3] += 1e-6;
        faults.push(("noise on predictions", noisy));
        let mut constant = honest.again();
        let mean = data.target.mean().unwrap();
        (constant.intercept, constant.dual) = (mean, Array1::zeros(60));
        constant.predictions.fill(mean);
        faults.push(("a constant answer", constant));
        let mut moved = honest.again();
        moved.intercept += 1e-2;
        moved.predictions += 1e-2;
        faults.push(("another intercept", moved));
        for (fault, answer) in faults {
            assert!(!disagreements(case, &data, &answer, &truth).is_empty(), "{fault}: {case:?}");
        }
    }
}

#[test]
fn a_tube_without_width_is_fitted() {
    let file = File::read();
    let case = cases(&file).nth(1).unwrap();
    let data = data(&file, case);
    let mut hyperparameters = case.hyperparameters.clone();
    hyperparameters.insert("epsilon".to_owned(), Value::Float(0.0));
    let tolerances = Tolerances::default();
    let asked = Asked { algorithm: "svr", hyperparameters: &hyperparameters, tolerances: &tolerances };
    let [a, b] = ["rust/linfa", "rust/ndarray"].map(|i| fitted(i, case, &data, 60, &[("epsilon", 0.0)]));
    let checks = data.compare(&asked, ("a", &a), ("b", &b));
    assert!(checks.iter().all(|c| c.agrees), "{checks:?}");
}
