//! What the classifiers of all frameworks share: the classes that occur.

use ndarray::{Array1, ArrayView1};

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
