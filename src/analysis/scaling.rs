//! How time grows with the size of the data: the exponent b of t = a · sizeᵇ, for each implementation, over cases that differ in size alone.
//!
//! A round holds one block of every case, so each round gives a slope of its own: least squares of ln t on ln size. The exponent is the
//! mean of these slopes and its interval the t interval over rounds: the process is the unit of replication here too. The interval tells how
//! well the slope over these sizes was measured; that time follows a power at all is not assumed, and [`Growth::bend`] tells how far it is from one.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::ALPHA;
use super::facts::TrialFacts;
use crate::stats::describe::mean;
use crate::stats::t_test;
use crate::store::manifest::{CaseRecord, Manifest};

/// The least number of sizes that tell a slope from a coincidence.
const LEAST_SIZES: usize = 3;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Training rows.
    Rows,
    /// Features.
    Features,
}

impl Size {
    /// Its word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Features => "features",
        }
    }
}

/// How the time of one implementation in one phase grows with one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// What the cases share: experiment, data set without its size, algorithm with what tells it from its neighbours.
    pub cases: String,
    /// Their ids, in the order of the sizes.
    pub case_ids: Vec<String>,
    /// The implementation.
    pub implementation: String,
    /// The phase.
    pub phase: String,
    /// What grows.
    pub size: Size,
    /// The other size, which stays.
    pub fixed: u64,
    /// The sizes, ascending.
    pub sizes: Vec<u64>,
    /// The geometric mean over rounds of the time at each, in nanoseconds a call.
    pub times_ns: Vec<f64>,
    /// The exponent: 1 is linear, 2 quadratic.
    pub exponent: f64,
    /// Its 95 % interval; none of a single round.
    pub interval: Option<[f64; 2]>,
    /// The largest factor by which the time at a size is off the fitted power.
    pub bend: f64,
    /// Rounds in which every size has a trial that worked.
    pub rounds: u64,
}

/// What cases of one growth have in common.
type Series<'a> = (Size, u64, String, &'a str);

/// Every growth that a run shows, on the phases that get verdicts.
pub fn growth(manifest: &Manifest, trials: &BTreeMap<String, Vec<TrialFacts>>) -> Vec<Growth> {
    let mut found = Vec::new();
    for ((size, fixed, cases, _), by_size) in series(manifest) {
        if by_size.len() < LEAST_SIZES {
            continue;
        }
        let of = |case: &CaseRecord| trials.get(&case.id).map_or(&[][..], Vec::as_slice);
        let first = by_size.values().next().copied();
        let implementations = first.into_iter().flat_map(|c| &c.arms).map(|a| a.implementation.as_str());
        for implementation in implementations {
            for phase in first.map(|c| c.primary_phases.as_slice()).unwrap_or_default() {
                let times = |case: &CaseRecord| times(of(case), implementation, phase);
                let times: Vec<BTreeMap<u32, f64>> = by_size.values().map(|case| times(case)).collect();
                let sizes: Vec<u64> = by_size.keys().copied().collect();
                let Some(fit) = fit(&sizes, &times) else { continue };
                let (implementation, phase) = (implementation.to_owned(), phase.clone());
                let (cases, case_ids) = (cases.clone(), by_size.values().map(|c| c.id.clone()).collect());
                found.push(Growth { cases, case_ids, implementation, phase, size, fixed, ..fit });
            }
        }
    }
    found
}

/// The cases that differ in one size alone, by that size.
fn series(manifest: &Manifest) -> BTreeMap<Series<'_>, BTreeMap<u64, &CaseRecord>> {
    let mut series: BTreeMap<Series<'_>, BTreeMap<u64, &CaseRecord>> = BTreeMap::new();
    for case in &manifest.cases {
        let Some(bundle) = case.bundle.as_ref().and_then(|hash| manifest.bundles.get(hash)) else { continue };
        // Two data sets of different content are one at two sizes only where a generator drew them, from no file.
        if !bundle.source_sha256.is_empty() {
            continue;
        }
        let dataset = without_size(&case.dataset);
        let label = if case.label.is_empty() { String::new() } else { format!(" {}", case.label) };
        let cases = format!("{} · {dataset} · {}{label}", case.experiment, case.algorithm);
        let (rows, features) = (bundle.train_rows, bundle.features);
        for (size, of, fixed) in [(Size::Rows, rows, features), (Size::Features, features, rows)] {
            series.entry((size, fixed, cases.clone(), &case.algorithm)).or_default().insert(of, case);
        }
    }
    series
}

/// The label of a generated data set without its numbers of rows and features, which a label leaves out where they are the defaults.
fn without_size(label: &str) -> String {
    let Some((name, parameters)) = label.strip_suffix(')').and_then(|l| l.split_once('(')) else {
        return label.to_owned();
    };
    let others: Vec<&str> = parameters
        .split(", ")
        .filter(|p| {
            !["rows", "features"].iter().any(|size| p.split_once('=').is_some_and(|(name, _)| name == *size))
        })
        .collect();
    if others.is_empty() { name.to_owned() } else { format!("{name}({})", others.join(", ")) }
}

/// The time of one call in each round.
fn times(trials: &[TrialFacts], implementation: &str, phase: &str) -> BTreeMap<u32, f64> {
    let own = trials.iter().filter(|t| t.implementation == implementation && t.is_ok());
    own.filter_map(|t| Some((t.block, t.time_ns(phase)?))).filter(|(_, time)| *time > 0.0).collect()
}

/// The fit over the rounds that hold every size; nothing if none does.
#[expect(clippy::cast_precision_loss, reason = "sizes and rounds are far below 2^52")]
fn fit(sizes: &[u64], times: &[BTreeMap<u32, f64>]) -> Option<Growth> {
    let rounds: BTreeSet<u32> = times.first()?.keys().copied().collect();
    let complete: Vec<u32> = rounds.into_iter().filter(|r| times.iter().all(|t| t.contains_key(r))).collect();
    let x: Vec<f64> = sizes.iter().map(|s| (*s as f64).ln()).collect();
    let logs = |round: &u32| times.iter().map(|t| t[round].ln()).collect::<Vec<f64>>();
    let slopes: Vec<f64> = complete.iter().map(|round| slope(&x, &logs(round))).collect::<Option<_>>()?;
    let exponent = mean(&slopes).ok()?;
    let means: Vec<f64> = times
        .iter()
        .map(|t| complete.iter().map(|r| t[r].ln()).sum::<f64>() / complete.len() as f64)
        .collect();
    let (x_mean, y_mean) = (mean(&x).ok()?, mean(&means).ok()?);
    let off = |(x, y): (&f64, &f64)| (y - y_mean - exponent * (x - x_mean)).abs();
    let interval = t_test::one_sample(&slopes, 0.0).and_then(|t| t.interval(ALPHA)).ok();
    Some(Growth {
        cases: String::new(),
        case_ids: Vec::new(),
        implementation: String::new(),
        phase: String::new(),
        size: Size::Rows,
        fixed: 0,
        sizes: sizes.to_vec(),
        times_ns: means.iter().map(|y| y.exp()).collect(),
        exponent,
        interval: interval.map(|i| [i.low, i.high]),
        bend: x.iter().zip(&means).map(off).fold(0.0, f64::max).exp(),
        rounds: complete.len() as u64,
    })
}

/// The slope of the least-squares line; none where the abscissae are equal.
fn slope(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x_mean, y_mean) = (mean(x).ok()?, mean(y).ok()?);
    let squares: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    let products: f64 = x.iter().zip(y).map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    (squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::super::example::{BASELINE, case, manifest, trial};
    use super::*;

    #[test]
    fn labels_lose_their_sizes_alone() {
        assert_eq!(without_size("linear(rows=10000, features=100, noise=0.5)"), "linear(noise=0.5)");
        assert_eq!(without_size("linear(rows=10000)"), "linear");
        assert_eq!(without_size("linear"), "linear", "all at their defaults");
    }

    /// Cases of 100, 200, 400 and 800 rows whose times grow with a power of them, in three rounds.
    fn grown(exponents: [f64; 3]) -> Vec<Growth> {
        let mut manifest = manifest();
        let mut trials = BTreeMap::new();
        manifest.cases.clear();
        for rows in [100_u32, 200, 400, 800] {
            let mut case = case();
            let hash = format!("bundle{rows}");
            // One of the sizes is the generator's default, which labels leave out.
            let label = if rows == 800 { "linear".to_owned() } else { format!("linear(rows={rows})") };
            (case.id, case.dataset) = (format!("case{rows}"), label);
            let mut bundle = manifest.bundles["bundle"].clone();
            (bundle.train_rows, bundle.source_sha256) = (u64::from(rows), BTreeMap::new());
            manifest.bundles.insert(hash.clone(), bundle);
            case.bundle = Some(hash);
            let of_round = |(block, exponent): (u32, &f64)| {
                let mut trial = trial(BASELINE, block);
                for phase in &mut trial.phases {
                    phase.median_ns = 5.0 * f64::from(rows).powf(*exponent);
                }
                trial
            };
            trials.insert(case.id.clone(), (1..).zip(&exponents).map(of_round).collect());
            manifest.cases.push(case);
        }
        growth(&manifest, &trials)
    }

    #[test]
    fn the_exponent_of_a_power_is_found() {
        let found = grown([1.5, 1.5, 1.5]);
        assert!(!found.is_empty());
        for growth in &found {
            assert_eq!((growth.size, &growth.sizes[..]), (Size::Rows, &[100, 200, 400, 800][..]));
            assert_eq!((growth.rounds, growth.implementation.as_str()), (3, BASELINE));
            assert!((growth.exponent - 1.5).abs() < 1e-12 && (growth.bend - 1.0).abs() < 1e-12, "{growth:?}");
            assert!((growth.times_ns[0] - 5000.0).abs() < 1e-8, "{growth:?}");
        }
    }

    /// Rounds of exponents 1, 2 and 3: mean 2, and scipy.stats.t.interval(0.95, 2, 2, 1 / sqrt(3)) is (-0.4841, 4.4841).
    #[test]
    fn its_interval_is_over_rounds() {
        let found = grown([1.0, 2.0, 3.0]);
        let [low, high] = found[0].interval.unwrap();
        assert!((found[0].exponent - 2.0).abs() < 1e-12);
        assert!((low + 0.484_138).abs() < 1e-5 && (high - 4.484_138).abs() < 1e-5, "{low} {high}");
    }

    #[test]
    fn too_few_sizes_tell_nothing() {
        assert_eq!(fit(&[10, 20, 40], &[BTreeMap::new(), BTreeMap::new(), BTreeMap::new()]), None);
        assert!(growth(&manifest(), &BTreeMap::new()).is_empty());
    }
}
