//! The converged reference of penalised least squares, and how far a given answer is from it.
//!
//! All four linear algorithms minimise, after scaling their stated objectives by a constant,
//!
//! ```text
//! J(w, b) = |y - Xw - b|² / 2n  +  l1 |w|₁  +  l2 |w|² / 2
//! ```
//!
//! Without an absolute penalty the minimum is found from a singular value decomposition. With one, coordinate descent on the
//! Gram matrix finds the active set (Friedman, Hastie, Tibshirani 2010, §2.2), a Cholesky solve with iterative
//! refinement polishes it, and the duality gap (Kim, Koh, Lustig, Boyd, Gorinevsky 2007, §III-B) certifies it. This code is
//! independent of every backend that it judges.
//!
//! **From accuracy of the objective to accuracy of predictions.** Let `J0` be the objective of the best constant
//! prediction, `var(y) / 2`. The penalties are convex, so an answer whose `J` is `gap · J0` above the minimum satisfies
//! `|Z d|² / 2n <= gap · J0`, where `d` is its distance from the optimum and `Z` the (centred) training rows. For a row `z` with
//! leverage `h = zᵀ (ZᵀZ + n l2 I)⁻¹ z` Cauchy–Schwarz bounds its prediction's distance from the optimum's by
//! `sqrt(gap · n h)` standard deviations of the training target. [`Reference::amplification`] is that `sqrt(n h)`.

use faer::prelude::Solve;
use faer::{Col, Mat, Side};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::task::parameter::Parameters;

/// Answers whose singular values fall below this share of the largest are treated as undetermined.
const RANK_TOLERANCE: f64 = 1e-12;
/// The reference must be certified to this relative gap: an order of magnitude below the strictest tolerance in use.
const CERTIFIED_GAP: f64 = 1e-13;
const MAX_SWEEPS: usize = 200_000;
const REFINEMENTS: usize = 3;

/// The penalties of one algorithm on `n` rows, in the scale of `J`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Weight of the absolute penalty.
    pub l1: f64,
    /// Weight of the squared penalty.
    pub l2: f64,
    /// Whether an unpenalised intercept is fitted.
    pub intercept: bool,
}

impl Penalty {
    /// The penalty of `algorithm`, or nothing if the algorithm is not penalised least squares.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn of(algorithm: &str, parameters: &Parameters, rows: usize) -> Option<Self> {
        let number = |name: &str| parameters.get(name).and_then(crate::task::parameter::Value::as_float);
        let intercept = parameters.get("fit_intercept")?.as_bool()?;
        let (l1, l2) = match algorithm {
            "ols" => (0.0, 0.0),
            "ridge" => (0.0, number("alpha")? / rows as f64),
            "lasso" => (number("alpha")?, 0.0),
            "elastic_net" => {
                let (alpha, ratio) = (number("alpha")?, number("l1_ratio")?);
                (alpha * ratio, alpha * (1.0 - ratio))
            }
            _ => return None,
        };
        Some(Self { l1, l2, intercept })
    }

    /// `J` of an answer, from raw parameters.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn objective(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
        w: ArrayView1<'_, f64>,
        b: f64,
    ) -> f64 {
        let residual = &y - &x.dot(&w) - b;
        residual.dot(&residual) / (2.0 * y.len() as f64)
            + self.l1 * w.iter().map(|v| v.abs()).sum::<f64>()
            + self.l2 * w.dot(&w) / 2.0
    }
}

/// A certified minimum of `J` on one training set.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The minimum of `J`.
    pub objective: f64,
    /// `J0`: the objective of the best constant prediction (of zero, without an intercept).
    pub null_objective: f64,
    /// The certified distance of `objective` from the true minimum, over `J0`.
    pub certified_gap: f64,
    /// The standard deviation of the training target (root of `2 J0`).
    pub target_deviation: f64,
    /// The minimiser.
    pub coefficients: Array1<f64>,
    /// Its intercept, 0 where none is fitted.
    pub intercept: f64,
    mean: Array1<f64>,
    rows: f64,
    l2: f64,
    with_intercept: bool,
    /// Right singular vectors (features × rank) and squared singular values of the centred training rows.
    basis: Array2<f64>,
    squared: Array1<f64>,
}

impl Reference {
    /// Solves `min J` on `x` [n, d] and `y` [n] and certifies the answer.
    ///
    /// # Errors
    /// The decomposition does not converge, the target is constant, or the certificate is not reached: a phrase says which.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn solve(x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>, penalty: Penalty) -> Result<Self, String> {
        let (n, d) = x.dim();
        let rows = n as f64;
        let mean = if penalty.intercept { x.sum_axis(ndarray::Axis(0)) / rows } else { Array1::zeros(d) };
        let target_mean = if penalty.intercept { y.sum() / rows } else { 0.0 };
        let centred = Mat::from_fn(n, d, |i, j| x[[i, j]] - mean[j]);
        let target = Col::from_fn(n, |i| y[i] - target_mean);
        let null_objective = target.squared_norm_l2() / (2.0 * rows);
        if null_objective <= 0.0 {
            return Err("the training target is constant".to_owned());
        }

        let svd =
            centred.thin_svd().map_err(|e| format!("the singular value decomposition failed: {e:?}"))?;
        let singular = svd.S().column_vector();
        let largest = singular.iter().copied().fold(0.0, f64::max);
        let rank = singular.iter().filter(|s| **s > RANK_TOLERANCE * largest).count();
        let basis = Array2::from_shape_fn((d, rank), |(i, j)| svd.V()[(i, j)]);
        let squared = Array1::from_shape_fn(rank, |j| singular[j] * singular[j]);

        let w = if penalty.l1 == 0.0 {
            let projected = svd.U().transpose() * &target;
            let scaled = Array1::from_shape_fn(rank, |j| {
                projected[j] * singular[j] / (squared[j] + rows * penalty.l2)
            });
            let w = basis.dot(&scaled);
            Col::from_fn(d, |j| w[j])
        } else {
            sparse_solution(&centred, &target, penalty)
        };

        let residual = &target - &centred * &w;
        let gradient = centred.transpose() * &residual - &w * faer::Scale(rows * penalty.l2);
        let gap = if penalty.l1 == 0.0 {
            // A quadratic's distance from its minimum is gᵀ H⁻¹ g / 2, here in the singular basis.
            let projected = basis.t().dot(&Array1::from_shape_fn(d, |j| gradient[j]));
            let sum: f64 =
                projected.iter().zip(&squared).map(|(g, s2)| g * g / (s2 + rows * penalty.l2)).sum();
            sum / (2.0 * rows)
        } else {
            duality_gap(&target, &w, &residual, &gradient, penalty)
        };
        let certified_gap = gap / null_objective;
        if certified_gap > CERTIFIED_GAP {
            return Err(format!(
                "its relative duality gap is {certified_gap:.1e}, and must be at most {CERTIFIED_GAP:.0e}"
            ));
        }
        let coefficients = Array1::from_shape_fn(d, |j| w[j]);
        let intercept = target_mean - mean.dot(&coefficients);
        Ok(Self {
            objective: penalty.objective(x, y, coefficients.view(), intercept),
            null_objective,
            certified_gap,
            target_deviation: (2.0 * null_objective).sqrt(),
            coefficients,
            intercept,
            mean,
            rows,
            l2: penalty.l2,
            with_intercept: penalty.intercept,
            basis,
            squared,
        })
    }

    /// How far above the minimum an objective is, over `J0`. Slightly below 0 where rounding lets an answer beat the reference.
    pub fn gap(&self, objective: f64) -> f64 {
        (objective - self.objective) / self.null_objective
    }

    /// The factor `sqrt(n h)` of one row (see the module's header); infinite where the training rows do not determine the prediction.
    pub fn amplification(&self, row: ArrayView1<'_, f64>) -> f64 {
        let z = &row - &self.mean;
        let projected = self.basis.t().dot(&z);
        let outside = (z.dot(&z) - projected.dot(&projected)).max(0.0);
        let within: f64 =
            projected.iter().zip(&self.squared).map(|(p, s2)| p * p / (s2 + self.rows * self.l2)).sum();
        let beyond = if outside <= 1e-9 * z.dot(&z) {
            0.0
        } else if self.l2 > 0.0 {
            outside / (self.rows * self.l2)
        } else {
            f64::INFINITY
        };
        let constant = if self.with_intercept { 1.0 / self.rows } else { 0.0 };
        (self.rows * (within + beyond + constant)).sqrt()
    }
}

/// Coordinate descent on the Gram matrix, then a polished solve on its active set.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn sparse_solution(x: &Mat<f64>, y: &Col<f64>, penalty: Penalty) -> Col<f64> {
    let (n, d) = (x.nrows() as f64, x.ncols());
    let gram = (x.transpose() * x) * faer::Scale(1.0 / n);
    let correlation = (x.transpose() * y) * faer::Scale(1.0 / n);
    let mut w = vec![0.0; d];
    // `fitted[j]` is row j of the Gram matrix times w.
    let mut fitted = vec![0.0; d];
    for _ in 0..MAX_SWEEPS {
        let (mut largest_step, mut largest) = (0.0_f64, 0.0_f64);
        for j in 0..d {
            let curvature = gram[(j, j)];
            if curvature == 0.0 {
                continue;
            }
            let partial = correlation[j] - fitted[j] + curvature * w[j];
            let updated = soft_threshold(partial, penalty.l1) / (curvature + penalty.l2);
            let step = updated - w[j];
            if step != 0.0 {
                for (i, f) in fitted.iter_mut().enumerate() {
                    *f += gram[(i, j)] * step;
                }
                w[j] = updated;
            }
            largest_step = largest_step.max(step.abs() * curvature.sqrt());
            largest = largest.max(updated.abs() * curvature.sqrt());
        }
        if largest_step <= 1e-15 * largest {
            break;
        }
    }
    polish(x, y, &w, penalty).unwrap_or_else(|| Col::from_fn(d, |j| w[j]))
}

fn soft_threshold(value: f64, threshold: f64) -> f64 {
    value.signum() * (value.abs() - threshold).max(0.0)
}

/// Solves the stationarity condition on the active set of `w`; nothing if its signs would change.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn polish(x: &Mat<f64>, y: &Col<f64>, w: &[f64], penalty: Penalty) -> Option<Col<f64>> {
    let active: Vec<usize> = (0..w.len()).filter(|&j| w[j] != 0.0).collect();
    if active.is_empty() {
        return None;
    }
    let n = x.nrows() as f64;
    let columns = Mat::from_fn(x.nrows(), active.len(), |i, k| x[(i, active[k])]);
    let mut normal = columns.transpose() * &columns;
    for k in 0..active.len() {
        normal[(k, k)] += n * penalty.l2;
    }
    let cholesky = normal.llt(Side::Lower).ok()?;
    let mut solution = Col::from_fn(active.len(), |k| w[active[k]]);
    for _ in 0..REFINEMENTS {
        let residual = y - &columns * &solution;
        let correlation = columns.transpose() * &residual;
        let gradient = Col::from_fn(active.len(), |k| {
            correlation[k] - n * (penalty.l2 * solution[k] + penalty.l1 * w[active[k]].signum())
        });
        solution += cholesky.solve(&gradient);
    }
    let same_signs = (0..active.len()).all(|k| solution[k] * w[active[k]] > 0.0);
    same_signs.then(|| {
        let mut full = Col::zeros(w.len());
        for (k, &j) in active.iter().enumerate() {
            full[j] = solution[k];
        }
        full
    })
}

/// The duality gap of `w` under an absolute penalty, in the scale of `J`.
///
/// The squared penalty is folded into the least-squares term by `sqrt(n l2)` times the identity as extra rows, whose residual is
/// `-sqrt(n l2) w`. `gradient` is `Xᵀ r - n l2 w`.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn duality_gap(
    y: &Col<f64>,
    w: &Col<f64>,
    residual: &Col<f64>,
    gradient: &Col<f64>,
    penalty: Penalty,
) -> f64 {
    let n = y.nrows() as f64;
    let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    let scale = if largest > n * penalty.l1 { n * penalty.l1 / largest } else { 1.0 };
    let extended = residual.squared_norm_l2() + n * penalty.l2 * w.squared_norm_l2();
    let absolute: f64 = w.iter().map(|v| v.abs()).sum();
    // P - D = |r|²/2n + l1|w|₁ - (|y|² - |y - s r|²)/2n, written without the cancelling |y|² terms.
    let cross = y.transpose() * residual;
    (extended * (1.0 + scale * scale) / 2.0 - scale * cross) / n + penalty.l1 * absolute
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        x: Vec<Vec<f64>>,
        y: Vec<f64>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        algorithm: String,
        hyperparameters: Parameters,
        coefficients: Vec<f64>,
        intercept: f64,
    }

    fn file() -> (Array2<f64>, Array1<f64>, Vec<Case>) {
        let file: File =
            serde_json::from_str(include_str!("../../../tests/reference/linear_models.json")).unwrap();
        let shape = (file.x.len(), file.x[0].len());
        let x = Array2::from_shape_vec(shape, file.x.into_iter().flatten().collect()).unwrap();
        (x, Array1::from(file.y), file.cases)
    }

    #[test]
    fn references_equal_scikit_learn() {
        let (x, y, cases) = file();
        assert_eq!(cases.len(), 8);
        for case in cases {
            let penalty = Penalty::of(&case.algorithm, &case.hyperparameters, y.len()).unwrap();
            let reference = Reference::solve(x.view(), y.view(), penalty).unwrap();
            for (ours, theirs) in reference.coefficients.iter().zip(&case.coefficients) {
                assert!((ours - theirs).abs() < 1e-9, "{}: {ours} {theirs}", case.algorithm);
            }
            assert!((reference.intercept - case.intercept).abs() < 1e-8, "{}", case.algorithm);
            assert!(reference.certified_gap.abs() <= CERTIFIED_GAP);
            let theirs =
                penalty.objective(x.view(), y.view(), Array1::from(case.coefficients).view(), case.intercept);
            assert!(reference.gap(theirs).abs() < 1e-13, "{}: {}", case.algorithm, reference.gap(theirs));
        }
    }

    /// An answer moved along any direction is as far from the optimum as the bound says, or nearer.
    #[test]
    fn predictions_stay_within_the_bound() {
        let (x, y, cases) = file();
        for case in cases {
            let penalty = Penalty::of(&case.algorithm, &case.hyperparameters, y.len()).unwrap();
            let reference = Reference::solve(x.view(), y.view(), penalty).unwrap();
            for direction in 0..x.ncols() {
                for step in [1e-3, -1e-2, 0.3] {
                    let mut moved = reference.coefficients.clone();
                    moved[direction] += step;
                    let b = if penalty.intercept {
                        y.mean().unwrap() - x.mean_axis(ndarray::Axis(0)).unwrap().dot(&moved)
                    } else {
                        0.0
                    };
                    let gap = reference.gap(penalty.objective(x.view(), y.view(), moved.view(), b));
                    assert!(gap > 0.0, "no answer is below the minimum");
                    for row in x.outer_iter() {
                        let difference =
                            (row.dot(&moved) + b - row.dot(&reference.coefficients) - reference.intercept)
                                .abs();
                        let bound = gap.sqrt() * reference.amplification(row) * reference.target_deviation;
                        assert!(
                            difference <= bound * (1.0 + 1e-9),
                            "{}: {difference} beyond {bound}",
                            case.algorithm
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn fewer_rows_than_features_determine_only_their_own_predictions() {
        let (x, y, _) = file();
        let (x, y) = (x.select(ndarray::Axis(0), &[0, 1, 2]), y.select(ndarray::Axis(0), &[0, 1, 2]));
        let penalty = Penalty { l1: 0.0, l2: 0.0, intercept: true };
        let reference = Reference::solve(x.view(), y.view(), penalty).unwrap();
        assert!(reference.objective < 1e-20, "three rows are interpolated");
        assert!(x.outer_iter().all(|row| reference.amplification(row).is_finite()));
        assert!(reference.amplification(Array1::from(vec![1.0, 0.0, 0.0, 0.0, 0.0]).view()).is_infinite());
    }

    #[test]
    fn a_constant_target_has_no_reference() {
        let (x, y, _) = file();
        let constant = Array1::from_elem(y.len(), 2.0);
        let penalty = Penalty { l1: 0.0, l2: 0.0, intercept: true };
        let error = Reference::solve(x.view(), constant.view(), penalty).unwrap_err();
        assert_eq!(error, "the training target is constant");
    }

    #[test]
    fn a_strong_penalty_leaves_nothing() {
        let (x, y, _) = file();
        let penalty = Penalty { l1: 1e6, l2: 0.0, intercept: true };
        let reference = Reference::solve(x.view(), y.view(), penalty).unwrap();
        assert!(reference.coefficients.iter().all(|c| *c == 0.0));
    }
}
