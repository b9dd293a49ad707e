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
    let (unit, word) = unit_of_time(ns);
    format!("{} {word}", significant(ns / unit))
}

/// Times in nanoseconds, in the unit that fits the last: `83.1 / 91.0 / 120 µs`. Those that are not known are left as a dash.
pub fn times(ns: &[Option<f64>]) -> String {
    let largest = ns.iter().flatten().copied().fold(0.0, f64::max);
    let (unit, word) = unit_of_time(largest);
    let shown: Vec<String> =
        ns.iter().map(|ns| ns.map_or("–".to_owned(), |ns| significant(ns / unit))).collect();
    format!("{} {word}", shown.join(" / "))
}

/// The nanoseconds of the unit that fits a time.
fn unit_of_time(ns: f64) -> (f64, &'static str) {
    match ns {
        ns if ns < 1e3 => (1.0, "ns"),
        ns if ns < 1e6 => (1e3, "µs"),
        ns if ns < 1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    }
}

/// A number of at least three digits, in groups of three: `15 238`; a smaller one with three significant digits.
pub fn grouped(value: f64) -> String {
    if !(100.0..1e15).contains(&value) {
        return significant(value);
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap_or("")).collect();
    groups.join(" ")
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
        assert_eq!(times(&[Some(83_140.0), Some(1_000_000.0), None]), "0.0831 / 1.00 / – ms");
        assert_eq!(
            [12.34, 123.4, 15_238.4, 1_234_567.0].map(grouped),
            ["12.3", "123", "15 238", "1 234 567"]
        );
        assert_eq!(bytes(148.4 * 1024.0 * 1024.0), "148 MiB");
        assert_eq!(percent(0.07), "7");
        assert_eq!(percent(0.025), "2.5");
        assert_eq!(significant(0.000_123_4), "0.000123");
        assert_eq!(significant(0.0), "0");
        assert_eq!(score(0.452_573_4), "0.452573");
    }
}
