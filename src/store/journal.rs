//! The journal: one event a line, synced before anyone else hears of it.
//!
//! A line that was cut off by a crash is the last one and has no newline; opening the journal removes it, since its event was never told
//! to anyone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::StoreError;
use crate::executor::event::TrialEvent;
use crate::guard::file;
use crate::guard::name::is_plain;

/// The journal's name in a run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a run's folder for appending, and gives the events it holds.
    ///
    /// # Errors
    /// It cannot be read or written, or a line before the last is damaged.
    pub fn open(folder: &Path) -> Result<(Self, Vec<TrialEvent>), StoreError> {
        let path = folder.join(FILE_NAME);
        let events = if path.exists() {
            let (events, whole) = read_whole_lines(&path)?;
            let file = File::options().write(true).open(&path).map_err(StoreError::io("open", &path))?;
            file.set_len(whole).map_err(StoreError::io("mend", &path))?;
            events
        } else {
            Vec::new()
        };
        let file =
            File::options().create(true).append(true).open(&path).map_err(StoreError::io("open", &path))?;
        // The file's entry in its folder must survive a crash too.
        File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io("sync", folder))?;
        Ok((Self { path, file }, events))
    }

    /// Appends some events and waits until they are on disk.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn append(&mut self, events: &[TrialEvent]) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)
                .map_err(|e| StoreError::io("write", &self.path)(e.into()))?;
            lines.push(b'\n');
        }
        self.file
            .write_all(&lines)
            .and_then(|()| self.file.sync_data())
            .map_err(StoreError::io("write", &self.path))
    }
}

/// The events of a run's journal, without opening it for writing.
///
/// # Errors
/// It cannot be read, or a line before the last is damaged.
pub fn read(folder: &Path) -> Result<Vec<TrialEvent>, StoreError> {
    Ok(read_whole_lines(&folder.join(FILE_NAME))?.0)
}

/// The events of every whole line, and the length of these lines in bytes.
fn read_whole_lines(path: &Path) -> Result<(Vec<TrialEvent>, u64), StoreError> {
    let bytes = file::read(path, u64::MAX).map_err(StoreError::io("read", path))?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let mut events = Vec::new();
    for (i, line) in bytes[..whole].split_inclusive(|b| *b == b'\n').enumerate() {
        let wrong = |message| StoreError::Journal { path: path.to_owned(), line: i + 1, message };
        let event = serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))?;
        // Ids name folders and logs, and tell whose process may be killed.
        if let TrialEvent::TrialStarted { trial, .. } = &event
            && !is_plain(&trial.id)
        {
            return Err(wrong(format!("the trial's id `{}` is no name of a file", trial.id)));
        }
        events.push(event);
    }
    Ok((events, whole as u64))
}

/// Milliseconds since 1970, by the system's clock.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn session(session: u32) -> TrialEvent {
        TrialEvent::SessionStarted { session, unix_ms: 1, pid: 2 }
    }

    #[test]
    fn a_line_that_was_cut_off_is_mended_and_nothing_else_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, events) = Journal::open(folder.path()).unwrap();
        assert_eq!(events, []);
        journal.append(&[session(0), session(1)]).unwrap();
        let path = folder.path().join(FILE_NAME);
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, events) = Journal::open(folder.path()).unwrap();
            let lines = whole[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(events.len(), lines);
            journal.append(&[session(7)]).unwrap();
            assert_eq!(read(folder.path()).unwrap().last(), Some(&session(7)));
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&[session(0), session(1)]).unwrap();
        let path = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap().replacen("session_started", "session_startled", 1);
        fs::write(&path, text).unwrap();
        let message = Journal::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("line 1 is no event"), "{message}");
    }

    #[test]
    fn a_trial_whose_id_leaves_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for id in ["/", "../../..", "", "a/b"] {
            let trial = serde_json::json!({ "event": "trial_started", "unix_ms": 1, "trial": { "id": id, "case": "c",
                "implementation": "i", "block": 1, "attempt": 0, "session": 0, "position": 0, "seed": 1 } });
            fs::write(folder.path().join(FILE_NAME), format!("{trial}\n")).unwrap();
            let message = read(folder.path()).unwrap_err().to_string();
            assert!(message.ends_with(&format!("the trial's id `{id}` is no name of a file")), "{message}");
        }
    }
}
