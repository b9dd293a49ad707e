//! The linear support vector machine of liblinear, its certified minimum, and how far an answer is from it.
//!
//! ```text
//! P(w, b) = (|w|² + b²)/2 + C sum loss(y_i (w·x_i + b))      loss: max(0, 1 - m), or its square
//! ```
//!
//! The intercept is one more weight, of a feature that is 1 everywhere, and is penalised with the others (R.-E. Fan et al. 2008,
//! *LIBLINEAR*, §2): this is another problem than that of C-SVC with a linear kernel. An answer is `w` and `b` alone, so the lower bound
//! comes from a dual solution of our own ([`super::interior`]).
//!
//! P is 1-strongly convex in all weights v = (w, b), so `|v - v*|² <= 2 (P(v) - P*)`, and decision values of two answers at x differ by at
//! most `|(x, 1)| (sqrt(2 (P_A - P*)) + sqrt(2 (P_B - P*)))`. [`Reference::excess`] takes the certified lower bound for P*.

use faer::{Col, Mat};
use ndarray::{Array1, ArrayView1, ArrayView2};

use super::interior::BoxProblem;

/// The reference must be certified to this gap over the primal objective: two orders below the tightest tolerance in use.
const CERTIFIED_GAP: f64 = 1e-8;

/// The loss of a linear machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearLoss {
    /// max(0, 1 - m)
    Hinge,
    /// max(0, 1 - m)²
    SquaredHinge,
}

/// A binary problem with a certified lower bound of its minimum.
#[derive(Debug)]
pub struct Reference {
    /// Rows with their 1, times the label.
    z: Mat<f64>,
    loss: LinearLoss,
    cost: f64,
    intercept: bool,
    /// The certified lower bound.
    pub minimum: f64,
    /// The smallest objective found, above it by at most `CERTIFIED_GAP`.
    pub objective: f64,
    /// The weights with that objective, the intercept last.
    pub weights: Array1<f64>,
}

impl Reference {
    /// Solves the problem of training rows `x` [n, d] with labels `y` of -1 and 1.
    ///
    /// # Errors
    /// The certificate is not reached: a phrase says how far it got.
    pub fn solve(
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
        loss: LinearLoss,
        cost: f64,
        intercept: bool,
    ) -> Result<Self, String> {
        let (n, d) = x.dim();
        let z =
            Mat::from_fn(n, d + usize::from(intercept), |i, j| y[i] * if j < d { x[[i, j]] } else { 1.0 });
        let solution = problem(&z, loss, cost).solve();
        let gap = (solution.primal - solution.dual) / solution.primal;
        if gap.is_nan() || gap > CERTIFIED_GAP {
            return Err(format!(
                "its relative duality gap is {gap:.1e}, and must be at most {CERTIFIED_GAP:.0e}"
            ));
        }
        Ok(Self {
            loss,
            cost,
            intercept,
            minimum: solution.dual.min(solution.primal),
            objective: solution.primal,
            weights: solution.weights.iter().copied().collect(),
            z,
        })
    }

    /// The objective of an answer.
    pub fn objective(&self, w: ArrayView1<'_, f64>, b: f64) -> f64 {
        let weights = Col::from_fn(self.z.ncols(), |j| if j < w.len() { w[j] } else { b });
        problem(&self.z, self.loss, self.cost).primal(&weights)
    }

    /// How far an objective is above the minimum, at most; what rounding hides counts as reached.
    pub fn excess(&self, objective: f64) -> f64 {
        (objective - self.minimum).max(1e-13 * objective)
    }

    /// The largest difference of two answers' decision values at the row `x`, from their excesses.
    pub fn bound(&self, x: ArrayView1<'_, f64>, a: f64, b: f64) -> f64 {
        let square = x.dot(&x) + f64::from(u8::from(self.intercept));
        square.sqrt() * ((2.0 * a).sqrt() + (2.0 * b).sqrt())
    }
}

fn problem(z: &Mat<f64>, loss: LinearLoss, cost: f64) -> BoxProblem<'_> {
    match loss {
        LinearLoss::Hinge => BoxProblem { z, shift: 0.0, upper: cost, cost },
        LinearLoss::SquaredHinge => BoxProblem { z, shift: 0.5 / cost, upper: f64::INFINITY, cost },
    }
}
