//! Foreign results: trials that another tool measured, read from files, checked, and written as a run that `benchrun compare` judges by the
//! very same gate.
//!
//! ```text
//! files ─► read (JSON; table: Parquet) ─► check ─► cases ─► judge (raw outputs, where there are any) ─► write
//! ```
//!
//! Nothing is written if anything is wrong, and everything that is wrong is told at once.

mod cases;
mod check;
mod judge;
mod problem;
mod read;
pub mod record;
mod table;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::guard::name::is_plain;
use crate::implementation::Registry;
use crate::spec::Blocks;
use crate::spec::problem::unknown;
use crate::store::journal::unix_ms;
use crate::store::manifest::{Fingerprint, Imported, Manifest, SCHEMA_VERSION, label_cases, run_id};
use crate::store::rows::{ParityRow, SampleRow, TrialRow};
pub use problem::{Problem, Problems};
use read::SourceFile;

/// What the user chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The name of the results, in place of the files' own.
    pub name: Option<String>,
    /// The implementation that the others are compared with, in place of each case's first Python implementation.
    pub baseline: Option<String>,
}

/// A run made of foreign results.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Its manifest.
    pub manifest: Manifest,
    /// One row for each trial.
    pub trials: Vec<TrialRow>,
    /// One row for each sample.
    pub samples: Vec<SampleRow>,
    /// The points of the tasks' contracts.
    pub parity: Vec<ParityRow>,
    /// What the user should know, though it is no error.
    pub notes: Vec<String>,
}

impl Import {
    /// Reads files of foreign results into one run.
    ///
    /// # Errors
    /// Everything that is wrong with the files or the options.
    pub fn read(
        paths: &[PathBuf],
        registry: &Registry,
        cache: &Path,
        options: &Options,
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut files: Vec<SourceFile> =
            paths.iter().filter_map(|path| read::read(path, &mut problems)).collect();
        check::trials(&mut files, registry, &mut problems);
        // A file that could not be read has named nothing.
        let name = name(&files, options, if problems.is_empty() { Some(&mut problems) } else { None });
        let cases = cases::sort(&files);
        check::repetitions(&cases, &mut problems);
        let tools: BTreeSet<&str> = files.iter().filter_map(|f| f.tool.as_deref()).collect();
        let tool = (!tools.is_empty()).then(|| tools.into_iter().collect::<Vec<_>>().join(", "));
        if problems.is_empty() {
            baseline(&cases, options, &mut problems);
        }
        let (Some(name), true) = (name, problems.is_empty()) else { return Err(Problems(problems)) };

        let mut bundles = judge::Bundles::of(cache);
        let mut rows = write::Rows::default();
        let experiment = tool.as_deref().unwrap_or("imported");
        let mut records: Vec<_> =
            cases.iter().map(|c| c.record(registry, options.baseline.as_deref(), experiment)).collect();
        label_cases(&mut records, |_, _| false);
        let judged: Vec<_> = cases
            .iter()
            .zip(&records)
            .map(|(case, record)| judge::score(case, record, registry, &mut bundles, &mut problems))
            .collect();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let hashes = file_hashes(&files);
        let fingerprint =
            Fingerprint([("imported files".to_owned(), hashes.values().cloned().collect())].into());
        let machine = files.first().and_then(|f| f.machine.clone());
        let mut manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            benchrun: env!("CARGO_PKG_VERSION").to_owned(),
            spec: name,
            run: run_id(&fingerprint),
            created_unix_ms: unix_ms(),
            fingerprint,
            seed: None,
            blocks: Blocks::fixed(
                cases
                    .iter()
                    .map(|c| c.blocks().len())
                    .max()
                    .map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)),
            ),
            max_blocks_asked: None,
            doctor: None,
            machine: machine.filter(|m| files.iter().all(|f| f.machine.as_ref() == Some(m))),
            imported: Some(Imported { files: hashes, tool }),
            build: BTreeMap::new(),
            sampling_ns: None,
            limits: None,
            git: None,
            implementations: BTreeMap::new(),
            bundles: BTreeMap::new(),
            cases: records,
        };
        for ((case, record), judged) in cases.iter().zip(&manifest.cases).zip(&judged) {
            rows.parity.extend(judge::contract(case, record, judged, &mut bundles));
            rows.add(&manifest, record, case, judged);
        }
        manifest.bundles = bundles.records();
        let notes = notes(&cases, registry);
        Ok(Self { manifest, trials: rows.trials, samples: rows.samples, parity: rows.parity, notes })
    }
}

/// Algorithms that no task has. Their trials are kept, but no pair of them can be comparable.
fn notes(cases: &[cases::Case<'_>], registry: &Registry) -> Vec<String> {
    let unknown = cases.iter().map(cases::Case::first).filter(|t| check::definition(t, registry).is_none());
    let named: BTreeSet<String> = unknown
        .map(|trial| match &trial.task {
            Some(task) => format!("the algorithm `{}` of the task `{task}` is not known", trial.algorithm),
            None => format!("no task is told for the algorithm `{}`", trial.algorithm),
        })
        .collect();
    named.into_iter().map(|what| format!("{what}, so no pair of its cases can be comparable")).collect()
}

/// The name of the results: the user's, or the one that the files agree on.
fn name(files: &[SourceFile], options: &Options, problems: Option<&mut Vec<Problem>>) -> Option<String> {
    let told: BTreeSet<&str> = files.iter().filter_map(|f| f.name.as_deref()).collect();
    let chosen = options.name.as_deref().or(if told.len() == 1 { told.first().copied() } else { None });
    let problem = match chosen {
        Some(name) if is_plain(name) && !name.contains('.') => return Some(name.to_owned()),
        Some(name) => {
            Problem::new("name", format!("is \"{name}\", but must consist of letters, digits, `-` and `_`"))
        }
        None if told.is_empty() => Problem::new("name", "no file tells the name of the results"),
        None => {
            let listed = told.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Problem::new("name", format!("the files have different names: {listed}"))
        }
    };
    problems?.push(problem.hint("give one with --name; it names the folder of the results"));
    None
}

/// The baseline that was asked for is in at least one case.
fn baseline(cases: &[cases::Case<'_>], options: &Options, problems: &mut Vec<Problem>) {
    let Some(asked) = &options.baseline else { return };
    let known: BTreeSet<&str> = cases.iter().flat_map(cases::Case::implementations).collect();
    if !known.contains(asked.as_str()) {
        let (message, hint) = unknown("implementation", asked, known);
        problems.push(Problem::new("--baseline", message).hint(hint));
    }
}

/// The files by name, each with its hash; those of one name by their paths.
fn file_hashes(files: &[SourceFile]) -> BTreeMap<String, String> {
    let short =
        |f: &SourceFile| f.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    files
        .iter()
        .map(|file| {
            let name = short(file);
            let is_alone = files.iter().filter(|f| short(f) == name).count() == 1;
            (if is_alone { name } else { file.path.display().to_string() }, file.sha256.clone())
        })
        .collect()
}
