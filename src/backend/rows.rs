//! Guards on training rows: arrays on which libraries would panic or never end are refused before they see them.

use ndarray::ArrayView2;

use super::Training;

/// The features of a fit [n, d], with at least one row and one feature, all finite.
///
/// # Errors
/// What is missing.
pub fn finite<'t>(training: &Training<'t>) -> Result<ArrayView2<'t, f64>, String> {
    let (rows, columns) = training.features.dim();
    if rows == 0 || columns == 0 {
        return Err(format!("{rows} training rows of {columns} features are none to learn from"));
    }
    if training.features.iter().any(|v| !v.is_finite()) {
        return Err("a training feature is not finite".to_owned());
    }
    Ok(training.features)
}

/// The same, where squared distances of rows, and their sum over all rows, are finite too.
///
/// # Errors
/// What is missing, or that they overflow.
pub fn bounded<'t>(training: &Training<'t>) -> Result<ArrayView2<'t, f64>, String> {
    let features = finite(training)?;
    // The square of a difference is at most twice the sum of both squares, and at most n such are summed.
    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    let bound = 4.0 * features.nrows() as f64 * features.iter().map(|v| v * v).sum::<f64>();
    if bound.is_finite() {
        Ok(features)
    } else {
        Err("the squares of the training features overflow".to_owned())
    }
}
