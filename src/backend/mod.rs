//! Native implementations: one folder for each framework, one file for each algorithm, one registry.

mod candle;
mod classes;
mod clusters;
mod faer;
mod kernel_machine;
mod kodama;
pub mod language;
mod linear;
mod linfa;
pub mod network;
mod parameters;
mod rows;
// Its own name is that of the crate it stands on.
#[path = "ndarray/mod.rs"]
mod on_ndarray;
mod smartcore;
mod tree;

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use safetensors::tensor::{Dtype, TensorView};

use language::Languages;
use network::Networks;

use crate::implementation::external::External;
use crate::implementation::{Cannot, Implementation, Launch, Offer};
use crate::task::network::task::NetworkTask;
use crate::task::parameter::{ParameterDef, Parameters};
use crate::task::{Learner, TASKS, TaskDef};
use crate::worker::protocol::Blas;

/// A native framework.
pub struct Framework {
    /// The implementation's id.
    pub id: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Versions of what it computes with.
    pub versions: &'static [(&'static str, &'static str)],
    /// Its linear algebra, as it would describe itself.
    pub blas: fn() -> Blas,
    /// Sets the number of threads that it may use, and tells how many it will.
    pub set_threads: fn(usize) -> usize,
    /// What it offers.
    pub algorithms: &'static [&'static dyn Algorithm],
    /// How it trains networks, if it does.
    pub networks: Option<&'static dyn Networks>,
    /// How it answers with language models, if it does.
    pub languages: Option<&'static dyn Languages>,
}

impl std::fmt::Debug for Framework {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// Every framework whose workers are benchrun itself.
pub const FRAMEWORKS: &[&Framework] = &[
    &candle::FRAMEWORK,
    &linfa::FRAMEWORK,
    &faer::FRAMEWORK,
    &kodama::FRAMEWORK,
    &smartcore::FRAMEWORK,
    &on_ndarray::FRAMEWORK,
];

/// An algorithm of a task, as one framework computes it.
pub trait Algorithm: Sync {
    /// The task.
    fn task(&self) -> &'static str;
    /// The task's name of the algorithm.
    fn name(&self) -> &'static str;
    /// How it is computed.
    fn doc(&self) -> &'static str;
    /// Settings of this implementation.
    fn settings(&self) -> Vec<ParameterDef> {
        Vec::new()
    }
    /// Values of hyperparameters that it cannot honour.
    fn cannot(&self) -> Vec<Cannot> {
        Vec::new()
    }
    /// An estimator with these hyperparameters and settings, all of them given and checked.
    ///
    /// # Errors
    /// A phrase that says what cannot be honoured.
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String>;
}

impl std::fmt::Debug for dyn Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.task(), self.name())
    }
}

/// What is asked of an algorithm.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Every hyperparameter of the task.
    pub hyperparameters: &'a Parameters,
    /// Every setting of the implementation.
    pub settings: &'a Parameters,
    /// The trial's seed, for algorithms that draw.
    pub seed: u64,
}

/// What a fit sees: canonical arrays, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// The features, [n, d].
    pub features: ArrayView2<'a, f64>,
    /// The target, where the task has one.
    pub target: Target<'a>,
}

/// The target of the training rows.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// The task has none.
    None,
    /// A number for each row.
    Numbers(ArrayView1<'a, f64>),
    /// The label of a class for each row, from 0.
    Classes(ArrayView1<'a, i64>),
}

impl<'a> Training<'a> {
    /// The target of a regression.
    ///
    /// # Errors
    /// The task has another.
    pub fn numbers(&self) -> Result<ArrayView1<'a, f64>, String> {
        match self.target {
            Target::Numbers(numbers) => Ok(numbers),
            _ => Err("the training target must be numbers".to_owned()),
        }
    }

    /// The target of a classification.
    ///
    /// # Errors
    /// The task has another.
    pub fn classes(&self) -> Result<ArrayView1<'a, i64>, String> {
        match self.target {
            Target::Classes(labels) => Ok(labels),
            _ => Err("the training target must be classes".to_owned()),
        }
    }
}

/// A configured algorithm.
pub trait Estimator {
    /// Fits, from nothing. Everything that the framework needs done to the canonical arrays happens here. The model may borrow them, as
    /// libraries do whose models keep the training rows.
    ///
    /// # Errors
    /// The framework's message.
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String>;
}

/// A fitted model.
pub trait Fitted {
    /// What the task's application of a model gives for row-major rows [m, d], owned by the caller. Algorithms that speak of their
    /// training rows alone have none.
    ///
    /// # Errors
    /// The framework's message.
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String>;
    /// What was really used.
    fn read_back(&self) -> ReadBack;
    /// The raw outputs of the task by name; `test` holds all test rows. Not timed.
    ///
    /// # Errors
    /// The framework's message.
    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String>;
}

/// What a model says of some rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number for each row.
    Numbers(Array1<f64>),
    /// A label for each row.
    Labels(Array1<i64>),
    /// A row for each row.
    Rows(Array2<f64>),
}

impl Answer {
    /// The number of rows that were answered.
    pub fn rows(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Labels(labels) => labels.len(),
            Self::Rows(rows) => rows.nrows(),
        }
    }
}

impl From<Answer> for Tensor {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Numbers(numbers) => numbers.into(),
            Answer::Labels(labels) => labels.to_vec().into(),
            Answer::Rows(rows) => rows.into(),
        }
    }
}

/// One raw output.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Tensor {
    /// Numbers of any shape, row-major.
    pub fn numbers<'v>(shape: Vec<usize>, values: impl IntoIterator<Item = &'v f64>) -> Self {
        Self { dtype: Dtype::F64, shape, data: values.into_iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    /// Single-precision numbers of any shape, row-major, widened.
    pub fn widened(shape: Vec<usize>, values: &[f32]) -> Self {
        let data = values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
        Self { dtype: Dtype::F64, shape, data }
    }

    /// Whole numbers of any shape, row-major.
    pub fn whole(shape: Vec<usize>, values: &[i64]) -> Self {
        Self { dtype: Dtype::I64, shape, data: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }
}

impl From<f64> for Tensor {
    fn from(value: f64) -> Self {
        Self::numbers(vec![1], &[value])
    }
}

impl From<Array1<f64>> for Tensor {
    fn from(values: Array1<f64>) -> Self {
        Self::numbers(vec![values.len()], &values)
    }
}

impl From<Array2<f64>> for Tensor {
    fn from(values: Array2<f64>) -> Self {
        // Iteration follows the indices, whatever the layout.
        Self::numbers(values.shape().to_vec(), &values)
    }
}

impl From<Vec<i64>> for Tensor {
    fn from(values: Vec<i64>) -> Self {
        Self::whole(vec![values.len()], &values)
    }
}

/// Raw outputs as the bytes of a safetensors file.
///
/// # Errors
/// A name is given twice, or a shape is not that of its values.
pub fn serialize(outputs: &[(&'static str, Tensor)]) -> Result<Vec<u8>, String> {
    let views = outputs.iter().map(|(name, tensor)| {
        Ok((*name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.data)?))
    });
    let views: Result<Vec<_>, safetensors::SafeTensorError> = views.collect();
    views.and_then(|views| safetensors::serialize(views, None)).map_err(|e| e.to_string())
}

/// What a fitted model says of itself.
#[derive(Debug, Clone)]
pub struct ReadBack {
    /// Hyperparameters under the task's names, from the objects that computed.
    pub hyperparameters: Parameters,
    /// Settings, likewise.
    pub settings: Parameters,
    /// Work done and how it ended.
    pub work: Parameters,
    /// The layout in which the framework computed.
    pub layout: &'static str,
    /// The number of features that the model was fitted on.
    pub features: usize,
}

/// Some algorithms share rayon's global pool, which would take every core. The calling thread is one of its threads, so that one thread
/// computes where one is allowed, without handing work over.
fn rayon_pool(threads: usize) -> usize {
    // A pool that exists already keeps its size, which is what is told then.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).use_current_thread().build_global();
    rayon::current_num_threads()
}

/// The native implementations, as the planner sees them.
pub fn implementations() -> Vec<Implementation> {
    let offer = |algorithm: &&dyn Algorithm| Offer {
        task: algorithm.task().to_owned(),
        algorithm: algorithm.name().to_owned(),
        doc: algorithm.doc().to_owned(),
        settings: algorithm.settings(),
        cannot: algorithm.cannot(),
    };
    let own = FRAMEWORKS.iter().map(|framework| {
        let trained = framework.networks.is_some().then(networks).unwrap_or_default();
        let pretrained = framework.languages.is_some().then(languages).unwrap_or_default();
        Implementation {
            id: framework.id.to_owned(),
            doc: framework.doc.to_owned(),
            offers: framework.algorithms.iter().map(offer).chain(trained).chain(pretrained).collect(),
            launch: Launch::Native,
        }
    });
    // Its worker is listed whether or not it is built.
    let tch = Implementation {
        id: "rust/tch".to_owned(),
        doc: "tch: the libtorch of the PyTorch environment, called from Rust in an executable of its own"
            .to_owned(),
        offers: networks(),
        launch: Launch::External(External { program: "benchrun-tch", command: "make tch" }),
    };
    own.chain([tch]).collect()
}

/// What a framework that trains networks offers: every architecture. What it cannot train, it says when it is asked.
fn networks() -> Vec<Offer> {
    let tasks = TASKS.iter().filter_map(|task| task.network());
    let of_task = |task: &NetworkTask| {
        let name = task.name;
        task.architectures.iter().map(move |architecture| Offer {
            task: name.to_owned(),
            algorithm: architecture.name().to_owned(),
            doc: architecture.doc().to_owned(),
            settings: Vec::new(),
            cannot: Vec::new(),
        })
    };
    tasks.flat_map(of_task).collect()
}

/// What a framework that answers with language models offers: all that is asked of them. Which models it has, it says when it is asked.
fn languages() -> Vec<Offer> {
    let tasks = TASKS.iter().map(|task| task.definition()).filter(|t| t.learner == Learner::Pretrained);
    let of_task = |task: TaskDef| {
        task.algorithms.into_iter().map(move |algorithm| Offer {
            task: task.name.clone(),
            algorithm: algorithm.name,
            doc: algorithm.doc,
            settings: Vec::new(),
            cannot: Vec::new(),
        })
    };
    tasks.flat_map(of_task).collect()
}

/// The native framework of that id.
pub fn framework(implementation: &str) -> Option<&'static Framework> {
    FRAMEWORKS.iter().copied().find(|f| f.id == implementation)
}

impl Framework {
    /// The versions that its workers report.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let own = self.versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        own.chain([("rust".to_owned(), env!("BENCHRUN_RUSTC").to_owned())]).collect()
    }

    /// The algorithm of a task, if it offers it.
    pub fn algorithm(&self, task: &str, name: &str) -> Option<&'static dyn Algorithm> {
        self.algorithms.iter().copied().find(|a| a.task() == task && a.name() == name)
    }
}

#[cfg(test)]
mod tests;
