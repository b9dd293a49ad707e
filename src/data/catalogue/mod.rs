//! The catalogue: real datasets under their names.
//!
//! All come from packages of registries, pinned by version and by the SHA-256 of each file inside. To add a dataset, add one
//! entry to [`tables`] or [`examples`] (and a decoder only if its format is new).

mod examples;
mod tables;

use std::path::Path;

use super::dataset::{Dataset, TargetKind};
use super::decode::{self, Format};
use super::error::DataError;
use super::fetch::{self, Cached, InnerFile, Package};
use super::language::RawTexts;
use super::source::Form;

/// A dataset: what it is, where it comes from and how it is read.
#[derive(Debug)]
pub struct Entry {
    /// The name in specs and results.
    pub name: &'static str,
    /// What is measured and predicted, with units and what was changed.
    pub doc: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// Under which terms the package hands it out.
    pub license: &'static str,
    /// The number of rows.
    pub rows: usize,
    /// The number of feature columns, one-hot columns counted; pixels of an image, tokens of a row.
    pub columns: usize,
    /// The kind of its target.
    pub target: TargetKind,
    /// The files that it is read from, in the order that the format asks for.
    pub files: &'static [InnerFile],
    /// How these files are laid out.
    pub format: Format,
}

/// Every dataset of the catalogue.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    tables::TABLES.iter().chain(examples::EXAMPLES)
}

/// Finds a dataset by its name.
///
/// # Errors
/// There is none; the error lists those that exist.
pub fn find(name: &str) -> Result<&'static Entry, DataError> {
    entries()
        .find(|entry| entry.name == name)
        .ok_or_else(|| DataError::unknown("dataset", name, entries().map(|entry| entry.name)))
}

/// The names of all entries.
pub fn names() -> Vec<&'static str> {
    entries().map(|entry| entry.name).collect()
}

/// The names of the entries with this kind of target; those whose rows are tokens only where `tokens` fit.
pub fn names_of(kind: TargetKind, tokens: bool) -> Vec<&'static str> {
    let fits = |entry: &&Entry| entry.target == kind && (tokens || !entry.form().tokens);
    entries().filter(fits).map(|entry| entry.name).collect()
}

impl Entry {
    /// What kind of data it is.
    pub fn form(&self) -> Form {
        self.format.form(self.target)
    }

    /// The packages that its files are in.
    fn packages(&self) -> Vec<&'static Package> {
        let mut packages: Vec<_> = self.files.iter().map(|file| file.package).collect();
        packages.dedup();
        packages
    }

    /// The packages that [`Entry::fetch`] would download, as the cache is now.
    pub fn missing_packages(&self, cache: &Path) -> Vec<&'static Package> {
        let mut missing: Vec<_> =
            self.files.iter().filter(|file| !file.is_cached(cache)).map(|file| file.package).collect();
        missing.dedup();
        missing
    }

    /// Makes sure that the cache holds its files with their pinned hashes. What else the catalogue needs of a package
    /// is kept on the way, so that one download serves all of its datasets.
    ///
    /// # Errors
    /// As [`fetch::ensure`].
    pub fn fetch(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        for package in self.packages() {
            let files: Vec<_> =
                entries().flat_map(|entry| entry.files).filter(|file| file.package == package).collect();
            fetch::ensure(package, &files, cache, report)?;
        }
        Ok(())
    }

    /// Hashes what the cache holds of each of its files, named by their paths in the package.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn verify(&self, cache: &Path) -> Result<Vec<(&'static str, Cached)>, DataError> {
        self.files.iter().map(|file| Ok((file.path, file.verify(cache)?))).collect()
    }

    /// Fetches, checks and decodes it.
    ///
    /// # Errors
    /// As [`Entry::fetch`], and a file does not have its format.
    pub fn load(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Dataset, DataError> {
        let files = self.read(cache, report)?;
        decode::decode(self.name, self.target, self.format, &files)
    }

    /// Fetches and checks it, and reads its texts as they are.
    ///
    /// # Errors
    /// As [`Entry::load`], or it is not made of texts.
    pub fn texts(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<RawTexts, DataError> {
        decode::texts(self.name, self.format, &self.read(cache, report)?)
    }

    fn read(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Vec<decode::File>, DataError> {
        self.fetch(cache, report)?;
        let read = |file: &InnerFile| {
            let (name, sha256) = (file.path.to_owned(), file.sha256.to_owned());
            Ok(decode::File { name, bytes: file.read(cache)?, sha256 })
        };
        self.files.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
