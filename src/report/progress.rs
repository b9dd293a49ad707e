//! Progress on standard error: a bar on a terminal, a line now and then elsewhere, nothing when quiet.
//!
//! It listens on a thread of its own, so that it can neither delay nor fail a trial.

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::executor::event::{Status, TrialEvent};

const LINE_EVERY: Duration = Duration::from_secs(10);

/// A running display.
#[derive(Debug)]
pub struct Progress {
    thread: JoinHandle<()>,
    /// Where it hears events.
    pub sender: Sender<TrialEvent>,
}

impl Progress {
    /// Starts to show a run of `total` trials, `done` of which are there already.
    pub fn start(total: u64, done: u64, quiet: bool) -> Option<Self> {
        if quiet {
            return None;
        }
        let (sender, events) = channel();
        let show = move || {
            if std::io::stderr().is_terminal() {
                bar(&events, total, done)
            } else {
                lines(&events, total, done)
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
        TrialEvent::TrialRejected { trial, reason } => {
            Some(Change::Ended { counts: false, problem: Some(format!("{trial} failed: {reason}")) })
        }
        _ => None,
    }
}

fn bar(events: &Receiver<TrialEvent>, total: u64, done: u64) {
    let bar = ProgressBar::new(total).with_position(done);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} trials, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar.reset_eta();
    for event in events {
        match change(&event) {
            Some(Change::Began(what)) => bar.set_message(what),
            Some(Change::Ended { counts, problem }) => {
                bar.inc(u64::from(counts));
                if let Some(problem) = problem {
                    bar.println(problem);
                }
            }
            None => {}
        }
    }
    bar.finish_and_clear();
}

#[expect(clippy::print_stderr, reason = "this is the display")]
fn lines(events: &Receiver<TrialEvent>, total: u64, mut done: u64) {
    let (began, first) = (Instant::now(), done);
    let mut told = Instant::now();
    for event in events {
        let Some(Change::Ended { counts, problem }) = change(&event) else { continue };
        done += u64::from(counts);
        if let Some(problem) = problem {
            eprintln!("{problem}");
        }
        if told.elapsed() >= LINE_EVERY && done > first {
            told = Instant::now();
            let left = began.elapsed().mul_f64(fraction(total - done, done - first));
            eprintln!(
                "{done}/{total} trials, {} left",
                humantime::format_duration(Duration::from_secs(left.as_secs()))
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of trials")]
fn fraction(left: u64, done: u64) -> f64 {
    left as f64 / done as f64
}
