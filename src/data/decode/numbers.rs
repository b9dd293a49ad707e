//! Plain numbers in lines, without names: the layouts of the files that scikit-learn carries.

use std::io::Read;

use crate::data::dataset::Target;
use crate::data::error::DataError;

/// Reads lines of `columns` numbers each; row-major.
///
/// # Errors
/// A line has another number of values, or a value is no number.
pub fn matrix(file: &str, bytes: &[u8], delimiter: u8, columns: usize) -> Result<Vec<f64>, DataError> {
    rows(file, reader(bytes, delimiter), columns)
}

/// Reads lines of `columns` features and the place of the row's class.
///
/// # Errors
/// As [`matrix`], and a class is not a whole number.
pub fn with_class_last(
    file: &str,
    bytes: &[u8],
    columns: usize,
    names: Vec<String>,
) -> Result<(Vec<f64>, Target), DataError> {
    let values = rows(file, reader(bytes, b','), columns + 1)?;
    split_class(file, &values, columns, names)
}

/// Reads scikit-learn's labelled CSV: a first line `rows,columns,class names…`, then as [`with_class_last`].
///
/// # Errors
/// As [`with_class_last`], and the first line does not say what follows.
pub fn labelled(file: &str, bytes: &[u8], columns: usize) -> Result<(Vec<f64>, Target), DataError> {
    let malformed = |problem| DataError::Malformed { file: file.to_owned(), problem };
    let mut reader = reader(bytes, b',');
    let mut first = csv::StringRecord::new();
    reader.read_record(&mut first).map_err(|source| DataError::Csv { file: file.to_owned(), source })?;
    let count = |place: usize| first.get(place).and_then(|text| text.parse::<usize>().ok());
    let (Some(stated_rows), Some(stated_columns)) = (count(0), count(1)) else {
        return Err(malformed(
            "its first line does not begin with the numbers of rows and columns".to_owned(),
        ));
    };
    let names: Vec<String> = first.iter().skip(2).map(str::to_owned).collect();
    let values = rows(file, reader, columns + 1)?;
    let found_rows = values.len() / (columns + 1);
    if (stated_rows, stated_columns) != (found_rows, columns) {
        return Err(malformed(format!(
            "its first line says {stated_rows} rows × {stated_columns} columns, but it holds {found_rows} × {columns}"
        )));
    }
    split_class(file, &values, columns, names)
}

fn reader(bytes: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes)
}

fn rows(file: &str, mut reader: csv::Reader<impl Read>, columns: usize) -> Result<Vec<f64>, DataError> {
    let mut values = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|source| DataError::Csv { file: file.to_owned(), source })?
    {
        let line = record.position().map_or(0, csv::Position::line);
        let malformed = |problem| DataError::Malformed { file: file.to_owned(), problem };
        if record.len() != columns {
            let found = record.len();
            return Err(malformed(format!("line {line} has {found} values instead of {columns}")));
        }
        for text in &record {
            let value = text
                .parse()
                .map_err(|_| malformed(format!("line {line} holds `{text}`, which is no number")));
            values.push(value?);
        }
    }
    Ok(values)
}

#[expect(clippy::cast_possible_truncation, reason = "the value was just found to be whole and small")]
fn split_class(
    file: &str,
    values: &[f64],
    columns: usize,
    names: Vec<String>,
) -> Result<(Vec<f64>, Target), DataError> {
    let mut features = Vec::with_capacity(values.len());
    let mut labels = Vec::new();
    for row in values.chunks_exact(columns + 1) {
        let class = row[columns];
        if class.fract() != 0.0 || class.abs() > 1e9 {
            let problem = format!("the class in row {} is {class}", labels.len() + 1);
            return Err(DataError::Malformed { file: file.to_owned(), problem });
        }
        features.extend_from_slice(&row[..columns]);
        labels.push(class as i64);
    }
    Ok((features, Target::Classes { labels, names }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scikit_learns_labelled_csv() {
        let (features, target) =
            labelled("iris.csv", b"3,2,setosa,virginica\n5.1,3.5,0\n4.9,3,1\n6,1e-3,0\n", 2).unwrap();
        assert_eq!(features, [5.1, 3.5, 4.9, 3.0, 6.0, 1e-3]);
        let names = vec!["setosa".to_owned(), "virginica".to_owned()];
        assert_eq!(target, Target::Classes { labels: vec![0, 1, 0], names });
    }

    #[test]
    fn blanks_between_features_and_one_target_a_line() {
        assert_eq!(
            matrix("f", b"59 2 32.1\n48 1 21.6\n", b' ', 3).unwrap(),
            [59.0, 2.0, 32.1, 48.0, 1.0, 21.6]
        );
        assert_eq!(matrix("t", b"1.510000000000000000e+02\n7.5e+01", b' ', 1).unwrap(), [151.0, 75.0]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |bytes: &[u8]| labelled("f.csv", bytes, 2).unwrap_err().to_string();
        assert_eq!(
            message(b"2,2,a,b\n1,2,0\n"),
            "f.csv is malformed: its first line says 2 rows × 2 columns, but it holds 1 × 2"
        );
        assert_eq!(message(b"1,2,a,b\n1,x,0\n"), "f.csv is malformed: line 2 holds `x`, which is no number");
        assert_eq!(message(b"1,2,a,b\n1,0\n"), "f.csv is malformed: line 2 has 2 values instead of 3");
        assert_eq!(message(b"1,2,a,b\n1,2,0.5\n"), "f.csv is malformed: the class in row 1 is 0.5");
        assert_eq!(
            message(b"setosa,2\n"),
            "f.csv is malformed: its first line does not begin with the numbers of rows and columns"
        );
    }
}
