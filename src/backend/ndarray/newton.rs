//! Newton's method on the primal of the linear support vector machine with a squared hinge: S. S. Keerthi, D. DeCoste (2005), *A modified
//! finite Newton method for fast solution of large scale linear SVMs*, with a Cholesky solve of the small system and Armijo's rule.
//!
//! `P(w) = |w|²/2 + C sum max(0, 1 - y x·w)²` is piecewise quadratic: once the rows inside the margin are known one step ends at the
//! minimum. A step costs n p², so it is the faster way where features are few (liblinear's trust region Newton is its kin).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::linear_svc::Outcome;

/// The share of the expected decrease that a step must reach.
const ARMIJO: f64 = 1e-4;
const MAX_HALVINGS: usize = 40;

/// Solves for rows `x` [n, p] and labels `y` of -1 and 1. It stops when the gradient is at most `tolerance` times the first one.
pub fn solve(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    cost: f64,
    (tolerance, max_steps): (f64, usize),
) -> Result<Outcome, String> {
    let p = x.ncols();
    let mut w: Array1<f64> = Array1::zeros(p);
    let mut margins: Array1<f64> = Array1::zeros(x.nrows());
    let mut first = None;
    for step in 0..max_steps {
        let inside: Vec<usize> = (0..y.len()).filter(|i| margins[*i] < 1.0).collect();
        let rows = x.select(Axis(0), &inside);
        let slack: Array1<f64> = inside.iter().map(|i| y[*i] * (1.0 - margins[*i])).collect();
        let gradient = &w - &(rows.t().dot(&slack) * (2.0 * cost));
        let norm = gradient.dot(&gradient).sqrt();
        if norm <= tolerance * *first.get_or_insert(norm) {
            return Ok(Outcome { weights: w.to_vec(), passes: step, converged: true });
        }
        let mut hessian = rows.t().dot(&rows) * (2.0 * cost);
        hessian.diag_mut().map_inplace(|v| *v += 1.0);
        let direction = -cholesky_solve(hessian, &gradient)?;
        let slope = gradient.dot(&direction);
        let change = &x.dot(&direction) * &y;
        let value = |t: f64| objective(&w, &direction, &margins, &change, cost, t);
        let (start, mut t) = (value(0.0), 1.0);
        let mut halvings = 0;
        while value(t) > start + ARMIJO * t * slope {
            halvings += 1;
            if halvings > MAX_HALVINGS {
                // Rounding leaves nothing to gain.
                return Ok(Outcome { weights: w.to_vec(), passes: step, converged: false });
            }
            t /= 2.0;
        }
        w.scaled_add(t, &direction);
        margins.scaled_add(t, &change);
    }
    Ok(Outcome { weights: w.to_vec(), passes: max_steps, converged: false })
}

/// P at `w + t direction`.
fn objective(
    w: &Array1<f64>,
    direction: &Array1<f64>,
    margins: &Array1<f64>,
    change: &Array1<f64>,
    cost: f64,
    t: f64,
) -> f64 {
    let square: f64 = w.iter().zip(direction).map(|(w, d)| (w + t * d) * (w + t * d)).sum();
    let loss: f64 = margins.iter().zip(change).map(|(m, c)| (1.0 - m - t * c).max(0.0)).map(|s| s * s).sum();
    square / 2.0 + cost * loss
}

/// Solves `a x = b` for a symmetric positive definite `a` (Golub & Van Loan, *Matrix Computations*, §4.2).
fn cholesky_solve(mut a: Array2<f64>, b: &Array1<f64>) -> Result<Array1<f64>, String> {
    let p = b.len();
    for j in 0..p {
        for k in 0..j {
            let factor = a[[j, k]];
            for i in j..p {
                let product = a[[i, k]] * factor;
                a[[i, j]] -= product;
            }
        }
        let pivot = a[[j, j]].sqrt();
        if pivot.is_nan() || pivot <= 0.0 || pivot.is_infinite() {
            return Err(
                "Newton's matrix is not positive definite: the features are too ill-scaled".to_owned()
            );
        }
        for i in j..p {
            a[[i, j]] /= pivot;
        }
    }
    let mut x = b.clone();
    for j in 0..p {
        let sum: f64 = (0..j).map(|k| a[[j, k]] * x[k]).sum();
        x[j] = (x[j] - sum) / a[[j, j]];
    }
    for j in (0..p).rev() {
        let sum: f64 = (j + 1..p).map(|k| a[[k, j]] * x[k]).sum();
        x[j] = (x[j] - sum) / a[[j, j]];
    }
    Ok(x)
}
