//! Distribution functions, in the tails and complements that tests need, on top of `statrs`' special functions.
//! Arguments are not NaN.

use statrs::function::{beta::beta_reg, erf, gamma::gamma_ur};
use std::cell::RefCell;
use std::collections::HashMap;
use std::f64::consts::SQRT_2;

use super::solve::root_from_zero;

/// `P(Z ≤ x)` of the standard normal, accurate in both tails.
pub(super) fn normal_cdf(x: f64) -> f64 {
    // Z² is chi-square with one degree of freedom. statrs' erfc has only 10 digits, its gamma function 13.
    let tail = 0.5 * chi_square_sf(x * x, 1.0);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The standard normal's density.
pub(super) fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The x with `P(Z ≤ x) = p`, for p in (0, 1).
pub(super) fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erf::erfc_inv(2.0 * p)
}

/// `P(|T| ≥ |t|)` of Student's t with `df` degrees of freedom: `I_{df/(df + t²)}(df/2, ½)`.
pub(super) fn t_two_sided(t: f64, df: f64) -> f64 {
    let (y, x) = shares(t * t / df);
    beta_cdf(0.5 * df, 0.5, y, x)
}

/// `P(T ≤ t)` of Student's t.
pub(super) fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * t_two_sided(t, df);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The critical value t with `P(|T| ≥ t) = alpha`, for alpha in (0, 1).
pub(super) fn t_critical(alpha: f64, df: f64) -> f64 {
    thread_local!(static KNOWN: Known<2> = Known::default());
    let found = || root_from_zero(|t| alpha.ln() - t_two_sided(t, df).ln(), 2.0);
    KNOWN.with(|known| known.value([alpha, df], found))
}

/// What a function found for arguments that it was given before: the comparisons of a run share their levels and degrees of freedom, so
/// that a few searches for a root would otherwise be made thousands of times each.
#[derive(Debug)]
pub(super) struct Known<const N: usize>(RefCell<HashMap<[u64; N], f64>>);

impl<const N: usize> Default for Known<N> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<const N: usize> Known<N> {
    /// The value for these arguments.
    pub fn value(&self, arguments: [f64; N], find: impl FnOnce() -> f64) -> f64 {
        let key = arguments.map(f64::to_bits);
        let known = self.0.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let found = find();
            self.0.borrow_mut().insert(key, found);
            found
        })
    }
}

/// `P(X ≥ x)` of chi-square with `df` degrees of freedom.
pub(super) fn chi_square_sf(x: f64, df: f64) -> f64 {
    match x {
        x if x <= 0.0 => 1.0,
        f64::INFINITY => 0.0,
        x => gamma_ur(0.5 * df, 0.5 * x),
    }
}

/// `P(X ≥ x)` of Fisher's F with `df1` and `df2` degrees of freedom.
pub(super) fn f_sf(x: f64, df1: f64, df2: f64) -> f64 {
    let (y, x) = shares(df1 / df2 * x);
    beta_cdf(0.5 * df2, 0.5 * df1, y, x)
}

/// `P(Q ≥ q)` of the studentised range of k means with known variance (infinite degrees of freedom):
/// `k ∫ φ(z) [Φ(z)^{k−1} − (Φ(z) − Φ(z − q))^{k−1}] dz` (the complement of the range's
/// distribution function, since `k ∫ φ(z) Φ(z)^{k−1} dz = 1`).
/// The trapezoidal rule converges faster than any power of its step on this integrand, which is smooth and vanishes
/// at both ends (Trefethen & Weideman 2014, SIAM Review 56, 385–458).
pub(super) fn studentized_range_sf(q: f64, k: usize) -> f64 {
    const STEP: f64 = 1.0 / 16.0;
    let others = k as f64 - 1.0;
    let terms = (-160..=160).map(|i| {
        let z = f64::from(i) * STEP;
        let below = normal_cdf(z);
        normal_pdf(z) * (below.powf(others) - (below - normal_cdf(z - q)).powf(others))
    });
    (k as f64 * STEP * terms.sum::<f64>()).clamp(0.0, 1.0)
}

/// `1 / (1 + odds)` and `odds / (1 + odds)`, each to full precision; odds may be infinite.
pub(super) fn shares(odds: f64) -> (f64, f64) {
    let share = 1.0 / (1.0 + odds);
    (share, if odds.is_infinite() { 1.0 } else { odds * share })
}

/// The regularised incomplete beta function `I_x(a, b)`, given x and 1 − x, each to full precision.
pub(super) fn beta_cdf(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    if x <= complement { beta_reg(a, b, x) } else { 1.0 - beta_reg(b, a, complement) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};

    #[test]
    fn equals_scipy() {
        for case in Case::all(include_str!("../../tests/reference/distributions.json")) {
            let (x, df) = (|| case.number("x"), || case.number("df"));
            let got = match case.name.as_str() {
                "t" => t_two_sided(x(), df()),
                "t critical" => t_critical(x(), df()),
                "normal" => normal_cdf(x()),
                "normal quantile" => normal_quantile(x()),
                "chi-square" => chi_square_sf(x(), df()),
                "F" => f_sf(x(), df(), case.number("df2")),
                "studentized range" => studentized_range_sf(x(), case.count("k")),
                _ => continue,
            };
            agrees(&case, "value", got, 1e-10);
        }
    }

    #[test]
    fn tails_keep_their_digits() {
        // Relative to the value, where an absolute tolerance would accept 0. From SciPy.
        let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-9, "{got}, not {want}");
        close(normal_cdf(-20.0), 2.753_624_118_606_155_6e-89);
        close(t_two_sided(60.0, 30.0), 8.311_309_613_532_268e-33);
        close(t_cdf(-60.0, 30.0), 4.155_654_806_766_134e-33);
        close(chi_square_sf(200.0, 7.0), 1.147_781_224_014_262e-39);
        close(f_sf(40.0, 7.0, 12.0), 2.195_747_273_571_756_6e-7);
    }
}
