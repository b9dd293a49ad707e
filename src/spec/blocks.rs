//! How many blocks a case gets: a number that the spec fixes, or bounds between which a pilot decides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Place, Problem};
use super::raw::{RawBlocks, RawTwoStage};

/// The pilot's blocks where a spec gives no number: nine degrees of freedom.
const USUAL_MIN: u32 = 10;
/// No number of blocks is larger.
const LARGEST: u32 = 10_000;
/// Precisions in percent that can be asked for. Clocks and caches do not carry a finer one.
const PRECISIONS: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// How many blocks a case gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blocks {
    /// The least number, at least 2. With a precision these are the pilot.
    pub min: u32,
    /// The largest number, `min` or more.
    pub max: u32,
    /// How far the simultaneous interval of a ratio may reach from it: 0.03 means from `ratio / 1.03` to `ratio · 1.03`. None where
    /// the spec fixes the number, so that `min` equals `max`.
    pub precision: Option<f64>,
}

impl Blocks {
    /// The same number for every case.
    pub fn fixed(blocks: u32) -> Self {
        Self { min: blocks, max: blocks, precision: None }
    }
}

/// Checks the number of blocks. Nothing where it cannot be read; the problems say why.
pub fn blocks(raw: &RawBlocks, place: &Place, problems: &mut Vec<Problem>) -> Option<Blocks> {
    let table = match raw {
        RawBlocks::Fixed(blocks) => return Some(Blocks::fixed(*blocks)),
        RawBlocks::TwoStage(table) => table,
    };
    let (min, max) = bounds(table);
    if min > max {
        let message = format!("`min` is {min}, but must be at most `max`, {max}");
        problems.push(Problem::value(&place.at("min"), message));
    }
    let place = place.at("precision");
    let precision = percentage(&table.precision)
        .map_err(|wrong| {
            let message = format!("`{place}` is \"{}\", {wrong}", table.precision);
            problems.push(Problem::value(&place, message).hint("write for example \"3%\" or \"0.5%\""));
        })
        .ok();
    Some(Blocks { min, max, precision: Some(precision?) }).filter(|_| min <= max)
}

/// The largest number of blocks that a case may get, whatever else is wrong.
pub fn largest(raw: &RawBlocks) -> u32 {
    match raw {
        RawBlocks::Fixed(blocks) => *blocks,
        RawBlocks::TwoStage(table) => bounds(table).1,
    }
}

/// The least number of blocks that a spec may mean, before it is checked.
pub fn least(raw: &RawBlocks) -> u32 {
    match raw {
        RawBlocks::Fixed(blocks) => *blocks,
        RawBlocks::TwoStage(table) => bounds(table).0,
    }
}

/// The least and the largest number, defaults filled in.
fn bounds(table: &RawTwoStage) -> (u32, u32) {
    let min = table.min.unwrap_or(USUAL_MIN.min(table.max.unwrap_or(USUAL_MIN)));
    (min, table.max.unwrap_or(min.saturating_mul(3).min(LARGEST)))
}

/// A percentage such as "3%" as a fraction.
fn percentage(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    match number {
        Some(percent) if PRECISIONS.contains(&percent) => Ok(percent / 100.0),
        Some(_) => Err(format!("but must be between {}% and {}%", PRECISIONS.start(), PRECISIONS.end())),
        None => Err("which is no percentage".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(min: Option<u32>, max: Option<u32>, precision: &str) -> Option<Blocks> {
        let raw = RawBlocks::TwoStage(RawTwoStage { min, max, precision: precision.to_owned() });
        blocks(&raw, &Place::default(), &mut Vec::new())
    }

    #[test]
    fn bounds_that_are_left_out_follow_the_given_one() {
        let bounds = |min, max| checked(min, max, "3%").map(|b| (b.min, b.max));
        assert_eq!(bounds(None, None), Some((10, 30)));
        assert_eq!(bounds(Some(20), None), Some((20, 60)));
        assert_eq!(bounds(Some(9000), None), Some((9000, 10_000)));
        assert_eq!(bounds(None, Some(5)), Some((5, 5)));
        assert_eq!(bounds(None, Some(50)), Some((10, 50)));
        assert_eq!(bounds(Some(7), Some(6)), None);
    }

    #[test]
    fn a_precision_is_a_percentage() {
        let precision = |text| checked(None, None, text).and_then(|b| b.precision);
        assert_eq!(precision("3%"), Some(0.03));
        assert_eq!(precision(" 0.5 % "), Some(0.005));
        assert_eq!(precision("0.1%"), Some(0.001));
        assert_eq!(precision("100%"), Some(1.0));
        for wrong in ["3", "", "%", "three%", "0.09%", "101%", "-3%", "NaN%", "inf%"] {
            assert_eq!(precision(wrong), None, "{wrong}");
        }
    }
}
