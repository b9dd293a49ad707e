use super::*;
use polars::prelude::{Column, ParquetCompression, ParquetWriter, StatisticsOptions};

const GIB: u64 = 1 << 30;

fn written(frame: &DataFrame, compression: ParquetCompression) -> Vec<u8> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(compression)
        .with_statistics(StatisticsOptions::empty())
        .finish(&mut frame.clone())
        .unwrap();
    bytes
}

fn numbers(rows: u32, value: impl Fn(u32) -> f64) -> DataFrame {
    let column = Column::new("a".into(), (0..rows).map(value).collect::<Vec<_>>());
    DataFrame::new(column.len(), vec![column]).unwrap()
}

/// A file with this footer and no pages.
fn file(footer: &[u8]) -> Vec<u8> {
    [MAGIC, footer, &u32::try_from(footer.len()).unwrap().to_le_bytes(), MAGIC].concat()
}

fn said(bytes: &[u8]) -> String {
    read(bytes, GIB).map_or_else(|error| error.to_string(), |frame| format!("{:?}", frame.shape()))
}

#[test]
fn what_claims_too_much_is_refused_before_it_is_read() {
    let rows = 1_000_000;
    let bytes = written(&numbers(rows, |_| 1.0), ParquetCompression::Zstd(None));
    assert!(bytes.len() < 100_000, "equal values take no space in the file: {}", bytes.len());
    assert_eq!(read(&bytes, GIB).unwrap().height(), rows as usize);
    let error = read(&bytes, 1 << 20).unwrap_err().to_string();
    assert!(error.contains("beyond the limit of 1.0 MiB"), "{error}");
}

#[test]
fn honest_files_of_several_writers_are_read_as_ever() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let run = root.join("data/runs/schema_2/old/20261121T205733Z-7586ab");
    let corpus = root.join("fuzz/corpus/parquet");
    let stored = [
        run.join("trials.parquet"),
        run.join("samples.parquet"),
        run.join("parity.parquet"),
        corpus.join("parity.parquet"),
        root.join("data/parquet/pyarrow_pages_2_delta_zstd.parquet"),
    ];
    let mut files: Vec<Vec<u8>> = stored.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let frame = numbers(100_000, |i| f64::from(i % 1000));
    let compressions = [
        ParquetCompression::Uncompressed,
        ParquetCompression::Snappy,
        ParquetCompression::Gzip(None),
        ParquetCompression::Brotli(None),
        ParquetCompression::Lz4Raw,
        ParquetCompression::Zstd(None),
    ];
    files.extend(compressions.map(|compression| written(&frame, compression)));
    files.push(written(&DataFrame::empty(), ParquetCompression::Uncompressed));
    for (i, bytes) in files.iter().enumerate() {
        let unguarded = ParquetReader::new(Cursor::new(bytes)).finish().unwrap();
        assert!(read(bytes, GIB).unwrap().equals_missing(&unguarded), "file {i}");
    }
    // Polars is built without lists and maps, but what the file says of itself is in order.
    let nested = std::fs::read(corpus.join("pyarrow_nested_gzip.parquet")).unwrap();
    let keys: Vec<String> =
        check(&mut Cursor::new(nested), GIB).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["ARROW:schema"]);
}

#[test]
fn a_file_that_is_cut_or_not_parquet_is_refused() {
    let whole = written(&numbers(100, f64::from), ParquetCompression::Uncompressed);
    assert_eq!(said(&whole), "(100, 1)");
    for cut in 0..whole.len() {
        assert!(read(&whole[..cut], GIB).is_err(), "{cut} bytes");
        assert!(read(&whole[whole.len() - cut..], GIB).is_err(), "the last {cut} bytes");
    }
    assert_eq!(said(b"PAR1PAR1"), "it is too short for a Parquet file");
    assert_eq!(said(b"a,b\n1,2\n3,4\n"), "a Parquet file begins and ends with PAR1");
    let beyond = [MAGIC, &[0; 8], &9_u32.to_le_bytes(), MAGIC].concat();
    assert_eq!(said(&beyond), "its footer claims 9 bytes where at most 8 can be");
}

#[test]
fn a_footer_that_claims_more_than_it_holds_is_refused() {
    let damaged = |footer: &[u8]| said(&file(footer)).replace("its footer is damaged: ", "");
    // Version 1, then a schema of 2³¹ − 1 columns.
    let list = [0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
    assert_eq!(damaged(&list), "it claims 2147483647 elements where 1 bytes are left");
    assert_eq!(
        damaged(&[0x15, 2, 0x19, 0x1c, 0x48, 0xff, 0x7f, b'a']),
        "it claims 16383 bytes where 1 are left"
    );
    assert_eq!(damaged(&[0x15, 0x80, 0x80]), "it ends too early");
    // A list that says that it is a text: polars would read it as a list all the same.
    assert!(damaged(&[0x15, 2, 0x18, 2, 0xfc, 0xff, 0]).starts_with("a value of type 8"));
    // Each struct takes one byte here and hundreds in memory.
    let many = 3 << 20;
    let mut structs = vec![0x15, 2, 0x19, 0xfc, 0x80, 0x80, 0xc0, 0x01];
    structs.resize(structs.len() + many + 1, 0);
    assert_eq!(damaged(&structs), "it claims to hold values beyond the limit of 1.0 GiB");
}

#[test]
fn groups_of_columns_are_nested_up_to_a_limit() {
    let nested = |depth: usize| {
        let mut footer = vec![0x15, 2, 0x19, 0xfc];
        let mut count = depth + 1;
        while count > 0x7f {
            footer.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
            count >>= 7;
        }
        footer.push(u8::try_from(count).unwrap());
        // A group `g` of one member that must be there, and in the last a column of doubles.
        footer.extend([0x35, 0, 0x18, 1, b'g', 0x15, 2, 0].repeat(depth));
        footer.extend([0x15, 10, 0x25, 0, 0x18, 1, b'a', 0]);
        // No rows and no groups of them.
        footer.extend([0x16, 0, 0x19, 0x0c, 0]);
        check(&mut Cursor::new(file(&footer)), GIB).map_err(|error| error.to_string())
    };
    assert_eq!(nested(DEEPEST), Ok(vec![]));
    let damaged = Err("its footer is damaged: its columns are nested too deeply".to_owned());
    assert_eq!(nested(DEEPEST + 1), damaged);
    assert_eq!(nested(1_000_000), damaged);
}

/// The header of a page of this many bytes unpacked, of 3 bytes in the file and of so many values.
fn page(unpacked: i64, values: i64) -> Vec<u8> {
    let number = |value: i64| {
        let mut zigzag = (value << 1 ^ value >> 63).cast_unsigned();
        let mut bytes = Vec::new();
        while zigzag > 0x7f {
            bytes.push(u8::try_from(zigzag & 0x7f).unwrap() | 0x80);
            zigzag >>= 7;
        }
        bytes.push(u8::try_from(zigzag).unwrap());
        bytes
    };
    let head = [vec![0x15, 0, 0x15], number(unpacked), vec![0x15, 6, 0x2c, 0x15], number(values)].concat();
    [head, vec![0x15, 0, 0x15, 6, 0x15, 6, 0, 0]].concat()
}

#[test]
fn pages_are_believed_no_more_than_the_footer() {
    let largest = i64::from(i32::MAX);
    let length = |page: &[u8]| page.len() as u64;
    assert_eq!(header(&page(100, 5), 8), Ok((length(&page(100, 5)), 3, 100)));
    assert_eq!(header(&page(100, 50), 8), Ok((length(&page(100, 50)), 3, 400)));
    assert_eq!(header(&page(100, 50), 1 << 20).unwrap().2, 50 << 20, "values of a fixed width");
    assert_eq!(header(&page(largest, 5), 8).unwrap().2, i32::MAX as u64);
    for damaged in [page(-1, 5), page(100, -1), page(largest + 1, 5)] {
        assert!(header(&damaged, 8).unwrap_err().starts_with("a page of"));
    }
    let claim = |pages: &[Vec<u8>], limit: u64| {
        let bytes: Vec<u8> = pages.iter().flat_map(|page| [&page[..], &[7; 3]].concat()).collect();
        let size = bytes.len() as u64;
        super::pages(&mut Cursor::new(bytes), 0..size, size, 8, limit).map_err(|error| error.to_string())
    };
    assert_eq!(claim(&[page(100, 5), page(200, 5)], GIB), Ok(300 + 2 * STRUCT));
    let beyond = "it claims to hold values beyond the limit of 1.0 GiB".to_owned();
    assert_eq!(claim(&[page(100, 5), page(largest, 5)], GIB), Err(beyond.clone()));
    assert_eq!(claim(&[page(100, largest)], GIB), Err(beyond));
    let mut short = Cursor::new(page(100, 5));
    let ends = super::pages(&mut short, 0..length(&page(100, 5)), 100, 8, GIB).unwrap_err().to_string();
    assert_eq!(ends, "a page ends beyond its column");
    let outside = super::pages(&mut short, 5..200, 100, 8, GIB).unwrap_err().to_string();
    assert_eq!(outside, "a column lies outside of it");
}

#[test]
fn a_page_whose_header_alone_lies_is_refused() {
    let rows = 40_000;
    let bytes = written(&numbers(rows, f64::from), ParquetCompression::Snappy);
    // The size of the page unpacked is the second field of the first header, in three bytes here.
    let mut lies = bytes.clone();
    let size = lies[4..].windows(1).position(|byte| byte[0] & 0x80 != 0).unwrap() + 4;
    assert!(lies[size] & lies[size + 1] & 0x80 != 0 && lies[size + 2] & 0x80 == 0);
    lies[size..size + 3].copy_from_slice(&[0xfe, 0xff, 0x7f]);
    let limit = 800 << 10;
    assert_eq!(read(&bytes, limit).unwrap().height(), rows as usize);
    assert!(read(&lies, limit).unwrap_err().to_string().contains("beyond the limit"));
    assert!(read(&lies, GIB).is_err(), "what is allowed to be unpacked is found to be damaged");
}
