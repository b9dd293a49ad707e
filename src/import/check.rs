//! What types cannot say of foreign trials: ranges, lengths that fit, names that exist, no trial twice.

use std::collections::HashMap;

use super::cases::{Case, PairingKey};
use super::problem::Problem;
use super::read::SourceFile;
use super::record::{PhaseTimes, TrialRecord};
use crate::implementation::Registry;
use crate::implementation::manifest::check_id;
use crate::spec::problem::unknown;
use crate::task::AlgorithmDef;
use crate::task::parameter::Value;

/// Room is left above for blocks that get a number of their own.
const LAST_BLOCK: u32 = 1_000_000_000;

/// Checks every trial of every file by itself, and brings hyperparameters into their canonical form.
pub fn trials(files: &mut [SourceFile], registry: &Registry, problems: &mut Vec<Problem>) {
    for placed in files.iter_mut().flat_map(|f| &mut f.trials) {
        let mut found = Vec::new();
        trial(&placed.trial, &mut found);
        hyperparameters(&mut placed.trial, registry, &mut found);
        problems.extend(found.into_iter().map(|mut problem: Problem| {
            let separator = if problem.place.is_empty() { "" } else { "." };
            problem.place = format!("{}{separator}{}", placed.place, problem.place);
            problem
        }));
    }
}

/// The definition of a trial's algorithm, where its task is known and has it.
pub fn definition<'r>(trial: &TrialRecord, registry: &'r Registry) -> Option<&'r AlgorithmDef> {
    registry.task(trial.task.as_deref()?)?.algorithm(&trial.algorithm)
}

fn trial(trial: &TrialRecord, problems: &mut Vec<Problem>) {
    let mut wrong = |place: &str, message: String| problems.push(Problem::new(place, message));
    for (name, text) in [("dataset", &trial.dataset), ("algorithm", &trial.algorithm)] {
        if text.is_empty() {
            wrong(name, "is empty".to_owned());
        }
    }
    if let Err(message) = check_id(&trial.implementation) {
        wrong("implementation", message);
    }
    if !(1..=LAST_BLOCK).contains(&trial.block) {
        wrong("block", format!("is {}, but must be from 1 to {LAST_BLOCK}", trial.block));
    }
    match (trial.status(), &trial.reason) {
        (crate::executor::event::Status::Ok, _) if trial.phases.is_empty() => {
            wrong("phases", "is empty, but the trial is `ok`, so something was timed".to_owned());
        }
        (crate::executor::event::Status::Ok, _) | (_, Some(_)) => {}
        (status, None) => wrong("reason", format!("is missing, but the status is `{}`", status.word())),
    }
    let sizes = [
        ("start_ns", trial.start_ns),
        ("load_ns", trial.load_ns),
        ("peak_rss_bytes", trial.peak_rss_bytes),
        ("rss_ready_bytes", trial.rss_ready_bytes),
    ];
    for (name, _) in sizes.iter().filter(|(_, value)| *value == Some(0)) {
        wrong(name, "is 0, but must be at least 1; leave out what is not known".to_owned());
    }
    for name in trial.metrics.keys().filter(|name| !is_plain(name)) {
        wrong("metrics", format!("`{name}` is no name of a metric: write letters, digits, `-`, `_` and `.`"));
    }
    for (i, times) in trial.phases.iter().enumerate() {
        let twice = trial.phases[..i].iter().any(|before| before.name == times.name);
        phase(times, twice, &format!("phases[{i}]"), problems);
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn phase(times: &PhaseTimes, twice: bool, place: &str, problems: &mut Vec<Problem>) {
    let mut wrong =
        |key: &str, message: String| problems.push(Problem::new(format!("{place}.{key}"), message));
    match times.name.as_str() {
        "" => wrong("name", "is empty".to_owned()),
        "start" | "load" => {
            wrong("name", format!("`{0}` has no samples; write `{0}_ns` of the trial", times.name))
        }
        name if twice => wrong("name", format!("`{name}` is there twice")),
        _ => {}
    }
    let samples = times.wall_ns.len();
    if samples == 0 {
        wrong("wall_ns", "is empty".to_owned());
    }
    if let Some(i) = times.wall_ns.iter().position(|ns| *ns == 0) {
        wrong(&format!("wall_ns[{i}]"), "is 0, but a time is at least 1 ns".to_owned());
    }
    for (key, list) in [("calls", &times.calls), ("cpu_ns", &times.cpu_ns)] {
        if let Some(list) = list
            && list.len() != samples
        {
            wrong(key, format!("has {} entries, but wall_ns has {samples}", list.len()));
        }
    }
    if let Some(i) = times.calls.iter().flatten().position(|n| *n == 0) {
        wrong(&format!("calls[{i}]"), "is 0, but a sample is at least one call".to_owned());
    }
}

fn hyperparameters(trial: &mut TrialRecord, registry: &Registry, problems: &mut Vec<Problem>) {
    let Some(definition) = definition(trial, registry) else {
        // 1 and 1.0 name the same case, whichever a tool writes.
        for value in trial.hyperparameters.values_mut() {
            if let Value::Int(_) = value {
                *value = Value::Float(value.as_float().unwrap_or_default());
            }
        }
        return;
    };
    for (name, value) in &mut trial.hyperparameters {
        let place = format!("hyperparameters.{name}");
        let Some(parameter) = definition.parameters.iter().find(|p| p.name == *name) else {
            let known = definition.parameters.iter().map(|p| p.name.as_str());
            let (message, hint) = unknown(&format!("hyperparameter of {}", definition.name), name, known);
            problems.push(Problem::new("hyperparameters", message).hint(hint));
            continue;
        };
        match parameter.check(value) {
            Ok(canonical) => *value = canonical,
            Err(message) => problems.push(Problem::new(place, message)),
        }
    }
}

/// No implementation can have run a case twice in one block.
pub fn repetitions(cases: &[Case<'_>], problems: &mut Vec<Problem>) {
    for case in cases {
        let mut seen: HashMap<(&str, PairingKey), &str> = HashMap::new();
        for member in &case.members {
            let placed = member.placed;
            let implementation = placed.trial.implementation.as_str();
            if let Some(before) = seen.insert((implementation, member.key), &placed.place) {
                let message = format!(
                    "{implementation} ran this case in block {} already: {}",
                    placed.trial.block, before
                );
                problems.push(
                    Problem::new(placed.place.clone(), message).hint("each repetition is a block of its own"),
                );
            }
        }
    }
}
