//! One kernel machine (a binary classifier or a regressor) with its certificate, from dual coefficients and intercept.
//!
//! With signed dual coefficients `beta` that sum to zero, `f = sum beta_j K(x_j, .)` and `z_i = f(x_i) + b`, primal and dual objective are
//!
//! ```text
//! P = |f|²/2 + sum loss_i(z_i)      D = -|f|²/2 - sum conjugate_i(beta_i)
//! ```
//!
//! and their difference is a sum over the training rows of terms that are never negative (Fenchel–Young), so it is computed without
//! cancellation:
//!
//! | problem | loss | the row's share of the gap |
//! | --- | --- | --- |
//! | C-SVC | C max(0, 1 - m), m = y z | alpha (m - 1) + C max(0, 1 - m), alpha = y beta in [0, C] |
//! | nu-SVC | max(0, rho - m) | alpha (m - rho) + max(0, rho - m), alpha in [0, 1], sum alpha = nu n |
//! | epsilon-SVR | C max(0, \|r\| - epsilon), r = y - z | C max(0, \|r\| - epsilon) + epsilon \|beta\| - beta r, beta in [-C, C] |
//!
//! libsvm divides an answer of nu-SVC by rho, which makes it the answer of C-SVC with C = 1/rho. The reported coefficients determine
//! rho: their absolute values sum to nu n / rho.

use ndarray::Array1;

/// Bounds and sums that hold exactly in the mathematics may be missed by rounding, in shares of the bound or of the sum.
const ROUNDING: f64 = 1e-9;

/// A machine's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `cost · max(0, margin - y z)`.
    Hinge {
        /// C.
        cost: f64,
        /// 1; rho of a nu-SVC in its own scale.
        margin: f64,
    },
    /// `cost · max(0, |y - z| - epsilon)`.
    Tube {
        /// C.
        cost: f64,
        /// Half the width of the tube.
        epsilon: f64,
    },
}

/// A fitted machine on its training rows.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What it minimises.
    pub loss: Loss,
    /// -1 and 1, or numbers: [n].
    pub target: Array1<f64>,
    /// Signed dual coefficients, [n].
    pub dual: Array1<f64>,
    /// f of the training rows, without the intercept, [n].
    pub fitted: Array1<f64>,
    /// The intercept.
    pub intercept: f64,
    /// K(x, x) of the training rows, [n].
    pub self_kernel: Array1<f64>,
}

/// What a machine's raw parameters prove.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// The primal objective, an upper bound of the minimum.
    pub primal: f64,
    /// The dual objective, a lower bound.
    pub dual: f64,
    /// Their difference.
    pub gap: f64,
    /// The gap over the primal objective.
    pub relative_gap: f64,
}

impl Machine {
    /// The machine in nu-SVC's own scale, where alpha lies in [0, 1].
    ///
    /// # Errors
    /// All dual coefficients are 0, so that rho is not determined.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn of_nu(mut self, nu: f64) -> Result<Self, String> {
        let total: f64 = self.dual.iter().map(|v| v.abs()).sum();
        let rho = nu * self.target.len() as f64 / total;
        if !rho.is_finite() {
            return Err("no dual coefficient differs from 0, so rho is not determined".to_owned());
        }
        self.dual *= rho;
        self.fitted *= rho;
        self.intercept *= rho;
        self.loss = Loss::Hinge { cost: 1.0, margin: rho };
        Ok(self)
    }

    /// Objectives and gap.
    ///
    /// # Errors
    /// The dual coefficients leave their bounds, or do not sum to 0, by more than rounding.
    pub fn certificate(&self) -> Result<Certificate, String> {
        self.feasible()?;
        let norm: f64 = self.dual.dot(&self.fitted).max(0.0);
        let loss: f64 = (0..self.target.len()).map(|i| self.loss(i)).sum();
        // Moving a sum that rounding keeps from 0 costs the intercept times it.
        let gap = (0..self.target.len()).map(|i| self.excess(i)).sum::<f64>()
            + (self.intercept * self.dual.sum()).abs();
        // rho is a variable of nu-SVC's primal. As C-SVC with C = 1/rho the problem has the same gap and positive objectives.
        let primal = norm / 2.0 + loss;
        let relative_gap = if gap == 0.0 { 0.0 } else { gap / primal };
        Ok(Certificate { primal, dual: primal - gap, gap, relative_gap })
    }

    fn feasible(&self) -> Result<(), String> {
        let cost = self.cost();
        let signed = matches!(self.loss, Loss::Tube { .. });
        for (i, beta) in self.dual.iter().enumerate() {
            let value = if signed { beta.abs() } else { beta * self.target[i] };
            if !(value >= -ROUNDING * cost && value <= cost * (1.0 + ROUNDING)) {
                let lower = if signed { -cost } else { 0.0 };
                let shown = if signed { *beta } else { value };
                return Err(format!(
                    "alpha of training row {i} is {shown:e}, and must be in [{lower}, {cost}]"
                ));
            }
        }
        let (sum, total) = (self.dual.sum(), self.dual.iter().map(|v| v.abs()).sum::<f64>());
        if sum.abs() > ROUNDING * total {
            return Err(format!("the signed dual coefficients sum to {sum:.1e}, and must sum to 0"));
        }
        Ok(())
    }

    fn cost(&self) -> f64 {
        match self.loss {
            Loss::Hinge { cost, .. } | Loss::Tube { cost, .. } => cost,
        }
    }

    fn loss(&self, i: usize) -> f64 {
        let z = self.fitted[i] + self.intercept;
        match self.loss {
            Loss::Hinge { cost, margin } => cost * (margin - self.target[i] * z).max(0.0),
            Loss::Tube { cost, epsilon } => cost * ((self.target[i] - z).abs() - epsilon).max(0.0),
        }
    }

    /// The row's share of the gap.
    fn excess(&self, i: usize) -> f64 {
        let (y, z) = (self.target[i], self.fitted[i] + self.intercept);
        match self.loss {
            Loss::Hinge { cost, margin } => {
                let alpha = (y * self.dual[i]).clamp(0.0, cost);
                let beyond = y * z - margin;
                if beyond > 0.0 { alpha * beyond } else { (cost - alpha) * -beyond }
            }
            Loss::Tube { cost, epsilon } => {
                let (beta, residual) = (self.dual[i].clamp(-cost, cost), y - z);
                (cost * (residual.abs() - epsilon).max(0.0) + epsilon * beta.abs() - beta * residual).max(0.0)
            }
        }
    }

    /// The values of `z_i` at which the row's share of the gap is at most `level`, or a little more than these.
    fn interval(&self, i: usize, level: f64) -> (f64, f64) {
        let y = self.target[i];
        match self.loss {
            Loss::Hinge { cost, margin } => {
                let alpha = (y * self.dual[i]).clamp(0.0, cost);
                let (low, high) = (margin - level / (cost - alpha), margin + level / alpha);
                if y > 0.0 { (low, high) } else { (-high, -low) }
            }
            Loss::Tube { cost, epsilon } => {
                let beta = self.dual[i].clamp(-cost, cost);
                let (low, high) = if beta > 0.0 {
                    (epsilon - level / beta, epsilon + level / (cost - beta))
                } else if beta < 0.0 {
                    (-epsilon - level / (cost + beta), -epsilon - level / beta)
                } else {
                    (-epsilon - level / cost, epsilon + level / cost)
                };
                (y - high, y - low)
            }
        }
    }

    /// How much larger a gap than at C = 1 is allowed: a margin that is wrong by a little costs up to C times it.
    pub fn cost_allowance(&self) -> f64 {
        (self.cost() / self.margin()).max(1.0)
    }

    /// The margin of the loss: 1, or rho of a nu-SVC in its own scale.
    pub fn margin(&self) -> f64 {
        match self.loss {
            Loss::Hinge { margin, .. } => margin,
            Loss::Tube { .. } => 1.0,
        }
    }
}

/// How far decision values of two machines for one problem may be apart, derived from their gaps.
///
/// `P_A - D_B = |f_A - f_B|²/2 + sum of the rows' shares at (z of A, dual of B)`, all terms at least 0, and it is at most `g = g_A + g_B`.
/// So besides the norm each single row is bounded: with `s = sqrt(2 g K(x, x))`, A's intercept lies in the intersection over the rows of
/// `interval(row, g) - f_B(row)`, widened by `s`. Where a support vector is strictly between its bounds this is narrow; where none is, the
/// optimal intercept is not unique, and the interval says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// sqrt(2 g).
    norm: f64,
    /// Of the intercept, and of rho in a nu-SVC.
    intercept: f64,
    rho_difference: f64,
    /// The smaller rho, by which libsvm divides; 1 in other problems.
    rho: f64,
}

impl Bound {
    /// From two machines and their certificates.
    pub fn new(a: (&Machine, &Certificate), b: (&Machine, &Certificate)) -> Self {
        // A gap of 0 is one that rounding hides.
        let rounding = 1e-13 * a.1.primal.max(b.1.primal);
        let gap = a.1.gap + b.1.gap + rounding;
        let free_margin = (a.0.margin() - b.0.margin()).abs() > 0.0;
        let (first, second) =
            (intercept_bound(a.0, gap, free_margin), intercept_bound(b.0, gap, free_margin));
        let intercept = first.min(second);
        Self {
            norm: (2.0 * gap).sqrt(),
            intercept,
            rho_difference: if free_margin { intercept } else { 0.0 },
            rho: a.0.margin().min(b.0.margin()),
        }
    }

    /// The largest difference at a row with `self_kernel` = K(x, x) whose decision value is `decision`.
    pub fn at(&self, self_kernel: f64, decision: f64) -> f64 {
        (self.norm * self_kernel.max(0.0).sqrt() + self.intercept + decision.abs() * self.rho_difference)
            / self.rho
    }
}

/// The largest distance of another machine's intercept, given this one.
fn intercept_bound(machine: &Machine, gap: f64, free_margin: bool) -> f64 {
    let norm = (2.0 * gap).sqrt();
    let rows = 0..machine.target.len();
    let reach = |rows: &mut dyn Iterator<Item = usize>| {
        let (low, high) = rows.fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high): (f64, f64), i| {
            let (from, to) = machine.interval(i, gap);
            let slack = norm * machine.self_kernel[i].max(0.0).sqrt();
            (low.max(from - machine.fitted[i] - slack), high.min(to - machine.fitted[i] + slack))
        });
        (high - machine.intercept).max(machine.intercept - low).max(0.0)
    };
    if free_margin {
        // The rows of one class fix b - rho, those of the other b + rho: both b and rho move by at most half the sum.
        let positive = reach(&mut rows.clone().filter(|i| machine.target[*i] > 0.0));
        let negative = reach(&mut rows.clone().filter(|i| machine.target[*i] < 0.0));
        f64::midpoint(positive, negative)
    } else {
        reach(&mut rows.clone())
    }
}
