//! Native implementations: one folder for each framework, one file for each algorithm, one registry.

mod centre;
mod faer;
mod linfa;

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::implementation::{Implementation, Launch, Offer};
use crate::task::parameter::{ParameterDef, Parameters};
use crate::worker::protocol::Blas;

/// A native framework.
#[derive(Debug)]
pub struct Framework {
    /// The implementation's id.
    pub id: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Versions of what it computes with.
    pub versions: &'static [(&'static str, &'static str)],
    /// Its linear algebra, as it would describe itself.
    pub blas: fn() -> Blas,
    /// Sets the number of threads that it may use, and tells how many it will.
    pub set_threads: fn(usize) -> usize,
}

/// Every framework.
const FRAMEWORKS: &[&Framework] = &[&linfa::FRAMEWORK, &faer::FRAMEWORK];

/// Every native regression algorithm.
const REGRESSION: &[&dyn RegressionAlgorithm] = &[
    &linfa::ols::Ols,
    &linfa::elastic_net::RIDGE,
    &linfa::elastic_net::LASSO,
    &linfa::elastic_net::ELASTIC_NET,
    &faer::ols::Ols,
    &faer::ridge::Ridge,
];

/// A regression algorithm of one framework.
pub trait RegressionAlgorithm: Sync {
    /// The framework.
    fn framework(&self) -> &'static Framework;
    /// The task's name of the algorithm.
    fn name(&self) -> &'static str;
    /// How it is computed.
    fn doc(&self) -> &'static str;
    /// Settings of this implementation.
    fn settings(&self) -> Vec<ParameterDef>;
    /// A regressor with these hyperparameters and settings, all of them given and checked.
    ///
    /// # Errors
    /// A phrase that says what cannot be honoured.
    fn configure(
        &self,
        hyperparameters: &Parameters,
        settings: &Parameters,
    ) -> Result<Box<dyn Regressor>, String>;
}

/// A configured regressor.
pub trait Regressor {
    /// Fits on row-major `x` [n, d] and `y` [n]. Everything that the framework needs done to the canonical arrays happens here.
    ///
    /// # Errors
    /// The framework's message.
    fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>)
    -> Result<Box<dyn FittedRegressor>, String>;
}

/// A fitted regressor.
pub trait FittedRegressor {
    /// Predictions for row-major `x` [m, d], owned by the caller.
    fn predict(&self, x: ArrayView2<'_, f64>) -> Array1<f64>;
    /// The fitted parameters and what was really used.
    fn read_back(&self) -> ReadBack;
}

/// What a fitted model says of itself.
#[derive(Debug, Clone)]
pub struct ReadBack {
    /// Hyperparameters under the task's names, from the objects that computed.
    pub hyperparameters: Parameters,
    /// Settings, likewise.
    pub settings: Parameters,
    /// Work done and how it ended.
    pub work: Parameters,
    /// The layout in which the framework computed.
    pub layout: &'static str,
    /// One coefficient for each feature.
    pub coefficients: Array1<f64>,
    /// The intercept.
    pub intercept: f64,
}

/// The native implementations, as the planner sees them.
pub fn implementations() -> Vec<Implementation> {
    FRAMEWORKS
        .iter()
        .map(|framework| Implementation {
            id: framework.id.to_owned(),
            doc: framework.doc.to_owned(),
            offers: REGRESSION
                .iter()
                .filter(|a| a.framework().id == framework.id)
                .map(|a| Offer {
                    task: "regression".to_owned(),
                    algorithm: a.name().to_owned(),
                    doc: a.doc().to_owned(),
                    settings: a.settings(),
                    cannot: Vec::new(),
                })
                .collect(),
            launch: Launch::Native,
        })
        .collect()
}

/// The native regression algorithm of that name, if there is one.
pub fn regression(implementation: &str, algorithm: &str) -> Option<&'static dyn RegressionAlgorithm> {
    REGRESSION.iter().copied().find(|a| a.framework().id == implementation && a.name() == algorithm)
}

/// The native framework of that id.
pub fn framework(implementation: &str) -> Option<&'static Framework> {
    FRAMEWORKS.iter().copied().find(|f| f.id == implementation)
}

/// The versions that a worker of this implementation reports.
pub fn versions(implementation: &str) -> BTreeMap<String, String> {
    let own = framework(implementation)
        .into_iter()
        .flat_map(|f| f.versions)
        .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
    own.chain([("rust".to_owned(), env!("BENCHRUN_RUSTC").to_owned())]).collect()
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a handful of features")]
mod tests {
    use super::*;
    use crate::task::parameter::Value;
    use crate::task::regression::linear::{Penalty, Reference};
    use ndarray::{Array2, Axis};
    use rand::{RngExt, SeedableRng};

    fn problem(rows: usize, features: usize) -> (Array2<f64>, Array1<f64>) {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        // Uncentred on purpose: features have means far from zero.
        let x =
            Array2::from_shape_fn((rows, features), |(_, j)| random.random::<f64>() * (j + 1) as f64 + 5.0);
        let y = x.outer_iter().map(|row| row.sum() + 2.0 + random.random::<f64>()).collect();
        (x, y)
    }

    fn parameters(algorithm: &str, intercept: bool) -> Parameters {
        let mut parameters: Parameters = [("fit_intercept".to_owned(), Value::Bool(intercept))].into();
        if algorithm != "ols" {
            parameters.insert("alpha".to_owned(), Value::Float(0.05));
        }
        if algorithm == "elastic_net" {
            parameters.insert("l1_ratio".to_owned(), Value::Float(0.5));
        }
        parameters
    }

    fn tight(algorithm: &dyn RegressionAlgorithm) -> Parameters {
        let mut settings: Parameters =
            algorithm.settings().into_iter().map(|s| (s.name.clone(), s.default.clone())).collect();
        if settings.contains_key("tolerance") {
            settings.insert("tolerance".to_owned(), Value::Float(1e-15));
            settings.insert("max_iterations".to_owned(), Value::Int(100_000));
        }
        settings
    }

    /// Every registered algorithm, so that a new one is tested by being registered.
    #[test]
    fn every_algorithm_reaches_the_optimum_and_reads_back_what_it_used() {
        let (x, y) = problem(60, 4);
        for algorithm in REGRESSION {
            for intercept in [true, false] {
                let name = format!("{} {} intercept={intercept}", algorithm.framework().id, algorithm.name());
                let asked = parameters(algorithm.name(), intercept);
                let settings = tight(*algorithm);
                let regressor = algorithm.configure(&asked, &settings).unwrap();
                let fitted = regressor.fit(x.view(), y.view()).unwrap();
                let read = fitted.read_back();
                assert_eq!(read.hyperparameters.len(), asked.len(), "{name}");
                assert!(
                    asked.iter().all(|(k, v)| read.hyperparameters[k].agrees_with(v)),
                    "{name}: {read:?}"
                );
                assert!(settings.iter().all(|(k, v)| read.settings[k].agrees_with(v)), "{name}: {read:?}");

                let penalty = Penalty::of(algorithm.name(), &asked, y.len()).unwrap();
                let reference = Reference::solve(x.view(), y.view(), penalty).unwrap();
                let objective =
                    penalty.objective(x.view(), y.view(), read.coefficients.view(), read.intercept);
                assert!(reference.gap(objective).abs() < 1e-12, "{name}: {}", reference.gap(objective));

                let all = fitted.predict(x.view());
                let implied = x.dot(&read.coefficients) + read.intercept;
                assert!(all.iter().zip(&implied).all(|(a, b)| (a - b).abs() < 1e-9), "{name}");
                for (i, batch) in x.axis_chunks_iter(Axis(0), 7).enumerate() {
                    for (a, b) in fitted.predict(batch).iter().zip(all.iter().skip(7 * i)) {
                        assert!((a - b).abs() < 1e-12, "{name}: a batch's predictions are those of all rows");
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_answer() {
        let (x, y) = problem(30, 3);
        for algorithm in REGRESSION {
            let fit = || {
                let regressor =
                    algorithm.configure(&parameters(algorithm.name(), true), &tight(*algorithm)).unwrap();
                regressor.fit(x.view(), y.view()).unwrap().read_back().coefficients
            };
            assert_eq!(fit(), fit());
        }
    }

    #[test]
    fn householder_qr_refuses_fewer_rows_than_features() {
        let (x, y) = problem(3, 5);
        let regressor = faer::ols::Ols.configure(&parameters("ols", true), &Parameters::new()).unwrap();
        let error = regressor.fit(x.view(), y.view()).err().unwrap();
        assert!(error.contains("3 rows are fewer than 5 features"), "{error}");
    }

    #[test]
    fn implementations_name_known_tasks_and_sound_settings() {
        let definition = crate::task::TASKS[0].definition();
        for implementation in implementations() {
            for offer in &implementation.offers {
                assert!(
                    definition.algorithm(&offer.algorithm).is_some(),
                    "{} {}",
                    implementation.id,
                    offer.algorithm
                );
                for setting in &offer.settings {
                    assert_eq!(setting.check(&setting.default).as_ref(), Ok(&setting.default));
                    assert!(!setting.binding, "a setting belongs to one implementation");
                }
            }
        }
    }
}
