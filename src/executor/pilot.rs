//! After the pilot: what its blocks showed of every comparison, and the number of blocks that the policy draws from it.

use std::collections::{BTreeMap, HashMap};

use super::event::{Status, TrialEvent};
use crate::analysis::summary::phase_times;
use crate::data::bundle::{Bundle, TEST_FEATURES};
use crate::plan::stopping::{Decision, PilotRatios, Stopping};
use crate::plan::{Case, Plan};
use crate::stats::paired_ratio::log_ratios;
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::counts;
use crate::store::state::{RunState, TrialRecord};

/// The events that fix the number of blocks of every case that has none yet. Called when the pilot's last round is over; blocks
/// beyond the pilot have no say, so that a continued run decides as it would have.
pub fn decisions(
    plan: &Plan,
    manifest: &Manifest,
    state: &RunState,
    bundles: &HashMap<&str, Vec<&Bundle>>,
) -> Vec<TrialEvent> {
    let planned: Vec<Planned<'_>> =
        plan.cases.iter().zip(&manifest.cases).map(|pair| Planned::new(plan, pair, bundles)).collect();
    let comparisons: usize = planned.iter().map(|p| p.pairs.len() * p.phases.len()).sum();
    let comparisons = u32::try_from(comparisons).unwrap_or(u32::MAX);
    let Some(stopping) = Stopping::new(plan.blocks, comparisons) else { return Vec::new() };
    let complete = state.complete();
    let mut pilots: HashMap<&str, Vec<&TrialRecord>> = HashMap::new();
    for record in &state.trials {
        if record.trial.block <= stopping.min && counts(record, &complete) {
            pilots.entry(&record.trial.case).or_default().push(record);
        }
    }
    let open = planned.iter().filter(|p| !p.is_empty && !state.fixed.contains_key(&p.record.id));
    open.map(|planned| {
        let pilot = pilots.get(planned.record.id.as_str()).map_or(&[][..], Vec::as_slice);
        let Decision { blocks, wanted, comparisons, pilot } = stopping.decide(&planned.ratios(pilot));
        TrialEvent::BlocksFixed { case: planned.record.id.clone(), blocks, wanted, comparisons, pilot }
    })
    .collect()
}

/// What is planned to be compared in one case.
struct Planned<'a> {
    record: &'a CaseRecord,
    /// No implementation is run.
    is_empty: bool,
    /// The arms that will be compared, each with the one that it is compared with; both are run.
    pairs: Vec<(&'a str, &'a str)>,
    /// The primary phases, as far as they are timed.
    phases: Vec<String>,
}

impl<'a> Planned<'a> {
    fn new(
        plan: &Plan,
        (case, record): (&'a Case, &'a CaseRecord),
        bundles: &HashMap<&str, Vec<&Bundle>>,
    ) -> Self {
        let test_rows =
            bundles.get(case.id.as_str()).and_then(|b| b.first()?.rows(TEST_FEATURES).ok()).unwrap_or(0);
        let phases = plan.phases(case, test_rows).into_iter().map(|p| p.name);
        let runnable: Vec<&str> = case.runnable().map(|arm| arm.implementation.as_str()).collect();
        let compared = record.arms.iter().filter_map(|arm| {
            let pair = (arm.implementation.as_str(), arm.compared_with.as_deref()?);
            (runnable.contains(&pair.0) && runnable.contains(&pair.1)).then_some(pair)
        });
        Self {
            record,
            is_empty: runnable.is_empty(),
            phases: phases.filter(|name| record.primary_phases.contains(name)).collect(),
            pairs: compared.collect(),
        }
    }

    /// The log-ratios of every planned comparison whose sides both worked throughout the pilot: a pair with a failed trial will get
    /// no ratio, so no block need be spent on it.
    fn ratios(&self, pilot: &[&TrialRecord]) -> Vec<PilotRatios> {
        let times_of = |implementation: &str| -> Option<BTreeMap<u32, BTreeMap<String, f64>>> {
            let trials = pilot.iter().filter(|t| t.trial.implementation == implementation);
            trials
                .map(|t| {
                    let times = phase_times(t).into_iter().collect();
                    (t.status == Some(Status::Ok)).then_some((t.trial.block, times))
                })
                .collect()
        };
        let mut ratios = Vec::new();
        for (contender, baseline) in &self.pairs {
            let (Some(own), Some(baseline)) = (times_of(contender), times_of(baseline)) else { continue };
            for phase in &self.phases {
                let pairs = own.iter().filter_map(|(block, times)| {
                    Some((*baseline.get(block)?.get(phase)?, *times.get(phase)?))
                });
                let (references, times): (Vec<f64>, Vec<f64>) = pairs.unzip();
                if let Ok(log_ratios) = log_ratios(&references, &times) {
                    let (contender, phase) = ((*contender).to_owned(), phase.clone());
                    ratios.push(PilotRatios { contender, phase, log_ratios });
                }
            }
        }
        ratios
    }
}
