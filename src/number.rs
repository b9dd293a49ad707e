//! Figures for people: as many digits as say something, in a unit that fits.

/// A number with three significant digits.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 6 by the check above"
    )]
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A ratio of times: three significant digits, and one more near 1, where they decide.
pub fn ratio(value: f64) -> String {
    if (0.9..1.1).contains(&value) { format!("{value:.3}") } else { significant(value) }
}

/// A fraction in percent, without the sign, with four decimals at most: `2.5` for 0.025.
pub fn percent(fraction: f64) -> String {
    format!("{}", (fraction * 1e6).round() / 1e4)
}

/// A time in nanoseconds, in the unit that fits.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// A number of bytes, in binary units.
pub fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1024.0 => (b, "B"),
        b if b < 1024.0 * 1024.0 => (b / 1024.0, "KiB"),
        b if b < 1024.0 * 1024.0 * 1024.0 => (b / (1024.0 * 1024.0), "MiB"),
        b => (b / (1024.0 * 1024.0 * 1024.0), "GiB"),
    };
    format!("{} {unit}", significant(value))
}

/// A score: six significant digits, since parity shows in the later ones.
pub fn score(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e7).contains(&value.abs()) {
        format!("{value:.5e}")
    } else {
        format!("{value:.6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit_that_fits() {
        assert_eq!(time(432.1), "432 ns");
        assert_eq!(time(1_234.0), "1.23 µs");
        assert_eq!(time(61_240.0), "61.2 µs");
        assert_eq!(time(1.5e9), "1.50 s");
        assert_eq!(bytes(148.4 * 1024.0 * 1024.0), "148 MiB");
        assert_eq!(percent(0.07), "7");
        assert_eq!(percent(0.025), "2.5");
        assert_eq!(significant(0.000_123_4), "0.000123");
        assert_eq!(significant(0.0), "0");
        assert_eq!(score(0.452_573_4), "0.452573");
    }
}
