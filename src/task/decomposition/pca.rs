//! Principal components: the directions of the largest variance.
//!
//! Raw outputs: `components` [k, d], `explained_variance` [k], `mean` [d] and `transformed` [test rows, k].
//!
//! Each side is held against the covariance S of the training rows, with the divisor n − 1. In exact arithmetic the components are
//! orthonormal eigenvectors of its k largest eigenvalues λ₁ ≥ … ≥ λₖ. Whatever the method, an answer W, λ is as good as its residual:
//! with |S wᵢ − λᵢ wᵢ| ≤ ε λ₁ and orthonormal W, every λᵢ is within ε λ₁ of an eigenvalue (Parlett 1998, The Symmetric
//! Eigenvalue Problem, theorem 4.5.1), and the λᵢ are compared with those of the scorer's own decomposition, one by one. Of a direction no
//! more can be asked than the gap δ between its eigenvalue and the others allows: sin θ ≤ ε λ₁ / δ (Davis and Kahan 1970, SIAM Journal on
//! Numerical Analysis 7, 1–46). So eigenvalues closer than [`GROUP`] are one group, and the components of a group lie in its
//! eigenspace; within the group any orthonormal basis is right. Signs are free. Where k cuts through a group, its first components may be
//! any of the group's eigenspace.
//!
//! The reference is the singular value decomposition of the centred rows (faer). Where rows are many it is the eigendecomposition of
//! their covariance, whose error of 1e-16 λ₁ is as far below ε, and which takes seconds where the other takes minutes.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES};
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, largest, within};

/// The default tolerance ε, over the largest variance. Decompositions in float64 reach 1e-14; the iteration of linfa stops
/// near 1e-9; and a variance of 1e-8 of the largest is 1e-4 of its deviation, which no figure shows.
pub const RESIDUAL: f64 = 1e-8;

/// Variances closer than this share of the largest are one group. At the default ε the directions of a group are
/// then held to sin θ ≤ 2 ε / 1e-4 = 2e-4 at worst, and to 2 ε λ₁ / δ where the gap δ is wider.
pub const GROUP: f64 = 1e-4;

/// From so many times as many rows as features on, the reference is computed from the covariance.
const TALL: usize = 10;

/// Transformed rows are those of the implementation's own components to the rounding of one matrix product, over the largest value that could be.
const OWN: f64 = 1e-9;

/// The family of principal components.
#[derive(Debug)]
pub struct Pca;

impl Family for Pca {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let components = ParameterDef::int_from(
            "n_components",
            1,
            2,
            "the number of components, at most rows and features",
        );
        vec![AlgorithmDef::new(
            "pca",
            "principal components: eigenvectors of the covariance of the training rows, not whitened",
            vec![components],
        )]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let answer = Answer::read(problem, outputs)?;
        let train = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let reference = Reference::of(train.view()).map_err(TaskError::Reference)?;
        let found = reference.judge(&answer);
        scores.add("explained_variance_share", answer.variance.sum() / reference.total());
        scores.add("reconstruction_error", reference.reconstruction(&answer.components));
        scores.add("residual", found.residual);
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let train = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
        let test = problem.bundle.f64_matrix(TEST_FEATURES)?;
        let allowed = problem.tolerances.objective.unwrap_or(RESIDUAL);
        let reference = Reference::of(train.view()).map_err(TaskError::Reference)?;
        let judge = |side: Side<'_>| -> Result<_, TaskError> {
            let answer = Answer::read(problem, side.outputs)?;
            Ok((reference.judge(&answer), answer.own_rows(test.view())))
        };
        let (a, b) = (judge(contender)?, judge(baseline)?);
        let names = [contender.name, baseline.name];
        let point = |name: &str, what: &str, figures: [f64; 2], allowed: f64| {
            let far: Vec<String> = names
                .iter()
                .zip(figures)
                .filter(|(_, figure)| !within(*figure, allowed))
                .map(|(side, figure)| format!("{side}: {what} {figure:.1e} (allowed {allowed:.0e})"))
                .collect();
            let figure = largest(figures);
            Check {
                agrees: far.is_empty(),
                contender: Some(format!("{:.1e}", figures[0])),
                baseline: Some(format!("{:.1e}", figures[1])),
                figure: Some(figure),
                allowed: Some(allowed),
                ..Check::disagreement(
                    name,
                    if far.is_empty() { format!("{what} at most {figure:.0e}") } else { far.join("; ") },
                )
            }
        };
        let of = |value: fn(&Found) -> f64| [value(&a.0), value(&b.0)];
        Ok(vec![
            point("mean", "the mean is off by a share of the largest deviation of", of(|f| f.mean), allowed),
            point("components", "components are orthonormal to", of(|f| f.orthonormality), allowed),
            point(
                "explained variance",
                "variances differ from the reference's by a share of the largest of",
                of(|f| f.variance),
                allowed,
            ),
            point(
                "residual",
                "residual of the eigenvectors over the largest variance of",
                of(|f| f.residual),
                allowed,
            ),
            point(
                "angle",
                "angle to the reference's directions, over what their gaps allow at one unit of the tolerance, of",
                of(|f| f.angle),
                2.0 * allowed,
            ),
            point(
                "transformed",
                "transformed rows differ from those of the own components by",
                [a.1, b.1],
                OWN,
            ),
        ])
    }
}

/// Checked raw outputs.
struct Answer {
    components: Array2<f64>,
    variance: Array1<f64>,
    mean: Array1<f64>,
    transformed: Array2<f64>,
}

impl Answer {
    fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Self, TaskError> {
        let asked = problem.hyperparameters.get("n_components").and_then(Value::as_int);
        let k = asked.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let d = problem.bundle.columns(TRAIN_FEATURES)?;
        Ok(Self {
            components: outputs.matrix("components", (k, d))?,
            variance: outputs.vector("explained_variance", k)?,
            mean: outputs.vector("mean", d)?,
            transformed: outputs.matrix("transformed", (problem.bundle.rows(TEST_FEATURES)?, k))?,
        })
    }

    /// The largest distance of a transformed row from that of the own components, over the largest length of a centred row.
    fn own_rows(&self, test: ArrayView2<'_, f64>) -> f64 {
        let centred = &test - &self.mean;
        let scale = largest(centred.outer_iter().map(|row| row.dot(&row).sqrt()));
        // The product is of rows as they are: what is taken off them afterwards is rounded at their scale.
        let scale = scale.max(largest(test.outer_iter().map(|row| row.dot(&row).sqrt())));
        let own = centred.dot(&self.components.t());
        let difference = largest((&own - &self.transformed).iter().map(|v| v.abs()));
        if difference == 0.0 { 0.0 } else { difference / scale }
    }
}

/// The scorer's own decomposition.
struct Reference {
    mean: Array1<f64>,
    /// The centred rows over the root of n − 1, so that their squared singular values are variances.
    rows: Array2<f64>,
    /// All d variances, the largest first; those beyond the rank are 0.
    variance: Vec<f64>,
    /// The directions of the variances, as rows [rank, d].
    directions: Array2<f64>,
}

/// By singular values of the rows.
fn by_rows(rows: &Array2<f64>) -> Result<(Vec<f64>, Array2<f64>), String> {
    let (n, d) = rows.dim();
    let matrix = faer::Mat::from_fn(n, d, |i, j| rows[[i, j]]);
    let svd = matrix.thin_svd().map_err(|_| "the singular value decomposition did not converge")?;
    let singular: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let mut variance: Vec<f64> = singular.iter().map(|s| s * s).collect();
    variance.resize(d, 0.0);
    Ok((variance, Array2::from_shape_fn((singular.len(), d), |(i, j)| svd.V()[(j, i)])))
}

/// By eigenvalues of the covariance: each is off by rounding of the largest.
fn by_covariance(rows: &Array2<f64>) -> Result<(Vec<f64>, Array2<f64>), String> {
    let d = rows.ncols();
    let covariance = rows.t().dot(rows);
    let matrix = faer::Mat::from_fn(d, d, |i, j| covariance[[i, j]]);
    let found =
        matrix.self_adjoint_eigen(faer::Side::Lower).map_err(|_| "the eigenvalues did not converge")?;
    // Ascending, as LAPACK has them.
    let variance = (0..d).rev().map(|i| found.S()[i].max(0.0)).collect();
    Ok((variance, Array2::from_shape_fn((d, d), |(i, j)| found.U()[(j, d - 1 - i)])))
}

/// How far an answer is from the eigenvectors of the covariance, in shares of the largest variance or of its root.
struct Found {
    mean: f64,
    orthonormality: f64,
    variance: f64,
    residual: f64,
    /// The largest of: sine of the angle between a component and the eigenspace of its group, times the gap over λ₁.
    angle: f64,
}

impl Reference {
    fn of(train: ArrayView2<'_, f64>) -> Result<Self, String> {
        let (n, d) = train.dim();
        if n < 2 {
            return Err(format!("{n} training rows have no covariance"));
        }
        let mean = train.mean_axis(Axis(0)).ok_or("no training rows")?;
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let rows = (&train - &mean) / (n as f64 - 1.0).sqrt();
        let (variance, directions) = if n >= TALL * d { by_covariance(&rows) } else { by_rows(&rows) }?;
        if variance.iter().chain(&mean).any(|v| !v.is_finite()) {
            return Err("the covariance of the training rows is not finite".to_owned());
        }
        Ok(Self { mean, rows, variance, directions })
    }

    fn total(&self) -> f64 {
        self.variance.iter().sum()
    }

    /// The share of variance that is lost where rows are put together again from their components.
    fn reconstruction(&self, components: &Array2<f64>) -> f64 {
        let rest = &self.rows - &self.rows.dot(&components.t()).dot(components);
        rest.iter().map(|v| v * v).sum::<f64>() / self.total()
    }

    fn judge(&self, answer: &Answer) -> Found {
        let w = &answer.components;
        let first = self.variance.first().copied().unwrap_or(0.0);
        // Rows that are all equal have no direction: any orthonormal basis with variances of 0 is right.
        let over = |value: f64| if value == 0.0 { 0.0 } else { value / first };
        let deviation = first.sqrt() + f64::EPSILON * largest(self.mean.iter().map(|m| m.abs()));
        let off = largest((&answer.mean - &self.mean).iter().map(|v| v.abs()));
        let gram = w.dot(&w.t()) - Array2::<f64>::eye(w.nrows());
        let image = self.rows.t().dot(&self.rows.dot(&w.t())).t().to_owned();
        let residual = w.outer_iter().zip(image.outer_iter()).zip(&answer.variance).map(|((w, s), v)| {
            let rest = &s - &(&w * *v);
            rest.dot(&rest).sqrt()
        });
        let variance = answer.variance.iter().zip(&self.variance).map(|(a, b)| (a - b).abs());
        Found {
            mean: if off == 0.0 { 0.0 } else { off / deviation },
            orthonormality: largest(gram.iter().map(|v| v.abs())),
            variance: over(largest(variance)),
            residual: over(largest(residual)),
            angle: largest(self.groups(w.nrows()).into_iter().map(|group| self.angle(w, &group))),
        }
    }

    /// Runs of places whose variances lie closer than [`GROUP`], of which the first is among the first `k`; with the gap to the nearest
    /// variance outside, over the largest.
    fn groups(&self, k: usize) -> Vec<(std::ops::Range<usize>, f64)> {
        let first = self.variance.first().copied().unwrap_or(0.0);
        let mut groups = Vec::new();
        let mut start = 0;
        while start < k {
            let close = |i: &usize| self.variance[i - 1] - self.variance[*i] < GROUP * first;
            let end = (start + 1..self.variance.len()).take_while(close).last().map_or(start + 1, |i| i + 1);
            let gap = |from: usize, to: usize| (self.variance[from] - self.variance[to]) / first;
            let above = if start == 0 { f64::INFINITY } else { gap(start - 1, start) };
            let below = if end == self.variance.len() { f64::INFINITY } else { gap(end - 1, end) };
            groups.push((start..end, above.min(below)));
            start = end;
        }
        groups
    }

    /// The sine of the largest angle between components of a group and its eigenspace, times the group's gap.
    fn angle(&self, w: &Array2<f64>, (group, gap): &(std::ops::Range<usize>, f64)) -> f64 {
        // A group that reaches to the end is what all others leave over, and they are held to their own places.
        if !gap.is_finite() || group.end > self.directions.nrows() {
            return 0.0;
        }
        let own = w.slice_axis(Axis(0), Slice::from(group.start..group.end.min(w.nrows())));
        let space = self.directions.slice_axis(Axis(0), Slice::from(group.clone()));
        let outside = &own - &own.dot(&space.t()).dot(&space);
        gap * largest(outside.outer_iter().map(|row| row.dot(&row).sqrt()))
    }
}

#[cfg(test)]
mod tests;
