//! Verdicts as plain sentences, for people who read one line.

use super::comparison::{ALPHA, Judgement, MARGIN, PairComparison, PhaseComparison};
use crate::number;
use crate::store::manifest::CaseRecord;

/// The verdict on one phase; nothing where it has none.
pub fn verdict(case: &CaseRecord, pair: &PairComparison, phase: &PhaseComparison) -> Option<String> {
    let (judgement, [low, high]) = (phase.verdict?, phase.simultaneous?);
    let (work, plain) = (work(case, &phase.phase, "s"), work(case, &phase.phase, ""));
    let interval = |low: f64, high: f64| {
        format!(
            "simultaneous {:.0} % interval {} to {}, {} blocks",
            (1.0 - ALPHA) * 100.0,
            number::ratio(low),
            number::ratio(high),
            phase.blocks
        )
    };
    let (contender, baseline) = (&pair.contender, &pair.baseline);
    let shown = match judgement {
        Judgement::Faster => {
            let times = number::ratio(phase.ratio);
            format!("{contender} {work} {times}× faster than {baseline} ({})", interval(low, high))
        }
        // A slow-down is told by how many times longer it takes.
        Judgement::Slower => {
            let times = number::ratio(1.0 / phase.ratio);
            format!(
                "{contender} {work} {times}× slower than {baseline} ({})",
                interval(1.0 / high, 1.0 / low)
            )
        }
        Judgement::EqualWithinMargin => format!(
            "{contender} {work} as fast as {baseline} within ±{:.0} % (ratio {}, {})",
            MARGIN * 100.0,
            number::ratio(phase.ratio),
            interval(low, high)
        ),
        Judgement::NoDifferenceShown { smallest_effect } => format!(
            "no difference shown in how fast {contender} and {baseline} {plain} (ratio {}, {}); a difference of {}× would have been",
            number::ratio(phase.ratio),
            interval(low, high),
            number::ratio(smallest_effect)
        ),
    };
    Some(match pair.evidence() {
        Some(evidence) => format!("{shown}; {evidence}"),
        None => shown,
    })
}

/// What an implementation does in a phase: "fits ridge alpha=1 on diabetes", or without the `s` what two of them do.
fn work(case: &CaseRecord, phase: &str, s: &str) -> String {
    let label = if case.label.is_empty() { String::new() } else { format!(" {}", case.label) };
    let es = if s.is_empty() { "" } else { "es" };
    let model = format!("{}{label}", case.algorithm);
    match (phase, phase.split_once('@')) {
        ("fit", _) => format!("fit{s} {model} on {}", case.dataset),
        (_, Some((does, "all"))) => format!("{does}{s} the test rows of {} with {model}", case.dataset),
        (_, Some((does, "1"))) => format!("{does}{s} one row of {} with {model}", case.dataset),
        (_, Some((does, rows))) => format!("{does}{s} {rows} rows of {} with {model}", case.dataset),
        _ => format!("go{es} through `{phase}` of {model} on {}", case.dataset),
    }
}
