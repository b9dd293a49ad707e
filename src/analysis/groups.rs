//! Comparisons over many cases: one figure for each group of them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{ALPHA, Comparison};
use super::selection::{Shown, value};
use crate::stats::combined::mean_of_means;

/// One contender against its baseline in one phase, over a group of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The keys that the group shares, with their values; `-` where a case has none.
    pub by: BTreeMap<String, String>,
    /// The implementation that is compared.
    pub contender: String,
    /// The implementation that it is compared with.
    pub baseline: String,
    /// The phase.
    pub phase: String,
    /// Cases that could be compared, on which the ratio rests.
    pub comparable: u64,
    /// Cases that could not: they have no ratio, and none is assumed.
    pub not_comparable: u64,
    /// The geometric mean over cases of their ratios; absent if none could be compared.
    pub ratio: Option<f64>,
    /// Its 95 % interval, for these cases alone: it tells how well they were measured, not how others would come out.
    pub interval: Option<[f64; 2]>,
    /// The smallest ratio of a case.
    pub smallest: Option<f64>,
    /// The largest.
    pub largest: Option<f64>,
}

/// The key of a group: values by key, contender, baseline, phase.
type Key = (BTreeMap<String, String>, String, String, String);

/// Groups the cases of some runs by keys. Of a case that several runs hold, the newest run's counts.
pub fn groups(comparisons: &[Comparison], by: &[String], shown: &Shown) -> Vec<Group> {
    let mut newest: Vec<&Comparison> = comparisons.iter().collect();
    newest.sort_by_key(|c| std::cmp::Reverse(c.created_unix_ms));
    let mut seen = BTreeSet::new();
    let mut groups: BTreeMap<Key, (Vec<&[f64]>, u64)> = BTreeMap::new();
    for case in newest.into_iter().flat_map(|c| &c.cases).filter(|c| seen.insert(c.case.id.as_str())) {
        let values: BTreeMap<String, String> =
            by.iter().map(|key| (key.clone(), value(&case.case, key).unwrap_or("-".to_owned()))).collect();
        for pair in &case.pairs {
            let key = |phase: &str| {
                (values.clone(), pair.contender.clone(), pair.baseline.clone(), phase.to_owned())
            };
            let compared = pair.phases.iter().filter(|p| shown.in_overview(&case.case, &p.phase));
            for phase in compared.clone() {
                groups.entry(key(&phase.phase)).or_default().0.push(&phase.log_ratios);
            }
            let missing = case.arms.iter().filter(|a| a.implementation == pair.contender);
            let missing = missing.flat_map(|a| a.phases_ns.keys()).filter(|phase| {
                shown.in_overview(&case.case, phase) && !compared.clone().any(|p| p.phase == **phase)
            });
            for phase in missing {
                groups.entry(key(phase)).or_default().1 += 1;
            }
        }
    }
    groups.into_iter().map(|(key, (logs, not_comparable))| Group::new(key, &logs, not_comparable)).collect()
}

impl Group {
    fn new((by, contender, baseline, phase): Key, logs: &[&[f64]], not_comparable: u64) -> Self {
        let found = mean_of_means(logs, ALPHA).ok();
        #[expect(clippy::cast_precision_loss, reason = "a number of blocks")]
        let ratios = || logs.iter().map(|logs| (logs.iter().sum::<f64>() / logs.len() as f64).exp());
        Self {
            by,
            contender,
            baseline,
            phase,
            comparable: logs.len() as u64,
            not_comparable,
            ratio: found.map(|(mean, _)| mean.exp()),
            interval: found.map(|(_, interval)| [interval.low.exp(), interval.high.exp()]),
            smallest: ratios().min_by(f64::total_cmp),
            largest: ratios().max_by(f64::total_cmp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{arm, comparison};

    #[test]
    fn a_group_is_the_geometric_mean_over_its_cases() {
        let (slow, fast, faster) = ([100.0, 102.0, 99.0], [50.0, 50.0, 50.0], [12.5, 12.5, 12.5]);
        let with = |own: &[f64]| {
            comparison("r", 1, &[arm("rust/x", Some("python/a"), own), arm("python/a", None, &slow)])
        };
        let (mut first, mut second) = (with(&fast), with(&faster));
        second.cases[0].case.id = "other".to_owned();
        second.cases[0].case.dataset = "wine".to_owned();
        first.cases.append(&mut second.cases);
        let all = groups(&[first.clone()], &["algorithm".to_owned()], &Shown::default());
        assert_eq!(all.len(), 1);
        let ratio = |own: f64| (slow.iter().map(|s: &f64| (s / own).ln()).sum::<f64>() / 3.0).exp();
        assert!((all[0].ratio.unwrap() - (ratio(50.0) * ratio(12.5)).sqrt()).abs() < 1e-12, "{all:?}");
        assert!(
            (all[0].smallest.unwrap() - ratio(50.0)).abs() < 1e-12
                && (all[0].largest.unwrap() - ratio(12.5)).abs() < 1e-12
        );
        assert_eq!((all[0].comparable, all[0].not_comparable), (2, 0));
        let by_data = groups(&[first], &["dataset".to_owned(), "gamma".to_owned()], &Shown::default());
        assert_eq!(by_data.len(), 2);
        assert_eq!(by_data[1].by["dataset"], "wine");
        assert_eq!(by_data[1].by["gamma"], "-", "a key that the case does not have");
    }

    #[test]
    fn what_cannot_be_compared_is_counted_and_has_no_ratio() {
        let mut run = comparison(
            "r",
            1,
            &[arm("rust/x", Some("python/a"), &[1.0, 2.0]), arm("python/a", None, &[1.0, 2.0])],
        );
        let pair = &mut run.cases[0].pairs[0];
        pair.comparable = false;
        pair.phases.clear();
        let found = groups(&[run.clone()], &["algorithm".to_owned()], &Shown::default());
        assert_eq!((found[0].comparable, found[0].not_comparable, found[0].ratio), (0, 1, None));
        // Of a case that two runs hold, the newest counts.
        let newer = comparison(
            "r2",
            2,
            &[arm("rust/x", Some("python/a"), &[1.0, 2.0]), arm("python/a", None, &[2.0, 4.0])],
        );
        let found = groups(&[run, newer], &["algorithm".to_owned()], &Shown::default());
        assert_eq!((found[0].comparable, found[0].not_comparable), (1, 0));
        assert!((found[0].ratio.unwrap() - 2.0).abs() < 1e-12);
    }
}
