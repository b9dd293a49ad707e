//! `<cache>/calibration/`: what the last calibration of each machine found, for the verdicts of later runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::analysis::calibration::Calibration;
use crate::files::{sha256, write_atomic};
use crate::monitor::machine::Machine;

/// The folder below the cache's root.
pub const FOLDER: &str = "calibration";

impl Calibration {
    /// The last calibration of a machine. Nothing where there is none, or what is there was written in another form.
    pub fn load(cache: &Path, machine: &Machine) -> Option<Self> {
        let calibration: Self = serde_json::from_slice(&fs::read(path(cache, machine)).ok()?).ok()?;
        (calibration.circumstances.machine == *machine).then_some(calibration)
    }

    /// Keeps this calibration, in place of an earlier one of its machine. Gives the file.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn keep(&self, cache: &Path) -> Result<PathBuf, StoreError> {
        let path = path(cache, &self.circumstances.machine);
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        json.and_then(|json| write_atomic(&path, &json)).map_err(StoreError::io("write", &path))?;
        Ok(path)
    }
}

fn path(cache: &Path, machine: &Machine) -> PathBuf {
    let machine = sha256(serde_json::to_string(machine).unwrap_or_default().as_bytes());
    cache.join(FOLDER).join(format!("{machine}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::calibration::Circumstances;

    #[test]
    fn each_machine_has_its_own() {
        let cache = tempfile::tempdir().unwrap();
        let machine = Machine::read();
        assert_eq!(Calibration::load(cache.path(), &machine), None);
        let mut calibration = Calibration {
            spec: "s-calibration".to_owned(),
            run: "first".to_owned(),
            finished: true,
            circumstances: Circumstances {
                machine: machine.clone(),
                build: "b".to_owned(),
                unix_ms: 1,
                load_average: Some(0.1),
            },
            alpha: 0.05,
            margin: 0.05,
            blocks: None,
            not_comparable: std::collections::BTreeMap::new(),
            phases: Vec::new(),
        };
        calibration.keep(cache.path()).unwrap();
        assert_eq!(Calibration::load(cache.path(), &machine), Some(calibration.clone()));
        let other = Machine { host: "another".to_owned(), ..machine.clone() };
        assert_eq!(Calibration::load(cache.path(), &other), None);
        calibration.run = "second".to_owned();
        let file = calibration.keep(cache.path()).unwrap();
        assert_eq!(Calibration::load(cache.path(), &machine).unwrap().run, "second");
        fs::write(file, "{}").unwrap();
        assert_eq!(Calibration::load(cache.path(), &machine), None, "another form is no calibration");
    }
}
