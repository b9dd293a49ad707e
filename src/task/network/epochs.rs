//! How a training went on: what its answers were worth after each epoch, and when they were first as good as the target.
//!
//! The answers are the worker's, their worth is found here. They are tied to what else it handed in: the last ones to the final logits, the
//! times of the epochs to the samples that came while the worker was watched.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::evidence::Evidence;
use super::next_token::{NextTokens, epoch_places};
use crate::data::TargetKind;
use crate::data::bundle::TEST_TARGET;
use crate::task::outputs::Outputs;
use crate::task::{Problem, Scores, Series, TaskError, regression};

/// Adds the metrics after each epoch, and after how many of them the target was reached.
///
/// # Errors
/// The target of the test rows cannot be read.
pub fn score(
    problem: &Problem<'_>,
    evidence: &Evidence,
    metrics: &[&str],
    scores: &mut Scores,
) -> Result<(), TaskError> {
    let bundle = problem.bundle;
    let all = match (bundle.manifest().target, &evidence.next) {
        (TargetKind::Continuous, _) => {
            let truth = bundle.f64_vector(TEST_TARGET)?;
            curves(&evidence.answers, truth.len(), |answers, scores| {
                regression::score(&truth, answers, scores)
            })?
        }
        (_, Some(next)) => {
            let truth: Vec<i64> = epoch_places(next.truth.len()).map(|place| next.truth[place]).collect();
            accuracies(&evidence.answers, &whole(&truth))?
        }
        (_, None) => accuracies(&evidence.answers, &whole(&bundle.i64_vector(TEST_TARGET)?))?,
    };
    scores.curves = all.into_iter().filter(|(name, _)| metrics.contains(&name.as_str())).collect();
    let reached = problem.target.and_then(|target| target.reached(scores.curves.get(&target.metric)?));
    scores.epochs_to_target = reached;
    Ok(())
}

/// The share of right answers after each epoch.
fn accuracies(answers: &[f64], truth: &[f64]) -> Result<BTreeMap<String, Vec<f64>>, TaskError> {
    curves(answers, truth.len(), |answers, scores| {
        let right = truth.iter().zip(answers).filter(|(t, a)| t.total_cmp(a).is_eq()).count();
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        scores.add("accuracy", right as f64 / truth.len() as f64);
        Ok(())
    })
}

#[expect(clippy::cast_precision_loss, reason = "places of classes")]
fn whole(classes: &[i64]) -> Vec<f64> {
    classes.iter().map(|class| *class as f64).collect()
}

/// Every metric after each epoch, of those that are defined after all of them.
fn curves(
    answers: &[f64],
    rows: usize,
    of_epoch: impl Fn(&[f64], &mut Scores) -> Result<(), TaskError>,
) -> Result<BTreeMap<String, Vec<f64>>, TaskError> {
    let mut curves: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let epochs = answers.chunks(rows.max(1));
    let count = epochs.len();
    for answers in epochs {
        let mut scores = Scores::default();
        of_epoch(answers, &mut scores)?;
        scores.metrics.into_iter().for_each(|(name, value)| curves.entry(name).or_default().push(value));
    }
    curves.retain(|_, curve| curve.len() == count);
    Ok(curves)
}

const ANSWERS: &str = "epoch_answers";
const TIMES: &str = "epoch_ns";

/// What was answered for every test row after each of so many epochs [epochs × rows]: its class, or its number; where the next token is
/// predicted, the tokens at [`epoch_places`].
///
/// # Errors
/// The answers are missing, of another shape or type, or the last ones are not those of the final logits.
pub fn answers(
    outputs: &Outputs,
    target: TargetKind,
    logits: &Array2<f64>,
    next: Option<&NextTokens>,
    epochs: usize,
) -> Result<Vec<f64>, TaskError> {
    let (rows, classes) = logits.dim();
    if let Some(next) = next {
        return of_next_tokens(outputs, next, classes, epochs);
    }
    let shape = [epochs, rows];
    let answers = match target {
        TargetKind::Continuous => outputs.numbers(ANSWERS, &shape)?,
        TargetKind::Classes | TargetKind::Next => {
            let allowed = 0..i64::try_from(classes).unwrap_or(i64::MAX);
            whole(&outputs.labels_of(ANSWERS, &shape, allowed)?)
        }
    };
    let last = answers.rchunks(rows.max(1)).next().unwrap_or_default();
    let is_final = |row: usize| {
        let (of_row, answer) = (logits.row(row), last.get(row).copied().unwrap_or(f64::NAN));
        match target {
            TargetKind::Continuous => of_row[0].total_cmp(&answer).is_eq(),
            // Of several largest logits any may have been taken.
            TargetKind::Classes | TargetKind::Next => {
                let taken = of_row
                    .iter()
                    .zip(0_u32..)
                    .find(|(_, class)| f64::from(*class).total_cmp(&answer).is_eq());
                taken.is_some_and(|(taken, _)| of_row.iter().all(|logit| logit <= taken))
            }
        }
    };
    match (0..rows).find(|row| !is_final(*row)) {
        None => Ok(answers),
        Some(row) => Err(TaskError::Contradiction(format!(
            "the last of the output `{ANSWERS}` is not what the output `logits` answers for row {row}"
        ))),
    }
}

fn of_next_tokens(
    outputs: &Outputs,
    next: &NextTokens,
    vocabulary: usize,
    epochs: usize,
) -> Result<Vec<f64>, TaskError> {
    let places: Vec<usize> = epoch_places(next.answers.len()).collect();
    let allowed = 0..i64::try_from(vocabulary).unwrap_or(i64::MAX);
    let answers = outputs.labels_of(ANSWERS, &[epochs, places.len()], allowed)?;
    let last = answers.rchunks(places.len().max(1)).next().unwrap_or_default();
    match last.iter().zip(&places).find(|(answer, place)| **answer != next.answers[**place]) {
        None => Ok(whole(&answers)),
        Some((answer, place)) => Err(TaskError::Contradiction(format!(
            "the last of the output `{ANSWERS}` is {answer} for token {place}, but the output `answers` has {}",
            next.answers[*place]
        ))),
    }
}

/// Whether the epochs took as long as the samples say.
///
/// # Errors
/// They did not, or the times are missing.
pub fn check_times(outputs: &Outputs, series: &Series<'_>) -> Result<(), TaskError> {
    // Foreign records may not tell of epochs.
    let Some(told) = series.get("epoch") else { return Ok(()) };
    let times = outputs.labels(TIMES, told.len(), 0..i64::MAX)?;
    let differ = |(time, told): &(&i64, &u64)| u64::try_from(**time) != Ok(**told);
    match times.iter().zip(*told).enumerate().find(|(_, pair)| differ(pair)) {
        None => Ok(()),
        Some((epoch, (time, told))) => Err(TaskError::Contradiction(format!(
            "the output `{TIMES}` says that epoch {} took {time} ns, but its sample says {told} ns",
            epoch + 1
        ))),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::backend::{Tensor, serialize};
    use crate::task::Target;

    fn outputs(tensors: &[(&'static str, Tensor)]) -> Outputs {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs.safetensors");
        std::fs::write(&path, serialize(tensors).unwrap()).unwrap();
        Outputs::read(&path).unwrap()
    }

    #[test]
    fn the_last_answers_are_those_of_the_final_logits() {
        let logits = array![[1.0, 2.0], [4.0, 3.0], [5.0, 5.0]];
        let classes = |given: &[i64]| {
            let outputs = outputs(&[(ANSWERS, Tensor::whole(vec![given.len() / 3, 3], given))]);
            answers(&outputs, TargetKind::Classes, &logits, None, 2)
        };
        for honest in [[0, 0, 0, 1, 0, 0], [1, 1, 1, 1, 0, 1]] {
            assert_eq!(
                classes(&honest).unwrap(),
                whole(&honest),
                "both logits of the last row are the largest"
            );
        }
        let refused = |given: &[i64]| classes(given).unwrap_err().to_string();
        assert_eq!(
            refused(&[1, 0, 0, 1, 1, 0]),
            "the last of the output `epoch_answers` is not what the output `logits` answers for row 1"
        );
        assert!(refused(&[2, 0, 0, 1, 0, 0]).contains("labels from 0 to 1"));
        assert!(refused(&[1, 0, 0]).contains("must be I64 [2, 3]"), "an epoch is missing");
        let numbers = |last: f64| {
            let outputs = outputs(&[(ANSWERS, Tensor::numbers(vec![1, 2], &[0.5, last]))]);
            answers(&outputs, TargetKind::Continuous, &array![[0.5], [2.0]], None, 1)
        };
        assert_eq!(numbers(2.0).unwrap(), [0.5, 2.0]);
        assert!(matches!(numbers(2.000_001), Err(TaskError::Contradiction(_))));
    }

    #[test]
    fn epochs_took_what_their_samples_say() {
        let outputs = outputs(&[(TIMES, Tensor::from(vec![70, 80]))]);
        let check = |told: &[u64]| check_times(&outputs, &[("epoch", told)].into());
        assert!(check(&[70, 80]).is_ok());
        assert_eq!(
            check(&[70, 81]).unwrap_err().to_string(),
            "the output `epoch_ns` says that epoch 2 took 80 ns, but its sample says 81 ns"
        );
        assert!(matches!(check(&[70]), Err(TaskError::Shape { .. })), "another number of epochs");
        assert!(check_times(&outputs, &Series::new()).is_ok(), "a record that does not tell of epochs");
    }

    #[test]
    fn a_curve_has_every_epoch_and_reaches_its_target_once() {
        let right = |answers: &[f64], scores: &mut Scores| {
            scores.add("sum", answers.iter().sum());
            scores.add("inverse", 1.0 / answers[0]);
            Ok(())
        };
        let found = curves(&[1.0, 2.0, 0.0, 4.0, 2.0, 1.0], 2, right).unwrap();
        assert_eq!(
            found,
            [("sum".to_owned(), vec![3.0, 4.0, 3.0])].into(),
            "one that is undefined once is none"
        );
        let target = |value, at_most| Target { metric: "sum".to_owned(), value, at_most };
        let reached = |value, at_most| target(value, at_most).reached(&found["sum"]);
        assert_eq!([reached(3.5, false), reached(4.0, false), reached(4.5, false)], [Some(2), Some(2), None]);
        assert_eq!([reached(3.0, true), reached(2.9, true)], [Some(1), None]);
        assert_eq!(target(0.98, false).to_string(), "sum ≥ 0.98");
    }
}
