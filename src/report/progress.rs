//! Progress on standard error: a bar on a terminal, a line now and then elsewhere, nothing when quiet.
//!
//! It listens on a thread of its own, so that it can neither delay nor fail a trial.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::executor::event::{Status, TrialEvent};
use crate::guard::text::line;
use crate::plan::Plan;
use crate::store::state::RunState;

const LINE_EVERY: Duration = Duration::from_secs(10);

/// A running display.
#[derive(Debug)]
pub struct Progress {
    thread: JoinHandle<()>,
    /// Where it hears events.
    pub sender: Sender<TrialEvent>,
}

impl Progress {
    /// Starts to show a run of which `done` trials are there already.
    pub fn start(expected: Expected, done: u64, quiet: bool) -> Option<Self> {
        if quiet {
            return None;
        }
        let (sender, events) = channel();
        let show = move || {
            if std::io::stderr().is_terminal() {
                bar(&events, expected, done)
            } else {
                lines(&events, expected, done)
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(show).ok()?;
        Some(Self { thread, sender })
    }

    /// Waits until everything that was said is shown.
    pub fn finish(self) {
        drop(self.sender);
        let _ = self.thread.join();
    }
}

/// The number of trials of a run. While pilots are open it is the largest number, and said to be: a bar that only ever gets shorter
/// disappoints nobody.
#[derive(Debug)]
pub struct Expected {
    total: u64,
    /// The largest number of blocks of a case.
    max_blocks: u32,
    /// Trials of one block of each case whose number of blocks is not fixed yet.
    open: HashMap<String, u64>,
}

impl Expected {
    /// What is known of a plan and of what was run of it.
    pub fn new(plan: &Plan, state: &RunState) -> Self {
        let mut expected =
            Self { total: plan.trial_count(), max_blocks: plan.blocks.max, open: HashMap::new() };
        if plan.blocks.precision.is_some() {
            let sizes = plan.cases.iter().map(|case| (case.id.clone(), case.runnable().count() as u64));
            expected.open = sizes.filter(|(_, trials)| *trials > 0).collect();
        }
        for (case, decision) in &state.fixed {
            expected.fix(case, decision.blocks);
        }
        expected
    }

    fn hear(&mut self, event: &TrialEvent) {
        if let TrialEvent::BlocksFixed { case, blocks, .. } = event {
            self.fix(case, *blocks);
        }
    }

    fn fix(&mut self, case: &str, blocks: u32) {
        if let Some(trials) = self.open.remove(case) {
            self.total -= trials * u64::from(self.max_blocks.saturating_sub(blocks));
        }
    }

    /// The words before a number that may still shrink.
    fn up_to(&self) -> &'static str {
        if self.open.is_empty() { "" } else { "up to " }
    }
}

/// What changes the display.
enum Change {
    Began(String),
    Ended { counts: bool, problem: Option<String> },
}

fn change(event: &TrialEvent) -> Option<Change> {
    match event {
        TrialEvent::TrialStarted { trial, .. } if trial.block == 0 => {
            Some(Change::Began(format!("warming {}", trial.implementation)))
        }
        TrialEvent::TrialStarted { trial, .. } => {
            Some(Change::Began(format!("block {} {} {}", trial.block, trial.case, trial.implementation)))
        }
        TrialEvent::TrialEnded { trial, status, reason, .. } => {
            let problem = (*status != Status::Ok && *status != Status::Interrupted)
                .then(|| format!("{trial} {}: {}", status.word(), reason.as_deref().unwrap_or_default()));
            Some(Change::Ended { counts: !trial.contains("-b000-"), problem })
        }
        TrialEvent::TrialSkipped { trial, reason, .. } => {
            Some(Change::Ended { counts: true, problem: Some(format!("{} skipped: {reason}", trial.id)) })
        }
        TrialEvent::TrialRejected { trial, reason } => {
            Some(Change::Ended { counts: false, problem: Some(format!("{trial} failed: {reason}")) })
        }
        _ => None,
    }
}

fn bar(events: &Receiver<TrialEvent>, mut expected: Expected, done: u64) {
    let bar = ProgressBar::new(expected.total).with_position(done).with_prefix(expected.up_to());
    let template = "{bar:30} {pos}/{prefix}{len} trials, {prefix}{eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    for event in events {
        expected.hear(&event);
        bar.set_length(expected.total);
        bar.set_prefix(expected.up_to());
        match change(&event) {
            Some(Change::Began(what)) => bar.set_message(line(&what).into_owned()),
            Some(Change::Ended { counts, problem }) => {
                bar.inc(u64::from(counts));
                if let Some(problem) = problem {
                    bar.println(line(&problem));
                }
            }
            None => {}
        }
    }
    bar.finish_and_clear();
}

#[expect(clippy::print_stderr, reason = "this is the display")]
fn lines(events: &Receiver<TrialEvent>, mut expected: Expected, mut done: u64) {
    let (began, first) = (Instant::now(), done);
    let mut told = Instant::now();
    for event in events {
        expected.hear(&event);
        let Some(Change::Ended { counts, problem }) = change(&event) else { continue };
        done += u64::from(counts);
        if let Some(problem) = problem {
            eprintln!("{}", line(&problem));
        }
        if told.elapsed() >= LINE_EVERY && done > first {
            told = Instant::now();
            // Trials of a block that is run again count twice.
            let (total, up_to) = (expected.total.max(done), expected.up_to());
            let left = began.elapsed().mul_f64(fraction(total - done, done - first));
            eprintln!(
                "{done}/{up_to}{total} trials, {up_to}{} left",
                humantime::format_duration(Duration::from_secs(left.as_secs()))
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of trials")]
fn fraction(left: u64, done: u64) -> f64 {
    left as f64 / done as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_shrinks_as_pilots_decide() {
        let open = [("a".to_owned(), 3), ("b".to_owned(), 2)].into();
        let mut expected = Expected { total: 150, max_blocks: 30, open };
        assert_eq!(expected.up_to(), "up to ");
        let fixed = |case: &str, blocks| TrialEvent::BlocksFixed {
            case: case.to_owned(),
            blocks,
            wanted: blocks,
            comparisons: 1,
            pilot: Vec::new(),
        };
        expected.hear(&fixed("a", 10));
        assert_eq!((expected.total, expected.up_to()), (90, "up to "));
        // A second word on the same case changes nothing.
        expected.hear(&fixed("a", 10));
        expected.hear(&fixed("b", 30));
        assert_eq!((expected.total, expected.up_to()), (90, ""));
    }
}
