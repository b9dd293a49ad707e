//! Structured logs: JSON lines into the run's folder. Nothing is printed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

/// The file that receives logs; another run may take it over.
static FILE: OnceLock<Mutex<Option<File>>> = OnceLock::new();

/// Sends logs to a file from now on. A file that cannot be opened is no reason to stop.
pub fn to_file(path: &Path) {
    let opened = File::options().create(true).append(true).open(path).ok();
    let is_first = FILE.get().is_none();
    *FILE.get_or_init(|| Mutex::new(None)).lock().unwrap_or_else(PoisonError::into_inner) = opened;
    if is_first {
        let filter =
            EnvFilter::try_from_env("BENCHRUN_LOG").unwrap_or_else(|_| EnvFilter::new("benchrun=info"));
        let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(|| Writer).try_init();
    }
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let guard = FILE.get().map(|f| f.lock().unwrap_or_else(PoisonError::into_inner));
        match guard.as_deref() {
            Some(Some(file)) => (&*file).write(bytes),
            _ => Ok(bytes.len()),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
