//! Reading of the reference values in tests, and the comparison with them.

use serde_json::Value;

use super::StatsError;

/// One case of a file in `tests/reference`: inputs and the reference library's values.
pub(super) struct Case {
    pub name: String,
    values: Value,
}

impl Case {
    /// The cases of a file, which is a list of objects with a `name`.
    pub fn all(json: &str) -> Vec<Case> {
        let cases: Vec<Value> = serde_json::from_str(json).expect("a list of cases");
        assert!(!cases.is_empty());
        cases
            .into_iter()
            .map(|values| Case { name: values["name"].as_str().expect("a name").into(), values })
            .collect()
    }

    fn value(&self, key: &str) -> &Value {
        self.values.get(key).unwrap_or_else(|| panic!("{} has no {key}", self.name))
    }

    pub fn number(&self, key: &str) -> f64 {
        self.value(key).as_f64().unwrap_or_else(|| panic!("{} of {} is no number", key, self.name))
    }

    pub fn text(&self, key: &str) -> &str {
        self.value(key).as_str().expect(key)
    }

    pub fn count(&self, key: &str) -> usize {
        usize::try_from(self.value(key).as_u64().expect(key)).expect(key)
    }

    pub fn sample(&self, key: &str) -> Vec<f64> {
        numbers(self.value(key))
    }

    pub fn optional_sample(&self, key: &str) -> Option<Vec<f64>> {
        (!self.value(key).is_null()).then(|| self.sample(key))
    }

    pub fn samples(&self, key: &str) -> Vec<Vec<f64>> {
        self.value(key).as_array().expect(key).iter().map(numbers).collect()
    }

    pub fn counts(&self, key: &str) -> Vec<usize> {
        let count = |x: &Value| usize::try_from(x.as_u64().expect(key)).expect(key);
        self.value(key).as_array().expect(key).iter().map(count).collect()
    }

    /// Whether the reference leaves this value undefined (written as null).
    pub fn is_undefined(&self, key: &str) -> bool {
        self.value(key).is_null()
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// The value equals the case's, within `tolerance` times its size, or times 1 for values below 1.
///
/// With `STATS_DEVIATIONS=1` it prints the deviation, from which the table of largest deviations is made.
pub(super) fn agrees(case: &Case, key: &str, got: f64, tolerance: f64) {
    agrees_number(case, key, got, case.number(key), tolerance);
}

#[expect(clippy::print_stdout, reason = "shows the deviations when asked to")]
fn agrees_number(case: &Case, key: &str, got: f64, want: f64, tolerance: f64) {
    let deviation = (got - want).abs() / want.abs().max(1.0);
    if std::env::var_os("STATS_DEVIATIONS").is_some() {
        println!(
            "deviation\t{}\t{key}\t{deviation:e}\t{}",
            std::thread::current().name().unwrap_or(""),
            case.name
        );
    }
    assert!(deviation <= tolerance, "{key} of {}: {got}, but the reference is {want}", case.name);
}

/// The result equals the case's value; where the reference is undefined, it is an error.
pub(super) fn agrees_or_fails(case: &Case, key: &str, got: Result<f64, StatsError>, tolerance: f64) {
    match got {
        Ok(value) if !case.is_undefined(key) => agrees(case, key, value, tolerance),
        Err(_) if case.is_undefined(key) => {}
        other => panic!("{key} of {}: {other:?}, but the reference is {}", case.name, case.value(key)),
    }
}

/// [`agrees`], value by value.
pub(super) fn agrees_all(case: &Case, key: &str, got: &[f64], tolerance: f64) {
    let want = case.sample(key);
    assert_eq!(got.len(), want.len(), "{key} of {}", case.name);
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        agrees_number(case, &format!("{key}[{i}]"), *got, want, tolerance);
    }
}
