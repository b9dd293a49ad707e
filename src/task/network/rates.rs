//! What the calls of a training's phases process, so that their times are rates: images, sequences or tokens a second.

use crate::data::DataError;
use crate::data::bundle::{Bundle, TEST_FEATURES, TRAIN_FEATURES};
use crate::task::Rates;

use super::training::Training;

/// What one call of each phase processes. Rows of tokens are counted by their tokens, padding among them; others as `unit`. Predictions are
/// not among the phases: their names say how many rows they take.
///
/// # Errors
/// The bundle cannot be read.
pub fn of(bundle: &Bundle, training: &Training, unit: &str) -> Result<Rates, DataError> {
    let train = bundle.rows(TRAIN_FEATURES)?;
    let test = bundle.rows(TEST_FEATURES)?;
    let (unit, per_row) = match bundle.manifest().vocabulary {
        Some(_) => ("tokens", bundle.columns(TRAIN_FEATURES)?),
        None => (unit, 1),
    };
    let train = train - training.validation_rows(train);
    let phases = [
        ("train_step", of_step(training, train)),
        ("epoch", of_epoch(training, train)),
        ("evaluate", Some(test)),
    ];
    let rows = phases.into_iter().filter_map(|(phase, rows)| Some((phase.to_owned(), rows? as u64)));
    Ok(Rates { unit: unit.to_owned(), per_row: per_row as u64, rows: rows.collect() })
}

/// The rows of a step, if most steps have as many: the last of an epoch may be smaller, and a median over steps does not see it where there
/// are two others.
fn of_step(training: &Training, rows: usize) -> Option<usize> {
    let size = training.batch_size.min(rows);
    (rows.is_multiple_of(size) || training.steps_of_epoch(rows) > 2).then_some(size)
}

/// The rows of an epoch, if no epoch ends early; or of the only one.
fn of_epoch(training: &Training, rows: usize) -> Option<usize> {
    let (steps, of_epoch) = (training.most_steps(rows), training.steps_of_epoch(rows));
    match steps {
        _ if steps.is_multiple_of(of_epoch) => Some(rows),
        _ if steps < of_epoch => Some(steps * training.batch_size),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::network::training::parameters;
    use crate::task::parameter::{Parameters, Value};

    fn training(given: &[(&str, i64)]) -> Training {
        let mut all: Parameters = parameters().into_iter().map(|p| (p.name, p.default)).collect();
        all.extend(given.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value))));
        Training::read(&all).unwrap()
    }

    #[test]
    fn rows_of_a_call_are_told_where_all_calls_have_as_many() {
        let of = |given: &[(&str, i64)], rows| {
            let training = training(&[&[("batch_size", 64)], given].concat());
            (of_step(&training, rows), of_epoch(&training, rows))
        };
        assert_eq!(of(&[], 640), (Some(64), Some(640)));
        assert_eq!(of(&[], 650), (Some(64), Some(650)));
        assert_eq!(of(&[], 100), (None, Some(100)), "one step of 64 rows and one of 36");
        assert_eq!(of(&[], 50), (Some(50), Some(50)));
        assert_eq!(of(&[("steps", 3)], 650), (Some(64), Some(192)), "one short epoch");
        assert_eq!(of(&[("epochs", 2), ("steps", 15)], 640), (Some(64), None), "a whole epoch and a half");
        assert_eq!(of(&[("epochs", 3), ("steps", 20)], 640), (Some(64), Some(640)));
    }
}
