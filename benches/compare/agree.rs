//! Do both sides find the same numbers? A benchmark of two programs that compute different things measures nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use benchrun::analysis::comparison::{CaseComparison, Judgement, PhaseComparison};
use benchrun::analysis::sensitivity::Effect;
use benchrun::report::Report;
use polars::prelude::{DataFrame, DataType, Float64Chunked, ParquetReader, SerReader, StringChunked};

use crate::Outcome;

/// The largest difference of a figure that both sides compute by formula, over the larger of the two or [`SMALLEST`].
const ALLOWED: f64 = 1e-8;
/// What is smaller is as good as 0.
const SMALLEST: f64 = 1e-6;
/// SciPy computes the weights of Shapiro and Wilk's test from normal quantiles that are approximations (AS 111).
const ALLOWED_OF_SHAPIRO_WILK: f64 = 1e-7;
/// SciPy's inverse of the noncentral t distribution ends its search early: on five comparisons that were looked into, a root of its own distribution function agrees to 1e-10.
const ALLOWED_OF_INVERSES: f64 = 1e-3;
/// The ends of a bootstrap interval are random: over its width, they differ between two seeds by this at most.
const ALLOWED_OF_RESAMPLING: f64 = 0.25;

/// Holds the report that benchrun printed against the script's results.
///
/// # Errors
/// A figure differs by more than is allowed, or a comparison is only on one side: which, and by how much.
pub fn table(report: &[u8], reference: &Path) -> Outcome<String> {
    let report: Report = serde_json::from_slice(report)?;
    let theirs = ParquetReader::new(File::open(reference)?).finish()?;
    let rows = rows(&theirs)?;
    let mut columns = BTreeMap::new();
    let mut widest: BTreeMap<&str, f64> = BTreeMap::new();
    let mut compared = 0;
    for case in report.comparisons.iter().flat_map(|c| &c.cases) {
        let pairs = case.pairs.iter().filter(|p| p.comparable);
        for phase in pairs.flat_map(|p| p.phases.iter().chain(&p.memory)) {
            let key = (case.case.id.clone(), phase.phase.clone());
            let row = *rows.get(&key).ok_or(format!("the script has no {} of {}", key.1, key.0))?;
            compared += 1;
            for (name, own) in figures(case, phase) {
                if !columns.contains_key(name) {
                    columns.insert(name, number(&theirs, name)?);
                }
                let difference = match (own, columns[name].get(row).filter(|x| !x.is_nan())) {
                    (Some(own), Some(other)) => difference(name, own, other, phase),
                    (None, None) => 0.0,
                    _ => f64::INFINITY,
                };
                let known = widest.entry(name).or_default();
                *known = known.max(difference);
            }
        }
    }
    if compared != theirs.height() {
        return Err(format!("benchrun has {compared} comparisons, the script {}", theirs.height()).into());
    }
    let differs = widest.iter().filter(|(name, difference)| **difference > allowed(name));
    let differs: Vec<String> = differs
        .map(|(name, difference)| {
            format!("`{name}` differs by {difference:e} ({:e} is allowed)", allowed(name))
        })
        .collect();
    if !differs.is_empty() {
        return Err(differs.join(", ").into());
    }
    let mut table = format!("Both sides agree on {compared} comparisons:\n\n");
    table.push_str("| figure | largest difference | allowed |\n| --- | ---: | ---: |\n");
    for (name, difference) in widest {
        table.push_str(&format!("| `{name}` | {difference:.1e} | {:e} |\n", allowed(name)));
    }
    Ok(table)
}

fn allowed(name: &str) -> f64 {
    match name {
        "shapiro_wilk_p" => ALLOWED_OF_SHAPIRO_WILK,
        "cohens_d_low" | "cohens_d_high" => ALLOWED_OF_INVERSES,
        "bootstrap_low" | "bootstrap_high" => ALLOWED_OF_RESAMPLING,
        _ => ALLOWED,
    }
}

fn difference(name: &str, own: f64, other: f64, phase: &PhaseComparison) -> f64 {
    let scale = match (name, phase.sensitivity.bootstrap) {
        ("bootstrap_low" | "bootstrap_high", Some([low, high])) => high - low,
        _ => own.abs().max(other.abs()).max(SMALLEST),
    };
    if own.to_bits() == other.to_bits() { 0.0 } else { (own - other).abs() / scale }
}

/// The figures of one comparison under the script's names.
fn figures(case: &CaseComparison, phase: &PhaseComparison) -> Vec<(&'static str, Option<f64>)> {
    let beside = &phase.sensitivity;
    let side = |arm: usize| match phase.phase.as_str() {
        "peak memory" => case.arms[arm].peak_rss_bytes,
        name => case.arms[arm].phases_ns.get(name).copied(),
    };
    let low = |effect: Option<Effect>| effect.map(|e| e.interval[0]);
    let high = |effect: Option<Effect>| effect.map(|e| e.interval[1]);
    let mut figures = vec![
        ("contender", side(0)),
        ("baseline", side(1)),
        ("ratio", Some(phase.ratio)),
        ("log_standard_deviation", Some(phase.log_standard_deviation)),
        ("interval_low", Some(phase.interval[0])),
        ("interval_high", Some(phase.interval[1])),
        ("t_p", beside.t_p),
        ("holm_p", beside.holm_p),
        ("benjamini_hochberg_p", beside.benjamini_hochberg_p),
        ("wilcoxon_p", beside.wilcoxon_p),
        ("sign_p", beside.sign_p),
        ("bootstrap_low", beside.bootstrap.map(|b| b[0])),
        ("bootstrap_high", beside.bootstrap.map(|b| b[1])),
        ("ratio_of_medians", beside.ratio_of_medians),
        ("shapiro_wilk_p", beside.shapiro_wilk_p),
        ("anderson_darling_p", beside.anderson_darling_p),
        ("cohens_d", beside.cohens_d.map(|e| e.size)),
        ("cohens_d_low", low(beside.cohens_d)),
        ("cohens_d_high", high(beside.cohens_d)),
        ("cliffs_delta", beside.cliffs_delta.map(|e| e.size)),
        ("cliffs_delta_low", low(beside.cliffs_delta)),
        ("cliffs_delta_high", high(beside.cliffs_delta)),
        ("vargha_delaney_a", beside.vargha_delaney_a.map(|e| e.size)),
        ("power", beside.power),
        ("blocks_for_margin", beside.blocks_for_margin.map(|n| n as f64)),
        ("outliers", Some(beside.outliers.len() as f64)),
    ];
    if let Some([low, high]) = phase.simultaneous {
        figures.extend([("simultaneous_low", Some(low)), ("simultaneous_high", Some(high))]);
        figures.push(("verdict", phase.verdict.map(code)));
    }
    figures
}

/// Verdicts as numbers, so that they are compared like figures.
fn code(judgement: Judgement) -> f64 {
    match judgement {
        Judgement::EqualWithinMargin => 0.0,
        Judgement::Faster => 1.0,
        Judgement::Slower => 2.0,
        Judgement::NoDifferenceShown { .. } => 3.0,
    }
}

/// The script's row of each case and quantity.
fn rows(frame: &DataFrame) -> Outcome<BTreeMap<(String, String), usize>> {
    let (cases, phases) = (text(frame, "case")?, text(frame, "phase")?);
    let key = |i| Some((cases.get(i)?.to_owned(), phases.get(i)?.to_owned()));
    Ok((0..frame.height()).filter_map(|i| Some((key(i)?, i))).collect())
}

fn text(frame: &DataFrame, name: &str) -> Outcome<StringChunked> {
    Ok(frame.column(name)?.cast(&DataType::String)?.str()?.clone())
}

fn number(frame: &DataFrame, name: &str) -> Outcome<Float64Chunked> {
    Ok(frame.column(name)?.cast(&DataType::Float64)?.f64()?.rechunk().into_owned())
}
