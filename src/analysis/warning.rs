//! Conditions under which the judge's intervals may not keep their promise, found on the run's own blocks. `docs/design/judge.md` has the
//! simulated rates: what each rule finds, how often it warns of nothing, and what no rule can find.

use super::comparison::{CaseComparison, PhaseComparison};
use super::evidence::BlockNoise;
use super::sensitivity::Sensitivity;
use crate::monitor::doctor::{Diagnosis, Level};
use crate::monitor::noise::Noise;
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

/// What the doctor warned of before the run, by name.
pub fn of_machine(diagnosis: Option<&Diagnosis>) -> Vec<String> {
    let names: Vec<&str> =
        diagnosis.iter().flat_map(|d| d.of_level(Level::Warning)).map(|f| f.name.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!("`benchrun doctor` warned before the run: {}", names.join(", "))]
}

/// What went on during blocks beyond the thresholds of `monitor/noise.rs`: in how many, and the largest figure.
pub fn of_noise(blocks: &[BlockNoise]) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let loud = |measure: fn(&Noise) -> Option<f64>| blocks.iter().filter_map(move |b| measure(&b.noise));
    let tell = |what: &str, measure: fn(&Noise) -> Option<f64>, shown: &dyn Fn(f64) -> String| {
        let largest = loud(measure).reduce(f64::max)?;
        Some(format!("{what} in {} (at most {})", loud(measure).count(), shown(largest)))
    };
    // A frequency that fell is as loud as one that rose by the same factor.
    let frequency = |noise: &Noise| noise.loud_frequency().map(|ratio| ratio.ln().abs().exp() - 1.0);
    let throttles = |noise: &Noise| noise.throttles.filter(|n| *n > 0).map(|_| 1.0);
    let told: Vec<String> = [
        tell("others on the trials' CPUs", Noise::loud_others, &percent),
        tell("others elsewhere", Noise::loud_elsewhere, &|cpus| format!("{cpus:.1} CPUs")),
        tell("steal time", Noise::loud_steal, &percent),
        tell("another clock frequency", frequency, &percent),
        Some(loud(throttles).count()).filter(|n| *n > 0).map(|n| format!("throttling in {n}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if told.is_empty() {
        return Vec::new();
    }
    vec![format!("noise in some of {} blocks: {}; see `blocks.parquet`", blocks.len(), told.join(", "))]
}

fn first_verdict(case: &CaseComparison) -> Option<&PhaseComparison> {
    case.pairs.iter().flat_map(|p| &p.phases).find(|p| p.verdict.is_some())
}

fn varies(logs: &[f64]) -> bool {
    logs.iter().any(|x| x.to_bits() != logs[0].to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Finding;

    fn block(noise: Noise) -> BlockNoise {
        BlockNoise {
            case: "c".to_owned(),
            block: 1,
            noise: Noise { trial_cpus: 1, rounding_cpus: Some(0.0), ..noise },
        }
    }

    #[test]
    fn noise_is_told_by_how_many_blocks_and_the_largest() {
        let others = |cpus| {
            block(Noise {
                others_trial_cpus: Some(cpus),
                others_elsewhere_cpus: Some(0.2),
                ..Noise::default()
            })
        };
        assert!(of_noise(&[]).is_empty());
        assert!(of_noise(&[others(0.04), others(0.0)]).is_empty());
        assert_eq!(
            of_noise(&[others(0.04), others(0.06), others(0.42)]),
            [
                "noise in some of 3 blocks: others on the trials' CPUs in 2 (at most 42 %); see `blocks.parquet`"
            ]
        );
        let fell =
            Noise { frequency_before_khz: Some(3_000), frequency_after_khz: Some(2_000), ..Noise::default() };
        let all = block(Noise {
            others_elsewhere_cpus: Some(1.25),
            steal_share: Some(0.1),
            throttles: Some(4),
            ..fell
        });
        assert_eq!(
            of_noise(&[all]),
            [
                "noise in some of 1 blocks: others elsewhere in 1 (at most 1.2 CPUs), steal time in 1 (at most 10 %), another clock frequency in 1 (at most 50 %), throttling in 1; see `blocks.parquet`"
            ]
        );
    }

    #[test]
    fn warnings_of_the_doctor_are_named_and_nothing_else() {
        let finding = |name: &str, level| Finding {
            name: name.to_owned(),
            level,
            finding: "f".to_owned(),
            advice: None,
        };
        let findings = vec![
            finding("turbo", Level::Warning),
            finding("smt", Level::Notice),
            finding("load", Level::Warning),
        ];
        let mut diagnosis = Diagnosis { trial_cpus: vec![1], findings, clocks: Vec::new(), wake_up_ns: 1 };
        assert_eq!(of_machine(Some(&diagnosis)), ["`benchrun doctor` warned before the run: turbo, load"]);
        diagnosis.findings.retain(|f| f.level != Level::Warning);
        assert!(of_machine(Some(&diagnosis)).is_empty());
        assert!(of_machine(None).is_empty());
    }
}
