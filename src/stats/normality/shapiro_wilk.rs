//! The Shapiro–Wilk test.
//!
//! Royston (1995), "Remark AS R94: a remark on algorithm AS 181: the W-test for normality", Applied Statistics 44,
//! 547–551, whose names the variables keep. Deviation: the normal quantiles are exact, not those of AS 111.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_3, PI};

use super::super::TestResult;
use super::super::describe::{mean_of, sorted};
use super::super::distribution::{normal_cdf, normal_quantile};
use super::super::error::{StatsError, check_varies, finite};
use super::polynomial;

const LARGEST: usize = 5000;

/// W, between 0 and 1 (1: as a normal sample would be ordered), and the probability of a smaller W.
///
/// # Errors
/// If there are fewer than 3 or more than 5000 values (the p-value was fitted up to there), one is not finite, or all
/// are equal.
pub fn shapiro_wilk(values: &[f64]) -> Result<TestResult, StatsError> {
    check_varies("W", values, 3)?;
    if values.len() > LARGEST {
        return Err(StatsError::TooMany { limit: LARGEST, got: values.len() });
    }
    let n = values.len();
    let sorted = sorted(values);
    // Halved first, so that a range of large floats does not overflow.
    let range = 0.5 * sorted[n - 1] - 0.5 * sorted[0];
    let x: Vec<f64> = sorted.iter().map(|x| (0.5 * x - 0.5 * sorted[n / 2]) / range).collect();
    let one_minus_w = finite("W", one_minus_squared_correlation(&x, &weights(n)))?;
    Ok(TestResult { statistic: 1.0 - one_minus_w, p_value: p_value(one_minus_w, n) })
}

/// The weights a of the ordered values, antisymmetric: `Σ a x` estimates the standard deviation.
fn weights(n: usize) -> Vec<f64> {
    const C1: [f64; 6] = [0.0, 0.221_157, -0.147_981, -2.071_19, 4.434_685, -2.706_056];
    const C2: [f64; 6] = [0.0, 0.042_981, -0.293_762, -1.752_461, 5.682_633, -3.582_633];
    let upper = if n == 3 {
        vec![FRAC_1_SQRT_2]
    } else {
        let m: Vec<f64> =
            (1..=n / 2).map(|i| -normal_quantile((i as f64 - 0.375) / (n as f64 + 0.25))).collect();
        let sum_of_squares = 2.0 * m.iter().map(|m| m * m).sum::<f64>();
        let u = 1.0 / (n as f64).sqrt();
        let a1 = polynomial(&C1, u) + m[0] / sum_of_squares.sqrt();
        if n > 5 {
            let a2 = polynomial(&C2, u) + m[1] / sum_of_squares.sqrt();
            let phi = (sum_of_squares - 2.0 * m[0] * m[0] - 2.0 * m[1] * m[1])
                / (1.0 - 2.0 * a1 * a1 - 2.0 * a2 * a2);
            [a1, a2].into_iter().chain(m[2..].iter().map(|m| m / phi.sqrt())).collect()
        } else {
            let phi = (sum_of_squares - 2.0 * m[0] * m[0]) / (1.0 - 2.0 * a1 * a1);
            std::iter::once(a1).chain(m[1..].iter().map(|m| m / phi.sqrt())).collect()
        }
    };
    let middle = (n % 2 == 1).then_some(0.0);
    upper.iter().map(|a| -a).chain(middle).chain(upper.iter().rev().copied()).collect()
}

/// 1 − W: W is the squared correlation of values and weights, and near 1 it would lose its digits.
fn one_minus_squared_correlation(x: &[f64], a: &[f64]) -> f64 {
    let (mean_x, mean_a) = (mean_of(x), mean_of(a));
    let (mut ssa, mut ssx, mut sax) = (0.0, 0.0, 0.0);
    for (x, a) in x.iter().zip(a) {
        let (x, a) = (x - mean_x, a - mean_a);
        ssa += a * a;
        ssx += x * x;
        sax += a * x;
    }
    let ssassx = (ssa * ssx).sqrt();
    ((ssassx - sax) * (ssassx + sax) / (ssa * ssx)).max(0.0)
}

fn p_value(one_minus_w: f64, n: usize) -> f64 {
    const G: [f64; 2] = [-2.273, 0.459];
    const C3: [f64; 4] = [0.544, -0.399_78, 0.025_054, -6.714e-4];
    const C4: [f64; 4] = [1.382_2, -0.778_57, 0.062_767, -0.002_032_2];
    const C5: [f64; 4] = [-1.586_1, -0.310_82, -0.083_751, 0.003_891_5];
    const C6: [f64; 3] = [-0.480_3, -0.082_676, 0.003_030_2];
    if n == 3 {
        // Exact; W is never below 3/4 there.
        return (6.0 / PI * ((1.0 - one_minus_w).max(0.75).sqrt().asin() - FRAC_PI_3)).max(0.0);
    }
    let (size, y) = (n as f64, one_minus_w.ln());
    let (y, mean, deviation) = if n <= 11 {
        let gamma = polynomial(&G, size);
        if y >= gamma {
            return 0.0;
        }
        (-(gamma - y).ln(), polynomial(&C3, size), polynomial(&C4, size).exp())
    } else {
        (y, polynomial(&C5, size.ln()), polynomial(&C6, size.ln()).exp())
    };
    normal_cdf(-(y - mean) / deviation)
}
