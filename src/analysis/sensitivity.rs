//! What is computed beside a verdict and decides nothing: other tests, other intervals, effect sizes, normality, power. Where two methods
//! disagree a reader should look twice; none of them can overrule the judge.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pairing::Paired;
use crate::stats::bootstrap::{Bootstrap, Places, Resampling};
use crate::stats::effect_size::{EffectSize, cliffs_delta, cohens_d_paired, vargha_delaney_a};
use crate::stats::paired_ratio::Family;
use crate::stats::{StatsError, correction, describe, normality, outlier, power, rank_test, t_test};

/// Resamples of the bootstrap interval: its ends are known to about a hundredth of its width.
const RESAMPLES: usize = 2000;

/// Beside the verdict. Absent is what a formula does not give on these blocks, such as a test on blocks that are all equal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sensitivity {
    /// The two-sided p-value of the paired t test on the log-ratios: the judge's own test, alone.
    pub t_p: Option<f64>,
    /// That p-value corrected for the family by Holm's method; primary phases only.
    pub holm_p: Option<f64>,
    /// That p-value corrected by Benjamini and Hochberg's method (false discovery rate); primary phases only.
    pub benjamini_hochberg_p: Option<f64>,
    /// The two-sided p-value of Wilcoxon's signed-rank test on the log-ratios.
    pub wilcoxon_p: Option<f64>,
    /// The two-sided p-value of the sign test.
    pub sign_p: Option<f64>,
    /// The BCa bootstrap interval (95 %, 2000 resamples of blocks) of the geometric mean of ratios.
    pub bootstrap: Option<[f64; 2]>,
    /// The median of the baseline's times over the median of the contender's, blocks unpaired.
    pub ratio_of_medians: Option<f64>,
    /// The p-value of Shapiro and Wilk's test that the log-ratios are normal.
    pub shapiro_wilk_p: Option<f64>,
    /// The p-value of Anderson and Darling's test that the log-ratios are normal.
    pub anderson_darling_p: Option<f64>,
    /// Cohen's d of the log-ratios (mean over standard deviation), and its 95 % interval.
    pub cohens_d: Option<Effect>,
    /// Cliff's delta of the times: the chance that the baseline takes longer, less the chance that the contender does.
    pub cliffs_delta: Option<Effect>,
    /// Vargha and Delaney's A: the chance that a time of the baseline is longer than one of the contender.
    pub vargha_delaney_a: Option<Effect>,
    /// The power that these blocks had to show a difference as large as the one measured, at the family's level.
    pub power: Option<f64>,
    /// Blocks that would show a difference of 5 % with a power of 80 %, at the family's level.
    pub blocks_for_margin: Option<u64>,
    /// Blocks whose log-ratio lies beyond Tukey's fences (1.5 interquartile ranges). They are counted like all others.
    pub outliers: Vec<u32>,
}

/// An effect size and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Effect {
    /// The size.
    pub size: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

impl From<EffectSize> for Effect {
    fn from(found: EffectSize) -> Self {
        Self { size: found.estimate, interval: [found.interval.low, found.interval.high] }
    }
}

/// The p-values of one comparison, corrected for its family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corrected {
    holm: Option<f64>,
    benjamini_hochberg: Option<f64>,
}

impl Corrected {
    /// Corrects the p-values of a family, given the log-ratios of each of its comparisons.
    pub fn family<'r>(family: impl Iterator<Item = &'r [f64]>) -> Vec<Self> {
        let p_values: Vec<Option<f64>> = family.map(t_p).collect();
        let known: Vec<f64> = p_values.iter().copied().flatten().collect();
        let spread = |corrected: Result<Vec<f64>, StatsError>| {
            let mut corrected = corrected.unwrap_or_default().into_iter();
            p_values.iter().map(|p| p.and_then(|_| corrected.next())).collect::<Vec<_>>()
        };
        let (holm, hochberg) =
            (spread(correction::holm(&known)), spread(correction::benjamini_hochberg(&known)));
        holm.into_iter()
            .zip(hochberg)
            .map(|(holm, benjamini_hochberg)| Self { holm, benjamini_hochberg })
            .collect()
    }
}

fn t_p(logs: &[f64]) -> Option<f64> {
    Some(t_test::one_sample(logs, 0.0).ok()?.result.p_value)
}

/// Everything beside the verdict on one phase.
pub fn of(pairs: &[Paired], logs: &[f64], family: Family, corrected: Option<Corrected>) -> Sensitivity {
    let (own, others): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (p.contender, p.baseline)).unzip();
    let zeros = vec![0.0; logs.len()];
    // Log-ratios that are equal up to rounding have no spread to speak of.
    let varies = logs.iter().any(|x| (x - logs[0]).abs() > 1e-12);
    #[expect(clippy::cast_precision_loss, reason = "a number of comparisons")]
    let alpha_each = family.alpha / family.comparisons as f64;
    let standardised = || {
        let spread = describe::standard_deviation(logs).ok().filter(|s| varies && *s > 0.0)?;
        Some((describe::mean(logs).ok()?, spread))
    };
    let effect = |found: Result<EffectSize, StatsError>| found.ok().map(Effect::from);
    Sensitivity {
        t_p: t_p(logs).filter(|_| varies),
        holm_p: corrected.and_then(|c| c.holm),
        benjamini_hochberg_p: corrected.and_then(|c| c.benjamini_hochberg),
        wilcoxon_p: rank_test::wilcoxon(logs, &zeros).ok().map(|t| t.result.p_value),
        sign_p: rank_test::sign(logs, &zeros).ok().map(|t| t.p_value),
        bootstrap: if varies { bootstrap(logs) } else { None },
        ratio_of_medians: describe::ratio_of_medians(&others, &own).ok(),
        shapiro_wilk_p: normality::shapiro_wilk(logs).ok().filter(|_| varies).map(|t| t.p_value),
        anderson_darling_p: normality::anderson_darling(logs).ok().filter(|_| varies).map(|t| t.p_value),
        cohens_d: if varies { effect(cohens_d_paired(logs, &zeros, family.alpha)) } else { None },
        cliffs_delta: effect(cliffs_delta(&others, &own, family.alpha)),
        vargha_delaney_a: effect(vargha_delaney_a(&others, &own, family.alpha)),
        power: standardised()
            .and_then(|(mean, s)| power::paired_power(mean / s, logs.len(), alpha_each).ok()),
        blocks_for_margin: standardised().and_then(|(_, s)| {
            let needed = power::paired_needed(super::comparison::MARGIN.ln_1p() / s, alpha_each, 0.8).ok()?;
            Some(needed as u64)
        }),
        outliers: outliers(pairs, logs),
    }
}

fn bootstrap(logs: &[f64]) -> Option<[f64; 2]> {
    // All comparisons of as many blocks are resampled alike: drawing the places takes longer than all the rest.
    thread_local!(static DRAWN: RefCell<BTreeMap<usize, Places>> = RefCell::default());
    let interval = DRAWN.with_borrow_mut(|drawn| {
        let places = match drawn.entry(logs.len()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let resampling = Resampling { resamples: RESAMPLES, seed: 0 };
                new.insert(Places::draw(logs.len(), resampling).ok()?)
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a number of blocks")]
        let mean = |logs: &[f64]| Ok(logs.iter().sum::<f64>() / logs.len() as f64);
        Bootstrap::at_places(logs, mean, places).ok()?.bca(0.05).ok()
    })?;
    Some([interval.low.exp(), interval.high.exp()])
}

fn outliers(pairs: &[Paired], logs: &[f64]) -> Vec<u32> {
    let Ok(fenced) = outlier::tukey_fences(logs, 1.5) else { return Vec::new() };
    fenced.outside.into_iter().map(|i| pairs[i].block).collect()
}
