//! Conditions under which the judge's intervals may not keep their promise, found on the run's own blocks. `docs/design/judge.md` has the
//! simulated rates: what each rule finds, how often it warns of nothing, and what no rule can find.

use super::comparison::{CaseComparison, PhaseComparison};
use super::sensitivity::Sensitivity;
use crate::number::significant;
use crate::stats::autocorrelation::von_neumann_pooled;

/// Rules warn at this level, so that a run of many sound comparisons rarely warns.
const LEVEL: f64 = 0.01;
/// With fewer blocks no rule can see anything.
const FEWEST: usize = 6;

/// What speaks against one comparison's interval.
pub fn of_comparison(beside: &Sensitivity) -> Vec<String> {
    let skewed = beside.shapiro_wilk_p.filter(|p| *p < LEVEL).map(|p| {
        format!(
            "the log-ratios are not normal (Shapiro–Wilk p = {}), so the interval may miss more often than it says",
            significant(p)
        )
    });
    skewed.into_iter().collect()
}

/// What speaks against the intervals of a whole run. What is common to all cases, such as a machine that remembers, shows only together:
/// one comparison of each case is taken, since those of one case share their blocks.
pub fn of_run(cases: &[CaseComparison]) -> Vec<String> {
    let verdicts: Vec<&PhaseComparison> = cases.iter().filter_map(first_verdict).collect();
    let long: Vec<&[f64]> = verdicts
        .iter()
        .map(|p| p.log_ratios.as_slice())
        .filter(|logs| logs.len() >= FEWEST && varies(logs))
        .collect();
    let mut warnings = Vec::new();
    if let Ok(found) = von_neumann_pooled(&long)
        && found.p_value < LEVEL
    {
        warnings.push(format!(
            "successive blocks resemble each other (von Neumann's ratio over {} cases, p = {}): intervals are narrower than they should be",
            long.len(),
            significant(found.p_value)
        ));
    }
    if verdicts.iter().any(|p| p.log_ratios.len() < FEWEST) {
        warnings.push(format!("cases with fewer than {FEWEST} blocks: too few to see whether the conditions of their intervals hold"));
    }
    warnings
}

fn first_verdict(case: &CaseComparison) -> Option<&PhaseComparison> {
    case.pairs.iter().flat_map(|p| &p.phases).find(|p| p.verdict.is_some())
}

fn varies(logs: &[f64]) -> bool {
    logs.iter().any(|x| x.to_bits() != logs[0].to_bits())
}
