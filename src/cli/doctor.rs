//! `benchrun doctor`: what on this machine will make figures noisy, and what to do.

use std::path::Path;

use super::prepare::share_cpus;
use super::{DoctorArgs, Exit, Failure, Format, print, print_json};
use crate::files::cache_root;
use crate::monitor::doctor::{Diagnosis, Layout, Level};
use crate::monitor::machine::Machine;
use crate::report;

/// Prints what the doctor finds.
pub fn doctor(args: &DoctorArgs) -> Result<Exit, Failure> {
    let machine = Machine::read();
    let (_, trial) = share_cpus(args.threads as usize, &machine)?;
    let diagnosis = diagnose(&machine, &trial, &args.results);
    match args.format {
        Format::Text => print(&report::doctor::text(&diagnosis)),
        Format::Json => print_json(&diagnosis)?,
    }
    let warns = diagnosis.of_level(Level::Warning).next().is_some();
    Ok(if args.strict && warns { Exit::Strict } else { Exit::Done })
}

/// Examines this machine for trials that would be given some of its CPUs.
pub fn diagnose(machine: &Machine, trial: &[usize], results: &Path) -> Diagnosis {
    let (runner, _) = share_cpus(trial.len(), machine).unwrap_or_default();
    let mut folders = vec![("results".to_owned(), results.to_owned())];
    folders.extend(cache_root().ok().map(|cache| ("cache".to_owned(), cache)));
    Diagnosis::of(&Layout { allowed: machine.cpu_set.clone(), trial: trial.to_vec(), runner, folders })
}
