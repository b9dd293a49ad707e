//! A trial of an estimator: fit from the training rows as a whole, then apply.

use std::hint::black_box;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::channel::Channel;
use super::clock::SystemClock;
use super::measure::{Samples, measure};
use super::native::{Ended, begin, build_facts, end, failed, samples, write};
use super::process;
use super::protocol::{Event, PhaseKind, PhaseRequest, Receipt, Request, Threads};
use crate::backend::{Ask, Estimator, Fitted, Framework, ReadBack, Target, Training};
use crate::data::TargetKind;
use crate::data::bundle::{Bundle, TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::task;

/// Runs the trial.
pub(super) fn trial(
    channel: &mut Channel,
    request: &Request,
    framework: &Framework,
    pool: usize,
) -> Result<(), Ended> {
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
        let of_phase = match (phase.kind, &model) {
            (PhaseKind::Fit, _) => {
                let (of_fits, fitted) =
                    measure(&SystemClock, &phase.repeat, request.slowdown, |_| fit(&*estimator, &training))?;
                model = fitted;
                of_fits
            }
            (PhaseKind::Predict, Some(model)) => apply(&**model, &arrays.test, phase, request.slowdown)?,
            _ => {
                let message = format!("{} comes before fit, or is none of an estimator", phase.name);
                return Err(Ended::Failed { kind: "InvalidRequest", message });
            }
        };
        end(channel, &phase.name)?;
        samples(channel, &phase.name, of_phase)?;
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
) -> Result<Samples, Ended> {
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
        draws: None,
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
