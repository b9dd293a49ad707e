//! What clustering algorithms of several frameworks share: their start, their labels, and a check that the libraries answer with a panic.

use ndarray::{Array2, ArrayView2, Axis};

use super::Tensor;

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
