//! Dual coordinate descent for the linear support vector machine: C.-J. Hsieh, K.-W. Chang, C.-J. Lin, S. S. Keerthi, S. Sundararajan
//! (2008), *A dual coordinate descent method for large-scale linear SVM*, Algorithm 3, with the random order and the shrinking of
//! §3.2 and §3.3, which is liblinear's solver too.
//!
//! ```text
//! min over alpha of  |sum alpha_i y_i x_i|²/2 + shift |alpha|²/2 - sum alpha      0 <= alpha <= upper
//! ```

use ndarray::ArrayView2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::linear_svc::Outcome;

/// A projected gradient below this is no reason to move (liblinear's constant).
const STILL: f64 = 1e-12;

/// The bounds that the loss puts on the dual.
#[derive(Debug, Clone, Copy)]
pub struct Dual {
    /// C for the hinge, infinite for the squared hinge.
    pub upper: f64,
    /// 0 for the hinge, 1 / 2C for the squared hinge.
    pub shift: f64,
}

/// Solves for rows `x` [n, p], contiguous, with their squared norms, and labels `y` of -1 and 1. It stops when the largest and the
/// smallest projected gradient of a pass over all rows are at most `tolerance` apart.
pub fn solve(
    x: ArrayView2<'_, f64>,
    squares: &[f64],
    y: &[f64],
    dual: Dual,
    (tolerance, max_passes): (f64, usize),
    random: &mut ChaCha8Rng,
) -> Outcome {
    let (n, p) = x.dim();
    let rows = x.as_slice().expect("the rows are contiguous");
    let mut alpha = vec![0.0; n];
    let mut weights = vec![0.0; p];
    let mut order: Vec<usize> = (0..n).collect();
    let mut active = n;
    let (mut shrink_above, mut shrink_below) = (f64::INFINITY, f64::NEG_INFINITY);
    for pass in 0..max_passes {
        let (mut highest, mut lowest) = (f64::NEG_INFINITY, f64::INFINITY);
        for i in 0..active {
            order.swap(i, random.random_range(i..active));
        }
        let mut s = 0;
        while s < active {
            let i = order[s];
            let row = &rows[i * p..(i + 1) * p];
            let gradient = y[i] * dot(row, &weights) - 1.0 + alpha[i] * dual.shift;
            let (at_zero, at_upper) = (alpha[i] == 0.0, alpha[i] >= dual.upper);
            if (at_zero && gradient > shrink_above) || (at_upper && gradient < shrink_below) {
                active -= 1;
                order.swap(s, active);
                continue;
            }
            let projected =
                if (at_zero && gradient > 0.0) || (at_upper && gradient < 0.0) { 0.0 } else { gradient };
            highest = highest.max(projected);
            lowest = lowest.min(projected);
            if projected.abs() > STILL {
                let old = alpha[i];
                alpha[i] = (old - gradient / (squares[i] + dual.shift)).clamp(0.0, dual.upper);
                let step = (alpha[i] - old) * y[i];
                for (w, v) in weights.iter_mut().zip(row) {
                    *w += step * v;
                }
            }
            s += 1;
        }
        if highest - lowest <= tolerance {
            if active == n {
                return Outcome { weights, passes: pass + 1, converged: true };
            }
            // Converged on the rows that were left: look at all of them again.
            active = n;
            (shrink_above, shrink_below) = (f64::INFINITY, f64::NEG_INFINITY);
        } else {
            shrink_above = if highest <= 0.0 { f64::INFINITY } else { highest };
            shrink_below = if lowest >= 0.0 { f64::NEG_INFINITY } else { lowest };
        }
    }
    Outcome { weights, passes: max_passes, converged: false }
}

/// The inner product with four sums, which the compiler turns into vector instructions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (x, y) in a4.iter().zip(b4) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
