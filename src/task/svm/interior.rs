//! An interior-point method for the dual of a linear support vector machine whose intercept is penalised.
//!
//! ```text
//! min over alpha of  |Zᵀ alpha|²/2 + shift |alpha|²/2 - sum alpha      0 <= alpha <= upper (infinite for the squared hinge)
//! ```
//!
//! Z [n, p] holds the rows times their label. Newton's matrix is diagonal plus ZZᵀ, so a step costs n p² by Sherman–Morrison–Woodbury
//! (M. Ferris, T. Munson 2002, *Interior-point methods for massive support vector machines*, §3), with Mehrotra's predictor and corrector
//! (1992). It takes some 15 to 40 steps however badly scaled the data are, where coordinate descent may need millions: what a judge needs.
//! The answer is a point of the box, so its dual objective is a lower bound of the minimum, converged or not.

use faer::prelude::Solve;
use faer::{Col, Mat, Side};

const MAX_STEPS: usize = 100;
/// The gap over the primal objective at which it stops: far below the tightest tolerance that a spec sets.
const TARGET: f64 = 1e-12;
/// The share of the way to the boundary that a step takes.
const DAMPING: f64 = 0.995;

/// The best point found and its two bounds.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Zᵀ alpha of the point with the smallest primal objective.
    pub weights: Col<f64>,
    /// The smallest primal objective found.
    pub primal: f64,
    /// The largest dual objective found.
    pub dual: f64,
}

/// The problem's constants.
#[derive(Debug, Clone, Copy)]
pub struct BoxProblem<'a> {
    /// Rows times their label, [n, p].
    pub z: &'a Mat<f64>,
    /// Added to the diagonal: 1 / 2C for the squared hinge, 0 for the hinge.
    pub shift: f64,
    /// C for the hinge, infinite for the squared hinge.
    pub upper: f64,
    /// C.
    pub cost: f64,
}

impl BoxProblem<'_> {
    /// The primal objective `|w|²/2 + C sum loss(z_i·w)`.
    pub fn primal(&self, weights: &Col<f64>) -> f64 {
        let margins = self.z * weights;
        let loss: f64 = margins
            .iter()
            .map(|m| (1.0 - m).max(0.0))
            .map(|slack| if self.upper.is_finite() { slack } else { slack * slack })
            .sum();
        weights.squared_norm_l2() / 2.0 + self.cost * loss
    }

    fn dual(&self, alpha: &Col<f64>, weights: &Col<f64>) -> f64 {
        alpha.iter().sum::<f64>()
            - weights.squared_norm_l2() / 2.0
            - self.shift * alpha.squared_norm_l2() / 2.0
    }

    /// Solves it as far as rounding lets it.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn solve(&self) -> Solution {
        let n = self.z.nrows();
        let bounded = self.upper.is_finite();
        let mut alpha = Col::from_fn(n, |_| if bounded { self.upper / 2.0 } else { self.cost });
        let mut weights = self.z.transpose() * &alpha;
        let gradient = self.gradient(&alpha, &weights);
        let scale = gradient.iter().fold(1.0, |m: f64, g| m.max(g.abs()));
        let mut lower_price = Col::from_fn(n, |i| gradient[i].max(0.0) + scale);
        let mut upper_price =
            Col::from_fn(n, |i| if bounded { (-gradient[i]).max(0.0) + scale } else { 0.0 });
        let mut best = Solution {
            primal: self.primal(&weights),
            dual: self.dual(&alpha, &weights),
            weights: weights.clone(),
        };

        for _ in 0..MAX_STEPS {
            let room =
                |alpha: &Col<f64>, i: usize| if bounded { self.upper - alpha[i] } else { f64::INFINITY };
            let complementarity: f64 = (0..n)
                .map(|i| {
                    alpha[i] * lower_price[i] + if bounded { room(&alpha, i) * upper_price[i] } else { 0.0 }
                })
                .sum();
            let count = if bounded { 2 * n } else { n } as f64;
            let average = complementarity / count;
            let residual = &self.gradient(&alpha, &weights) - &lower_price + &upper_price;
            let diagonal = Col::from_fn(n, |i| {
                self.shift + lower_price[i] / alpha[i] + upper_price[i] / room(&alpha, i)
            });
            let Some(newton) = Newton::new(self.z, diagonal) else { break };

            // The predictor aims at no complementarity at all; how far it gets says how much the corrector keeps.
            let direction = |target: f64, second: Option<(&Col<f64>, &Col<f64>, &Col<f64>)>| {
                let corrections =
                    |i: usize| second.map_or((0.0, 0.0), |(a, l, u)| (a[i] * l[i], -a[i] * u[i]));
                let right = Col::from_fn(n, |i| {
                    let (low, high) = corrections(i);
                    -residual[i] + (target - low) / alpha[i]
                        - lower_price[i]
                        - if bounded { (target - high) / room(&alpha, i) - upper_price[i] } else { 0.0 }
                });
                let step = newton.solve(&right);
                let low_step = Col::from_fn(n, |i| {
                    (target - corrections(i).0 - lower_price[i] * step[i]) / alpha[i] - lower_price[i]
                });
                let high_step = Col::from_fn(n, |i| {
                    if bounded {
                        (target - corrections(i).1 + upper_price[i] * step[i]) / room(&alpha, i)
                            - upper_price[i]
                    } else {
                        0.0
                    }
                });
                (step, low_step, high_step)
            };
            let length = |step: &Col<f64>, low: &Col<f64>, high: &Col<f64>| {
                (0..n).fold(1.0_f64, |t, i| {
                    let mut t = t;
                    for (value, change) in [
                        (alpha[i], step[i]),
                        (room(&alpha, i), -step[i]),
                        (lower_price[i], low[i]),
                        (upper_price[i], high[i]),
                    ] {
                        if change < 0.0 && value.is_finite() {
                            t = t.min(-DAMPING * value / change);
                        }
                    }
                    t
                })
            };
            let (step, low, high) = direction(0.0, None);
            let t = length(&step, &low, &high);
            let reached: f64 = (0..n)
                .map(|i| {
                    (alpha[i] + t * step[i]) * (lower_price[i] + t * low[i])
                        + if bounded {
                            (room(&alpha, i) - t * step[i]) * (upper_price[i] + t * high[i])
                        } else {
                            0.0
                        }
                })
                .sum::<f64>()
                / count;
            let centring = (reached / average).powi(3) * average;
            let (step, low, high) = direction(centring, Some((&step, &low, &high)));
            let t = length(&step, &low, &high);
            if !t.is_finite() || step.iter().any(|s| !s.is_finite()) {
                break;
            }
            alpha += &step * faer::Scale(t);
            lower_price += &low * faer::Scale(t);
            upper_price += &high * faer::Scale(t);
            weights = self.z.transpose() * &alpha;

            let (primal, dual) = (self.primal(&weights), self.dual(&alpha, &weights));
            if primal < best.primal {
                (best.primal, best.weights) = (primal, weights.clone());
            }
            best.dual = best.dual.max(dual);
            if best.primal - best.dual <= TARGET * best.primal || t < 1e-8 {
                break;
            }
        }
        best
    }

    fn gradient(&self, alpha: &Col<f64>, weights: &Col<f64>) -> Col<f64> {
        let margins = self.z * weights;
        Col::from_fn(alpha.nrows(), |i| margins[i] + self.shift * alpha[i] - 1.0)
    }
}

/// Solves `(diag + ZZᵀ) x = r`.
struct Newton<'a> {
    z: &'a Mat<f64>,
    diagonal: Col<f64>,
    inner: faer::linalg::solvers::Llt<f64>,
    /// Whether `inner` is of I + Zᵀ diag⁻¹ Z [p, p]; else of the matrix itself [n, n].
    woodbury: bool,
}

impl<'a> Newton<'a> {
    fn new(z: &'a Mat<f64>, diagonal: Col<f64>) -> Option<Self> {
        let (n, p) = (z.nrows(), z.ncols());
        let woodbury = p < n;
        let matrix = if woodbury {
            let scaled = Mat::from_fn(n, p, |i, j| z[(i, j)] / diagonal[i].sqrt());
            let mut matrix = scaled.transpose() * &scaled;
            for j in 0..p {
                matrix[(j, j)] += 1.0;
            }
            matrix
        } else {
            let mut matrix = z * z.transpose();
            for i in 0..n {
                matrix[(i, i)] += diagonal[i];
            }
            matrix
        };
        let inner = matrix.llt(Side::Lower).ok()?;
        Some(Self { z, diagonal, inner, woodbury })
    }

    fn solve(&self, right: &Col<f64>) -> Col<f64> {
        let mut x = self.once(right);
        let residual =
            right - Col::from_fn(x.nrows(), |i| self.diagonal[i] * x[i]) - self.z * (self.z.transpose() * &x);
        x += self.once(&residual);
        x
    }

    fn once(&self, right: &Col<f64>) -> Col<f64> {
        if !self.woodbury {
            return self.inner.solve(right);
        }
        let scaled = Col::from_fn(right.nrows(), |i| right[i] / self.diagonal[i]);
        let inner = self.inner.solve(self.z.transpose() * &scaled);
        let back = self.z * inner;
        Col::from_fn(right.nrows(), |i| (right[i] - back[i]) / self.diagonal[i])
    }
}
