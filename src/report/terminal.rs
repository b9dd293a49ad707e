//! The comparison as tables on a terminal. A ratio appears only where both sides provably solved the same problem.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::analysis::comparison::{CaseComparison, Comparison, Judgement, PairComparison, PhaseComparison};
use crate::analysis::facts::phase_rank;
use crate::analysis::summary::ArmSummary;
use crate::number;

/// The whole report.
pub fn comparison(comparison: &Comparison) -> String {
    let mut text = String::new();
    for case in &comparison.cases {
        text += &self::case(case);
        text.push('\n');
    }
    text += &footer(comparison);
    text
}

fn case(comparison: &CaseComparison) -> String {
    let case = &comparison.case;
    let label = if case.label.is_empty() { String::new() } else { format!(" {}", case.label) };
    let threads = match case.threads {
        Some(1) => "1 thread".to_owned(),
        Some(n) => format!("{n} threads"),
        None => "threads unknown".to_owned(),
    };
    let mut text = format!(
        "{} · {} · {}{label}    {} blocks, {threads}\n",
        case.experiment, case.dataset, case.algorithm, comparison.blocks
    );
    let shown: Vec<&ArmSummary> = comparison.arms.iter().filter(|a| !a.phases_ns.is_empty()).collect();
    if !shown.is_empty() {
        for line in table(comparison, &shown).to_string().lines() {
            let _ = writeln!(text, "  {}", line.trim_end());
        }
    }
    for pair in &comparison.pairs {
        let _ = writeln!(text, "  {}", parity(pair));
    }
    for arm in &comparison.arms {
        if let Some(reason) = &arm.unsupported {
            let _ = writeln!(text, "  {} unsupported: {reason}", arm.implementation);
        }
        // The reasons of a pair that is not comparable name its failures already.
        let is_told = comparison
            .pairs
            .iter()
            .any(|p| p.contender == arm.implementation || p.baseline == arm.implementation);
        for failure in arm.failures.iter().filter(|_| !is_told) {
            let (times, status) = (failure.trials, failure.status.word());
            let _ = writeln!(text, "  {} {status} ({times} trials): {}", arm.implementation, failure.reason);
        }
        for remark in &arm.remarks {
            let _ = writeln!(text, "  {} {remark}", arm.implementation);
        }
    }
    if !(case.tolerances == crate::task::Tolerances::default()) {
        let set = serde_json::to_string(&case.tolerances).unwrap_or_default();
        let _ = writeln!(text, "  tolerances set by the spec: {set}");
    }
    text
}

/// What the gate says of a pair: how close the two are, or every reason why they cannot be compared.
fn parity(pair: &PairComparison) -> String {
    let names = format!("{} vs {}", pair.contender, pair.baseline);
    if pair.comparable {
        format!("{names}: comparable: {}", pair.findings.join("; "))
    } else {
        format!("{names}: not comparable: {}", pair.reasons.join("; "))
    }
}

fn table(comparison: &CaseComparison, arms: &[&ArmSummary]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let pair = |arm: &ArmSummary| comparison.pairs.iter().find(|p| p.contender == arm.implementation);
    let mut header = vec![String::new()];
    for arm in arms {
        header.push(arm.implementation.clone());
        if pair(arm).is_some() {
            header.push(String::new());
        }
    }
    table.set_header(header);
    let mut row =
        |name: String, value: &dyn Fn(&ArmSummary) -> String, against: &dyn Fn(&PairComparison) -> String| {
            let mut cells = vec![name];
            for arm in arms {
                cells.push(value(arm));
                if let Some(pair) = pair(arm) {
                    cells.push(if pair.comparable { against(pair) } else { String::new() });
                }
            }
            table.add_row(cells);
        };
    for phase in phases(arms) {
        let time =
            |arm: &ArmSummary| arm.phases_ns.get(&phase).map(|ns| number::time(*ns)).unwrap_or_default();
        let verdict = |pair: &PairComparison| {
            pair.phases.iter().find(|p| p.phase == phase).map(ratio).unwrap_or_default()
        };
        row(phase.clone(), &time, &verdict);
    }
    for metric in &comparison.case.headline_metrics {
        let value = |arm: &ArmSummary| arm.metrics.get(metric).map(|v| number::score(*v)).unwrap_or_default();
        row(metric.clone(), &value, &|_| String::new());
    }
    let memory = |arm: &ArmSummary| {
        let increment =
            arm.peak_increment_bytes.map(|b| format!(" (+{})", number::bytes(b))).unwrap_or_default();
        arm.peak_rss_bytes.map(|b| number::bytes(b) + &increment).unwrap_or_default()
    };
    row("peak memory".to_owned(), &memory, &|_| String::new());
    for index in 0..table.column_count() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Left);
            column.set_padding((0, 2));
        }
    }
    table
}

/// The phases of all arms, in the order in which they ran.
fn phases(arms: &[&ArmSummary]) -> Vec<String> {
    let mut names: Vec<String> = arms.iter().flat_map(|a| a.phases_ns.keys().cloned()).collect();
    names.sort_by(|a, b| phase_rank(a).cmp(&phase_rank(b)));
    names.dedup();
    names
}

/// A ratio with its interval, and the verdict where the phase is primary.
fn ratio(phase: &PhaseComparison) -> String {
    let [low, high] = phase.simultaneous.unwrap_or(phase.interval);
    // A slow-down is told by how many times longer it takes.
    let (value, low, high) = if phase.ratio >= 1.0 {
        (phase.ratio, low, high)
    } else {
        (1.0 / phase.ratio, 1.0 / high, 1.0 / low)
    };
    let times = format!("{}×", number::ratio(value));
    let interval = format!("[{}, {}]", number::ratio(low), number::ratio(high));
    let direction = if phase.ratio >= 1.0 { "faster" } else { "slower" };
    let text = match phase.verdict {
        Some(Judgement::Faster | Judgement::Slower) => format!("{times} {direction} {interval}"),
        Some(Judgement::EqualWithinMargin) => {
            format!("equal within ±{:.0} % {interval}", crate::analysis::comparison::MARGIN * 100.0)
        }
        Some(Judgement::NoDifferenceShown { smallest_effect }) => {
            format!("no difference shown {interval}; {}× would have been", number::ratio(smallest_effect))
        }
        None => format!("({times} {direction} {interval})"),
    };
    if phase.without_spread { text + ", the same in every block: the clock may be too coarse" } else { text }
}

fn footer(comparison: &Comparison) -> String {
    let counts: Vec<String> = comparison.trials.iter().map(|(status, n)| format!("{n} {status}")).collect();
    let mut text = format!("trials: {}\n", counts.join(", "));
    let pairs = || comparison.cases.iter().flat_map(|c| &c.pairs);
    let comparable = pairs().filter(|p| p.comparable).count();
    let _ = writeln!(text, "pairs: {comparable} comparable, {} not comparable", pairs().count() - comparable);
    let _ = writeln!(
        text,
        "verdicts: {} comparisons on primary phases; their intervals hold together at {:.0} %. Figures in (…) are no verdicts: 95 % each, alone",
        comparison.family,
        (1.0 - comparison.alpha) * 100.0
    );
    if !comparison.finished {
        text += "this run is not finished; the same command continues it\n";
    }
    text
}
