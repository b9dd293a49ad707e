//! Scores of one learner summed up over runs and tasks, with few runs each.
//!
//! Agarwal, Schwarzer, Castro, Courville & Bellemare (2021), "Deep reinforcement learning at the edge of the
//! statistical precipice", Advances in Neural Information Processing Systems 34 (the package rliable). Scores are
//! normalised, one list of runs for each task. Intervals: [`super::bootstrap::Bootstrap::stratified`], which resamples
//! the runs of each task; for two learners, with the tasks of both in one list.

use super::describe::{mean, trimmed_mean};
use super::error::{StatsError, check_sample};
use super::ranks::ranks;

/// The mean of the middle half of all runs of all tasks.
///
/// # Errors
/// If there is no task, or one has no run or a score that is not finite.
pub fn interquartile_mean(tasks: &[impl AsRef<[f64]>]) -> Result<f64, StatsError> {
    trimmed_mean(&all_runs(tasks)?, 0.25)
}

/// How far scores fall short of `target` on average, those above it counting as equal to it.
///
/// # Errors
/// As [`interquartile_mean`], and if the target is not finite.
pub fn optimality_gap(tasks: &[impl AsRef<[f64]>], target: f64) -> Result<f64, StatsError> {
    check_sample(&[target], 1)?;
    let shortfalls: Vec<f64> = all_runs(tasks)?.iter().map(|score| target - score.min(target)).collect();
    mean(&shortfalls)
}

/// The fraction of runs that score above each threshold, over all tasks.
///
/// # Errors
/// As [`interquartile_mean`], and if a threshold is not finite.
pub fn performance_profile(tasks: &[impl AsRef<[f64]>], thresholds: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_sample(thresholds, 1)?;
    let runs = all_runs(tasks)?;
    let above = |threshold: &f64| runs.iter().filter(|score| *score > threshold).count() as f64;
    Ok(thresholds.iter().map(|threshold| above(threshold) / runs.len() as f64).collect())
}

/// The probability that a run of x beats a run of y on a random task: the mean over tasks of `P(x > y) + P(x = y) / 2`.
///
/// # Errors
/// As [`interquartile_mean`] for each, and if they have not the same number of tasks.
pub fn probability_of_improvement(
    x: &[impl AsRef<[f64]>],
    y: &[impl AsRef<[f64]>],
) -> Result<f64, StatsError> {
    if x.len() != y.len() {
        return Err(StatsError::UnequalLengths { first: x.len(), second: y.len() });
    }
    all_runs(x)?;
    all_runs(y)?;
    let on_task = |(x, y): (&[f64], &[f64])| {
        let (ranks, _) = ranks(&[x, y].concat());
        let n = x.len() as f64;
        let u = ranks[..x.len()].iter().sum::<f64>() - 0.5 * n * (n + 1.0);
        u / (n * y.len() as f64)
    };
    let probabilities: Vec<f64> =
        x.iter().map(AsRef::as_ref).zip(y.iter().map(AsRef::as_ref)).map(on_task).collect();
    mean(&probabilities)
}

fn all_runs(tasks: &[impl AsRef<[f64]>]) -> Result<Vec<f64>, StatsError> {
    if tasks.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    for runs in tasks {
        check_sample(runs.as_ref(), 1)?;
    }
    Ok(tasks.iter().flat_map(|runs| runs.as_ref().iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap::{Bootstrap, Resampling};
    use super::*;
    use crate::stats::reference::{Case, agrees, agrees_all};

    #[test]
    fn equals_rliable() {
        for case in Case::all(include_str!("../../tests/reference/across_tasks.json")) {
            let (x, y) = (case.samples("x"), case.samples("y"));
            agrees(&case, "interquartile_mean", interquartile_mean(&x).unwrap(), 1e-10);
            agrees(&case, "optimality_gap", optimality_gap(&x, 1.0).unwrap(), 1e-10);
            agrees(&case, "optimality_gap_2", optimality_gap(&x, 2.0).unwrap(), 1e-10);
            agrees(&case, "improvement", probability_of_improvement(&x, &y).unwrap(), 1e-10);
            let profile = performance_profile(&x, &case.sample("thresholds")).unwrap();
            agrees_all(&case, "performance_profile", &profile, 1e-10);
            if case.is_undefined("interval") {
                continue;
            }
            // Both intervals are random; the tolerances are three standard errors of their quantiles' differences.
            let resampling = Resampling { resamples: 50_000, seed: 1 };
            let interval =
                Bootstrap::stratified(&x, interquartile_mean, resampling).unwrap().percentile(0.05).unwrap();
            agrees_all(&case, "interval", &[interval.low, interval.high], 0.022);
            let both = [x.clone(), y].concat();
            let improvement =
                |both: &[Vec<f64>]| probability_of_improvement(&both[..x.len()], &both[x.len()..]);
            let interval =
                Bootstrap::stratified(&both, improvement, resampling).unwrap().percentile(0.05).unwrap();
            agrees_all(&case, "improvement_interval", &[interval.low, interval.high], 0.012);
        }
    }

    #[test]
    fn refuses_what_it_cannot_sum_up() {
        let none: [[f64; 1]; 0] = [];
        assert_eq!(interquartile_mean(&none), Err(StatsError::TooFew { needed: 1, got: 0 }));
        assert!(matches!(
            optimality_gap(&[[1.0, f64::NAN]], 1.0),
            Err(StatsError::NonFinite { index: 1, .. })
        ));
        assert!(optimality_gap(&[[1.0]], f64::INFINITY).is_err());
        assert!(performance_profile(&[[1.0]], &[]).is_err());
        let unequal = probability_of_improvement(&[[1.0]], &[[1.0], [2.0]]);
        assert_eq!(unequal, Err(StatsError::UnequalLengths { first: 1, second: 2 }));
    }
}
