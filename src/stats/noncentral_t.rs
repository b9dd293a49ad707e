//! The noncentral t distribution: what a t statistic follows when there is an effect.
//!
//! Benton & Krishnamoorthy (2003), "Computing discrete mixtures of continuous distributions: noncentral chisquare,
//! noncentral t and the distribution of the square of the sample multiple correlation coefficient", Computational
//! Statistics & Data Analysis 43, 249–267: the series of Lenth's AS 243 (1989), summed outwards from its largest
//! Poisson weight, so that a large noncentrality does not underflow. The series grows with the noncentrality; past
//! 100, which a t test on two or three values reaches, and wherever it is shorter, an integral over Z is taken instead.
#![expect(clippy::many_single_char_names, reason = "the paper's names")]

use statrs::function::gamma::ln_gamma;

use super::distribution::{beta_cdf, chi_square_sf, normal_cdf, normal_pdf, shares, t_cdf};

const LONGEST_SERIES: f64 = 100.0;

/// `P(T ≤ t)` where `T = (Z + noncentrality) / √(χ²_df / df)`; absolute error below 1e-10.
pub(super) fn cdf(t: f64, df: f64, noncentrality: f64) -> f64 {
    if noncentrality == 0.0 {
        return t_cdf(t, df);
    }
    if t < 0.0 {
        return 1.0 - cdf(-t, df, -noncentrality);
    }
    let below_zero = normal_cdf(-noncentrality);
    if t == 0.0 || below_zero == 1.0 {
        return below_zero;
    }
    if noncentrality > LONGEST_SERIES || (noncentrality > REACH && is_smooth(df, noncentrality)) {
        return integral(t, df, noncentrality);
    }
    let (y, x) = shares(t * t / df);
    let (b, lambda) = (0.5 * df, 0.5 * noncentrality * noncentrality);
    let middle = lambda.floor();
    let weight = |shift: f64| (middle * lambda.ln() - lambda - ln_gamma(middle + shift)).exp();
    let even = series(x, y, middle + 0.5, b, lambda, weight(1.0), middle);
    let odd = series(x, y, middle + 1.0, b, lambda, weight(1.5), middle + 0.5);
    (below_zero + 0.5 * (even + noncentrality / std::f64::consts::SQRT_2 * odd)).clamp(0.0, 1.0)
}

/// The normal distribution has 3e-12 of its probability beyond.
const REACH: f64 = 7.0;

/// Whether the second factor of [`integral`] falls over two deviations of Z or more; it does so over about `noncentrality / √(2 df)`.
fn is_smooth(df: f64, noncentrality: f64) -> bool {
    noncentrality > 2.0 * (2.0 * df).sqrt()
}

/// `∫ φ(z) P(√(χ²_df / df) ≥ (z + noncentrality) / t) dz`, the condition T ≤ t solved for χ². The trapezoidal rule is
/// exact to rounding here: both factors are smooth on the scale of its step, and φ all but vanishes at both ends.
fn integral(t: f64, df: f64, noncentrality: f64) -> f64 {
    let steps = if is_smooth(df, noncentrality) { 2 } else { 32 };
    let step = 1.0 / f64::from(steps);
    #[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
    let last = (REACH / step) as i32;
    let terms = (-last..=last).map(|i| {
        let z = f64::from(i) * step;
        let least = (z + noncentrality) / t;
        normal_pdf(z) * chi_square_sf(df * least * least, df)
    });
    (step * terms.sum::<f64>()).clamp(0.0, 1.0)
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
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-10), "{delta}");
        }
    }

    #[test]
    fn the_series_and_the_integral_meet() {
        for (df, t) in [(1.0, 80.0), (1.0, 400.0), (9.0, 99.0), (50.0, 101.0), (2000.0, 100.0), (1e5, 99.0)] {
            let (series, integral) = (cdf(t, df, LONGEST_SERIES), integral(t, df, LONGEST_SERIES));
            assert!(series > 1e-3 && (series - integral).abs() < 1e-10, "{df} {t}: {series} {integral}");
        }
    }

    #[test]
    fn a_huge_noncentrality_ends() {
        // With one degree of freedom T is nearly noncentrality / |Z|.
        let half = cdf(1e9, 1.0, 1e9);
        assert!((half - 2.0 * normal_cdf(-1.0)).abs() < 1e-8, "{half}");
        assert_eq!((cdf(5.0, 3.0, f64::INFINITY), cdf(5.0, 3.0, f64::NEG_INFINITY)), (0.0, 1.0));
        assert!(cdf(1e300, 3.0, 2.0) > 1.0 - 1e-12);
    }
}
