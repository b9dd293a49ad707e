//! Where results are kept: the journal that loses nothing, the run's folder, and the Parquet that others read.

pub mod calibration;
pub mod epochs;
pub mod journal;
pub mod manifest;
pub mod parquet;
pub mod resources;
pub mod rows;
pub mod run_folder;
pub mod state;
pub mod timeline;

use std::io;
use std::path::PathBuf;

use manifest::{OLDEST_VERSION, SCHEMA_VERSION};

/// Why results could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line in the middle of a journal is no event.
    #[error("{path} line {line} is no event: {message}")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// A manifest is malformed.
    #[error("{path} is no run's manifest: {message}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        message: String,
    },
    /// Another runner works in the folder.
    #[error("another runner is at work in {path}")]
    Locked {
        /// The run's folder.
        path: PathBuf,
    },
    /// Something in a run's folder that is to be continued is neither a file nor a folder.
    #[error("{path} is neither a plain file nor a folder, so nothing is written beside it")]
    Link {
        /// The first one.
        path: PathBuf,
    },
    /// A table could not be read or written.
    #[error("cannot {action} {path}")]
    Table {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: polars::error::PolarsError,
    },
    /// A run was written by a version that kept its files differently.
    #[error(
        "{path} has schema version {found}, and this benchrun reads {OLDEST_VERSION} to {SCHEMA_VERSION}"
    )]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The version that it says.
        found: String,
    },
    /// There is no such run.
    #[error("there is no run {path}")]
    NoRun {
        /// What was asked for.
        path: PathBuf,
    },
}

/// What to do about an error of the system, where that is known.
pub fn hint(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        .then_some("nothing that was journalled is lost: make room, and the same command continues")
}

impl StoreError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } => hint(source),
            Self::Locked { .. } => Some("wait until it is done, or start a run beside it with `--fresh`"),
            _ => None,
        }
    }

    /// For `map_err`: an action on a path failed.
    fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// For `map_err`: an action on a table failed.
    pub(crate) fn table(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(polars::error::PolarsError) -> Self {
        move |source| Self::Table { action, path: path.to_owned(), source }
    }
}
