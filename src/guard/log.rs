//! Logs of workers: no more is kept than somebody reads.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What is kept of a log at its begin and again at its end, in bytes: what a library prints, thousands of times over. A night of trials that each
/// fill a disk would end the run.
const KEPT: u64 = 4 << 20;

/// Shortens a log to its begin and its end, with a line between them that tells what is missing.
///
/// # Errors
/// It cannot be read or written.
pub fn shorten(path: &Path) -> io::Result<()> {
    shorten_to(path, KEPT)
}

fn shorten_to(path: &Path, kept: u64) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    if length <= 2 * kept {
        return Ok(());
    }
    let mut file = File::options().read(true).write(true).open(path)?;
    file.seek(SeekFrom::End(-kept.cast_signed()))?;
    let mut end = Vec::new();
    Read::by_ref(&mut file).take(kept).read_to_end(&mut end)?;
    file.set_len(kept)?;
    file.seek(SeekFrom::End(0))?;
    write!(file, "\n… {} bytes of this log were not kept …\n", length - 2 * kept)?;
    file.write_all(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_and_the_end_of_a_log_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "0123456789").unwrap();
        shorten_to(&path, 5).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "0123456789");
        shorten_to(&path, 3).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "012\n… 4 bytes of this log were not kept …\n789");
    }
}
