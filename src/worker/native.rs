//! The native worker: `benchrun worker` runs one trial of one native implementation.

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use super::channel::Channel;
use super::clock::{Clock, SystemClock};
use super::measure::Samples;
use super::process;
use super::protocol::{Event, PROTOCOL_VERSION, Ready, Request};
use crate::backend::{self, Framework};
use crate::task::{self, Learner};

/// The identity of this build. The runner refuses a worker with another one.
pub const BUILD: &str = env!("BENCHRUN_BUILD");

/// Why a trial ended early.
pub(super) enum Ended {
    Unsupported(String),
    Failed {
        kind: &'static str,
        message: String,
    },
    /// The runner is gone; nobody is left to tell.
    Io(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs one trial of one of some frameworks: request in, events out. The build is what `ready` tells.
///
/// # Errors
/// The pipe to the runner broke.
pub fn run(frameworks: &[&Framework], build: &str) -> io::Result<()> {
    let mut channel = Channel::take_over()?;
    let outcome = match Channel::request() {
        Ok(request) => guarded(&mut channel, &request, frameworks, build),
        Err(error) => Err(Ended::Failed { kind: "InvalidRequest", message: error.to_string() }),
    };
    let last = match outcome {
        Ok(()) => Event::Done {},
        Err(Ended::Unsupported(reason)) => Event::Unsupported { reason },
        Err(Ended::Failed { kind, message }) => {
            Event::Failed { kind: kind.to_owned(), message, traceback: None }
        }
        Err(Ended::Io(error)) => return Err(error),
    };
    channel.send(&last)
}

/// Runs the trial. A library that panics fails its trial as one that returns an error does; the panic's own words are in the log too.
fn guarded(
    channel: &mut Channel,
    request: &Request,
    frameworks: &[&Framework],
    build: &str,
) -> Result<(), Ended> {
    let attempt = AssertUnwindSafe(|| trial(channel, request, frameworks, build));
    std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let message = text.unwrap_or_else(|| "a library panicked without a message".to_owned());
        Err(Ended::Failed { kind: "Panic", message })
    })
}

/// An error of some kind as the end of a trial.
pub(super) fn failed<E: std::fmt::Display>(kind: &'static str) -> impl Fn(E) -> Ended {
    move |error| Ended::Failed { kind, message: error.to_string() }
}

fn trial(
    channel: &mut Channel,
    request: &Request,
    frameworks: &[&Framework],
    build: &str,
) -> Result<(), Ended> {
    if request.protocol != PROTOCOL_VERSION {
        let message = format!(
            "the request has protocol {}, but this worker speaks {PROTOCOL_VERSION}",
            request.protocol
        );
        return Err(Ended::Failed { kind: "ProtocolVersion", message });
    }
    let Some(framework) = frameworks.iter().find(|f| f.id == request.implementation) else {
        return Err(Ended::Unsupported(format!(
            "{} is no implementation of this worker",
            request.implementation
        )));
    };
    let pool = (framework.set_threads)(request.threads);
    channel.send(&Event::Ready(Ready {
        protocol: PROTOCOL_VERSION,
        implementation: request.implementation.clone(),
        build: build.to_owned(),
        monotonic_ns: SystemClock.wall_ns(),
        versions: framework.versions(),
        cpu_set: process::cpu_set(),
        memory: process::memory(),
    }))?;
    match task::task(&request.task).map(|task| task.definition().learner) {
        Some(Learner::Network) => super::network::trial(channel, request, framework),
        Some(Learner::Pretrained) => super::language::trial(channel, request, framework),
        _ => super::estimator::trial(channel, request, framework, pool),
    }
}

/// Announces a phase.
pub(super) fn begin(channel: &mut Channel, phase: &str) -> io::Result<()> {
    channel.send(&Event::PhaseBegin { phase: phase.to_owned(), monotonic_ns: SystemClock.wall_ns() })
}

/// Announces its end. Memory is read after the clock.
pub(super) fn end(channel: &mut Channel, phase: &str) -> io::Result<()> {
    let monotonic_ns = SystemClock.wall_ns();
    channel.send(&Event::PhaseEnd { phase: phase.to_owned(), monotonic_ns, memory: process::memory() })
}

/// Sends the samples of a phase or of one of its series.
pub(super) fn samples(channel: &mut Channel, phase: &str, samples: Samples) -> io::Result<()> {
    let Samples { calls, wall_ns, cpu_ns } = samples;
    channel.send(&Event::Samples { phase: phase.to_owned(), calls, wall_ns, cpu_ns })
}

/// How this binary was built, and what the processor offers to code that looks when it runs.
pub fn build_facts() -> BTreeMap<String, String> {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    [
        ("rustc", env!("BENCHRUN_RUSTC")),
        ("profile", profile),
        ("opt_level", env!("BENCHRUN_OPT_LEVEL")),
        ("target", env!("BENCHRUN_TARGET")),
        ("target_features", env!("BENCHRUN_TARGET_FEATURES")),
        ("rustflags", env!("BENCHRUN_RUSTFLAGS")),
        ("allocator", "system"),
        ("detected_features", &detected_features()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The vector instructions that libraries which look when they run (faer, matrixmultiply) find here.
fn detected_features() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("avx", std::is_x86_feature_detected!("avx")),
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ];
        found.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect::<Vec<_>>().join(",")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        String::new()
    }
}

/// Writes the raw outputs and announces them.
pub(super) fn write(
    channel: &mut Channel,
    folder: &Path,
    outputs: &[(&'static str, backend::Tensor)],
) -> Result<(), Ended> {
    let file = backend::serialize(outputs).map_err(failed("OutputError"))?;
    std::fs::write(folder.join("outputs.safetensors"), &file)?;
    channel
        .send(&Event::Outputs { path: "outputs.safetensors".into(), sha256: crate::files::sha256(&file) })?;
    Ok(())
}
