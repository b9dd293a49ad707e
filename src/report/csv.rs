//! The report as CSV: one row for each comparison of a phase; or, where they were asked for, for each group, each figure of a trend, each
//! finding of the CI gate. Numbers are whole and plain: nanoseconds, bytes, ratios. A text that a spreadsheet would compute begins with an apostrophe.

use std::borrow::Cow;

use serde::Serialize;

use super::case::title;
use super::{Report, View};
use crate::analysis::comparison::{CaseComparison, Comparison, Judgement, PairComparison, PhaseComparison};
use crate::analysis::groups::Group;
use crate::analysis::regression::Finding;
use crate::analysis::trend::Trend;
use crate::guard::text::csv as guarded;

/// The whole report.
pub fn render(report: &Report, view: &View) -> String {
    if let Some(gate) = &report.regression {
        return text(gate.findings.iter().map(FindingRow::new));
    }
    if let Some(groups) = &report.groups {
        return of_groups(groups);
    }
    match &report.trend {
        Some(trend) => text(figures(trend)),
        None => text(report.comparisons.iter().flat_map(|c| rows(c, view))),
    }
}

fn text(rows: impl Iterator<Item = impl Serialize>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail, and every row is flat.
        let _ = writer.serialize(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A cell of text, which a spreadsheet shows as it is.
fn shown<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&guarded(text))
}

/// One phase of one pair; a pair that is not comparable has one row, with its reasons and no ratio.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(serialize_with = "shown")]
    spec: &'a str,
    #[serde(serialize_with = "shown")]
    run: &'a str,
    #[serde(serialize_with = "shown")]
    experiment: &'a str,
    #[serde(serialize_with = "shown")]
    dataset: &'a str,
    #[serde(serialize_with = "shown")]
    algorithm: &'a str,
    #[serde(serialize_with = "shown")]
    hyperparameters: String,
    #[serde(serialize_with = "shown")]
    contender: &'a str,
    #[serde(serialize_with = "shown")]
    baseline: &'a str,
    comparable: bool,
    #[serde(serialize_with = "shown")]
    reasons: String,
    phase: Option<Cow<'a, str>>,
    primary: Option<bool>,
    blocks: u64,
    contender_ns: Option<f64>,
    baseline_ns: Option<f64>,
    unit: Option<&'a str>,
    contender_per_second: Option<f64>,
    baseline_per_second: Option<f64>,
    contender_p50_ns: Option<f64>,
    contender_p95_ns: Option<f64>,
    contender_p99_ns: Option<f64>,
    baseline_p50_ns: Option<f64>,
    baseline_p95_ns: Option<f64>,
    baseline_p99_ns: Option<f64>,
    ratio: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    simultaneous_low: Option<f64>,
    simultaneous_high: Option<f64>,
    verdict: Option<&'static str>,
    p: Option<f64>,
    holm_p: Option<f64>,
    wilcoxon_p: Option<f64>,
    bootstrap_low: Option<f64>,
    bootstrap_high: Option<f64>,
    #[serde(serialize_with = "shown")]
    warnings: String,
    sentence: Option<Cow<'a, str>>,
}

fn rows<'a>(comparison: &'a Comparison, view: &'a View) -> impl Iterator<Item = Row<'a>> {
    comparison.cases.iter().flat_map(move |case| {
        case.pairs.iter().flat_map(move |pair| {
            let phases = pair
                .phases
                .iter()
                .chain(&pair.memory)
                .filter(|p| view.shown.phase(&p.phase.replace(' ', "_")));
            let mut rows: Vec<Row<'a>> =
                phases.map(|phase| Row::new(comparison, case, pair, Some(phase))).collect();
            if rows.is_empty() && !pair.comparable {
                rows.push(Row::new(comparison, case, pair, None));
            }
            rows
        })
    })
}

impl<'a> Row<'a> {
    fn new(
        comparison: &'a Comparison,
        of_case: &'a CaseComparison,
        pair: &'a PairComparison,
        phase: Option<&'a PhaseComparison>,
    ) -> Self {
        let case = &of_case.case;
        let arm = |id: &str| of_case.arms.iter().find(|a| a.implementation == id);
        let time = |id: &str| arm(id)?.phases_ns.get(&phase?.phase).copied();
        let rate = |id: &str| arm(id)?.rates.get(&phase?.phase).copied();
        let latency = |id: &str| arm(id)?.latencies.get(&phase?.phase).copied();
        let rates = [rate(&pair.contender), rate(&pair.baseline)];
        let latencies = [latency(&pair.contender), latency(&pair.baseline)];
        let beside = phase.map(|p| &p.sensitivity);
        let simultaneous = phase.and_then(|p| p.simultaneous);
        let bootstrap = beside.and_then(|b| b.bootstrap);
        Self {
            spec: &comparison.spec,
            run: &comparison.run,
            experiment: &case.experiment,
            dataset: &case.dataset,
            algorithm: &case.algorithm,
            hyperparameters: serde_json::to_string(&case.hyperparameters).unwrap_or_default(),
            contender: &pair.contender,
            baseline: &pair.baseline,
            comparable: pair.comparable,
            reasons: pair.reasons.join("; "),
            phase: phase.map(|p| guarded(&p.phase)),
            primary: phase.map(|p| p.primary),
            blocks: phase.map_or(of_case.blocks, |p| p.blocks),
            contender_ns: time(&pair.contender),
            baseline_ns: time(&pair.baseline),
            unit: case.rates.as_ref().filter(|_| rates.iter().any(Option::is_some)).map(|r| r.unit.as_str()),
            contender_per_second: rates[0],
            baseline_per_second: rates[1],
            contender_p50_ns: latencies[0].map(|l| l.p50_ns),
            contender_p95_ns: latencies[0].and_then(|l| l.p95_ns),
            contender_p99_ns: latencies[0].and_then(|l| l.p99_ns),
            baseline_p50_ns: latencies[1].map(|l| l.p50_ns),
            baseline_p95_ns: latencies[1].and_then(|l| l.p95_ns),
            baseline_p99_ns: latencies[1].and_then(|l| l.p99_ns),
            ratio: phase.map(|p| p.ratio),
            low: phase.map(|p| p.interval[0]),
            high: phase.map(|p| p.interval[1]),
            simultaneous_low: simultaneous.map(|i| i[0]),
            simultaneous_high: simultaneous.map(|i| i[1]),
            verdict: phase.and_then(|p| p.verdict).map(word),
            p: beside.and_then(|b| b.t_p),
            holm_p: beside.and_then(|b| b.holm_p),
            wilcoxon_p: beside.and_then(|b| b.wilcoxon_p),
            bootstrap_low: bootstrap.map(|i| i[0]),
            bootstrap_high: bootstrap.map(|i| i[1]),
            warnings: phase.map(|p| p.warnings.join("; ")).unwrap_or_default(),
            sentence: phase.and_then(|p| p.sentence.as_deref()).map(guarded),
        }
    }
}

fn word(verdict: Judgement) -> &'static str {
    match verdict {
        Judgement::EqualWithinMargin => "equal_within_margin",
        Judgement::Faster => "faster",
        Judgement::Slower => "slower",
        Judgement::NoDifferenceShown { .. } => "no_difference_shown",
    }
}

/// The keys of groups are columns, so their rows have no fixed type.
fn of_groups(groups: &[Group]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let fixed = [
        "contender",
        "baseline",
        "phase",
        "ratio",
        "low",
        "high",
        "smallest",
        "largest",
        "comparable",
        "not_comparable",
    ];
    let keys = groups.first().map(|g| g.by.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let _ = writer.write_record(
        keys.iter().map(|key| guarded(key)).chain(fixed.map(Cow::Borrowed)).map(Cow::into_owned),
    );
    for group in groups {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let end = |i: usize| number(group.interval.map(|interval| interval[i]));
        let named = [&group.contender, &group.baseline, &group.phase];
        let figures = [
            number(group.ratio),
            end(0),
            end(1),
            number(group.smallest),
            number(group.largest),
            group.comparable.to_string(),
            group.not_comparable.to_string(),
        ];
        let texts = group.by.values().chain(named).map(|text| guarded(text).into_owned());
        let _ = writer.write_record(texts.chain(figures));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[derive(Serialize)]
struct FigureRow<'a> {
    #[serde(serialize_with = "shown")]
    run: &'a str,
    created_unix_ms: u64,
    #[serde(serialize_with = "shown")]
    machine: &'a str,
    #[serde(serialize_with = "shown")]
    case: String,
    #[serde(serialize_with = "shown")]
    implementation: &'a str,
    #[serde(serialize_with = "shown")]
    quantity: &'a str,
    value: f64,
}

fn figures(trend: &Trend) -> impl Iterator<Item = FigureRow<'_>> {
    trend.series.iter().flat_map(|series| {
        trend.runs.iter().zip(&series.values).filter_map(|(run, value)| {
            Some(FigureRow {
                run: &run.run,
                created_unix_ms: run.created_unix_ms,
                machine: &run.machine,
                case: title(&series.case),
                implementation: &series.implementation,
                quantity: &series.quantity,
                value: (*value)?,
            })
        })
    })
}

#[derive(Serialize)]
struct FindingRow<'a> {
    outcome: crate::analysis::regression::Outcome,
    #[serde(serialize_with = "shown")]
    case: String,
    #[serde(serialize_with = "shown")]
    implementation: &'a str,
    #[serde(serialize_with = "shown")]
    quantity: &'a str,
    change: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    reason: Option<Cow<'a, str>>,
}

impl<'a> FindingRow<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            outcome: finding.outcome,
            case: title(&finding.case),
            implementation: &finding.implementation,
            quantity: &finding.quantity,
            change: finding.change,
            low: finding.interval.map(|i| i[0]),
            high: finding.interval.map(|i| i[1]),
            reason: finding.reason.as_deref().map(guarded),
        }
    }
}
