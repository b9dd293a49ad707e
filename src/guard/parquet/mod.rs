//! Parquet that somebody else wrote: what it claims to hold is added up before anything is allocated, and a reader that gives up is an error.
//!
//! Polars reserves memory for what a file says of itself: elements of lists in the footer, values of a column, bytes and values of a page. An
//! allocation that fails ends the process, and nothing can catch that. So the footer is walked before polars sees it, then the header of every
//! page of every column.

mod layout;
mod thrift;

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{DataFrame, ParquetReader, PolarsError, PolarsResult, SerReader};

/// The least that a value takes in memory, in bytes: a number of double precision, or the view of a text. A run of equal values takes next to
/// nothing in the file.
const VALUE: u64 = 8;

/// What polars keeps of a struct of the footer, in bytes, at most: the largest is that of a column's chunk, and it is there twice for a while.
const STRUCT: u64 = 512;

/// The largest footer, in bytes: a million columns.
const LARGEST_FOOTER: u64 = 256 << 20;

/// Groups of columns in one another: polars descends into them on its stack.
const DEEPEST: usize = 64;

/// The first guess at how long the header of a page is, in bytes. One with long statistics is read again.
const HEADER: u64 = 1 << 12;

const MAGIC: &[u8] = b"PAR1";

/// Reads a file whole whose values take at most `limit` bytes, by what the file says of itself.
///
/// # Errors
/// It is no Parquet that can be read, or claims to hold more.
pub fn read(bytes: &[u8], limit: u64) -> PolarsResult<DataFrame> {
    check(&mut Cursor::new(bytes), limit)?;
    guarded(|| ParquetReader::new(Cursor::new(bytes)).finish())
}

/// Checks what a file says of itself, so that polars can be let at it: the footer, and the headers of its pages. It gives the keys and values that
/// the writer left.
///
/// # Errors
/// It is no Parquet, or its values would take more than `limit` bytes.
pub fn check(file: &mut (impl Read + Seek), limit: u64) -> PolarsResult<Vec<(String, Option<String>)>> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut sum = Sum { claimed: 0, limit };
    let footer = footer(file, size)?;
    let widths =
        widths(&footer, &mut sum).map_err(|error| wrong(&format!("its footer is damaged: {error}")))?;
    // Polars wants the file, of which it reads the footer alone; the place of the footer in it is nothing to it.
    let length = u32::try_from(footer.len()).unwrap_or(u32::MAX).to_le_bytes();
    let alone = [MAGIC, &footer, &length, MAGIC].concat();
    let metadata = guarded(|| ParquetReader::new(Cursor::new(&alone)).get_metadata().cloned())?;
    sum.add((metadata.num_rows as u64).saturating_mul(VALUE)).map_err(|error| wrong(&error))?;
    for group in &metadata.row_groups {
        for (column, width) in group.parquet_columns().iter().zip(&widths) {
            let claims =
                |number: i64, each: u64| u64::try_from(number).unwrap_or(u64::MAX).saturating_mul(each);
            let rows = (group.num_rows() as u64).saturating_mul(*width);
            let whole =
                claims(column.num_values(), *width).max(claims(column.uncompressed_size(), 1)).max(rows);
            let range = guarded(|| Ok(column.byte_range()))?;
            let pages = pages(file, range, size, *width, sum.limit - sum.claimed)?;
            sum.add(whole.max(pages)).map_err(|error| wrong(&error))?;
        }
    }
    let pairs = metadata.key_value_metadata().as_deref().unwrap_or_default();
    Ok(pairs.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect())
}

/// Reads something of a file by polars, whose own checks are not complete: where a damaged file gets past them it panics, which is an error here.
///
/// # Errors
/// As `read`, or it panics.
pub fn guarded<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(wrong("the reader gave up on it: the file is damaged")))
}

fn wrong(message: &str) -> PolarsError {
    PolarsError::ComputeError(message.to_owned().into())
}

/// Bytes that were claimed, and how many may be.
struct Sum {
    claimed: u64,
    limit: u64,
}

impl Sum {
    fn add(&mut self, more: u64) -> Result<(), String> {
        self.claimed = self.claimed.saturating_add(more);
        if self.claimed > self.limit {
            let limit = bytesize::ByteSize(self.limit);
            return Err(format!("it claims to hold values beyond the limit of {limit}"));
        }
        Ok(())
    }
}

fn at(file: &mut (impl Read + Seek), place: u64, length: u64) -> PolarsResult<Vec<u8>> {
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(wrong("it ends too early")) }
}

fn footer(file: &mut (impl Read + Seek), size: u64) -> PolarsResult<Vec<u8>> {
    let room = size.checked_sub(12).ok_or_else(|| wrong("it is too short for a Parquet file"))?;
    let end = at(file, size - 8, 8)?;
    if at(file, 0, 4)? != MAGIC || end[4..] != *MAGIC {
        return Err(wrong("a Parquet file begins and ends with PAR1"));
    }
    let length = end[..4].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    if length > room.min(LARGEST_FOOTER) {
        let most = room.min(LARGEST_FOOTER);
        return Err(wrong(&format!("its footer claims {length} bytes where at most {most} can be")));
    }
    at(file, size - 8 - length, length)
}

/// What a value of each column takes, in bytes, in the order of the columns.
fn widths(footer: &[u8], sum: &mut Sum) -> Result<Vec<u64>, String> {
    let mut widths: Vec<u64> = Vec::new();
    // How many members of each group that is open are still to come.
    let mut open: Vec<i64> = Vec::new();
    thrift::walk(footer, &layout::FILE, &mut |name, field, value| {
        if field == 0 {
            sum.add(STRUCT)?;
        }
        match (name, field) {
            ("SchemaElement", 0) => {
                while open.pop_if(|left| *left == 0).is_some() {}
                if let Some(left) = open.last_mut() {
                    *left -= 1;
                }
                widths.push(VALUE);
            }
            ("SchemaElement", 2) => {
                if let Some(width) = widths.last_mut() {
                    *width = VALUE.max(u64::try_from(value).unwrap_or(0));
                }
            }
            ("SchemaElement", 5) if value < 0 => return Err(format!("a group of {value} columns")),
            ("SchemaElement", 5) if value > 0 => {
                widths.pop();
                open.push(value);
                if open.len() > DEEPEST {
                    return Err("its columns are nested too deeply".to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(widths)
}

/// What the pages of a column's chunk claim to hold, in bytes.
fn pages(
    file: &mut (impl Read + Seek),
    range: Range<u64>,
    size: u64,
    width: u64,
    limit: u64,
) -> PolarsResult<u64> {
    if range.start > range.end || range.end > size {
        return Err(wrong("a column lies outside of it"));
    }
    let (mut place, mut sum) = (range.start, Sum { claimed: 0, limit });
    while place < range.end {
        let left = range.end - place;
        let mut window = HEADER.min(left);
        let (length, compressed, claimed) = loop {
            match header(&at(file, place, window)?, width) {
                Ok(page) => break page,
                Err(_) if window < left => window = left.min(8 * window),
                Err(error) => return Err(wrong(&format!("the header of a page is damaged: {error}"))),
            }
        };
        place = place.saturating_add(length).saturating_add(compressed);
        if place > range.end {
            return Err(wrong("a page ends beyond its column"));
        }
        sum.add(claimed.saturating_add(STRUCT)).map_err(|error| wrong(&error))?;
    }
    Ok(sum.claimed)
}

/// The length of a page's header, that of the page in the file, and what it claims to hold, all in bytes.
fn header(bytes: &[u8], width: u64) -> Result<(u64, u64, u64), String> {
    let (mut compressed, mut claimed) = (0, 0);
    let length = thrift::walk(bytes, &layout::PAGE, &mut |name, field, value| {
        let number = || {
            let number = i32::try_from(value).ok().and_then(|value| u64::try_from(value).ok());
            number.ok_or_else(|| format!("a page of {value} bytes or values"))
        };
        match (name, field) {
            ("PageHeader", 2) => claimed = number()?.max(claimed),
            ("PageHeader", 3) => compressed = number()?,
            ("DataPageHeader" | "DictionaryPageHeader", 1) | ("DataPageHeaderV2", 1..=3) => {
                claimed = number()?.saturating_mul(width).max(claimed);
            }
            ("DataPageHeaderV2", 5 | 6) => drop(number()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok((length as u64, compressed, claimed))
}

#[cfg(test)]
mod tests;
