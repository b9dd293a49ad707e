//! The report as Markdown, for pages and pull requests.

use super::{Report, View, case, overview};
use crate::guard::text::{markdown, markdown_item};

/// The whole report.
pub fn render(report: &Report, view: &View) -> String {
    let mut text = String::new();
    if let Some(groups) = &report.groups {
        text += &format!("{}\n{}\n\n", overview::groups(groups).markdown(), overview::groups_caption());
    }
    if let Some(trend) = &report.trend {
        text +=
            &format!("{}\n{}\n\n", overview::trend(trend, usize::MAX).markdown(), overview::TREND_CAPTION);
    }
    if overview::shows_cases(report) {
        for comparison in &report.comparisons {
            text += &format!("## {} {}\n\n", markdown(&comparison.spec), markdown(&comparison.run));
            for of_case in &comparison.cases {
                text +=
                    &format!("### {} ({})\n\n", markdown(&case::title(&of_case.case)), case::effort(of_case));
                if let Some(grid) = case::grid(of_case, view) {
                    text += &format!("{}\n", grid.markdown());
                }
                if let Some(grid) = case::rates(of_case, view) {
                    text += &format!("{}\n", grid.markdown());
                }
                text += &list(&case::notes(of_case, view));
                if let Some(grid) = case::details(of_case, view).filter(|_| view.details) {
                    text += &format!("{}\n", grid.markdown());
                }
            }
            if !comparison.growth.is_empty() {
                let grid = overview::growth(&comparison.growth, view);
                text += &format!("{}\n{}\n\n", grid.markdown(), overview::GROWTH_CAPTION);
            }
            text += &list(&overview::footer(comparison));
        }
    }
    if let Some(gate) = &report.regression {
        let (headline, grid) = overview::regression(gate, view.details);
        let table = if grid.rows.is_empty() { String::new() } else { grid.markdown() };
        let headline = markdown(&headline);
        text += &format!("## {headline}\n\n{table}\n");
    }
    text
}

fn list(lines: &[String]) -> String {
    let items: String = lines.iter().map(|line| format!("- {}\n", markdown_item(line))).collect();
    if items.is_empty() { items } else { format!("{items}\n") }
}
