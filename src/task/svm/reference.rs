//! scikit-learn's answers for tests: `tests/reference/support_vectors.json`.

use ndarray::{Array1, Array2};
use serde::Deserialize;

use super::kernel::Kernel;
use super::machine::{Loss, Machine};
use super::pairs::pairs;
use crate::task::parameter::Parameters;

/// The file.
#[derive(Debug, Deserialize)]
pub struct File {
    train: Vec<Vec<f64>>,
    test: Vec<Vec<f64>>,
    /// Labels 0 and 1.
    pub two: Vec<i64>,
    /// Labels 0, 1 and 2.
    pub three: Vec<i64>,
    /// Targets of regression.
    pub numbers: Vec<f64>,
    /// Of all entries of the training features.
    pub variance: f64,
    /// The fits.
    pub cases: Vec<Case>,
}

/// One problem, solved loosely, tightly, and tightly on shuffled rows.
#[derive(Debug, Deserialize)]
pub struct Case {
    pub algorithm: String,
    pub target: String,
    pub hyperparameters: Parameters,
    pub loose: Answer,
    pub tight: Answer,
    pub shuffled: Answer,
}

/// One fit.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(default)]
    dual: Vec<Vec<f64>>,
    #[serde(default)]
    coefficients: Vec<Vec<f64>>,
    pub intercept: Vec<f64>,
    decision: Vec<Vec<f64>>,
    pub predictions: Option<Vec<i64>>,
}

impl Answer {
    pub fn dual(&self) -> Array2<f64> {
        matrix(&self.dual)
    }
    pub fn coefficients(&self) -> Array2<f64> {
        matrix(&self.coefficients)
    }
    pub fn decision(&self) -> Array2<f64> {
        matrix(&self.decision)
    }
}

impl File {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/reference/support_vectors.json")).unwrap()
    }
    pub fn train(&self) -> Array2<f64> {
        matrix(&self.train)
    }
    pub fn test(&self) -> Array2<f64> {
        matrix(&self.test)
    }
    /// The labels of a case's target.
    pub fn labels(&self, case: &Case) -> &[i64] {
        if case.target == "two" { &self.two } else { &self.three }
    }

    /// The machines of an answer, in nu-SVC's own scale, and the rows of each.
    pub fn machines(&self, case: &Case, answer: &Answer) -> Vec<Machine> {
        let (train, dual) = (self.train(), answer.dual());
        let kernel = Kernel::of(&case.hyperparameters, train.view()).unwrap();
        let number = |name: &str| case.hyperparameters[name].as_float().unwrap();
        let fitted = kernel.expansion(train.view(), dual.t(), train.view());
        let self_kernel = kernel.diagonal(train.view());
        if case.algorithm == "svr" {
            return vec![Machine {
                loss: Loss::Tube { cost: number("C"), epsilon: number("epsilon") },
                target: Array1::from(self.numbers.clone()),
                dual: dual.row(0).to_owned(),
                fitted: fitted.column(0).to_owned(),
                intercept: answer.intercept[0],
                self_kernel,
            }];
        }
        let labels = self.labels(case);
        let classes = if case.target == "two" { 2 } else { 3 };
        pairs(classes)
            .into_iter()
            .enumerate()
            .map(|(p, (i, j))| {
                let rows: Vec<usize> = (0..labels.len())
                    .filter(|r| {
                        labels[*r] == i64::try_from(i).unwrap() || labels[*r] == i64::try_from(j).unwrap()
                    })
                    .collect();
                let of = |values: ndarray::ArrayView1<f64>| {
                    rows.iter().map(|r| values[*r]).collect::<Array1<f64>>()
                };
                let machine = Machine {
                    loss: Loss::Hinge {
                        cost: case.hyperparameters.get("C").map_or(1.0, |c| c.as_float().unwrap()),
                        margin: 1.0,
                    },
                    target: rows
                        .iter()
                        .map(|r| if labels[*r] == i64::try_from(j).unwrap() { 1.0 } else { -1.0 })
                        .collect(),
                    dual: of(dual.row(p)),
                    fitted: of(fitted.column(p)),
                    intercept: answer.intercept[p],
                    self_kernel: of(self_kernel.view()),
                };
                if case.algorithm == "nu_svc" { machine.of_nu(number("nu")).unwrap() } else { machine }
            })
            .collect()
    }
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), columns), rows.concat()).unwrap()
}

/// The raw outputs of a native implementation, handed over as a worker does it.
pub fn native<'a>(
    implementation: &str,
    task: &str,
    (algorithm, hyperparameters): (&str, &Parameters),
    settings: &[(&str, crate::task::parameter::Value)],
    training: &'a crate::backend::Training<'a>,
    test: ndarray::ArrayView2<'_, f64>,
) -> Result<crate::task::outputs::Outputs, String> {
    let algorithm = crate::backend::framework(implementation).unwrap().algorithm(task, algorithm).unwrap();
    let mut own: Parameters =
        algorithm.settings().into_iter().map(|s| (s.name.clone(), s.default.clone())).collect();
    own.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let ask = crate::backend::Ask { hyperparameters, settings: &own, seed: 5 };
    let outputs = algorithm.configure(&ask)?.fit(training)?.outputs(test)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outputs");
    std::fs::write(&path, crate::backend::serialize(&outputs).unwrap()).unwrap();
    Ok(crate::task::outputs::Outputs::read(&path).unwrap())
}
