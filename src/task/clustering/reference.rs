//! Answers of scikit-learn on which the contracts are calibrated: tests/reference/clustering.py writes them.

use ndarray::{Array1, Array2};
use serde_json::Value;

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
