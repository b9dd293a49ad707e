//! Named columns of numbers and texts, and how they become features and a target.

use std::collections::BTreeMap;

use super::dataset::{Dataset, Target, TargetKind, check_finite};
use super::error::DataError;

/// The largest number of categories of a text column, and of classes of a target. More are an identifier or a number
/// that was taken for a class.
const MAX_CATEGORIES: usize = 1000;

/// The values of one column, none missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, which may still be infinite or not a number.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
}

/// Columns of equal length, each with its own name.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns in the order of the file.
    pub columns: Vec<(String, Column)>,
}

impl Table {
    /// Makes a dataset of the column `target` and, as features, all others in their order.
    ///
    /// A text column with k categories becomes k columns of zeros and ones named `column=category`, the categories in
    /// the order of their bytes. Classes are ordered as numbers where the target is numbers, else as texts.
    ///
    /// # Errors
    /// There is no such column, or what [`Dataset::table`] refuses.
    pub fn into_dataset(
        mut self,
        name: &str,
        target: &str,
        kind: TargetKind,
        source_sha256: BTreeMap<String, String>,
    ) -> Result<Dataset, DataError> {
        let Some(place) = self.columns.iter().position(|(column, _)| column == target) else {
            return Err(DataError::unknown(
                "column",
                target,
                self.columns.iter().map(|(name, _)| name.as_str()),
            ));
        };
        let (_, values) = self.columns.remove(place);
        let target = match kind {
            TargetKind::Continuous => continuous(name, target, values)?,
            TargetKind::Classes => classes(name, target, &values)?,
            TargetKind::Next => {
                let problem = "a table of columns holds no tokens of which the next could be predicted";
                return Err(DataError::Malformed { file: name.to_owned(), problem: problem.to_owned() });
            }
        };

        let mut names = Vec::new();
        let mut columns = Vec::new();
        for (column, values) in self.columns {
            match values {
                Column::Numbers(values) => {
                    names.push(column);
                    columns.push(values);
                }
                Column::Texts(values) => {
                    let categories = sorted(&values, Ord::cmp);
                    check_count(name, &column, categories.len(), "one-hot columns")?;
                    for category in &categories {
                        names.push(format!("{column}={category}"));
                        columns.push(values.iter().map(|v| f64::from(v == category)).collect());
                    }
                }
            }
        }
        let rows = target.rows();
        let features = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        Dataset::table(name, names, features, target, source_sha256)
    }
}

fn continuous(dataset: &str, column: &str, values: Column) -> Result<Target, DataError> {
    match values {
        Column::Numbers(values) => {
            check_finite(dataset, column, &values)?;
            Ok(Target::Continuous(values))
        }
        Column::Texts(values) => Err(DataError::TargetNotNumeric {
            dataset: dataset.to_owned(),
            column: column.to_owned(),
            example: values.into_iter().next().unwrap_or_default(),
        }),
    }
}

fn classes(dataset: &str, column: &str, values: &Column) -> Result<Target, DataError> {
    let (labels, names) = match values {
        Column::Numbers(values) => {
            check_finite(dataset, column, values)?;
            // Adding zero makes -0 and 0 one class.
            let values: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
            let classes = sorted(&values, f64::total_cmp);
            (labels(&values, &classes, f64::total_cmp), classes.iter().map(ToString::to_string).collect())
        }
        Column::Texts(values) => {
            let classes = sorted(values, Ord::cmp);
            (labels(values, &classes, Ord::cmp), classes)
        }
    };
    let names: Vec<String> = names;
    check_count(dataset, column, names.len(), "classes")?;
    Ok(Target::Classes { labels, names })
}

/// The distinct values in ascending order.
fn sorted<T: Clone>(values: &[T], order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    let mut distinct = values.to_vec();
    distinct.sort_unstable_by(&order);
    distinct.dedup_by(|a, b| order(a, b).is_eq());
    distinct
}

/// The place of every value among the sorted classes.
fn labels<T>(values: &[T], classes: &[T], order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<i64> {
    let place = |value| classes.partition_point(|class| order(class, value).is_lt());
    values.iter().map(|value| i64::try_from(place(value)).expect("a place in a list")).collect()
}

fn check_count(dataset: &str, column: &str, count: usize, what: &'static str) -> Result<(), DataError> {
    if count <= MAX_CATEGORIES {
        return Ok(());
    }
    let (dataset, column) = (dataset.to_owned(), column.to_owned());
    Err(DataError::TooManyCategories { dataset, column, count, limit: MAX_CATEGORIES, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Column {
        Column::Texts(values.iter().map(ToString::to_string).collect())
    }

    fn table() -> Table {
        Table {
            columns: vec![
                ("size".into(), Column::Numbers(vec![1.5, -2.0, 10.0])),
                ("colour".into(), texts(&["red", "?", "blue"])),
                ("grade".into(), Column::Numbers(vec![10.0, -0.0, 9.0])),
            ],
        }
    }

    #[test]
    fn texts_become_sorted_one_hot_columns() {
        let data = table().into_dataset("t", "grade", TargetKind::Continuous, BTreeMap::new()).unwrap();
        assert_eq!(data.feature_names, ["size", "colour=?", "colour=blue", "colour=red"]);
        assert_eq!(
            data.features,
            ndarray::array![[1.5, 0.0, 0.0, 1.0], [-2.0, 1.0, 0.0, 0.0], [10.0, 0.0, 1.0, 0.0]]
        );
        assert_eq!(data.target, Target::Continuous(vec![10.0, -0.0, 9.0]));
    }

    #[test]
    fn classes_are_sorted_as_numbers_or_as_texts() {
        let data = |target| table().into_dataset("t", target, TargetKind::Classes, BTreeMap::new()).unwrap();
        let names = |names: [&str; 3]| names.map(str::to_owned).to_vec();
        assert_eq!(
            data("grade").target,
            Target::Classes { labels: vec![2, 0, 1], names: names(["0", "9", "10"]) }
        );
        assert_eq!(
            data("colour").target,
            Target::Classes { labels: vec![2, 0, 1], names: names(["?", "blue", "red"]) }
        );
        assert_eq!(data("colour").feature_names, ["size", "grade"]);
    }

    #[test]
    fn errors_name_the_column() {
        let error = |target, kind| table().into_dataset("t", target, kind, BTreeMap::new()).unwrap_err();
        let unknown = error("grad", TargetKind::Continuous);
        assert_eq!(unknown.to_string(), "unknown column `grad`; known: size, colour, grade");
        assert_eq!(unknown.hint().as_deref(), Some("did you mean `grade`?"));
        assert_eq!(
            error("colour", TargetKind::Continuous).to_string(),
            "the target `colour` of t holds texts such as `red`, but a continuous target must be numbers"
        );
        let ids = (0..1001).map(|i| i.to_string()).collect();
        let many = Table {
            columns: vec![
                ("id".into(), Column::Texts(ids)),
                ("y".into(), Column::Numbers((0..1001).map(f64::from).collect())),
            ],
        };
        for (target, kind) in [("y", TargetKind::Continuous), ("y", TargetKind::Classes)] {
            let error = many.clone().into_dataset("t", target, kind, BTreeMap::new()).unwrap_err();
            assert!(
                matches!(error, DataError::TooManyCategories { count: 1001, limit: 1000, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn a_target_alone_has_no_features() {
        let table = Table { columns: vec![("y".into(), Column::Numbers(vec![1.0]))] };
        let error = table.into_dataset("t", "y", TargetKind::Continuous, BTreeMap::new()).unwrap_err();
        assert_eq!(error.to_string(), "t has no feature columns");
    }
}
