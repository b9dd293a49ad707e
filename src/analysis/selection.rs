//! What of a comparison is looked at: filters, groups and quantities by name. Looking at less never changes a verdict: the family of
//! simultaneous intervals stays the whole run's.

use std::collections::BTreeSet;

use super::comparison::{CaseComparison, Comparison};
use crate::store::manifest::CaseRecord;

/// Keys of a case, beside its hyperparameters.
const KEYS: [&str; 5] = ["experiment", "task", "dataset", "algorithm", "case"];
/// Keys of an implementation.
const OF_IMPLEMENTATION: [&str; 2] = ["implementation", "language"];

/// A condition on cases or implementations: the value of a key is one of those given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The key.
    pub key: String,
    /// The values.
    pub values: Vec<String>,
}

impl std::str::FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, values) = text
            .split_once('=')
            .filter(|(key, values)| !key.is_empty() && !values.is_empty())
            .ok_or_else(|| format!("a filter is KEY=VALUE or KEY=VALUE,VALUE, not `{text}`"))?;
        Ok(Self { key: key.to_owned(), values: values.split(',').map(str::to_owned).collect() })
    }
}

/// The value of a key for a case; nothing where it has none.
pub fn value(case: &CaseRecord, key: &str) -> Option<String> {
    Some(match key {
        "experiment" => case.experiment.clone(),
        "task" => case.task.clone(),
        "dataset" => case.dataset.clone(),
        "algorithm" => case.algorithm.clone(),
        "case" => case.id.clone(),
        hyperparameter => case.hyperparameters.get(hyperparameter)?.to_string(),
    })
}

/// Every key that tells cases of some comparisons apart.
pub fn keys(comparisons: &[Comparison]) -> BTreeSet<String> {
    let cases = comparisons.iter().flat_map(|c| &c.cases);
    cases.flat_map(|c| c.case.hyperparameters.keys().cloned()).chain(KEYS.map(str::to_owned)).collect()
}

/// Every key that a filter may name.
pub fn filter_keys(comparisons: &[Comparison]) -> BTreeSet<String> {
    let mut keys = keys(comparisons);
    keys.extend(OF_IMPLEMENTATION.map(str::to_owned));
    keys
}

/// Keeps what every filter lets through.
pub fn select(comparison: &mut Comparison, filters: &[Filter]) {
    let (of_arms, of_cases): (Vec<&Filter>, Vec<&Filter>) =
        filters.iter().partition(|f| OF_IMPLEMENTATION.contains(&f.key.as_str()));
    comparison
        .cases
        .retain(|c| of_cases.iter().all(|f| value(&c.case, &f.key).is_some_and(|v| f.values.contains(&v))));
    for case in &mut comparison.cases {
        keep_arms(case, &of_arms);
    }
    comparison.cases.retain(|c| !c.arms.is_empty());
    let cases = &comparison.cases;
    let has_arm = |id: &String, implementation: &str| {
        cases.iter().any(|c| c.case.id == *id && c.arms.iter().any(|a| a.implementation == implementation))
    };
    comparison.growth.retain(|g| g.case_ids.iter().all(|id| has_arm(id, &g.implementation)));
}

/// Keeps the arms that pass, and each pair whose contender passes together with its baseline.
fn keep_arms(case: &mut CaseComparison, filters: &[&Filter]) {
    let passes = |implementation: &str| {
        filters.iter().all(|f| {
            let language = implementation.split('/').next().unwrap_or_default();
            let value = if f.key == "language" { language } else { implementation };
            f.values.iter().any(|v| v == value)
        })
    };
    case.pairs.retain(|p| passes(&p.contender));
    let pairs = &case.pairs;
    case.arms
        .retain(|arm| passes(&arm.implementation) || pairs.iter().any(|p| p.baseline == arm.implementation));
}

/// The name by which the largest resident set is asked for.
pub const MEMORY: &str = "peak_memory";

/// The quantities that reports may show: phases, then memory, then metrics.
pub fn quantities(comparisons: &[Comparison]) -> BTreeSet<String> {
    let arms = || comparisons.iter().flat_map(|c| &c.cases).flat_map(|c| &c.arms);
    let phases = arms().flat_map(|a| a.phases_ns.keys().cloned());
    let metrics = arms().flat_map(|a| a.metrics.keys().cloned());
    phases.chain(metrics).chain([MEMORY.to_owned()]).collect()
}

/// Which quantities are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(Option<Vec<String>>);

impl Shown {
    /// Those named, or what a report shows by default if none is.
    pub fn new(names: &[String]) -> Self {
        Self((!names.is_empty()).then(|| names.to_vec()))
    }

    /// Whether a phase is shown: all by default.
    pub fn phase(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|n| n == name))
    }

    /// Whether memory is shown: it is by default.
    pub fn memory(&self) -> bool {
        self.phase(MEMORY)
    }

    /// The metrics that are shown: a case's headline metrics by default.
    pub fn metrics(&self, case: &CaseComparison) -> Vec<String> {
        let known = |name: &&String| case.arms.iter().any(|arm| arm.metrics.contains_key(*name));
        match &self.0 {
            None if case.arms.iter().all(|arm| arm.metrics.is_empty()) => case.case.headline_metrics.clone(),
            // An algorithm need not have all metrics of its task.
            None => case.case.headline_metrics.iter().filter(known).cloned().collect(),
            Some(names) => names.iter().filter(known).cloned().collect(),
        }
    }

    /// Whether a phase stands in overviews: primary phases by default.
    pub fn in_overview(&self, case: &CaseRecord, phase: &str) -> bool {
        match &self.0 {
            None => case.primary_phases.iter().any(|p| p == phase),
            Some(names) => names.iter().any(|n| n == phase),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{arm, comparison};

    fn selected(filters: &[&str]) -> Comparison {
        let arms = [
            arm("rust/x", Some("python/a"), &[1.0, 2.0]),
            arm("rust/y", Some("python/a"), &[1.0, 2.0]),
            arm("python/a", None, &[1.0, 2.0]),
        ];
        let mut comparison = comparison("r", 1, &arms);
        let filters: Vec<Filter> = filters.iter().map(|f| f.parse().unwrap()).collect();
        select(&mut comparison, &filters);
        comparison
    }

    #[test]
    fn filters_choose_cases_and_keep_the_baseline_of_what_they_choose() {
        assert_eq!(selected(&["dataset=diabetes,wine", "alpha=1"]).cases.len(), 1);
        assert_eq!(selected(&["alpha=2"]).cases.len(), 0);
        assert_eq!(selected(&["gamma=1"]).cases.len(), 0, "a case without the key does not match");
        let one = selected(&["implementation=rust/y"]);
        assert_eq!(one.family, 2, "looking at less changes no verdict");
        assert_eq!(one.cases[0].pairs.len(), 1);
        let arms: Vec<&str> = one.cases[0].arms.iter().map(|a| a.implementation.as_str()).collect();
        assert_eq!(arms, ["rust/y", "python/a"]);
        assert_eq!(selected(&["language=python"]).cases[0].pairs.len(), 0);
    }

    #[test]
    fn a_filter_is_a_key_and_values() {
        for wrong in ["", "alpha", "=1", "alpha="] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }
}
