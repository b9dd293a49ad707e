//! `benchrun SPEC…`: load → check → plan → prepare → execute → store → compare → report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::against::OldBuild;
use super::compare::{carry_calibration, report};
use super::doctor::diagnose;
use super::prepare::{Prepared, prepare, share_cpus};
use super::workspace::{SpecText, Workspace};
use super::{Exit, Failure, RunArgs, logging, say};
use crate::analysis::comparison::{Options, compare};
use crate::analysis::evidence::Evidence;
use crate::executor::{Execution, RunEnd};
use crate::monitor::machine::Machine;
use crate::monitor::sampler::Monitor;
use crate::plan::Plan;
use crate::plan::estimate::fit_budget;
use crate::report::progress::{Expected, Progress};
use crate::spec::Spec;
use crate::store::manifest::Manifest;
use crate::store::run_folder::{NotContinued, RunFolder};
use crate::store::{parquet, rows, timeline};
use crate::worker::interrupt::Interrupt;

/// Runs every spec in turn.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    refuse_debug_build()?;
    let workspace = Workspace::open(&args.places)?;
    // Every spec is checked before the first one runs.
    let specs =
        args.specs.iter().map(|s| workspace.spec(s, args.max_trials)).collect::<Result<Vec<_>, _>>()?;
    // The machine is read before this process restricts itself to some of its CPUs.
    let machine = Machine::read();
    for (spec, _) in &specs {
        share_cpus(spec.protocol.threads, &machine)?;
    }
    let old = args.against.as_deref().map(OldBuild::open).transpose()?;
    let interrupt = on_interrupt()?;
    let mut worst = Exit::Done;
    for (spec, text) in specs {
        let exit = one(args, &workspace, &machine, spec, &text, old.as_ref(), &interrupt)?;
        if exit == Exit::Interrupted {
            return Ok(exit);
        }
        if worst == Exit::Done {
            worst = exit;
        }
    }
    Ok(worst)
}

/// Measuring refuses debug builds.
pub fn refuse_debug_build() -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        let failure = Failure::usage("this is a debug build, whose times mean nothing");
        return Err(failure.hint(Some("build with `cargo build --release`")));
    }
    Ok(())
}

fn one(
    args: &RunArgs,
    workspace: &Workspace,
    machine: &Machine,
    spec: Spec,
    text: &SpecText,
    old: Option<&OldBuild>,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let mut plan = Plan::new(spec, &workspace.registry);
    if let Some(old) = old {
        old.join(&mut plan);
    }
    let trimmed = fit_budget(&mut plan, &args.places.results, args.trim).map_err(|m| {
        Failure::usage(m).hint(Some("raise `protocol.budget`, or leave out cases with `--trim`"))
    })?;
    if trimmed > 0 {
        say(&format!("the budget leaves out {trimmed} cases"));
    }
    let prepared = prepare(&plan, workspace, machine, &text.folder, old, args.quiet)?;
    let results = results_folder(&args.places.results)?;
    let mut folder = open(&results, args.fresh, &prepared, text)?;
    // A continued run keeps its largest number of blocks, whatever would fit the budget by now.
    plan.blocks = folder.manifest.blocks;
    if let Some(asked) = folder.manifest.max_blocks_asked {
        let max = plan.blocks.max;
        say(&format!("the budget lowers the largest number of blocks from {asked} to {max}"));
    }
    logging::to_file(&folder.path.join("run.log"));

    let end =
        execute(&plan, &prepared, &mut folder, interrupt, args.quiet, args.keep_outputs, args.timeline)?;
    let told = folder.told()?;
    parquet::write_all(&folder.path, &folder.manifest, &told)?;
    let (mut comparison, conditions) = compare(&Evidence::read(&folder.path)?, &Options::default());
    parquet::write_parity(&folder.path, &[rows::contract(&told), conditions].concat())?;
    carry_calibration(&mut comparison);
    let exit = report(comparison, &results, &args.report)?;
    say(&format!("results: {}", relative(&folder.path)));
    Ok(if end == RunEnd::Interrupted { Exit::Interrupted } else { exit })
}

/// The folder of the results. Workers run in folders of their own, so every path that they are given is absolute, and free of links.
pub fn results_folder(results: &Path) -> Result<PathBuf, Failure> {
    let results = std::fs::create_dir_all(results).and_then(|()| results.canonicalize());
    results.map_err(|e| Failure::store(&e))
}

/// Runs what is not there yet, and shows how it gets on.
pub fn execute(
    plan: &Plan,
    prepared: &Prepared,
    folder: &mut RunFolder,
    interrupt: &Interrupt,
    quiet: bool,
    keep_outputs: bool,
    keep_timeline: bool,
) -> Result<RunEnd, Failure> {
    let expected = Expected::new(plan, &folder.state);
    let progress = Progress::start(expected, folder.state.counted_trials(), quiet);
    let timeline = keep_timeline.then(|| folder.path.join(timeline::FOLDER));
    let execution = Execution {
        plan,
        folder,
        bundles: prepared.bundles_by_case(plan),
        launchers: &prepared.launchers,
        monitor: Arc::new(Monitor::open(plan.spec.protocol.sampling, timeline)),
        cpus: prepared.cpus.clone(),
        cgroup: prepared.cgroup.clone(),
        interrupt,
        listeners: progress.iter().map(|p| p.sender.clone()).collect(),
        keep_outputs,
    };
    let end = execution.run();
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(end?)
}

/// Continues the newest unfinished run if it is the same in everything that matters, or starts a new one.
pub fn open(results: &Path, fresh: bool, prepared: &Prepared, text: &SpecText) -> Result<RunFolder, Failure> {
    let manifest = prepared.manifest.clone();
    if !fresh {
        match RunFolder::resume(results, &manifest.spec, &manifest.fingerprint)? {
            Ok(folder) => {
                say(&format!(
                    "continuing {} ({} trials are there)",
                    relative(&folder.path),
                    folder.state.counted_trials()
                ));
                return Ok(folder);
            }
            Err(Some(NotContinued { run, differs_in })) => {
                say(&format!(
                    "not continuing the unfinished run {run}: it differs in {}",
                    differs_in.join(", ")
                ));
            }
            Err(None) => {}
        }
    }
    let doctor = manifest.machine.as_ref().map(|machine| diagnose(machine, &prepared.cpus, results));
    Ok(RunFolder::create(results, Manifest { doctor, ..manifest }, &text.text)?)
}

/// A path as seen from here.
pub fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The first Ctrl-C or SIGTERM ends the trial in flight and writes what is there; a second one ends at once.
pub fn on_interrupt() -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::default();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || {
        if handler.request() {
            handler.kill_worker();
            std::process::exit(Exit::Interrupted as i32);
        }
        say("\ninterrupted: ending the trial in flight (once more to stop at once)");
    })
    .map_err(|e| Failure::store(&e))?;
    Ok(interrupt)
}
