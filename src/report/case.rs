//! What every format says of one case: a heading, a table, and notes. A ratio appears only where both sides provably solved the same
//! problem.

use super::View;
use super::grid::Grid;
use crate::analysis::comparison::{
    ALPHA, CaseComparison, Judgement, MARGIN, PairComparison, PhaseComparison,
};
use crate::analysis::facts::phase_rank;
use crate::analysis::summary::{ArmSummary, Reached};
use crate::number;
use crate::store::manifest::CaseRecord;
use crate::task::TO_TARGET;
use crate::worker::protocol::CPU;

/// The case in words: experiment, data set, algorithm and the hyperparameters that tell it from its neighbours.
pub fn title(case: &CaseRecord) -> String {
    let label = if case.label.is_empty() { String::new() } else { format!(" {}", case.label) };
    format!("{} · {} · {}{label}", case.experiment, case.dataset, case.algorithm)
}

/// How often, on how many threads and on which device it was measured, and in which type where that is an unusual one.
pub fn effort(comparison: &CaseComparison) -> String {
    let threads = match comparison.case.threads {
        Some(1) => "1 thread".to_owned(),
        Some(n) => format!("{n} threads"),
        None => "threads unknown".to_owned(),
    };
    let blocks = match comparison.case.folds.len() {
        0 => format!("{} blocks", comparison.blocks),
        folds => format!("{} blocks over {folds} folds", comparison.blocks),
    };
    // What goes without saying is not said.
    let device = comparison.case.device.as_deref().filter(|device| *device != CPU);
    let dtype = comparison.case.dtype.as_deref().filter(|dtype| !["float64", "float32"].contains(dtype));
    [Some(blocks.as_str()), Some(&threads), device, dtype]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// Times, quality and memory of every implementation; nothing if none has any.
pub fn grid(comparison: &CaseComparison, view: &View) -> Option<Grid> {
    let arms: Vec<&ArmSummary> = comparison.arms.iter().filter(|a| !a.phases_ns.is_empty()).collect();
    if arms.is_empty() {
        return None;
    }
    let pair = |arm: &ArmSummary| comparison.pairs.iter().find(|p| p.contender == arm.implementation);
    let mut grid = Grid::new([""]);
    for arm in &arms {
        grid.header.push(arm.implementation.clone());
        grid.header.extend(pair(arm).map(|_| String::new()));
    }
    let names = phases(comparison, &arms);
    let mut row = |name: &str,
                   value: &dyn Fn(&ArmSummary) -> String,
                   against: &dyn Fn(&PairComparison) -> String| {
        let mut cells = vec![name.to_owned()];
        for arm in &arms {
            cells.push(value(arm));
            cells.extend(pair(arm).map(|pair| if pair.comparable { against(pair) } else { String::new() }));
        }
        grid.rows.push(cells);
    };
    for phase in names.iter().filter(|phase| view.shown.phase(phase)) {
        let time = |arm: &ArmSummary| {
            let reached = || arm.reached.filter(|_| phase == TO_TARGET).map(often);
            arm.phases_ns.get(phase).map(|ns| number::time(*ns)).or_else(reached).unwrap_or_default()
        };
        let against = |pair: &PairComparison| {
            let open = || {
                let censored = is_censored(comparison, pair, phase);
                let why = if censored { "not always reached" } else { "quality undecided" };
                pair.open_phases.contains_key(phase).then(|| format!("not compared: {why}"))
            };
            pair.phases.iter().find(|p| p.phase == *phase).map(ratio).or_else(open).unwrap_or_default()
        };
        row(phase, &time, &against);
    }
    for metric in view.shown.metrics(comparison) {
        let value =
            |arm: &ArmSummary| arm.metrics.get(&metric).map(|v| number::score(*v)).unwrap_or_default();
        row(&metric, &value, &|_| String::new());
    }
    if view.shown.memory() {
        row("peak memory", &memory, &|_| String::new());
    }
    Some(grid)
}

fn memory(arm: &ArmSummary) -> String {
    let increment = arm.peak_increment_bytes.map(|b| format!(" (+{})", number::bytes(b))).unwrap_or_default();
    arm.peak_rss_bytes.map(|b| number::bytes(b) + &increment).unwrap_or_default()
}

/// Whether a phase is the way to a target that not every trial of a pair reached.
fn is_censored(comparison: &CaseComparison, pair: &PairComparison, phase: &str) -> bool {
    let of_pair = |arm: &&ArmSummary| [&pair.contender, &pair.baseline].contains(&&arm.implementation);
    let mut reached = comparison.arms.iter().filter(of_pair).filter_map(|arm| arm.reached);
    phase == TO_TARGET && reached.any(|reached| !reached.always())
}

/// In how many trials the target was reached.
fn often(reached: Reached) -> String {
    format!("in {} of {} trials", reached.trials, reached.of)
}

/// What a network's calls process in a second, and the percentiles of single calls: a row for each phase that has them. Nothing if none has.
pub fn rates(comparison: &CaseComparison, view: &View) -> Option<Grid> {
    let unit = &comparison.case.rates.as_ref()?.unit;
    let arms: Vec<&ArmSummary> = comparison.arms.iter().filter(|a| !a.rates.is_empty()).collect();
    let mut grid = Grid::new(["rate, latency"]);
    grid.header
        .extend(arms.iter().flat_map(|arm| [arm.implementation.clone(), "p50 / p95 / p99".to_owned()]));
    let names = phases(comparison, &arms);
    let known = |phase: &&String| arms.iter().any(|arm| arm.rates.contains_key(*phase));
    for phase in names.iter().filter(known).filter(|phase| view.shown.phase(phase)) {
        let of_arm = |arm: &&ArmSummary| {
            let rate = arm.rates.get(phase).map(|rate| format!("{} {unit}/s", number::grouped(*rate)));
            let latency =
                arm.latencies.get(phase).map(|l| number::times(&[Some(l.p50_ns), l.p95_ns, l.p99_ns]));
            [rate.unwrap_or_default(), latency.unwrap_or_default()]
        };
        grid.rows.push(std::iter::once(phase.clone()).chain(arms.iter().flat_map(of_arm)).collect());
    }
    (!grid.rows.is_empty()).then_some(grid)
}

/// The phases of all arms, in the order in which they ran.
fn phases(comparison: &CaseComparison, arms: &[&ArmSummary]) -> Vec<String> {
    let mut names: Vec<String> = arms.iter().flat_map(|a| a.phases_ns.keys().cloned()).collect();
    names.extend(comparison.case.target.iter().map(|_| TO_TARGET.to_owned()));
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
    let interval = interval([low, high]);
    let direction = if phase.ratio >= 1.0 { "faster" } else { "slower" };
    let mut text = match phase.verdict {
        Some(Judgement::Faster | Judgement::Slower) => format!("{times} {direction} {interval}"),
        Some(Judgement::EqualWithinMargin) => format!("equal within ±{:.0} % {interval}", MARGIN * 100.0),
        Some(Judgement::NoDifferenceShown { smallest_effect }) => {
            format!("no difference shown {interval}; {}× would have been", number::ratio(smallest_effect))
        }
        None => format!("({times} {direction} {interval})"),
    };
    if phase.without_spread {
        text += ", the same in every block: the clock may be too coarse";
    }
    if !phase.warnings.is_empty() && phase.primary {
        text += " (!)";
    }
    text
}

/// An interval of ratios.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("[{}, {}]", number::ratio(low), number::ratio(high))
}

/// Everything beside the table, a line each: the gate's word on each pair, the verdicts as sentences, what was not asked or failed.
pub fn notes(comparison: &CaseComparison, view: &View) -> Vec<String> {
    let mut notes: Vec<String> = target(comparison).into_iter().collect();
    for pair in &comparison.pairs {
        notes.push(parity(pair));
        // Who reached the target is told once, of all.
        for (phase, reason) in pair.open_phases.iter().filter(|(p, _)| !is_censored(comparison, pair, p)) {
            notes.push(format!("{} vs {}: {phase} is not compared: {reason}", pair.contender, pair.baseline));
        }
        for phase in pair.phases.iter().filter(|p| view.shown.phase(&p.phase)) {
            notes.extend(phase.sentence.clone());
            for warning in phase.warnings.iter().filter(|_| phase.primary) {
                notes.push(format!("(!) {} {}: {warning}", pair.contender, phase.phase));
            }
        }
    }
    for arm in &comparison.arms {
        notes.extend(
            arm.unsupported.as_ref().map(|reason| format!("{} unsupported: {reason}", arm.implementation)),
        );
        // The reasons of a pair that is not comparable name its failures already.
        let is_told =
            |p: &PairComparison| p.contender == arm.implementation || p.baseline == arm.implementation;
        if !comparison.pairs.iter().any(is_told) {
            for failure in &arm.failures {
                let (times, status) = (failure.trials, failure.status.word());
                notes.push(format!("{} {status} ({times} trials): {}", arm.implementation, failure.reason));
            }
        }
        notes.extend(arm.remarks.iter().map(|remark| format!("{} {remark}", arm.implementation)));
    }
    if comparison.case.tolerances != crate::task::Tolerances::default() {
        let set = serde_json::to_string(&comparison.case.tolerances).unwrap_or_default();
        notes.push(format!("tolerances set by the spec: {set}"));
    }
    notes
}

/// What the time to the target is, and who reached it how often.
fn target(comparison: &CaseComparison) -> Option<String> {
    let target = comparison.case.target.as_ref()?;
    let reached = comparison.arms.iter().filter_map(|arm| {
        let reached = arm.reached.filter(|reached| reached.of > 0)?;
        Some(format!("{} {}", arm.implementation, often(reached)))
    });
    let reached: Vec<String> = reached.collect();
    let does = format!("{TO_TARGET}: training until {target} on the test rows, evaluations apart");
    (!reached.is_empty()).then(|| format!("{does}; reached by {}", reached.join(", ")))
}

/// What the gate says of a pair: how close the two are, or every reason why they cannot be compared.
fn parity(pair: &PairComparison) -> String {
    let names = format!("{} vs {}", pair.contender, pair.baseline);
    if pair.comparable {
        format!("{names}: comparable: {}", pair.findings.values().cloned().collect::<Vec<_>>().join("; "))
    } else {
        format!("{names}: not comparable: {}", pair.reasons.join("; "))
    }
}

/// What was computed beside the verdicts; nothing if no pair is comparable.
pub fn details(comparison: &CaseComparison, view: &View) -> Option<Grid> {
    let mut grid = Grid::new([
        "beside the verdict",
        "phase",
        "ratio",
        "alone, 95 %",
        "bootstrap",
        "of medians",
        "p (t)",
        "Holm",
        "Benjamini–Hochberg",
        "Wilcoxon",
        "sign",
        "normal (Shapiro–Wilk)",
        "(Anderson–Darling)",
        "Cohen's d",
        "Cliff's δ",
        "A",
        "power",
        "blocks for 5 %",
        "outliers",
    ]);
    let p = |p: Option<f64>| p.map_or("–".to_owned(), number::significant);
    for pair in &comparison.pairs {
        for phase in pair.phases.iter().filter(|p| view.shown.phase(&p.phase)) {
            let beside = &phase.sensitivity;
            let size = |e: Option<crate::analysis::sensitivity::Effect>| p(e.map(|e| e.size));
            let outliers: Vec<String> =
                beside.outliers.iter().map(|block| format!("block {block}")).collect();
            grid.rows.push(vec![
                pair.contender.clone(),
                phase.phase.clone(),
                number::ratio(phase.ratio),
                interval(phase.interval),
                beside.bootstrap.map_or("–".to_owned(), interval),
                beside.ratio_of_medians.map_or("–".to_owned(), number::ratio),
                p(beside.t_p),
                p(beside.holm_p),
                p(beside.benjamini_hochberg_p),
                p(beside.wilcoxon_p),
                p(beside.sign_p),
                p(beside.shapiro_wilk_p),
                p(beside.anderson_darling_p),
                size(beside.cohens_d),
                size(beside.cliffs_delta),
                size(beside.vargha_delaney_a),
                p(beside.power),
                beside.blocks_for_margin.map_or("–".to_owned(), |n| n.to_string()),
                if outliers.is_empty() { "none".to_owned() } else { outliers.join(", ") },
            ]);
        }
    }
    (!grid.rows.is_empty()).then_some(grid)
}

/// The level of intervals, for captions.
pub fn level() -> String {
    format!("{:.0} %", (1.0 - ALPHA) * 100.0)
}
