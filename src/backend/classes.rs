//! What the classifiers of all frameworks share: the classes that occur, and checks of arrays on which libraries would panic.

use ndarray::{Array1, ArrayView1, ArrayView2};

use super::Training;

/// Features and labels of a fit, with at least one row and one feature, all finite.
///
/// # Errors
/// What is missing.
pub fn checked<'t>(training: &Training<'t>) -> Result<(ArrayView2<'t, f64>, ArrayView1<'t, i64>), String> {
    let labels = training.classes()?;
    let (rows, columns) = training.features.dim();
    if rows == 0 || columns == 0 {
        return Err(format!("{rows} training rows of {columns} features are none to learn from"));
    }
    if training.features.iter().any(|v| !v.is_finite()) {
        return Err("a training feature is not finite".to_owned());
    }
    Ok((training.features, labels))
}

/// That squared distances and norms of rows are finite: where they overflow, some libraries never end.
///
/// # Errors
/// They are not.
pub fn bounded(features: ArrayView2<'_, f64>) -> Result<(), String> {
    // The square of a difference is at most twice the sum of both squares.
    let bound = 4.0 * features.iter().map(|v| v * v).sum::<f64>();
    if bound.is_finite() { Ok(()) } else { Err("the squares of the training features overflow".to_owned()) }
}

/// The labels that occur, ascending.
pub fn occurring(labels: ArrayView1<'_, i64>) -> Vec<i64> {
    let mut occurring = labels.to_vec();
    occurring.sort_unstable();
    occurring.dedup();
    occurring
}

/// The labels that occur, of which there must be two.
///
/// # Errors
/// There is one.
pub fn several(labels: ArrayView1<'_, i64>) -> Result<Vec<i64>, String> {
    let occurring = occurring(labels);
    match occurring.as_slice() {
        [one] => Err(format!("the training rows hold a single class, {one}")),
        _ => Ok(occurring),
    }
}

/// Labels from their places among those that occur.
pub fn labels(occurring: &[i64], places: impl IntoIterator<Item = usize>) -> Array1<i64> {
    places.into_iter().map(|place| occurring[place]).collect()
}
