//! Reports: one file for each format, and the progress that a person sees while a run goes on.

pub mod calibration;
mod case;
mod csv;
pub mod doctor;
mod grid;
pub mod list;
mod markdown;
mod overview;
pub mod plan;
pub mod progress;
mod terminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::comparison::Comparison;
use crate::analysis::groups::Group;
use crate::analysis::regression::Regression;
use crate::analysis::selection::Shown;
use crate::analysis::trend::Trend;

/// Everything that `benchrun compare` found, and the JSON that it prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The comparison of each run, oldest first, without what filters leave out.
    pub comparisons: Vec<Comparison>,
    /// Figures over groups of cases, if they were asked for.
    pub groups: Option<Vec<Group>>,
    /// Figures over several runs that share cases.
    pub trend: Option<Trend>,
    /// The CI gate, if it was asked for.
    pub regression: Option<Regression>,
}

/// How much of a report is shown, whatever the format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The quantities.
    pub shown: Shown,
    /// Whether to show what was computed beside the verdicts.
    pub details: bool,
}

/// A report format.
#[derive(Debug)]
pub struct ReportFormat {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Renders a report.
    pub render: fn(&Report, &View) -> String,
}

/// Every report format.
pub const FORMATS: &[ReportFormat] = &[
    ReportFormat { name: "text", doc: "tables for people", render: terminal::render },
    ReportFormat { name: "markdown", doc: "tables for pages and pull requests", render: markdown::render },
    ReportFormat { name: "csv", doc: "one row for each comparison, group or series", render: csv::render },
    ReportFormat { name: "json", doc: "everything, for scripts; `benchrun schema report`", render: json },
];

fn json(report: &Report, _: &View) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{Arm, arm, comparison};
    use crate::analysis::groups::groups;
    use crate::analysis::summary::{LatencySummary, Reached};
    use crate::analysis::trend::trend;
    use crate::task::{Rates, TO_TARGET, Target};
    use std::collections::BTreeMap;

    fn run(number: u64, factor: f64) -> Comparison {
        let noise = [1.0, 1.02, 0.99, 1.01, 1.005, 0.985, 1.015];
        let times = |ns: f64| noise.map(|n| n * ns);
        let baseline = times(1e6);
        let own: Vec<f64> = times(2e5 * factor).into_iter().rev().collect();
        let arms = [
            arm("rust/x", Some("python/a"), &own),
            Arm { r2: 0.25, ..arm("rust/y", Some("python/a"), &[1e6, f64::NAN, 1e6, 1e6, 1e6, 1e6, 1e6]) },
            arm("python/a", None, &baseline),
        ];
        comparison(&format!("run{number}"), number, &arms)
    }

    /// Text and Markdown as they are; of CSV the columns, since its figures have every digit of this machine's arithmetic.
    fn in_every_form(report: &Report, view: &View) -> String {
        let columns = csv::render(report, view).lines().next().unwrap_or_default().to_owned();
        format!("{}\n{}\n{columns}\n", terminal::render(report, view), markdown::render(report, view))
    }

    #[test]
    fn cases_are_told_in_every_form() {
        let report = Report { comparisons: vec![run(1, 1.0)], groups: None, trend: None, regression: None };
        insta::assert_snapshot!(in_every_form(&report, &View { details: true, ..View::default() }));
    }

    #[test]
    fn figures_of_networks_are_told_in_every_form() {
        let mut run = run(1, 1.0);
        let case = &mut run.cases[0];
        case.case.target = Some(Target { metric: "accuracy".to_owned(), value: 0.98, at_most: false });
        case.case.rates = Some(Rates { unit: "images".to_owned(), per_row: 1, rows: BTreeMap::new() });
        let per_second = [15_238.4, 9_800.0, 87.5];
        for (i, arm) in case.arms.iter_mut().enumerate() {
            arm.phases_ns.insert("predict@1".to_owned(), 1e9 / per_second[i]);
            arm.rates = [("fit".to_owned(), 4e6), ("predict@1".to_owned(), per_second[i])].into();
            let (p50_ns, p95_ns) = (1e9 / per_second[i], Some(2e9 / per_second[i]));
            let latency = LatencySummary { p50_ns, p95_ns, p99_ns: p95_ns.filter(|_| i < 2) };
            arm.latencies = [("predict@1".to_owned(), latency)].into();
            arm.reached = Some(Reached { trials: 7 - i as u64, of: 7 });
        }
        case.arms[0].phases_ns.insert(TO_TARGET.to_owned(), 3e9);
        for pair in &mut case.pairs {
            pair.open_phases.insert(TO_TARGET.to_owned(), "accuracy ≥ 0.98 was reached by some".to_owned());
        }
        let report = Report { comparisons: vec![run], groups: None, trend: None, regression: None };
        insta::assert_snapshot!(in_every_form(&report, &View::default()));
        let only = View { shown: Shown::new(&["fit".to_owned()]), ..View::default() };
        let shown = terminal::render(&report, &only);
        assert!(shown.contains("4 000 000 images/s") && !shown.contains("15 238"), "{shown}");
    }

    #[test]
    fn overviews_are_told_in_every_form() {
        let comparisons: Vec<Comparison> = [1.0, 1.01, 0.99, 1.0, 1.005, 1.3]
            .into_iter()
            .zip(0..)
            .map(|(factor, i)| run(i, factor))
            .collect();
        let shown = Shown::default();
        let grouped = groups(&comparisons, &["dataset".to_owned()], &shown);
        let gate = crate::analysis::regression::separate_runs(&comparisons, 0.05, &shown).unwrap();
        let empty = Report { comparisons: Vec::new(), groups: None, trend: None, regression: None };
        let view = View::default();
        let of_groups = Report { groups: Some(grouped), ..empty.clone() };
        let of_trend = Report { trend: trend(&comparisons, &shown), ..empty.clone() };
        let of_gate = Report { regression: Some(gate), ..empty };
        let all = [of_groups, of_trend, of_gate].map(|report| in_every_form(&report, &view));
        insta::assert_snapshot!(all.concat());
    }
}
