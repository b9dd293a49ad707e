//! Answers of scikit-learn on which the contracts are calibrated: tests/reference/clustering.py writes them.

use ndarray::{Array1, Array2};
use serde_json::Value;

use crate::stats::Interval;
use crate::stats::equivalence::{Outcome, paired};

/// One problem, or one answer to it.
#[derive(Debug, Clone)]
pub struct Case(Value);

/// The problems of an algorithm.
pub fn cases(algorithm: &str) -> Vec<Case> {
    let all: Value = serde_json::from_str(include_str!("../../../tests/reference/clustering.json")).unwrap();
    let cases = all.as_array().unwrap().iter().filter(|case| case["algorithm"] == algorithm);
    let cases: Vec<Case> = cases.map(|case| Case(case.clone())).collect();
    assert!(!cases.is_empty(), "there is no case of {algorithm}");
    cases
}

/// Judges the qualities over seeds of each problem as the runner does: those that must be equivalent, and those that must not.
pub fn judge_qualities(algorithm: &str, margin: f64) {
    let bounds = Interval { low: -margin, high: margin };
    for case in cases(algorithm) {
        let scores = case.vector("scores").to_vec();
        let outcome = |others: &Array1<f64>| {
            paired(&scores, &others.to_vec(), bounds, 0.05).unwrap_or_else(|e| panic!("{}: {e}", case.name()))
        };
        for (name, others) in case.case("accepted").vectors() {
            let judged = outcome(&others);
            assert_eq!(judged.outcome, Outcome::Equivalent, "{} {name}: {judged:?}", case.name());
        }
        for (name, others) in case.case("refused").vectors() {
            let judged = outcome(&others);
            assert_ne!(judged.outcome, Outcome::Equivalent, "{} {name}: {judged:?}", case.name());
        }
    }
}

impl Case {
    pub fn name(&self) -> String {
        self.text("name")
    }

    pub fn text(&self, key: &str) -> String {
        self.0[key].as_str().unwrap_or_else(|| panic!("no text `{key}`")).to_owned()
    }

    pub fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("no number `{key}`"))
    }

    pub fn count(&self, key: &str) -> usize {
        usize::try_from(self.0[key].as_u64().unwrap_or_else(|| panic!("no count `{key}`"))).unwrap()
    }

    pub fn case(&self, key: &str) -> Self {
        assert!(self.0[key].is_object(), "no case `{key}`");
        Self(self.0[key].clone())
    }

    pub fn integers(&self, key: &str) -> Vec<i64> {
        serde_json::from_value(self.0[key].clone()).unwrap_or_else(|e| panic!("`{key}`: {e}"))
    }

    pub fn vector(&self, key: &str) -> Array1<f64> {
        let mut values = Vec::new();
        flatten(&self.0[key], &mut values);
        Array1::from(values)
    }

    /// Each entry as a vector.
    pub fn vectors(&self) -> Vec<(String, Array1<f64>)> {
        self.0.as_object().unwrap().keys().map(|key| (key.clone(), self.vector(key))).collect()
    }

    pub fn matrix(&self, key: &str) -> Array2<f64> {
        let rows = self.0[key].as_array().unwrap_or_else(|| panic!("no matrix `{key}`")).len();
        let values = self.vector(key);
        let columns = values.len() / rows;
        values.into_shape_with_order((rows, columns)).unwrap()
    }
}

fn flatten(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|v| flatten(v, into)),
        _ => into.push(value.as_f64().unwrap()),
    }
}
