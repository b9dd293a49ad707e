//! Reports: one file for each format, and the progress that a person sees while a run goes on.

mod case;
mod csv;
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
