//! The native worker: `benchrun worker` runs one trial of one native implementation.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::channel::Channel;
use super::clock::{Clock, SystemClock};
use super::measure::measure;
use super::process;
use super::protocol::{Event, PROTOCOL_VERSION, PhaseKind, PhaseRequest, Ready, Receipt, Request, Threads};
use crate::backend::{self, Ask, Estimator, Fitted, Framework, ReadBack, Target, Training};
use crate::data::TargetKind;
use crate::data::bundle::{Bundle, TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::task;

/// The identity of this build. The runner refuses a worker with another one.
pub const BUILD: &str = env!("BENCHRUN_BUILD");

/// Why a trial ended early.
enum Ended {
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

/// Runs one trial: request in, events out.
///
/// # Errors
/// The pipe to the runner broke.
pub fn run() -> io::Result<()> {
    let mut channel = Channel::take_over()?;
    let outcome = match Channel::request() {
        Ok(request) => guarded(&mut channel, &request),
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
fn guarded(channel: &mut Channel, request: &Request) -> Result<(), Ended> {
    let attempt = AssertUnwindSafe(|| trial(channel, request));
    std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let message = text.unwrap_or_else(|| "a library panicked without a message".to_owned());
        Err(Ended::Failed { kind: "Panic", message })
    })
}

fn failed<E: std::fmt::Display>(kind: &'static str) -> impl Fn(E) -> Ended {
    move |error| Ended::Failed { kind, message: error.to_string() }
}

fn trial(channel: &mut Channel, request: &Request) -> Result<(), Ended> {
    if request.protocol != PROTOCOL_VERSION {
        let message = format!(
            "the request has protocol {}, but this worker speaks {PROTOCOL_VERSION}",
            request.protocol
        );
        return Err(Ended::Failed { kind: "ProtocolVersion", message });
    }
    let Some(framework) = backend::framework(&request.implementation) else {
        return Err(Ended::Unsupported(format!("{} is no native implementation", request.implementation)));
    };
    let pool = (framework.set_threads)(request.threads);
    channel.send(&Event::Ready(Ready {
        protocol: PROTOCOL_VERSION,
        implementation: request.implementation.clone(),
        build: BUILD.to_owned(),
        monotonic_ns: SystemClock.wall_ns(),
        versions: backend::versions(&request.implementation),
        cpu_set: process::cpu_set(),
        memory: process::memory(),
    }))?;
    let Some(algorithm) = framework.algorithm(&request.task, &request.algorithm) else {
        let reason =
            format!("{} does not offer {} of the task {}", framework.id, request.algorithm, request.task);
        return Err(Ended::Unsupported(reason));
    };
    let supervised = task::task(&request.task).is_some_and(|task| task.definition().supervised);
    // The backends compute in one type on one device; another one is refused, never ignored.
    if request.dtype != "float64" || request.device != "cpu" {
        let reason = format!(
            "{} computes in float64 on the CPU, not in {} on {}",
            framework.id, request.dtype, request.device
        );
        return Err(Ended::Unsupported(reason));
    }
    let ask =
        Ask { hyperparameters: &request.hyperparameters, settings: &request.settings, seed: request.seed };
    let estimator = algorithm.configure(&ask).map_err(Ended::Unsupported)?;

    begin(channel, "load")?;
    let arrays = load(&request.bundle, supervised)?;
    end(channel, "load")?;

    let training = arrays.training();
    let mut model: Option<Box<dyn Fitted + '_>> = None;
    for phase in &request.phases {
        begin(channel, &phase.name)?;
        let samples = match (phase.kind, &model) {
            (PhaseKind::Fit, _) => {
                let (samples, fitted) =
                    measure(&SystemClock, &phase.repeat, request.slowdown, |_| fit(&*estimator, &training))?;
                model = fitted;
                samples
            }
            (PhaseKind::Predict, Some(model)) => apply(&**model, &arrays.test, phase, request.slowdown)?,
            (PhaseKind::Predict, None) => {
                let message = format!("{} comes before fit", phase.name);
                return Err(Ended::Failed { kind: "InvalidRequest", message });
            }
        };
        end(channel, &phase.name)?;
        channel.send(&Event::Samples {
            phase: phase.name.clone(),
            calls: samples.calls,
            wall_ns: samples.wall_ns,
            cpu_ns: samples.cpu_ns,
        })?;
    }
    let Some(model) = model else {
        return Err(Ended::Failed { kind: "InvalidRequest", message: "no phase fits a model".to_owned() });
    };
    let receipt = receipt(request, framework, pool, &arrays, model.read_back());
    channel.send(&Event::Receipt(receipt))?;
    let outputs = model.outputs(arrays.test.view()).map_err(failed("OutputError"))?;
    write(channel, &request.output_dir, &outputs)
}

/// The canonical arrays, as both languages load them.
struct Arrays {
    bundle: String,
    train: Array2<f64>,
    target: OwnedTarget,
    test: Array2<f64>,
}

enum OwnedTarget {
    None,
    Numbers(Array1<f64>),
    Classes(Array1<i64>),
}

impl Arrays {
    fn training(&self) -> Training<'_> {
        let target = match &self.target {
            OwnedTarget::None => Target::None,
            OwnedTarget::Numbers(numbers) => Target::Numbers(numbers.view()),
            OwnedTarget::Classes(labels) => Target::Classes(labels.view()),
        };
        Training { features: self.train.view(), target }
    }
}

fn load(manifest: &Path, supervised: bool) -> Result<Arrays, Ended> {
    let bundle = Bundle::open(manifest).map_err(failed("BundleError"))?;
    let target = match bundle.manifest().target {
        _ if !supervised => Ok(OwnedTarget::None),
        TargetKind::Next => Ok(OwnedTarget::None),
        TargetKind::Continuous => bundle.f64_vector(TRAIN_TARGET).map(|v| OwnedTarget::Numbers(v.into())),
        TargetKind::Classes => bundle.i64_vector(TRAIN_TARGET).map(|v| OwnedTarget::Classes(v.into())),
    };
    Ok(Arrays {
        bundle: bundle.hash().to_owned(),
        train: bundle.f64_matrix(TRAIN_FEATURES).map_err(failed("BundleError"))?,
        target: target.map_err(failed("BundleError"))?,
        test: bundle.f64_matrix(TEST_FEATURES).map_err(failed("BundleError"))?,
    })
}

fn fit<'t>(estimator: &dyn Estimator, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, Ended> {
    estimator.fit(black_box(training)).map(black_box).map_err(failed("FitError"))
}

/// Every call sees other rows: the batch starts where the last one ended, and at the top again when too few rows are left.
fn apply(
    model: &dyn Fitted,
    test: &Array2<f64>,
    phase: &PhaseRequest,
    slowdown: f64,
) -> Result<super::measure::Samples, Ended> {
    let rows = phase.batch_rows.unwrap_or(test.nrows());
    if rows == 0 || rows > test.nrows() {
        let message = format!("batch_rows is {rows}, but the test split has {} rows", test.nrows());
        return Err(Ended::Failed { kind: "InvalidRequest", message });
    }
    let batches: Vec<ArrayView2<'_, f64>> =
        test.axis_chunks_iter(Axis(0), rows).take(test.nrows() / rows).collect();
    let (samples, last) = measure(&SystemClock, &phase.repeat, slowdown, |number| {
        let batch = batches[usize::try_from(number).unwrap_or_default() % batches.len()];
        model.apply(black_box(batch)).map(black_box).map_err(failed("ApplyError"))
    })?;
    match last {
        Some(answer) if answer.rows() != rows => {
            let message = format!("{} rows were answered, but {rows} were asked", answer.rows());
            Err(Ended::Failed { kind: "ApplyError", message })
        }
        _ => Ok(samples),
    }
}

fn begin(channel: &mut Channel, phase: &str) -> io::Result<()> {
    channel.send(&Event::PhaseBegin { phase: phase.to_owned(), monotonic_ns: SystemClock.wall_ns() })
}

fn end(channel: &mut Channel, phase: &str) -> io::Result<()> {
    let monotonic_ns = SystemClock.wall_ns();
    channel.send(&Event::PhaseEnd { phase: phase.to_owned(), monotonic_ns, memory: process::memory() })
}

fn receipt(
    request: &Request,
    framework: &Framework,
    pool: usize,
    arrays: &Arrays,
    read_back: ReadBack,
) -> Receipt {
    Receipt {
        hyperparameters: read_back.hyperparameters,
        settings: read_back.settings,
        bundle: arrays.bundle.clone(),
        dtype: "float64".to_owned(),
        layout: read_back.layout.to_owned(),
        train_rows: arrays.train.nrows() as u64,
        features: read_back.features as u64,
        device: "cpu".to_owned(),
        threads: Threads { allowed: request.threads, pool, alive: process::threads() },
        blas: vec![(framework.blas)()],
        work: read_back.work,
        build: build_facts(),
        libraries: process::libraries(),
    }
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

fn write(
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
