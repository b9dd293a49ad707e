//! CSV with a header: a column is numbers if all of its values are, else texts.
//!
//! Blanks around a value are dropped. A value is missing if it is empty, if it is `NaN` in a column of texts, or if it
//! is one of [`MISSING_MARKS`] in a column that otherwise holds numbers. In a column of texts such a mark is a
//! category of its own, as `?` is in Adult.

use crate::data::error::DataError;
use crate::data::table::{Column, Table};

/// What stands for a missing number, in any case.
const MISSING_MARKS: [&str; 7] = ["na", "n/a", "nan", "null", "none", "?", "-"];

/// What the first pass over the file learns of a column; rows count from 1.
#[derive(Debug, Clone, Default)]
struct Seen {
    number: bool,
    text: bool,
    first_mark: Option<usize>,
    first_nan: Option<usize>,
}

impl Seen {
    fn take(&mut self, row: usize, value: &str) {
        let is_number = value.parse::<f64>().is_ok();
        if value.eq_ignore_ascii_case("nan") {
            self.first_nan.get_or_insert(row);
        } else if !is_number && MISSING_MARKS.iter().any(|mark| value.eq_ignore_ascii_case(mark)) {
            self.first_mark.get_or_insert(row);
        } else {
            self.number |= is_number;
            self.text |= !is_number;
        }
    }

    /// Whether the column holds numbers, or the row of its first missing value.
    fn is_numeric(&self) -> Result<bool, usize> {
        let missing = if self.number && !self.text { self.first_mark } else { None };
        match missing.or(self.first_nan) {
            Some(row) => Err(row),
            None => Ok(!self.text && self.first_mark.is_none()),
        }
    }
}

/// Decodes a CSV file with a header.
///
/// # Errors
/// The file is not CSV in UTF-8, a column's name occurs twice, lines differ in length or a value is missing.
pub fn decode(file: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let csv_error = |source| DataError::Csv { file: file.to_owned(), source };
    let mut reader = reader(bytes);
    let header = reader.headers().map_err(csv_error)?.clone();
    check_header(file, &header)?;
    let missing = |column: usize, row: usize| {
        let column = header.get(column).unwrap_or_default().to_owned();
        DataError::Missing { file: file.to_owned(), column, row }
    };

    let mut seen = vec![Seen::default(); header.len()];
    for_each_row(&mut reader, |row, record| {
        for (column, (value, seen)) in record.iter().zip(&mut seen).enumerate() {
            if value.is_empty() {
                return Err(missing(column, row));
            }
            seen.take(row, value);
        }
        Ok(())
    })
    .map_err(|error| error.or_csv(csv_error))?;

    let mut columns = seen
        .iter()
        .enumerate()
        .map(|(column, seen)| match seen.is_numeric() {
            Ok(true) => Ok(Column::Numbers(Vec::new())),
            Ok(false) => Ok(Column::Texts(Vec::new())),
            Err(row) => Err(missing(column, row)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    for_each_row(&mut self::reader(bytes), |_, record| {
        for (value, column) in record.iter().zip(&mut columns) {
            match column {
                Column::Numbers(values) => values.push(value.parse().unwrap_or(f64::NAN)),
                Column::Texts(values) => values.push(value.to_owned()),
            }
        }
        Ok(())
    })
    .map_err(|error| error.or_csv(csv_error))?;
    Ok(Table { columns: header.iter().map(str::to_owned).zip(columns).collect() })
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes)
}

/// An error of the file, or of what was done with one of its rows.
enum RowError {
    Csv(csv::Error),
    Row(DataError),
}

impl RowError {
    fn or_csv(self, csv_error: impl Fn(csv::Error) -> DataError) -> DataError {
        match self {
            Self::Csv(error) => csv_error(error),
            Self::Row(error) => error,
        }
    }
}

fn for_each_row(
    reader: &mut csv::Reader<&[u8]>,
    mut action: impl FnMut(usize, &csv::StringRecord) -> Result<(), DataError>,
) -> Result<(), RowError> {
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    while reader.read_record(&mut record).map_err(RowError::Csv)? {
        row += 1;
        action(row, &record).map_err(RowError::Row)?;
    }
    Ok(())
}

fn check_header(file: &str, header: &csv::StringRecord) -> Result<(), DataError> {
    let malformed = |problem| Err(DataError::Malformed { file: file.to_owned(), problem });
    for (place, name) in header.iter().enumerate() {
        if name.is_empty() {
            return malformed(format!("column {} has no name in the header", place + 1));
        }
        if header.iter().take(place).any(|other| other == name) {
            return malformed(format!("the header names column `{name}` twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        decode("f.csv", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_numbers_or_texts() {
        let table = decode(
            "f.csv",
            b"\xef\xbb\xbfsize, colour ,\"k,1\"\r\n1, red,?\r\n-2.5e3,\"b\"\"l\",7\r\n+4,?,x\r\n",
        )
        .unwrap();
        let texts = |values: [&str; 3]| Column::Texts(values.map(str::to_owned).to_vec());
        assert_eq!(
            table.columns,
            [
                ("size".to_owned(), Column::Numbers(vec![1.0, -2500.0, 4.0])),
                ("colour".to_owned(), texts(["red", "b\"l", "?"])),
                ("k,1".to_owned(), texts(["?", "7", "x"])),
            ]
        );
    }

    #[test]
    fn missing_values_are_named_by_column_and_row() {
        assert_eq!(message("a,b\n1,2\n3,\n"), "column `b` of f.csv has no value in row 2");
        assert_eq!(message("a,b\n1,2\n3,NA\n4,5\n"), "column `b` of f.csv has no value in row 2");
        assert_eq!(message("a,b\n1,x\n3,nan\n4,5\n"), "column `b` of f.csv has no value in row 2");
        assert_eq!(message("a,b\n1,2\nNaN,1\n"), "column `a` of f.csv has no value in row 2");
    }

    #[test]
    fn infinite_values_are_left_to_the_dataset() {
        let table = decode("f.csv", b"a\n1\ninf\n").unwrap();
        assert_eq!(table.columns[0].1, Column::Numbers(vec![1.0, f64::INFINITY]));
    }

    #[test]
    fn a_header_must_name_each_column_once() {
        assert_eq!(message("a,a\n1,2\n"), "f.csv is malformed: the header names column `a` twice");
        assert_eq!(message("a,\n1,2\n"), "f.csv is malformed: column 2 has no name in the header");
        assert_eq!(message("a,b\n1\n"), "f.csv cannot be read as CSV");
    }
}
