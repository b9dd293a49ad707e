//! What every format says over many cases or runs: groups, trends, the CI gate, and the lines at the foot.

use super::case::{interval, level, title};
use super::grid::Grid;
use super::{Report, View};
use crate::analysis::comparison::Comparison;
use crate::analysis::groups::Group;
use crate::analysis::regression::{Design, Finding, Outcome, Regression};
use crate::analysis::scaling::Growth;
use crate::analysis::trend::{Kind, Trend};
use crate::number;

/// Groups of cases.
pub fn groups(groups: &[Group]) -> Grid {
    let keys: Vec<String> = groups.first().map(|g| g.by.keys().cloned().collect()).unwrap_or_default();
    let fixed = [
        "contender",
        "baseline",
        "phase",
        "ratio",
        "interval",
        "smallest",
        "largest",
        "cases",
        "not comparable",
    ];
    let mut grid = Grid::new(keys.into_iter().chain(fixed.map(str::to_owned)));
    for group in groups {
        let ratio = |value: Option<f64>| value.map_or("–".to_owned(), number::ratio);
        let mut row: Vec<String> = group.by.values().cloned().collect();
        row.extend([
            group.contender.clone(),
            group.baseline.clone(),
            group.phase.clone(),
            ratio(group.ratio),
            group.interval.map_or("–".to_owned(), interval),
            ratio(group.smallest),
            ratio(group.largest),
            group.comparable.to_string(),
            group.not_comparable.to_string(),
        ]);
        grid.rows.push(row);
    }
    grid
}

/// What the columns of [`groups`] mean.
pub fn groups_caption() -> String {
    format!(
        "ratio: geometric mean over the cases of baseline / contender, above 1 the contender is faster; interval: {} for these cases, alone; no verdicts",
        level()
    )
}

/// How times grow with the size of the data.
pub fn growth(growth: &[Growth], view: &View) -> Grid {
    let header = ["cases", "grows", "from – to", "implementation", "phase", "exponent", "interval", "bend"];
    let mut grid = Grid::new(header.map(str::to_owned));
    for of in growth.iter().filter(|g| view.shown.phase(&g.phase)) {
        let plain = |value: f64| format!("{value:.2}");
        let ends = [of.sizes.first(), of.sizes.last()].map(|s| s.copied().unwrap_or_default());
        grid.rows.push(vec![
            of.cases.clone(),
            of.size.word().to_owned(),
            format!("{} – {}", ends[0], ends[1]),
            of.implementation.clone(),
            of.phase.clone(),
            plain(of.exponent),
            of.interval.map_or("–".to_owned(), |[low, high]| format!("[{}, {}]", plain(low), plain(high))),
            format!("{}×", plain(of.bend)),
        ]);
    }
    grid
}

/// What the columns of [`growth`] mean.
pub const GROWTH_CAPTION: &str = "exponent: the b of time = a · sizeᵇ over these sizes, with its 95 % interval over rounds, alone; bend: the largest factor by which a size is off that power";

/// One figure in the unit that fits.
pub fn figure(value: f64, kind: Kind) -> String {
    match kind {
        Kind::Time => number::time(value),
        Kind::Memory => number::bytes(value),
        Kind::Quality => number::score(value),
    }
}

/// A trend; of many runs the newest `most`.
pub fn trend(trend: &Trend, most: usize) -> Grid {
    let first = trend.runs.len().saturating_sub(most);
    let mut grid = Grid::new(["case", "implementation", "quantity"]);
    grid.header.extend(trend.runs[first..].iter().map(|r| format!("{} ({})", r.run, r.machine)));
    grid.header.push("newest / median before".to_owned());
    for series in &trend.series {
        let mut row = vec![title(&series.case), series.implementation.clone(), series.quantity.clone()];
        let shown = |v: &Option<f64>| v.map_or("–".to_owned(), |v| figure(v, series.kind));
        row.extend(series.values[first..].iter().map(shown));
        row.push(series.change.map_or("–".to_owned(), number::ratio));
        grid.rows.push(row);
    }
    grid
}

/// What the columns of [`trend`] mean.
pub const TREND_CAPTION: &str = "medians over blocks, a column for each run (the letter is its machine); a change is no verdict: `--fail-on-regression` judges";

/// The CI gate: its headline, then what regressed and what is undecided, and with `details` what passed.
pub fn regression(gate: &Regression, details: bool) -> (String, Grid) {
    let percent = number::significant(gate.threshold * 100.0);
    let design = match &gate.design {
        Design::Interleaved => "old and new interleaved in one run".to_owned(),
        Design::SeparateRuns { newest, baseline } => {
            format!("{newest} against {} earlier runs of the same machine", baseline.len())
        }
    };
    let count = |outcome| gate.of(outcome).count();
    let headline = format!(
        "regressions beyond {percent} %: {} regressed, {} undecided, {} passed ({design}; intervals hold together at {})",
        count(Outcome::Regressed),
        count(Outcome::Undecided),
        count(Outcome::Passed),
        level()
    );
    let mut grid = Grid::new([
        "outcome",
        "case",
        "implementation",
        "quantity",
        "change for the worse",
        "interval",
        "why",
    ]);
    for outcome in [Outcome::Regressed, Outcome::Undecided, Outcome::Passed] {
        grid.rows.extend(gate.of(outcome).filter(|_| details || outcome != Outcome::Passed).map(row));
    }
    (headline, grid)
}

fn row(finding: &Finding) -> Vec<String> {
    // Adding 0 makes a negative zero positive.
    let percent = |value: f64| format!("{:+.1} %", (value * 1000.0).round() / 10.0 + 0.0);
    let outcome = match finding.outcome {
        Outcome::Regressed => "regressed",
        Outcome::Undecided => "undecided",
        Outcome::Passed => "passed",
    };
    vec![
        outcome.to_owned(),
        title(&finding.case),
        finding.implementation.clone(),
        finding.quantity.clone(),
        finding.change.map_or("–".to_owned(), percent),
        finding
            .interval
            .map_or("–".to_owned(), |[low, high]| format!("[{}, {}]", percent(low), percent(high))),
        finding.reason.clone().unwrap_or_default(),
    ]
}

/// The lines at the foot of one run's comparison.
pub fn footer(comparison: &Comparison) -> Vec<String> {
    let counts: Vec<String> = comparison.trials.iter().map(|(status, n)| format!("{n} {status}")).collect();
    let pairs = || comparison.cases.iter().flat_map(|c| &c.pairs);
    let comparable = pairs().filter(|p| p.comparable).count();
    let mut lines = vec![
        format!("trials: {}", counts.join(", ")),
        format!("pairs: {comparable} comparable, {} not comparable", pairs().count() - comparable),
        format!(
            "verdicts: {} comparisons on primary phases; their intervals hold together at {}. Figures in (…) are no verdicts: 95 % each, alone",
            comparison.family,
            level()
        ),
    ];
    lines.extend(comparison.warnings.iter().map(|warning| format!("(!) {warning}")));
    if !comparison.finished {
        lines.push("this run is not finished; the same command continues it".to_owned());
    }
    lines
}

/// Whether the cases themselves are shown: not where an overview of them was asked for.
pub fn shows_cases(report: &Report) -> bool {
    report.groups.is_none() && report.trend.is_none()
}
