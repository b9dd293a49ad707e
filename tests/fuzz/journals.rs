//! Lines of workers and journals: what is accepted is kept exactly, and a run that was cut anywhere is the same run.

use std::fs;

use benchrun::analysis::comparison::{Options, compare};
use benchrun::analysis::evidence::Evidence;
use benchrun::executor::event::{Status, Trial, TrialEvent};
use benchrun::report::{FORMATS, Report, View};
use benchrun::store::journal::{self, FILE_NAME, Journal};
use benchrun::store::manifest::Manifest;
use benchrun::store::state::RunState;
use benchrun::store::{parquet, rows, run_folder};
use benchrun::worker::protocol::Event;

use crate::ROOT;
use crate::engine::fuzz;
use crate::input::{is_printable, words};
use crate::mutate::Documents;

const TOKENS: &[&str] = &[
    "\"event\":\"ready\"",
    "\"event\":\"done\"",
    "\"event\":\"failed\"",
    "\"event\":\"samples\"",
    "\"event\":\"worker\"",
    "\"event\":\"run_finished\"",
    "null",
    "[]",
    "{}",
    "\"\\u0000\"",
    "\\ud800",
    "\"",
    "{\"a\":",
    "[[[[",
    "1e999",
    "-",
    "\n",
    "\"..\"",
    "18446744073709551615",
];

fn manifest() -> Manifest {
    serde_json::from_slice(&fs::read(format!("{ROOT}/tests/fuzz/manifest.json")).unwrap()).unwrap()
}

fn same_after_json<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(
    event: &T,
) {
    let text = serde_json::to_string(event).unwrap();
    assert!(!text.contains('\n'), "one line each");
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), event);
}

#[test]
fn events() {
    let manifest = manifest();
    let case = &manifest.cases[0];
    let trial = Trial {
        id: format!("{}-b001-rust-linfa", case.id),
        case: case.id.clone(),
        implementation: case.arms[0].implementation.clone(),
        block: 1,
        attempt: 0,
        session: 0,
        position: 0,
        seed: 1,
    };
    fuzz("events", TOKENS, Documents::Json, Vec::new(), |bytes| {
        let mut events = vec![TrialEvent::TrialStarted { trial: trial.clone(), unix_ms: 1 }];
        let mut happened = String::new();
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Event>(line) {
                Ok(message) => {
                    same_after_json(&message);
                    events.push(TrialEvent::Worker { trial: trial.id.clone(), message });
                }
                Err(error) => happened = error.to_string(),
            }
        }
        let (reason, status) = (Some("said".to_owned()), Status::Failed);
        events.push(TrialEvent::TrialEnded {
            trial: trial.id.clone(),
            status,
            reason,
            log_tail: None,
            wall_ns: 1,
            watched_ns: 1,
            runner_cpu_ns: 1,
        });
        events.push(TrialEvent::BlockJudged {
            case: case.id.clone(),
            block: 1,
            attempt: 0,
            pairs: Vec::new(),
        });
        judged(&manifest, &events);
        format!("{} {happened}", events.len())
    });
}

#[test]
fn journal() {
    let manifest = manifest();
    let mut turn = 0;
    fuzz("journal", TOKENS, Documents::Json, Vec::new(), |bytes| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, bytes).unwrap();
        let events = match journal::read(folder.path()) {
            Ok(events) => events,
            Err(error) => return words(&error),
        };
        events.iter().for_each(same_after_json);
        let whole = RunState::replay(&events);
        turn += 1;
        // A runner that died after any line, and another that went on.
        let cut = if events.is_empty() { 0 } else { turn % (events.len() + 1) };
        fs::remove_file(&path).unwrap();
        let (mut first, _) = Journal::open(folder.path()).unwrap();
        first.append(&events[..cut]).unwrap();
        drop(first);
        let (mut second, before) = Journal::open(folder.path()).unwrap();
        assert_eq!(before, events[..cut]);
        second.append(&events[cut..]).unwrap();
        assert_eq!(journal::read(folder.path()).unwrap(), events);
        let mut continued = RunState::replay(&before);
        events[cut..].iter().for_each(|event| continued.apply(event));
        assert_eq!(told(&continued), told(&whole));
        if turn.is_multiple_of(8) {
            judged(&manifest, &events);
        }
        format!("{} trials, {} judged", whole.trials.len().min(20), whole.judged.len().min(5))
    });
}

/// Everything of a state, in a fixed order.
fn told(state: &RunState) -> String {
    let RunState { sessions, trials, judged, fixed, finished, .. } = state;
    format!("{sessions} {trials:?} {judged:?} {fixed:?} {finished} {:?}", state.complete())
}

/// Stores, judges and reports a run of these events: whatever they say, that ends and prints nothing that a terminal obeys.
fn judged(manifest: &Manifest, events: &[TrialEvent]) {
    let state = RunState::replay(events);
    let trials = rows::trials(manifest, &state);
    assert!(
        trials.len()
            >= state
                .trials
                .iter()
                .filter(|t| t.trial.block > 0 && manifest.cases.iter().any(|c| c.id == t.trial.case))
                .count()
    );
    let folder = tempfile::tempdir().unwrap();
    run_folder::write_manifest(folder.path(), manifest).unwrap();
    let (mut journal, _) = Journal::open(folder.path()).unwrap();
    journal.append(events).unwrap();
    parquet::write_all(folder.path(), manifest, &state).unwrap();
    let evidence = Evidence::read(folder.path()).unwrap();
    let (comparison, _) = compare(&evidence, &Options { baseline: None });
    let report = Report { comparisons: vec![comparison], groups: None, trend: None, regression: None };
    for format in FORMATS {
        let text = (format.render)(&report, &View { details: true, ..View::default() });
        match format.name {
            "json" => drop(serde_json::from_str::<Report>(&text).unwrap()),
            _ => is_printable(&text),
        }
    }
}
