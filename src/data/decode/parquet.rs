//! Parquet, read through polars: numbers and truth values become numbers, texts and categories stay texts.

use polars::prelude::{DataType, PolarsError, Series};

use crate::data::error::DataError;
use crate::data::table::{Column, Table};
use crate::guard;
use crate::guard::file::LARGEST_DATA;

/// Decodes a Parquet file.
///
/// # Errors
/// The file is not Parquet, a column has another type, or a value is missing.
pub fn decode(file: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let parquet_error = |source| DataError::Parquet { file: file.to_owned(), source };
    let frame = guard::parquet::read(bytes, LARGEST_DATA).map_err(parquet_error)?;
    let columns = frame
        .columns()
        .iter()
        .map(|column| {
            let series = column.as_materialized_series();
            let name = column.name().to_string();
            if let Some(place) = series.is_null().iter().position(|null| null == Some(true)) {
                return Err(DataError::Missing { file: file.to_owned(), column: name, row: place + 1 });
            }
            match values(series).map_err(parquet_error)? {
                Some(values) => Ok((name, values)),
                None => Err(DataError::ColumnType {
                    file: file.to_owned(),
                    column: name,
                    dtype: series.dtype().to_string(),
                }),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Table { columns })
}

/// The values of a column without nulls, or `None` if it is neither numbers nor texts.
fn values(series: &Series) -> Result<Option<Column>, PolarsError> {
    let dtype = series.dtype();
    if dtype.is_primitive_numeric() || dtype.is_bool() {
        let numbers = series.cast(&DataType::Float64)?;
        return Ok(Some(Column::Numbers(numbers.f64()?.iter().flatten().collect())));
    }
    if dtype.is_string() || dtype.is_categorical() {
        let texts = series.cast(&DataType::String)?;
        return Ok(Some(Column::Texts(texts.str()?.iter().flatten().map(str::to_owned).collect())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use polars::prelude::{Column as Values, DataFrame, ParquetCompression, ParquetWriter};

    use super::*;

    fn parquet(columns: Vec<Values>) -> Vec<u8> {
        let rows = columns[0].len();
        let mut frame = DataFrame::new(rows, columns).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Brotli(None))
            .finish(&mut frame)
            .unwrap();
        bytes
    }

    #[test]
    fn numbers_truth_values_and_texts() {
        let bytes = parquet(vec![
            Values::new("i".into(), [1_i64, -2]),
            Values::new("x".into(), [0.5_f32, 1.5]),
            Values::new("b".into(), [true, false]),
            Values::new("t".into(), ["red", "?"]),
        ]);
        let table = decode("f.parquet", &bytes).unwrap();
        assert_eq!(
            table.columns,
            [
                ("i".to_owned(), Column::Numbers(vec![1.0, -2.0])),
                ("x".to_owned(), Column::Numbers(vec![0.5, 1.5])),
                ("b".to_owned(), Column::Numbers(vec![1.0, 0.0])),
                ("t".to_owned(), Column::Texts(vec!["red".to_owned(), "?".to_owned()])),
            ]
        );
    }

    #[test]
    fn missing_values_and_other_files_are_refused() {
        let bytes =
            parquet(vec![Values::new("a".into(), [1.0, 2.0]), Values::new("b".into(), [Some("x"), None])]);
        assert_eq!(
            decode("f.parquet", &bytes).unwrap_err().to_string(),
            "column `b` of f.parquet has no value in row 2"
        );
        let error = decode("f.parquet", b"a,b\n1,2\n").unwrap_err();
        assert!(matches!(error, DataError::Parquet { .. }), "{error}");
    }
}
