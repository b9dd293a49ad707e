//! The files in which the kernel tells of itself, below a root that tests can put elsewhere. What cannot be read has a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A tree with `proc` and `sys` in it.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
}

impl System {
    /// This machine.
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    /// A tree below a folder.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The place of a file such as `/proc/stat`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file.trim_start_matches('/'))
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    /// A file's text without white space at its ends.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn text(&self, file: &str) -> Result<String, String> {
        let bytes = fs::read(self.path(file)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("{file} is not there"),
            _ => format!("{file} cannot be read: {error}"),
        })?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A file that holds one number.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn number<T: FromStr>(&self, file: &str) -> Result<T, String> {
        let text = self.text(file)?;
        text.parse().map_err(|_| format!("{file} holds `{text}`, which is no number"))
    }

    /// A file that holds a list of CPUs or nodes.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn list(&self, file: &str) -> Result<Vec<usize>, String> {
        let text = self.text(file)?;
        parse_list(&text).ok_or_else(|| format!("{file} holds `{text}`, which is no list"))
    }

    /// The names in a folder that begin with some letters, sorted; none where there is no such folder.
    pub fn names(&self, folder: &str, begin: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(begin))
            .collect();
        names.sort();
        names
    }
}

/// More CPUs than Linux can be built for: a longer range is none.
const LONGEST_RANGE: usize = 1 << 16;

/// The numbers of a list as the kernel writes it: `0-3,8`. An empty text is an empty list.
pub fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last - first > LONGEST_RANGE {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// Numbers as the kernel writes a list: `0-3,8`.
pub fn show_list(numbers: &[usize]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let stretches = numbers.chunk_by(|a, b| a + 1 == *b).map(|stretch| match stretch {
        [.., last] if stretch.len() > 1 => format!("{}-{last}", stretch[0]),
        _ => stretch[0].to_string(),
    });
    stretches.collect::<Vec<_>>().join(",")
}

/// A system made up of files, for tests.
#[cfg(test)]
pub mod made_up {
    use super::System;

    /// A tree that is removed when it is dropped.
    #[derive(Debug)]
    pub struct MadeUp {
        _folder: tempfile::TempDir,
        /// The system in it.
        pub system: System,
    }

    /// A system with these files and nothing else.
    pub fn system(files: &[(&str, &str)]) -> MadeUp {
        let folder = tempfile::tempdir().unwrap();
        let system = System::below(folder.path());
        for (file, text) in files {
            let path = system.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{text}\n")).unwrap();
        }
        MadeUp { _folder: folder, system }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list(""), Some(vec![]));
        for wrong in ["a", "3-1", "0-99999999999", "1-", "0-4294967295"] {
            assert_eq!(parse_list(wrong), None, "{wrong}");
        }
        assert_eq!(show_list(&[8, 0, 1, 2, 3]), "0-3,8");
        assert_eq!(show_list(&[]), "");
    }

    #[test]
    fn what_cannot_be_read_has_a_reason() {
        let made = made_up::system(&[("/proc/a", " 7 "), ("/proc/b", "seven")]);
        assert_eq!(made.system.number("/proc/a"), Ok(7));
        assert_eq!(
            made.system.number::<u64>("/proc/b"),
            Err("/proc/b holds `seven`, which is no number".to_owned())
        );
        assert_eq!(made.system.text("/proc/c"), Err("/proc/c is not there".to_owned()));
        assert_eq!(made.system.names("/proc", ""), ["a", "b"]);
    }
}
