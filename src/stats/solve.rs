//! The root of a function of one variable.
#![expect(clippy::many_single_char_names, reason = "the paper's names")]

/// The root of a continuous function between `a` and `b`, where it has opposite signs, to the last digits of a float.
///
/// Chandrupatla (1997), "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function
/// without using derivatives", Advances in Engineering Software 28, 145–149: inverse quadratic interpolation where
/// it is safe, bisection elsewhere.
pub(super) fn root(f: impl Fn(f64) -> f64, a: f64, b: f64) -> f64 {
    let (mut x1, mut f1) = (a, f(a));
    let (mut x2, mut f2) = (b, f(b));
    debug_assert!(f1 * f2 <= 0.0, "no change of sign between {a} and {b}");
    let mut step = 0.5;
    loop {
        let x = x1 + step * (x2 - x1);
        let y = f(x);
        // x1 becomes the newest point, x2 the one across the root, x3 the point that was dropped.
        let (x3, f3);
        if (y > 0.0) == (f1 > 0.0) {
            (x3, f3) = (x1, f1);
        } else {
            (x3, f3) = (x2, f2);
            (x2, f2) = (x1, f1);
        }
        (x1, f1) = (x, y);
        let best = if f2.abs() < f1.abs() { x2 } else { x1 };
        let smallest_step = 2.0 * f64::EPSILON * best.abs() / (x2 - x1).abs();
        if f1 == 0.0 || x1 == x2 || smallest_step >= 0.5 {
            return best;
        }
        let xi = (x1 - x2) / (x3 - x2);
        let phi = (f1 - f2) / (f3 - f2);
        let interpolation_is_safe = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
        step = if interpolation_is_safe {
            f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        } else {
            0.5
        };
        step = step.clamp(smallest_step, 1.0 - smallest_step);
    }
}

/// The root of an increasing function on `[0, ∞)` that is negative at 0 and positive somewhere.
pub(super) fn root_from_zero(f: impl Fn(f64) -> f64, scale: f64) -> f64 {
    let (mut low, mut high) = (0.0, scale);
    while f(high) < 0.0 {
        (low, high) = (high, 2.0 * high);
    }
    root(f, low, high)
}

/// The smallest whole number from `first` to `last` that fulfils a condition which, once fulfilled, stays so.
pub(super) fn smallest(first: usize, last: usize, condition: impl Fn(usize) -> bool) -> Option<usize> {
    // Doubling finds small answers without trying large numbers, which take longer.
    let (mut too_small, mut candidate) = (first, first);
    while !condition(candidate) {
        if candidate == last {
            return None;
        }
        too_small = candidate + 1;
        candidate = candidate.saturating_mul(2).clamp(too_small, last);
    }
    while too_small < candidate {
        let middle = too_small + (candidate - too_small) / 2;
        if condition(middle) { candidate = middle } else { too_small = middle + 1 }
    }
    Some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_smallest() {
        for want in 2..70 {
            assert_eq!(smallest(2, 69, |n| n >= want), Some(want));
        }
        assert_eq!(smallest(2, 69, |n| n >= 70), None);
    }

    #[test]
    fn finds_roots() {
        type Case = (fn(f64) -> f64, f64, f64, f64);
        let cases: [Case; 5] = [
            (|x| x * x - 2.0, 0.0, 2.0, 2f64.sqrt()),
            (|x| x.cos() - x, 0.0, 1.0, 0.739_085_133_215_160_6),
            (|x| x.powi(9), -1.0, 4.0, 0.0),
            (|x| x - 1e-9, 0.0, 1.0, 1e-9),
            (|x| (x - 1.0).exp() - 1e6, 0.0, 700.0, 1.0 + 1e6f64.ln()),
        ];
        for (f, a, b, want) in cases {
            let got = root(f, a, b);
            assert!(
                (got - want).abs() <= 1e-12 * want.abs().max(1e-20) || f(got).abs() < 1e-100,
                "{got}, not {want}"
            );
        }
        assert!((root_from_zero(|x| x.ln_1p() - 12.0, 1.0) / (12f64.exp() - 1.0) - 1.0).abs() < 1e-13);
    }
}
