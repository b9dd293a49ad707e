//! The report as text on a terminal.

use super::{Report, View, case, overview};
use crate::guard::text::line;

/// Runs of a trend that fit beside each other.
const TREND_RUNS: usize = 6;

/// The whole report.
pub fn render(report: &Report, view: &View) -> String {
    let mut text = String::new();
    if let Some(groups) = &report.groups {
        text += &format!("{}\n{}\n", overview::groups(groups).text(), overview::groups_caption());
    }
    if let Some(trend) = &report.trend {
        text += &format!("{}\n{}\n", overview::trend(trend, TREND_RUNS).text(), overview::TREND_CAPTION);
    }
    if overview::shows_cases(report) {
        let several = report.comparisons.len() > 1;
        for comparison in &report.comparisons {
            if several {
                text += &format!("{} {}\n\n", line(&comparison.spec), line(&comparison.run));
            }
            for of_case in &comparison.cases {
                text += &format!("{}    {}\n", line(&case::title(&of_case.case)), case::effort(of_case));
                text += &case::grid(of_case, view).map(|grid| grid.text()).unwrap_or_default();
                text += &case::rates(of_case, view).map(|grid| grid.text()).unwrap_or_default();
                for note in case::notes(of_case, view) {
                    text += &format!("  {}\n", line(&note));
                }
                if view.details {
                    text += &case::details(of_case, view).map(|grid| grid.text()).unwrap_or_default();
                }
                text.push('\n');
            }
            if !comparison.growth.is_empty() {
                let grid = overview::growth(&comparison.growth, view);
                text += &format!("{}{}\n\n", grid.text(), overview::GROWTH_CAPTION);
            }
            for foot in overview::footer(comparison) {
                text += &format!("{}\n", line(&foot));
            }
        }
    }
    if let Some(gate) = &report.regression {
        let (headline, grid) = overview::regression(gate, view.details);
        let table = if grid.rows.is_empty() { String::new() } else { grid.text() };
        text += &format!("\n{}\n{table}", line(&headline));
    }
    text
}
