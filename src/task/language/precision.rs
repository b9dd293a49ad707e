//! How far two computations of one model may be apart, and the points of the contract that say so.

use ndarray::{Array2, Axis};

use crate::task::outputs::Outputs;
use crate::task::{Check, Side, TaskError, largest, within};

/// The largest difference of logits, or of embeddings, over their root mean square: `docs/design/language-models.md` has what was seen.
pub const ALLOWED: f64 = 1e-3;

/// The raw output with what the side that can computed in double precision.
const REFERENCE: &str = "reference";

/// The root mean square of some values.
pub fn root_mean_square<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0.0), |(sum, count), v| (sum + v * v, count + 1.0));
    if count > 0.0 { f64::sqrt(sum / count) } else { 0.0 }
}

/// A point about the largest difference of two matrices over the root mean square of the second.
pub fn near(name: &str, what: &str, a: &Array2<f64>, b: &Array2<f64>) -> Check {
    if a.dim() != b.dim() {
        return Check::disagreement(name, format!("{what} are {:?} and {:?}", a.dim(), b.dim()));
    }
    let difference = largest(a.iter().zip(b).map(|(x, y)| (x - y).abs()));
    figure(name, what, difference / root_mean_square(b), ALLOWED)
}

/// A point about a figure that must not be larger than is allowed.
pub fn figure(name: &str, what: &str, figure: f64, allowed: f64) -> Check {
    let agrees = within(figure, allowed);
    let finding = if agrees {
        format!("{what} within {figure:.0e}")
    } else {
        format!("{what} differ by {figure:.1e} (allowed {allowed:.0e})")
    };
    Check { agrees, figure: Some(figure), allowed: Some(allowed), ..Check::disagreement(name, finding) }
}

/// How near each side is to what double precision gives for the same first rows, where the baseline, or else the contender, shows it.
///
/// # Errors
/// An output is missing, of another shape, or not finite.
pub fn to_reference(output: &'static str, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
    let Some(shown) = [b, a].into_iter().find(|side| side.outputs.has(REFERENCE)) else {
        return Ok(Vec::new());
    };
    let reference = matrix(shown.outputs, REFERENCE)?;
    let of = |side: Side<'_>| {
        let all = matrix(side.outputs, output)?;
        let rows = reference.nrows().min(all.nrows());
        let first = all.select(Axis(0), &(0..rows).collect::<Vec<_>>());
        let what = format!("{} of {} and {}'s in float64", output.replace('_', " "), side.name, shown.name);
        Ok::<_, TaskError>(near(&format!("reference of {}", side.name), &what, &first, &reference))
    };
    Ok(vec![of(a)?, of(b)?])
}

/// A matrix of whatever extents it has.
pub fn matrix(outputs: &Outputs, name: &'static str) -> Result<Array2<f64>, TaskError> {
    let shape = outputs.shape(name)?;
    let extent = |axis: usize| shape.get(axis).copied().unwrap_or(0);
    outputs.matrix(name, (extent(0), extent(1)))
}
