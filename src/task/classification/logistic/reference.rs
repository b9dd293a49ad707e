//! The converged reference of penalised logistic regression, and how far a given answer is from it.
//!
//! ```text
//! F(W, b) = C Σ_i [ln Σ_j exp z_ij - z_i,y(i)]  +  |W|² / 2,      z_i = W x_i + b
//! ```
//!
//! with one vector of coefficients for each class; two classes share one vector, z_i0 = 0 (McCullagh & Nelder 1989, §4 and §5).
//! Newton's method with backtracking minimises it (Boyd & Vandenberghe 2004, §9.5.2) on centred rows, and its decrement λ² = gᵀH⁻¹g
//! certifies the answer (§9.5.1). This code is independent of every backend that it judges.
//!
//! **Invariance.** The penalty makes W unique. With one vector for each class the intercepts are unique up to a common shift. The reference
//! adds `s (Σ b)² / 2`, which picks the shift of sum 0 and changes neither W nor the minimum.
//!
//! **From accuracy of the objective to accuracy of decision values.** Let an answer be `d` away from the optimum, `F - F* <= δ`, and let
//! M be the largest change of a margin on the training rows, over pairs of classes. Along `d` no margin's curvature falls faster than
//! `exp(-M t)` (generalised self-concordance, Bach 2010, Lemma 1), so `δ >= dᵀHd (exp(-M) + M - 1) / M²`. For a row x, Cauchy–Schwarz
//! bounds the change of its decision value j by `sqrt(dᵀHd q_j)`, `q_j = xᵀ (H⁻¹)_jj x`, hence `M <= sqrt(dᵀHd) L`, where L is the largest
//! `sqrt(q)` (two classes) or twice that. Together `exp(-M) + M - 1 <= δ L²`, which bounds M, and `sqrt(dᵀHd) <= M / L`.
//! [`Reference::reach`] is that bound on `sqrt(dᵀHd)`; for small δ it is `sqrt(2δ)`.

use faer::prelude::Solve;
use faer::{Col, Mat, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::task::classification::softmax;

/// The reference must be certified to this distance from the minimum, over the objective of the best constant probabilities: an order of
/// magnitude below the strictest tolerance in use.
const CERTIFIED_GAP: f64 = 1e-13;
/// Newton's method goes on to here, where rounding ends it, since a step more costs little.
const WANTED_GAP: f64 = 1e-16;
const MAX_STEPS: usize = 200;

/// One training set and the objective on it.
#[derive(Debug)]
pub struct Objective<'a> {
    /// Row-major features [n, d].
    pub features: ArrayView2<'a, f64>,
    /// The class of each row, of `0..classes`; all of them occur.
    pub classes: &'a [usize],
    /// The number of classes, at least 2.
    pub count: usize,
    /// Weight of the loss.
    pub c: f64,
    /// Whether there is an unpenalised intercept.
    pub intercept: bool,
}

/// The parameters of a model: one row for each class, or one row alone for class 1 of two.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// [1 or classes, d].
    pub coefficients: Array2<f64>,
    /// [1 or classes]; zeros where none is fitted.
    pub intercepts: Array1<f64>,
}

impl Model {
    /// The decision values [m, 1 or classes] of rows [m, d].
    pub fn decide(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.dot(&self.coefficients.t()) + &self.intercepts
    }
}

/// The decision values of all classes, up to a shift that a row's classes share: those of two classes are 0 and z, and the mean is taken off.
pub fn centred(decisions: &Array2<f64>) -> Array2<f64> {
    if decisions.ncols() == 1 {
        let z = decisions.column(0);
        return Array2::from_shape_fn((z.len(), 2), |(i, j)| if j == 0 { -z[i] / 2.0 } else { z[i] / 2.0 });
    }
    let mean = decisions.mean_axis(Axis(1)).expect("there are classes");
    decisions - &mean.insert_axis(Axis(1))
}

/// The probabilities of all classes, [m, classes].
pub fn probabilities(decisions: &Array2<f64>) -> Array2<f64> {
    let mut values = centred(decisions);
    softmax(&mut values);
    values
}

impl Objective<'_> {
    /// The number of vectors of coefficients.
    pub fn heads(&self) -> usize {
        if self.count == 2 { 1 } else { self.count }
    }

    /// `F` of an answer, from raw parameters.
    pub fn of(&self, model: &Model) -> f64 {
        self.value(&model.decide(self.features), &model.coefficients)
    }

    fn value(&self, decisions: &Array2<f64>, coefficients: &Array2<f64>) -> f64 {
        let two = decisions.ncols() == 1;
        let loss: f64 = decisions
            .outer_iter()
            .zip(self.classes)
            .map(|(z, &class)| {
                if two {
                    let margin = if class == 1 { z[0] } else { -z[0] };
                    // ln(1 + exp(-margin)) without overflow.
                    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
                } else {
                    let largest = z.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
                    z.iter().map(|v| (v - largest).exp()).sum::<f64>().ln() + largest - z[class]
                }
            })
            .sum();
        self.c * loss + coefficients.iter().map(|w| w * w).sum::<f64>() / 2.0
    }

    /// `F` of the best constant probabilities: those of the classes with an intercept, equal ones without.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn null(&self) -> f64 {
        let n = self.classes.len() as f64;
        if !self.intercept {
            return self.c * n * (self.count as f64).ln();
        }
        let mut rows = vec![0.0; self.count];
        self.classes.iter().for_each(|&class| rows[class] += 1.0);
        self.c * rows.iter().map(|r| -r * (r / n).ln()).sum::<f64>()
    }
}

/// A certified minimum of `F` on one training set.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The minimum of `F`.
    pub objective: f64,
    /// `F` of the best constant probabilities.
    pub null_objective: f64,
    /// The minimiser.
    pub model: Model,
    /// The standard deviation of the centred decision values of the training rows.
    pub deviation: f64,
    mean: Array1<f64>,
    /// The diagonal blocks of the inverse Hessian, one for each vector of coefficients.
    inverse: Vec<Array2<f64>>,
    /// `L` of the module's header.
    largest: f64,
}

/// A point of Newton's method: parameters of the centred rows, one row for each vector, the intercept last.
struct Point {
    parameters: Array2<f64>,
    decisions: Array2<f64>,
    value: f64,
}

struct Newton<'a, 'b> {
    objective: &'a Objective<'b>,
    /// Centred rows with a column of ones, where there is an intercept.
    rows: Mat<f64>,
    rows_nd: Array2<f64>,
    shift_weight: f64,
}

impl<'a, 'b> Newton<'a, 'b> {
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn new(objective: &'a Objective<'b>, mean: &Array1<f64>) -> Self {
        let (n, d) = objective.features.dim();
        let columns = d + usize::from(objective.intercept);
        let rows_nd = Array2::from_shape_fn((n, columns), |(i, j)| {
            if j < d { objective.features[[i, j]] - mean[j] } else { 1.0 }
        });
        let rows = Mat::from_fn(n, columns, |i, j| rows_nd[[i, j]]);
        // The curvature that a lone intercept has where classes are equally likely.
        let shift_weight = if objective.intercept && objective.heads() > 1 {
            objective.c * n as f64 / objective.count as f64
        } else {
            0.0
        };
        Self { objective, rows, rows_nd, shift_weight }
    }

    fn point(&self, parameters: Array2<f64>) -> Point {
        let decisions = self.rows_nd.dot(&parameters.t());
        let d = self.objective.features.ncols();
        let (weights, intercepts) = parameters.view().split_at(Axis(1), d);
        let shift = intercepts.sum();
        let value =
            self.objective.value(&decisions, &weights.to_owned()) + self.shift_weight * shift * shift / 2.0;
        Point { parameters, decisions, value }
    }

    /// Gradient and Hessian, vectors of coefficients one after the other.
    fn derivatives(&self, point: &Point) -> (Col<f64>, Mat<f64>) {
        let objective = self.objective;
        let (heads, columns) = point.parameters.dim();
        let (n, d) = (objective.classes.len(), objective.features.ncols());
        let p = probabilities(&point.decisions);
        // Of two classes, the vector is that of class 1.
        let of = |head: usize| if heads == 1 { 1 } else { head };
        let mut gradient = Col::zeros(heads * columns);
        let mut hessian = Mat::zeros(heads * columns, heads * columns);
        let shift: f64 = if self.shift_weight > 0.0 { point.parameters.column(d).sum() } else { 0.0 };
        let mut scaled = Mat::zeros(n, columns);
        for j in 0..heads {
            let residual = Col::from_fn(n, |i| {
                let hit = if objective.classes[i] == of(j) { 1.0 } else { 0.0 };
                objective.c * (p[[i, of(j)]] - hit)
            });
            let slope = self.rows.transpose() * &residual;
            for a in 0..columns {
                let own = if a < d { point.parameters[[j, a]] } else { self.shift_weight * shift };
                gradient[j * columns + a] = slope[a] + own;
            }
            for l in 0..=j {
                for a in 0..columns {
                    for i in 0..n {
                        let (pj, pl) = (p[[i, of(j)]], p[[i, of(l)]]);
                        let weight = if j == l { pj * (1.0 - pj) } else { -pj * pl };
                        scaled[(i, a)] = objective.c * weight * self.rows[(i, a)];
                    }
                }
                let block = self.rows.transpose() * &scaled;
                for a in 0..columns {
                    for b in 0..columns {
                        let mut value = block[(a, b)];
                        if j == l && a == b && a < d {
                            value += 1.0;
                        }
                        if a == d && b == d {
                            value += self.shift_weight;
                        }
                        hessian[(j * columns + a, l * columns + b)] = value;
                        hessian[(l * columns + b, j * columns + a)] = value;
                    }
                }
            }
        }
        (gradient, hessian)
    }
}

impl Reference {
    /// Minimises `F` and certifies the answer.
    ///
    /// # Errors
    /// The certificate is not reached, or the Hessian cannot be factorised: a phrase says which.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn solve(objective: &Objective<'_>) -> Result<Self, String> {
        let (n, d) = objective.features.dim();
        let mean = if objective.intercept {
            objective.features.sum_axis(Axis(0)) / n as f64
        } else {
            Array1::zeros(d)
        };
        let newton = Newton::new(objective, &mean);
        let columns = newton.rows.ncols();
        let null_objective = objective.null();
        let mut point = newton.point(Array2::zeros((objective.heads(), columns)));
        let mut last = f64::INFINITY;
        for _ in 0..MAX_STEPS {
            let (gradient, hessian) = newton.derivatives(&point);
            let factor = hessian
                .llt(Side::Lower)
                .map_err(|e| format!("the Hessian of the logistic loss is not positive definite: {e:?}"))?;
            let step = factor.solve(&gradient);
            let squared: f64 = gradient.iter().zip(step.iter()).map(|(g, s)| g * s).sum();
            // Where margins change little the distance is λ²/2; λ² leaves room.
            let gap = squared / null_objective;
            if gap <= WANTED_GAP || (gap <= CERTIFIED_GAP && gap >= last) {
                return Ok(Self::certified(objective, &newton, &point, &factor, mean, null_objective));
            }
            last = gap;
            point = search(&newton, &point, &step, squared)
                .ok_or_else(|| format!("Newton's method stopped {gap:.1e} from the minimum"))?;
        }
        Err(format!("Newton's method took {MAX_STEPS} steps without reaching {CERTIFIED_GAP:.0e}"))
    }

    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn certified(
        objective: &Objective<'_>,
        newton: &Newton<'_, '_>,
        point: &Point,
        factor: &faer::linalg::solvers::Llt<f64>,
        mean: Array1<f64>,
        null_objective: f64,
    ) -> Self {
        let (heads, columns) = point.parameters.dim();
        let d = objective.features.ncols();
        let coefficients = point.parameters.view().split_at(Axis(1), d).0.to_owned();
        let intercepts = if objective.intercept {
            &point.parameters.column(d) - &coefficients.dot(&mean)
        } else {
            Array1::zeros(heads)
        };
        let whole = factor.solve(Mat::<f64>::identity(heads * columns, heads * columns));
        let inverse: Vec<Array2<f64>> = (0..heads)
            .map(|j| {
                Array2::from_shape_fn((columns, columns), |(a, b)| whole[(j * columns + a, j * columns + b)])
            })
            .collect();
        let quadratic = quadratic_forms(&newton.rows_nd, &inverse);
        let widest = quadratic.iter().fold(0.0_f64, |m, q| m.max(*q)).sqrt();
        let values = centred(&point.decisions);
        let deviation = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        let model = Model { coefficients, intercepts };
        Self {
            objective: objective.of(&model),
            null_objective,
            deviation,
            model,
            mean,
            inverse,
            largest: if heads == 1 { widest } else { 2.0 * widest },
        }
    }

    /// How far above the minimum an objective is, over that of the best constant probabilities. Slightly below 0 where rounding lets an
    /// answer beat the reference.
    pub fn gap(&self, objective: f64) -> f64 {
        (objective - self.objective) / self.null_objective
    }

    /// How far an answer may be from the optimum in the Hessian's norm, if its gap is at most `gap` (see the module's header).
    pub fn reach(&self, gap: f64) -> f64 {
        let (delta, l) = (gap * self.null_objective, self.largest);
        if l == 0.0 {
            return 0.0;
        }
        let wanted = delta * l * l;
        // exp(-M) + M - 1 grows with M; it is M²/2 - M³/6 … for small M, where subtraction would cancel.
        let growth = |m: f64| {
            if m < 1e-3 { m * m * (0.5 - m / 6.0 + m * m / 24.0) } else { (-m).exp() + m - 1.0 }
        };
        let (mut low, mut high) = (0.0, (2.0 * wanted).sqrt() + wanted + 1.0);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if growth(middle) <= wanted { low = middle } else { high = middle }
        }
        high / l
    }

    /// For each row and class, how far a centred decision value moves for each unit of [`Reference::reach`]: [m, classes].
    #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
    pub fn amplification(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let columns = self.inverse.first().map_or(0, Array2::nrows);
        // A column of ones stands for the intercept, where there is one.
        let extended = Array2::from_shape_fn((rows.nrows(), columns), |(i, j)| {
            if j < rows.ncols() { rows[[i, j]] - self.mean[j] } else { 1.0 }
        });
        let roots = quadratic_forms(&extended, &self.inverse).mapv(f64::sqrt);
        if roots.ncols() == 1 {
            // The centred values of two classes are -z/2 and z/2.
            let half = roots.column(0).mapv(|v| v / 2.0);
            return Array2::from_shape_fn((half.len(), 2), |(i, _)| half[i]);
        }
        let k = roots.ncols() as f64;
        // The value j less the mean: (1 - 1/k) of its own and 1/k of each other, by the triangle inequality.
        let sum = roots.sum_axis(Axis(1)).insert_axis(Axis(1));
        &roots * (1.0 - 2.0 / k) + &sum / k
    }
}

/// `xᵀ B_j x` of each row and block.
fn quadratic_forms(rows: &Array2<f64>, blocks: &[Array2<f64>]) -> Array2<f64> {
    let mut forms = Array2::zeros((rows.nrows(), blocks.len()));
    for (j, block) in blocks.iter().enumerate() {
        let products = rows.dot(block);
        for (i, (x, bx)) in rows.outer_iter().zip(products.outer_iter()).enumerate() {
            forms[[i, j]] = x.dot(&bx).max(0.0);
        }
    }
    forms
}

/// Backtracking (Boyd & Vandenberghe, algorithm 9.2), with room for rounding where steps no longer change the value.
fn search(newton: &Newton<'_, '_>, from: &Point, step: &Col<f64>, squared: f64) -> Option<Point> {
    let columns = from.parameters.ncols();
    let room = 1e-13 * from.value.abs();
    let mut length = 1.0;
    for _ in 0..60 {
        let moved = Array2::from_shape_fn(from.parameters.dim(), |(j, a)| {
            from.parameters[[j, a]] - length * step[j * columns + a]
        });
        let point = newton.point(moved);
        if point.value <= from.value - 0.1 * length * squared + room {
            return Some(point);
        }
        length /= 2.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> (Array2<f64>, Vec<usize>) {
        // Three overlapping classes on features of different scales and means.
        let number = |value: usize| f64::from(u32::try_from(value).unwrap());
        let x = Array2::from_shape_fn((60, 3), |(i, j)| {
            (number(i * 7 + j * 13 + i * j).sin() + number(i % 3) * 0.4) * [1.0, 20.0, 0.1][j] + 5.0
        });
        (x, (0..60).map(|i| i % 3).collect())
    }

    /// An answer moved along any direction is as far from the optimum as the bound says, or nearer.
    #[test]
    fn decision_values_stay_within_the_bound() {
        let (x, three) = rows();
        let two: Vec<usize> = three.iter().map(|c| c % 2).collect();
        for (classes, count) in [(&two, 2), (&three, 3)] {
            for (c, intercept) in [(1.0, true), (100.0, false), (0.01, true)] {
                let objective = Objective { features: x.view(), classes, count, c, intercept };
                let reference = Reference::solve(&objective).unwrap();
                let optimum = centred(&reference.model.decide(x.view()));
                let amplification = reference.amplification(x.view());
                for at in reference.model.coefficients.indexed_iter().map(|(at, _)| at) {
                    for step in [1e-4, -1e-2, 0.5] {
                        let mut moved = reference.model.clone();
                        moved.coefficients[at] += step;
                        if intercept {
                            moved.intercepts[at.0] -= step * x.column(at.1).mean().unwrap();
                        }
                        let gap = reference.gap(objective.of(&moved));
                        assert!(gap > 0.0, "no answer is below the minimum: {gap}");
                        let reach = reference.reach(gap);
                        let values = centred(&moved.decide(x.view()));
                        for ((a, b), factor) in values.iter().zip(&optimum).zip(&amplification) {
                            let bound = reach * factor * (1.0 + 1e-6) + 1e-9;
                            assert!(
                                (a - b).abs() <= bound,
                                "{count} classes, C = {c}: {} beyond {bound}",
                                a - b
                            );
                        }
                    }
                }
            }
        }
    }

    /// A common shift of the intercepts is the same model.
    #[test]
    fn a_shift_of_the_intercepts_changes_nothing() {
        let (x, classes) = rows();
        let objective =
            Objective { features: x.view(), classes: &classes, count: 3, c: 1.0, intercept: true };
        let reference = Reference::solve(&objective).unwrap();
        let mut shifted = reference.model.clone();
        shifted.intercepts += 3.0;
        assert!(reference.gap(objective.of(&shifted)).abs() < 1e-14);
        let difference = centred(&shifted.decide(x.view())) - centred(&reference.model.decide(x.view()));
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    fn separable_rows_have_a_minimum_under_a_weak_penalty() {
        let x = Array2::from_shape_fn((8, 1), |(i, _)| if i < 4 { -1.0 } else { 1.0 });
        let classes: Vec<usize> = (0..8).map(|i| usize::from(i >= 4)).collect();
        for c in [1.0, 1e6] {
            let objective = Objective { features: x.view(), classes: &classes, count: 2, c, intercept: true };
            let reference = Reference::solve(&objective).unwrap();
            // By symmetry the intercept is 0, and w solves w = 8 C / (1 + exp w).
            let w = reference.model.coefficients[[0, 0]];
            assert!((w - 8.0 * c / (1.0 + w.exp())).abs() < 1e-8 * w, "{w}");
            assert!(reference.model.intercepts[0].abs() < 1e-9);
        }
    }
}
