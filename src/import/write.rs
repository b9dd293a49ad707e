//! Foreign trials as a run's folder: its manifest and its tables. There is no journal, for nothing was run.

use std::fs;
use std::path::{Path, PathBuf};

use super::Import;
use super::cases::{Case, Member, bundle_of};
use super::judge::Judged;
use crate::executor::event::Status;
use crate::store::manifest::{CaseRecord, Manifest};
use crate::store::rows::{self, ParityRow, SampleRow, TrialRow};
use crate::store::{StoreError, parquet, run_folder};

/// The mark of a metric that the foreign tool claims: no judge reads it.
const CLAIMED: &str = "claimed_";

/// The rows of all cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// One row for each trial.
    pub trials: Vec<TrialRow>,
    /// One row for each sample.
    pub samples: Vec<SampleRow>,
    /// The points of the tasks' contracts.
    pub parity: Vec<ParityRow>,
}

impl Rows {
    /// Adds the trials and samples of one case.
    pub fn add(&mut self, manifest: &Manifest, record: &CaseRecord, case: &Case<'_>, judged: &[Judged]) {
        let blocks = case.blocks();
        for (member, judged) in case.members.iter().zip(judged) {
            let block = blocks[&member.key];
            let id = format!("{}-b{block:03}-{}", case.id, member.trial().implementation);
            self.samples.extend(samples(member, &id, &case.id, block));
            self.trials.push(trial(manifest, record, member, judged, id, block));
        }
    }
}

fn trial(
    manifest: &Manifest,
    record: &CaseRecord,
    member: &Member<'_>,
    judged: &Judged,
    id: String,
    block: u32,
) -> TrialRow {
    let trial = member.trial();
    let claimed = trial.metrics.iter().map(|(name, value)| (format!("{CLAIMED}{name}"), *value));
    let status = if judged.rejected.is_some() { Status::Failed } else { trial.status() };
    TrialRow {
        trial: Some(id),
        settings: serde_json::to_string(&trial.settings).unwrap_or_default(),
        bundle: bundle_of(trial).map(str::to_owned),
        block: Some(block),
        attempt: Some(0),
        session: trial.session,
        counted: true,
        status: status.word().to_owned(),
        reason: judged.rejected.clone().or_else(|| trial.reason.clone().filter(|_| status != Status::Ok)),
        seed: trial.seed,
        start_ns: trial.start_ns,
        load_ns: trial.load_ns,
        rss_ready_bytes: trial.rss_ready_bytes,
        peak_rss_bytes: trial.peak_rss_bytes,
        cpu_set: trial.cpu_set.as_ref().and_then(|set| serde_json::to_string(set).ok()),
        threads_alive: trial.receipt.as_ref().and_then(|r| r.threads.alive),
        threads_pool: trial.receipt.as_ref().and_then(|r| r.threads.pool),
        versions: if trial.versions.is_empty() { None } else { serde_json::to_string(&trial.versions).ok() },
        receipt: trial.receipt.as_ref().and_then(|r| serde_json::to_string(r).ok()),
        outputs_sha256: judged.sha256.clone(),
        metrics: judged.metrics.clone().into_iter().chain(claimed).collect(),
        ..rows::empty_row(manifest, record, &trial.implementation)
    }
}

fn samples(member: &Member<'_>, id: &str, case: &str, block: u32) -> Vec<SampleRow> {
    let trial = member.trial();
    let mut rows = Vec::new();
    for phase in &trial.phases {
        for (sample, (i, wall_ns)) in (0_u32..).zip(phase.wall_ns.iter().enumerate()) {
            rows.push(SampleRow {
                trial: id.to_owned(),
                case: case.to_owned(),
                implementation: trial.implementation.clone(),
                block,
                counted: true,
                phase: phase.name.clone(),
                sample,
                calls: phase.calls.as_ref().map_or(1, |calls| calls[i]),
                wall_ns: *wall_ns,
                cpu_ns: phase.cpu_ns.as_ref().map(|cpu| cpu[i]),
            });
        }
    }
    rows
}

impl Import {
    /// Writes the run's folder and gives its path.
    ///
    /// # Errors
    /// It exists already or cannot be written.
    pub fn write(&self, results: &Path) -> Result<PathBuf, StoreError> {
        let folder = results.join(&self.manifest.spec).join(&self.manifest.run);
        let io = |error| StoreError::Io { action: "create", path: folder.clone(), source: error };
        fs::create_dir_all(results.join(&self.manifest.spec)).map_err(io)?;
        fs::create_dir(&folder).map_err(io)?;
        parquet::write_rows(&folder, (&self.trials, &self.samples, &self.parity), true)?;
        // The manifest comes last: a folder without one is no run.
        run_folder::write_manifest(&folder, &self.manifest)?;
        Ok(folder)
    }
}
