//! The noncentral t distribution: what a t statistic follows when there is an effect.
//!
//! Benton & Krishnamoorthy (2003), "Computing discrete mixtures of continuous distributions: noncentral chisquare,
//! noncentral t and the distribution of the square of the sample multiple correlation coefficient", Computational
//! Statistics & Data Analysis 43, 249–267, section 4: the series of Lenth's AS 243 (1989), summed outwards from
//! its largest Poisson weight, so that a large noncentrality does not underflow.
#![expect(clippy::many_single_char_names, reason = "the paper's names")]

use statrs::function::gamma::ln_gamma;

use super::distribution::{beta_cdf, normal_cdf, t_cdf};

/// `P(T ≤ t)` where `T = (Z + noncentrality) / √(χ²_df / df)`; absolute error below 1e-11 for
/// noncentralities up to 50 (1e-9 up to 300).
pub fn cdf(t: f64, df: f64, noncentrality: f64) -> f64 {
    if noncentrality == 0.0 {
        return t_cdf(t, df);
    }
    if t < 0.0 {
        return 1.0 - cdf(-t, df, -noncentrality);
    }
    let below_zero = normal_cdf(-noncentrality);
    if t == 0.0 {
        return below_zero;
    }
    let (x, y) = (t * t / (df + t * t), df / (df + t * t));
    let (b, lambda) = (0.5 * df, 0.5 * noncentrality * noncentrality);
    let middle = lambda.floor();
    let weight = |shift: f64| (middle * lambda.ln() - lambda - ln_gamma(middle + shift)).exp();
    let even = series(x, y, middle + 0.5, b, lambda, weight(1.0), middle);
    let odd = series(x, y, middle + 1.0, b, lambda, weight(1.5), middle + 0.5);
    (below_zero + 0.5 * (even + noncentrality / std::f64::consts::SQRT_2 * odd)).clamp(0.0, 1.0)
}

/// `Σ_i w_i I_x(a_i, b)` over all i ≥ 0, from the middle term outwards: neighbours have `a ± 1`, the weights' ratio
/// is `w_{i+1} / w_i = λ / (rank_i + 1)`, and `I_x(a + 1, b) = I_x(a, b) − x^a y^b / (a B(a, b))`.
fn series(x: f64, y: f64, a: f64, b: f64, lambda: f64, weight: f64, rank: f64) -> f64 {
    const NEGLIGIBLE: f64 = 1e-18;
    let middle = beta_cdf(a, b, x, y);
    let step = (a * x.ln() + b * y.ln() + ln_gamma(a + b) - ln_gamma(a + 1.0) - ln_gamma(b)).exp();
    let mut sum = weight * middle;

    let (mut i, mut w, mut g, mut beta) = (0.0, weight, step, middle);
    while w * beta > NEGLIGIBLE {
        beta -= g;
        g *= x * (a + b + i) / (a + i + 1.0);
        w *= lambda / (rank + i + 1.0);
        i += 1.0;
        sum += w * beta;
    }

    let (mut i, mut w, mut g, mut beta) = (0.0, weight, step, middle);
    while rank - i >= 1.0 && w > NEGLIGIBLE {
        w *= (rank - i) / lambda;
        i += 1.0;
        g *= (a - i + 1.0) / (x * (a + b - i));
        beta += g;
        sum += w * beta;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{Case, agrees};

    #[test]
    fn equals_scipy() {
        let cases = Case::all(include_str!("../../tests/reference/distributions.json"));
        for case in cases.iter().filter(|case| case.name == "noncentral t") {
            agrees(case, "value", cdf(case.number("x"), case.number("df"), case.number("delta")), 1e-8);
        }
    }

    #[test]
    fn is_monotone_and_stays_a_probability() {
        for delta in [-300.0, -40.0, 0.0, 3.0, 40.0, 300.0] {
            let values: Vec<f64> = (-4000..4000).map(|i| cdf(f64::from(i) / 10.0, 7.0, delta)).collect();
            assert!(values.iter().all(|p| (0.0..=1.0).contains(p)));
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9), "{delta}");
        }
    }
}
