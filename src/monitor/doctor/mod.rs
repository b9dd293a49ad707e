//! `benchrun doctor`: what on this machine will make figures noisy, how good its clocks are, and what to do about it.
//!
//! Each check reads a few of the kernel's files and gives findings; what cannot be read is `unknown` with the reason. The checks look at
//! the CPUs that trials would be given, since noise elsewhere matters less. `docs/design/noise.md` has the reason of every threshold.

mod clocks;
mod cpus;
mod frequency;
mod heat;
mod load;
mod memory;
mod offers;
mod space;
mod virtualisation;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clocks::ClockFigures;

use super::system::System;

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// The CPUs that a trial would be given; empty where the system cannot restrict it.
    pub trial_cpus: Vec<usize>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// The clocks that trials are timed with.
    pub clocks: Vec<ClockFigures>,
    /// How much later than asked a blocking wait ends, in nanoseconds: the median of many.
    pub wake_up_ns: u64,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// How much it matters.
    pub level: Level,
    /// What is, with its value; why nobody knows where it is `unknown`.
    pub finding: String,
    /// What to do, with the exact command where there is one.
    pub advice: Option<String>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It makes figures noisy, or endangers the run.
    Warning,
    /// It may, or something that others offer is not to be had here.
    Notice,
    /// The system does not tell.
    Unknown,
    /// It does not.
    Ok,
}

impl Level {
    /// Every level, the gravest first.
    pub const ALL: [Self; 4] = [Self::Warning, Self::Notice, Self::Unknown, Self::Ok];

    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
        }
    }
}

impl Finding {
    fn new(level: Level, name: &str, finding: impl Into<String>) -> Self {
        Self { name: name.to_owned(), level, finding: finding.into(), advice: None }
    }

    fn ok(name: &str, finding: impl Into<String>) -> Self {
        Self::new(Level::Ok, name, finding)
    }

    fn notice(name: &str, finding: impl Into<String>) -> Self {
        Self::new(Level::Notice, name, finding)
    }

    fn warning(name: &str, finding: impl Into<String>) -> Self {
        Self::new(Level::Warning, name, finding)
    }

    fn unknown(name: &str, reason: impl Into<String>) -> Self {
        Self::new(Level::Unknown, name, reason)
    }

    fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// Who would run where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The CPUs that this process may use; nothing where the system does not tell.
    pub allowed: Option<Vec<usize>>,
    /// Those of a trial; empty where it cannot be restricted.
    pub trial: Vec<usize>,
    /// Those of the runner; empty where it cannot be restricted.
    pub runner: Vec<usize>,
    /// Folders that a run writes to, each with its name.
    pub folders: Vec<(String, PathBuf)>,
}

/// A check of what the kernel tells.
type Check = fn(&System, &Layout) -> Vec<Finding>;

/// Every check that does not measure.
const CHECKS: &[Check] = &[
    load::average,
    cpus::findings,
    frequency::findings,
    heat::findings,
    virtualisation::findings,
    memory::findings,
    clocks::source,
    space::findings,
    offers::findings,
];

impl Diagnosis {
    /// Examines this machine, in under a second. Measures before this process adds to the load.
    pub fn of(layout: &Layout) -> Self {
        let system = System::here();
        let (measured, wake_up_ns) = load::measure(&system, layout);
        let clocks = clocks::measure();
        let mut findings = measured;
        findings.extend(CHECKS.iter().flat_map(|check| check(&system, layout)));
        findings.extend(clocks.iter().map(clocks::judge));
        findings.push(clocks::judge_wake_up(wake_up_ns));
        Self { trial_cpus: layout.trial.clone(), findings, clocks, wake_up_ns }
    }

    /// The findings of one level.
    pub fn of_level(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.level == level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::system::made_up;

    /// The finding of that name.
    #[track_caller]
    pub fn named(findings: &[Finding], name: &str) -> Finding {
        findings.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("{name}: {findings:#?}")).clone()
    }

    #[test]
    fn a_system_that_tells_nothing_is_unknown_and_not_fine() {
        let made = made_up::system(&[]);
        let layout = Layout { trial: vec![1], runner: vec![0], allowed: Some(vec![0, 1]), folders: vec![] };
        let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&made.system, &layout)).collect();
        let of = |level| findings.iter().filter(|f| f.level == level).map(|f| f.name.as_str()).collect();
        let (fine, warned): (Vec<&str>, Vec<&str>) = (of(Level::Ok), of(Level::Warning));
        // No hint of a container is all that a system outside of one gives.
        assert_eq!(fine, ["container"], "{findings:#?}");
        // Whether this process may restrict itself is tried, not read.
        assert!(warned.iter().all(|name| *name == "affinity"), "{findings:#?}");
        let reasons = findings.iter().filter(|f| f.level == Level::Unknown);
        assert!(reasons.clone().count() > 10 && reasons.clone().all(|f| !f.finding.is_empty()));
    }

    #[test]
    fn every_check_of_this_machine_has_a_name_of_its_own() {
        let diagnosis = Diagnosis::of(&Layout::default());
        let names: std::collections::BTreeSet<&str> =
            diagnosis.findings.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names.len(), diagnosis.findings.len(), "{:#?}", diagnosis.findings);
        assert!(diagnosis.clocks.iter().all(|clock| clock.step_ns > 0 && clock.read_ns > 0.0));
    }
}
