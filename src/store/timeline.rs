//! `timeline/<trial>.jsonl.gz`: every reading of one trial, kept with `--timeline` until the run is over and `resources.parquet` holds them
//! all. They are many and nothing is decided by them, so they stay out of the journal, which is synced for every line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::StoreError;
use crate::files::write_atomic;
use crate::monitor::sampler::TimelineReading;

/// The folder below a run's.
pub const FOLDER: &str = "timeline";

/// Keeps the readings of one trial.
///
/// # Errors
/// The file cannot be written.
pub fn keep(folder: &Path, trial: &str, readings: &[TimelineReading]) -> Result<(), StoreError> {
    let path = folder.join(format!("{trial}.jsonl.gz"));
    let encode = || -> io::Result<Vec<u8>> {
        let mut lines = GzEncoder::new(Vec::new(), Compression::fast());
        for reading in readings {
            serde_json::to_writer(&mut lines, reading)?;
            lines.write_all(b"\n")?;
        }
        lines.finish()
    };
    encode().and_then(|bytes| write_atomic(&path, &bytes)).map_err(StoreError::io("write", &path))
}

/// The readings of one trial; none where they were not kept.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(folder: &Path, trial: &str) -> Result<Vec<TimelineReading>, StoreError> {
    let path = folder.join(format!("{trial}.jsonl.gz"));
    let decode = || -> io::Result<Vec<TimelineReading>> {
        let lines = BufReader::new(GzDecoder::new(File::open(&path)?)).lines();
        lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
    };
    match decode() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        readings => readings.map_err(StoreError::io("read", &path)),
    }
}

/// Removes what `resources.parquet` holds.
///
/// # Errors
/// A file cannot be removed.
pub fn clear(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::proc::Reading;

    #[test]
    fn what_was_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join(FOLDER);
        let reading = |t_ns, phase: Option<&str>| TimelineReading {
            t_ns,
            phase: phase.map(str::to_owned),
            reading: Reading { wall_ns: 7 + t_ns, rss_bytes: Some(4096), processes: 1, ..Reading::default() },
        };
        let readings = [reading(0, None), reading(5, Some("fit"))];
        keep(&folder, "t", &readings).unwrap();
        assert_eq!(read(&folder, "t").unwrap(), readings);
        assert_eq!(read(&folder, "another").unwrap(), []);
        fs::write(folder.join("t.jsonl.gz"), "no archive").unwrap();
        assert!(read(&folder, "t").unwrap_err().to_string().contains("t.jsonl.gz"));
        clear(&folder).unwrap();
        clear(&folder).unwrap();
        assert_eq!(read(&folder, "t").unwrap(), []);
    }
}
