//! Parquet that somebody else wrote: what it claims to hold is added up before anything is allocated, and a reader that gives up is an error.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{DataFrame, ParquetReader, PolarsError, PolarsResult, SerReader};

/// The least that a value takes in memory, in bytes: a number of double precision, or the view of a text. A run of equal values takes next to
/// nothing in the file.
const VALUE: u64 = 8;

/// Reads a file whole whose values take at most `limit` bytes, by what the file says of itself.
///
/// # Errors
/// It is no Parquet that can be read, or claims to hold more.
pub fn read(bytes: &[u8], limit: u64) -> PolarsResult<DataFrame> {
    let wrong = |message: String| PolarsError::ComputeError(message.into());
    // The reader's own checks are not complete: where a damaged file gets past them it panics.
    let guarded = |read: &mut dyn FnMut() -> PolarsResult<DataFrame>| {
        catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|_| Err(wrong("the reader gave up on it: the file is damaged".to_owned())))
    };
    guarded(&mut || {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let metadata = reader.get_metadata()?;
        let mut claimed = (metadata.num_rows as u64).saturating_mul(VALUE);
        for group in &metadata.row_groups {
            for column in group.parquet_columns() {
                let values = u64::try_from(column.num_values()).unwrap_or(u64::MAX).saturating_mul(VALUE);
                let unpacked = u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX);
                let rows = (group.num_rows() as u64).saturating_mul(VALUE);
                claimed = claimed.saturating_add(values.max(unpacked).max(rows));
            }
        }
        if claimed > limit {
            let limit = bytesize::ByteSize(limit);
            return Err(wrong(format!("it claims to hold values beyond the limit of {limit}")));
        }
        reader.finish()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{Column, ParquetWriter};

    #[test]
    fn what_claims_too_much_is_refused_before_it_is_read() {
        let rows = 1_000_000;
        let mut frame = DataFrame::new(rows, vec![Column::new("a".into(), vec![1.0; rows])]).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        assert!(bytes.len() < 100_000, "equal values take no space in the file: {}", bytes.len());
        assert_eq!(read(&bytes, 1 << 30).unwrap().height(), rows);
        let error = read(&bytes, 1 << 20).unwrap_err().to_string();
        assert!(error.contains("beyond the limit of 1.0 MiB"), "{error}");
    }
}
