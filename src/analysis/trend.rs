//! The same cases over many runs. The run is the unit here: its figure is the median over its blocks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{CaseComparison, Comparison};
use super::selection::{MEMORY, Shown};
use super::summary::ArmSummary;
use crate::monitor::machine::Machine;
use crate::store::manifest::CaseRecord;

/// Figures of the same cases over several runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// The runs, oldest first.
    pub runs: Vec<TrendRun>,
    /// One series for each case, implementation and quantity.
    pub series: Vec<Series>,
}

/// One run of a trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendRun {
    /// Its id.
    pub run: String,
    /// When it began, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// A letter for each machine. Times of different machines stand side by side and are not compared; `?` is an unknown one.
    pub machine: String,
}

/// One quantity of one implementation on one case, run by run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// The case.
    pub case: CaseRecord,
    /// The implementation.
    pub implementation: String,
    /// The phase, `peak_memory`, or the metric.
    pub quantity: String,
    /// What it measures.
    pub kind: Kind,
    /// The medians over blocks, in the order of the runs: nanoseconds a call, bytes, or the metric's unit. Absent where a run has none.
    pub values: Vec<Option<f64>>,
    /// The newest run's value over the median of the earlier ones of its machine; absent if there are none.
    pub change: Option<f64>,
}

/// What a quantity measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Memory,
    /// A metric of the task.
    Quality,
}

/// The trend of cases that at least two runs share; nothing if there are none.
pub fn trend(comparisons: &[Comparison], shown: &Shown) -> Option<Trend> {
    let mut ordered: Vec<&Comparison> = comparisons.iter().collect();
    ordered.sort_by_key(|c| c.created_unix_ms);
    let letters = letters(&ordered);
    let mut cases: BTreeMap<&str, Vec<Option<&CaseComparison>>> = BTreeMap::new();
    for (i, comparison) in ordered.iter().enumerate() {
        for case in &comparison.cases {
            cases.entry(&case.case.id).or_insert_with(|| vec![None; ordered.len()])[i] = Some(case);
        }
    }
    let mut series = Vec::new();
    // In the order of the newest run's cases.
    for case in ordered.iter().rev().flat_map(|c| &c.cases) {
        let Some(over_runs) = cases.remove(case.case.id.as_str()) else { continue };
        if over_runs.iter().flatten().count() < 2 {
            continue;
        }
        for (implementation, quantity, kind) in quantities(case, shown) {
            let arm = |case: &CaseComparison| {
                case.arms.iter().find(|a| a.implementation == implementation).cloned()
            };
            let values: Vec<Option<f64>> =
                over_runs.iter().map(|case| figure(&arm((*case)?)?, &quantity, kind)).collect();
            let change = change(&values, &letters);
            series.push(Series { case: case.case.clone(), implementation, quantity, kind, values, change });
        }
    }
    let runs = ordered.iter().zip(letters).map(|(c, machine)| TrendRun {
        run: c.run.clone(),
        created_unix_ms: c.created_unix_ms,
        machine,
    });
    (!series.is_empty()).then(|| Trend { runs: runs.collect(), series })
}

/// Everything of a case that stands in overviews: its implementations, each with its quantities.
pub fn quantities(case: &CaseComparison, shown: &Shown) -> Vec<(String, String, Kind)> {
    let mut found = Vec::new();
    for arm in case.arms.iter().filter(|a| a.unsupported.is_none()) {
        let mut phases: Vec<&String> =
            arm.phases_ns.keys().filter(|p| shown.in_overview(&case.case, p)).collect();
        phases.sort_by(|a, b| super::facts::phase_rank(a).cmp(&super::facts::phase_rank(b)));
        let mut add =
            |quantity: &str, kind| found.push((arm.implementation.clone(), quantity.to_owned(), kind));
        for phase in phases {
            add(phase, Kind::Time);
        }
        if shown.memory() {
            add(MEMORY, Kind::Memory);
        }
        for metric in shown.metrics(case) {
            add(&metric, Kind::Quality);
        }
    }
    found
}

/// One figure of an implementation's summary.
pub fn figure(arm: &ArmSummary, quantity: &str, kind: Kind) -> Option<f64> {
    match kind {
        Kind::Time => arm.phases_ns.get(quantity).copied(),
        Kind::Memory => arm.peak_rss_bytes,
        Kind::Quality => arm.metrics.get(quantity).copied(),
    }
}

fn letters(runs: &[&Comparison]) -> Vec<String> {
    let mut known: Vec<&Machine> = Vec::new();
    let mut letters = Vec::new();
    for run in runs {
        let Some(machine) = &run.machine else {
            letters.push("?".to_owned());
            continue;
        };
        let place = known.iter().position(|m| *m == machine).unwrap_or_else(|| {
            known.push(machine);
            known.len() - 1
        });
        let letter = u8::try_from(place).ok().filter(|p| *p < 26).map(|p| char::from(b'A' + p));
        letters.push(letter.map_or(place.to_string(), |l| l.to_string()));
    }
    letters
}

fn change(values: &[Option<f64>], letters: &[String]) -> Option<f64> {
    let (newest, letter) = (values.last().copied()??, letters.last()?);
    if letter == "?" {
        return None;
    }
    let earlier: Vec<f64> = values[..values.len() - 1]
        .iter()
        .zip(letters)
        .filter(|(_, l)| *l == letter)
        .filter_map(|(value, _)| *value)
        .collect();
    let change = newest / crate::stats::describe::median(&earlier).ok()?;
    change.is_finite().then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{arm, comparison};

    #[test]
    fn figures_stand_side_by_side_and_only_one_machine_is_compared() {
        let run = |i: u64, fit: f64| comparison(&format!("r{i}"), i, &[arm("rust/x", None, &[fit, fit])]);
        let mut runs = vec![run(3, 300.0), run(1, 100.0), run(2, 110.0), run(0, 1000.0)];
        runs[3].machine.as_mut().unwrap().host = "another".to_owned();
        let found = trend(&runs, &Shown::new(&["fit".to_owned()])).unwrap();
        assert_eq!(found.runs.iter().map(|r| r.run.as_str()).collect::<Vec<_>>(), ["r0", "r1", "r2", "r3"]);
        assert_eq!(found.runs.iter().map(|r| r.machine.as_str()).collect::<Vec<_>>(), ["A", "B", "B", "B"]);
        assert_eq!(found.series.len(), 1);
        assert_eq!(found.series[0].values, [Some(1000.0), Some(100.0), Some(110.0), Some(300.0)]);
        assert!((found.series[0].change.unwrap() - 300.0 / 105.0).abs() < 1e-12);
        assert!(trend(&runs[..1], &Shown::default()).is_none(), "one run is no trend");
    }

    #[test]
    fn unknown_machines_are_never_compared() {
        let mut runs: Vec<Comparison> =
            (0..2).map(|i| comparison(&format!("r{i}"), i, &[arm("rust/x", None, &[1.0, 1.0])])).collect();
        for run in &mut runs {
            run.machine = None;
        }
        let found = trend(&runs, &Shown::default()).unwrap();
        assert!(found.series.iter().all(|s| s.change.is_none()));
        assert!(found.runs.iter().all(|r| r.machine == "?"));
    }
}
