//! Energy of the processor packages, by the kernel's powercap interface to RAPL (`Documentation/power/powercap/powercap.rst`). It counts
//! everything that runs on a package, not one process.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel offers it.
pub const FOLDER: &str = "/sys/class/powercap";

/// Counts the energy of every package from the first reading on.
#[derive(Debug, Clone)]
pub struct EnergyMeter {
    packages: Vec<Package>,
}

#[derive(Debug, Clone)]
struct Package {
    counter: PathBuf,
    /// The counter starts again at 0 beyond this.
    largest_uj: u64,
    last_uj: Option<u64>,
    total_uj: u64,
}

impl EnergyMeter {
    /// Opens the counters of a folder.
    ///
    /// # Errors
    /// Why there is none that can be read.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let mut packages = Vec::new();
        for entry in fs::read_dir(folder).map_err(|e| failed(folder, e))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // `intel-rapl:0` is a package, also AMD's; `intel-rapl:0:1` is a part of it.
            if name.strip_prefix("intel-rapl:").is_none_or(|number| number.parse::<u32>().is_err()) {
                continue;
            }
            let counter = entry.path().join("energy_uj");
            let largest = entry.path().join("max_energy_range_uj");
            number(&counter).map_err(|e| failed(&counter, e))?;
            let largest_uj = number(&largest).map_err(|e| failed(&largest, e))?;
            packages.push(Package { counter, largest_uj, last_uj: None, total_uj: 0 });
        }
        if packages.is_empty() {
            return Err(format!("{}: no `intel-rapl` is there", folder.display()));
        }
        Ok(Self { packages })
    }

    /// The energy since the first reading, in microjoules, of all packages. A counter that starts again between two readings is seen, if
    /// it does so once: it takes a minute or more at full power.
    pub fn read(&mut self) -> Option<u64> {
        self.packages.iter_mut().map(Package::read).sum()
    }
}

impl Package {
    fn read(&mut self) -> Option<u64> {
        let now = number(&self.counter).ok()?;
        if let Some(last) = self.last_uj {
            self.total_uj +=
                if now >= last { now - last } else { self.largest_uj.saturating_sub(last) + now };
        }
        self.last_uj = Some(now);
        Some(self.total_uj)
    }
}

fn number(path: &Path) -> std::io::Result<u64> {
    fs::read_to_string(path)?.trim().parse().map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_summed_and_counters_that_start_again_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str, energy: u64| {
            let zone = folder.path().join(name);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "1000\n").unwrap();
        };
        set("intel-rapl:0", 900);
        set("intel-rapl:1", 10);
        // The cores of package 0 are part of it, and this is no counter at all.
        set("intel-rapl:0:0", 500);
        fs::create_dir_all(folder.path().join("intel-rapl")).unwrap();
        let mut meter = EnergyMeter::open(folder.path()).unwrap();
        assert_eq!(meter.read(), Some(0));
        set("intel-rapl:0", 950);
        set("intel-rapl:0:0", 700);
        assert_eq!(meter.read(), Some(50));
        set("intel-rapl:0", 30);
        set("intel-rapl:1", 11);
        assert_eq!(meter.read(), Some(50 + 80 + 1));
        fs::remove_file(folder.path().join("intel-rapl:1/energy_uj")).unwrap();
        assert_eq!(meter.read(), None, "a part of the energy is no energy");
    }

    #[test]
    fn where_there_is_none_the_reason_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = EnergyMeter::open(&folder.path().join("powercap")).unwrap_err();
        assert!(missing.contains("powercap: No such file"), "{missing}");
        assert!(EnergyMeter::open(folder.path()).unwrap_err().contains("no `intel-rapl` is there"));
        fs::create_dir_all(folder.path().join("intel-rapl:0/energy_uj")).unwrap();
        assert!(
            EnergyMeter::open(folder.path()).unwrap_err().contains("energy_uj"),
            "what cannot be read is named"
        );
    }
}
