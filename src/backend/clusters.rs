//! What clustering algorithms of several frameworks share: their start, and checks that the libraries answer with a panic.

use ndarray::{Array2, ArrayView2, Axis};

use super::Tensor;
use crate::task::largest;
use crate::task::parameter::{Parameters, Value};

/// A hyperparameter or setting that counts something.
pub fn count(of: &Parameters, name: &str) -> Result<usize, String> {
    let value = of.get(name).and_then(Value::as_int).ok_or_else(|| format!("`{name}` is missing"))?;
    usize::try_from(value).map_err(|_| format!("`{name}` is {value}, but must be at least 0"))
}

/// A hyperparameter or setting that is a number.
pub fn number(of: &Parameters, name: &str) -> Result<f64, String> {
    of.get(name).and_then(Value::as_float).ok_or_else(|| format!("`{name}` is missing"))
}

/// Refuses rows on which distances are no numbers, and arrays without any.
pub fn usable(features: ArrayView2<'_, f64>) -> Result<(), String> {
    if features.is_empty() {
        return Err(format!("there are {} rows of {} features", features.nrows(), features.ncols()));
    }
    let largest = largest(features.iter().map(|v| v.abs()));
    // A squared distance is at most 4 d times the largest square, and sums have at most n of them.
    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    let bound = 4.0 * features.len() as f64 * largest * largest;
    if bound.is_finite() {
        Ok(())
    } else {
        Err(format!("squared distances of features up to {largest:e} are not finite"))
    }
}

/// Refuses fewer rows than groups.
pub fn enough(features: ArrayView2<'_, f64>, groups: usize, what: &str) -> Result<(), String> {
    if features.nrows() < groups {
        return Err(format!("{} rows are fewer than {groups} {what}", features.nrows()));
    }
    Ok(())
}

/// The first `k` rows that differ from each other: where the task `clustering` starts `kmeans`.
pub fn first_distinct_rows(features: ArrayView2<'_, f64>, k: usize) -> Result<Array2<f64>, String> {
    let mut places: Vec<usize> = Vec::with_capacity(k);
    for (i, row) in features.outer_iter().enumerate() {
        if places.len() == k {
            break;
        }
        if places.iter().all(|p| features.row(*p) != row) {
            places.push(i);
        }
    }
    if places.len() < k {
        return Err(format!("{} distinct rows are fewer than {k} clusters", places.len()));
    }
    Ok(features.select(Axis(0), &places))
}

/// Labels as the task wants them.
pub fn labels(of: impl IntoIterator<Item = usize>) -> Tensor {
    let number = |l: usize| i64::try_from(l).expect("there are fewer rows than 2⁶³");
    of.into_iter().map(number).collect::<Vec<i64>>().into()
}

/// A number of things as a value.
pub fn whole(count: impl TryInto<i64>) -> Value {
    Value::Int(count.try_into().unwrap_or(i64::MAX))
}
