//! The split into rows to train on and rows to test on.
//!
//! The rows are shuffled once (a permutation from stream 0 of the seed). The first rows of that order that fit a quota
//! go to the test side, all others to the training side, each side in shuffled order. Without stratification the quota
//! is one number; with it, each class has its own, by largest remainder.
//!
//! For a cross-validation the shuffled rows are dealt to the folds in turn: row 0 to fold 0, row 1 to fold 1 … With
//! stratification they are sorted by class before they are dealt (stably, so that a class stays shuffled), as by scikit-learn's
//! `StratifiedKFold`: folds differ by one row at most, in whole and in each class.
//!
//! Rows that were published to test on are taken as they are: nothing is drawn.

use super::preparation::{Fold, Preparation};
use crate::data::dataset::{Dataset, Target};
use crate::data::error::DataError;
use crate::data::random;

/// Row indices of the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
}

/// The numbers of rows to train and to test on, as scikit-learn's `train_test_split`: the latter is rounded up.
///
/// # Errors
/// The fraction does not lie between 0 and 1, or a side is empty.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the row count")]
pub fn split_sizes(rows: usize, test_fraction: f64) -> Result<(usize, usize), DataError> {
    if !(test_fraction > 0.0 && test_fraction < 1.0) {
        return Err(DataError::TestFraction { value: test_fraction });
    }
    let test = (rows as f64 * test_fraction).ceil() as usize;
    let train = rows.saturating_sub(test);
    if train == 0 || test == 0 {
        return Err(DataError::SplitTooSmall { rows, test_fraction, train, test });
    }
    Ok((train, test))
}

/// Splits a dataset.
///
/// # Errors
/// As [`split_sizes`]; or the split is stratified and the target is continuous, a class has a single row, or a side
/// has fewer rows than there are classes; or there are fewer rows than folds; or the data was published without test rows, which are asked for.
pub fn split(dataset: &Dataset, preparation: &Preparation) -> Result<Split, DataError> {
    if dataset.language.is_some() {
        // Nothing is trained, so all rows are answered, in their order.
        return Ok(Split { train: Vec::new(), test: (0..dataset.target.rows()).collect() });
    }
    if preparation.published {
        return split_as_published(dataset);
    }
    if let Some(fold) = preparation.fold {
        return split_fold(dataset, preparation, fold);
    }
    let rows = dataset.target.rows();
    let (train_rows, test_rows) = split_sizes(rows, preparation.test_fraction)?;
    let group_of: Box<dyn Fn(usize) -> usize>;
    let mut quotas = if preparation.stratify {
        let Target::Classes { labels, names } = &dataset.target else {
            return Err(DataError::StratifyContinuous { dataset: dataset.name.clone() });
        };
        let class_of = |row: usize| usize::try_from(labels[row]).expect("labels are places in the classes");
        let mut counts = vec![0; names.len()];
        (0..rows).for_each(|row| counts[class_of(row)] += 1);
        group_of = Box::new(class_of);
        check_classes(&dataset.name, &counts, names, train_rows, test_rows)?;
        quotas(&counts, rows, test_rows)
    } else {
        group_of = Box::new(|_| 0);
        vec![test_rows]
    };
    let mut split = Split { train: Vec::with_capacity(train_rows), test: Vec::with_capacity(test_rows) };
    for row in random::permutation(&mut random::stream(preparation.seed, 0), rows) {
        let quota = &mut quotas[group_of(row)];
        if *quota > 0 {
            *quota -= 1;
            split.test.push(row);
        } else {
            split.train.push(row);
        }
    }
    Ok(split)
}

/// The rows in their order, those to test on as they were published.
fn split_as_published(dataset: &Dataset) -> Result<Split, DataError> {
    let rows = dataset.target.rows();
    match dataset.layout.published_train {
        Some(train) if (1..rows).contains(&train) => {
            Ok(Split { train: (0..train).collect(), test: (train..rows).collect() })
        }
        _ => Err(DataError::NoPublishedSplit { dataset: dataset.name.clone() }),
    }
}

/// One fold to test on, all others to train on.
fn split_fold(dataset: &Dataset, preparation: &Preparation, fold: Fold) -> Result<Split, DataError> {
    let rows = dataset.target.rows();
    if rows < fold.of {
        let dataset = dataset.name.clone();
        return Err(DataError::TooManyFolds { dataset, rows, folds: fold.of });
    }
    let order = random::permutation(&mut random::stream(preparation.seed, 0), rows);
    let mut dealt = order.clone();
    if preparation.stratify {
        let Target::Classes { labels, names } = &dataset.target else {
            return Err(DataError::StratifyContinuous { dataset: dataset.name.clone() });
        };
        for (class, name) in (0..).zip(names) {
            // A class with two rows has one to train on in every fold.
            if labels.iter().filter(|label| **label == class).count() == 1 {
                let (dataset, class) = (dataset.name.clone(), name.clone());
                return Err(DataError::ClassTooSmall { dataset, class, rows: 1 });
            }
        }
        dealt.sort_by_key(|row| labels[*row]);
    }
    let mut is_tested = vec![false; rows];
    dealt.iter().skip(fold.index).step_by(fold.of).for_each(|row| is_tested[*row] = true);
    let (test, train) = order.into_iter().partition(|row| is_tested[*row]);
    Ok(Split { train, test })
}

fn check_classes(
    dataset: &str,
    counts: &[usize],
    names: &[String],
    train: usize,
    test: usize,
) -> Result<(), DataError> {
    if let Some((rows, class)) = counts.iter().zip(names).find(|(count, _)| **count == 1) {
        let (dataset, class) = (dataset.to_owned(), class.clone());
        return Err(DataError::ClassTooSmall { dataset, class, rows: *rows });
    }
    let classes = counts.iter().filter(|count| **count > 0).count();
    if train < classes || test < classes {
        return Err(DataError::SplitBelowClasses { classes, train, test });
    }
    Ok(())
}

/// How many rows of each class are tested on: its share rounded down, and the rest to the largest remainders (the
/// earlier class among equals), while each class keeps a row to train on.
fn quotas(counts: &[usize], rows: usize, test_rows: usize) -> Vec<usize> {
    // Shares are compared as whole numbers: count · test_rows = share · rows + remainder, in u128 to be exact.
    let exact: Vec<u128> = counts.iter().map(|count| *count as u128 * test_rows as u128).collect();
    let share = |exact: u128| usize::try_from(exact / rows as u128).expect("a share of a count");
    let mut quotas: Vec<usize> = exact.iter().map(|e| share(*e)).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|class| std::cmp::Reverse(exact[*class] % rows as u128));
    // Since there are at least as many training rows as classes, there is room for all.
    let mut left = test_rows - quotas.iter().sum::<usize>();
    while left > 0 {
        for class in &by_remainder {
            if left > 0 && quotas[*class] + 1 < counts[*class] {
                quotas[*class] += 1;
                left -= 1;
            }
        }
    }
    quotas
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a few hundred rows")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::data::bundle::{Dtype, Scale};

    fn dataset(labels: &[i64]) -> Dataset {
        let names = (0..=*labels.iter().max().unwrap()).map(|c| c.to_string()).collect();
        let target = Target::Classes { labels: labels.to_vec(), names };
        Dataset::table("test", vec!["x".into()], vec![0.0; labels.len()], target, BTreeMap::new()).unwrap()
    }

    fn preparation(test_fraction: f64, stratify: bool) -> Preparation {
        Preparation {
            test_fraction,
            fold: None,
            published: false,
            scale: Scale::None,
            seed: 42,
            dtype: Dtype::Float64,
            stratify,
        }
    }

    #[test]
    fn sizes_are_those_of_scikit_learn() {
        // From tests/data/reference_split.py.
        let reference: Vec<(usize, f64, usize, usize)> =
            serde_json::from_str(include_str!("../../../tests/data/reference_split.json")).unwrap();
        assert!(reference.len() > 20);
        for (rows, test_fraction, train, test) in reference {
            assert_eq!(split_sizes(rows, test_fraction).unwrap(), (train, test), "{rows} {test_fraction}");
        }
    }

    #[test]
    fn a_split_needs_rows_on_both_sides() {
        for value in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(split_sizes(10, value), Err(DataError::TestFraction { .. })), "{value}");
        }
        assert_eq!(
            split_sizes(2, 0.9).unwrap_err().to_string(),
            "2 rows with a test fraction of 0.9 leave 0 rows to train on and 2 to test on"
        );
        assert!(matches!(split_sizes(0, 0.5), Err(DataError::SplitTooSmall { .. })));
        assert_eq!(split_sizes(2, 0.5).unwrap(), (1, 1));
    }

    #[test]
    fn stratification_needs_classes_with_rows() {
        let message =
            |data: &Dataset, fraction| split(data, &preparation(fraction, true)).unwrap_err().to_string();
        assert_eq!(
            message(&dataset(&[0, 0, 0, 1]), 0.5),
            "class `1` of test has 1 row, but a stratified split needs 2 of each class"
        );
        assert_eq!(
            message(&dataset(&[0, 0, 1, 1, 2, 2]), 0.2),
            "a stratified split of 3 classes needs as many rows on either side, but has 4 to train on and 2 to test on"
        );
        let target = Target::Continuous(vec![0.0; 4]);
        let continuous =
            Dataset::table("y", vec!["x".into()], vec![0.0; 4], target, BTreeMap::new()).unwrap();
        assert_eq!(message(&continuous, 0.5), "y has no classes, so its split cannot be stratified");
    }

    #[test]
    fn another_seed_is_another_split() {
        let data = dataset(&[0, 1].repeat(50));
        let base = preparation(0.3, false);
        let other = Preparation { seed: 43, ..base.clone() };
        assert_eq!(split(&data, &base).unwrap(), split(&data, &base).unwrap());
        assert_ne!(split(&data, &base).unwrap(), split(&data, &other).unwrap());
    }

    #[test]
    fn published_rows_are_tested_on_in_their_order() {
        let preparation = Preparation { published: true, ..preparation(0.0, false) };
        let mut data = dataset(&[0, 1, 1, 0]);
        let refused = split(&data, &preparation).unwrap_err().to_string();
        assert_eq!(refused, "test was published without rows to test on");
        data.layout.published_train = Some(3);
        assert_eq!(split(&data, &preparation).unwrap(), Split { train: vec![0, 1, 2], test: vec![3] });
    }

    #[test]
    fn folds_need_rows_and_classes_with_rows() {
        let fold = |data: &Dataset, of, stratify| {
            let preparation = Preparation { fold: Some(Fold { index: 0, of }), ..preparation(0.5, stratify) };
            split(data, &preparation).map_err(|error| error.to_string())
        };
        let data = dataset(&[0, 0, 0, 1]);
        assert_eq!(fold(&data, 5, false).unwrap_err(), "test has 4 rows, which cannot make 5 folds");
        assert_eq!(
            fold(&data, 2, true).unwrap_err(),
            "class `1` of test has 1 row, but a stratified split needs 2 of each class"
        );
        assert!(fold(&data, 4, false).is_ok());
    }

    proptest! {
        #[test]
        fn folds_are_tested_once_and_hold_the_classes_alike(
            counts in prop::collection::vec(2..40_usize, 2..6),
            folds in 2..8_usize,
            stratify: bool,
        ) {
            let labels: Vec<i64> = counts.iter().zip(0..).flat_map(|(n, class)| vec![class; *n]).collect();
            let data = dataset(&labels);
            prop_assume!(folds <= labels.len());
            let mut tested = vec![0; labels.len()];
            for index in 0..folds {
                let fold = Some(Fold { index, of: folds });
                let found = split(&data, &Preparation { fold, ..preparation(0.5, stratify) }).unwrap();
                let mut all: Vec<_> = found.train.iter().chain(&found.test).copied().collect();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(0..labels.len()));
                prop_assert!(found.test.len() == labels.len() / folds || found.test.len() == labels.len().div_ceil(folds));
                found.test.iter().for_each(|row| tested[*row] += 1);
                for (class, count) in (0..).zip(&counts).filter(|_| stratify) {
                    let of_class = found.test.iter().filter(|row| labels[**row] == class).count();
                    prop_assert!(of_class == count / folds || of_class == count.div_ceil(folds));
                }
            }
            prop_assert!(tested.iter().all(|times| *times == 1));
        }

        #[test]
        fn every_row_is_on_one_side_and_classes_keep_their_shares(
            counts in prop::collection::vec(2..40_usize, 2..6),
            test_fraction in 0.05..0.95_f64,
            stratify: bool,
        ) {
            let labels: Vec<i64> = counts.iter().zip(0..).flat_map(|(n, class)| vec![class; *n]).collect();
            let data = dataset(&labels);
            let rows = labels.len();
            let Ok(found) = split(&data, &preparation(test_fraction, stratify)) else {
                let (train, test) = split_sizes(rows, test_fraction).unwrap_or_default();
                prop_assert!(train < counts.len() || test < counts.len());
                return Ok(());
            };
            prop_assert_eq!((found.train.len(), found.test.len()), split_sizes(rows, test_fraction).unwrap());
            let mut all: Vec<_> = found.train.iter().chain(&found.test).copied().collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..rows));
            if stratify {
                for (class, count) in (0..).zip(counts) {
                    let tested = found.test.iter().filter(|row| labels[**row] == class).count();
                    // A share of the test rows, within one (or two, where a class had to keep a training row).
                    let share = count as f64 * found.test.len() as f64 / rows as f64;
                    prop_assert!((tested as f64 - share).abs() < 2.0 && tested < count);
                }
            }
        }
    }
}
