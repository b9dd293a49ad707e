//! Implementations: who can be asked to solve what, in both languages.
//!
//! Native ones come from the registry in [`crate::backend`], Python ones from the manifests of adapter folders. From here on
//! nobody asks which language an implementation is written in, except to launch it.

pub mod environment;
pub mod external;
mod lock;
pub mod manifest;
mod vendor;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{AlgorithmDef, TASKS, TaskDef};
use external::External;

/// One implementation and what it offers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Implementation {
    /// `language/framework` or `language/framework+variant`.
    pub id: String,
    /// What it is.
    pub doc: String,
    /// Its algorithms.
    pub offers: Vec<Offer>,
    /// How its worker is started.
    #[serde(skip)]
    pub launch: Launch,
}

/// One algorithm that an implementation offers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Offer {
    /// The task.
    pub task: String,
    /// The algorithm of that task.
    pub algorithm: String,
    /// How it is computed.
    pub doc: String,
    /// Settings of this implementation alone.
    pub settings: Vec<ParameterDef>,
    /// Hyperparameter values that it cannot honour.
    pub cannot: Vec<Cannot>,
}

/// Values of one hyperparameter that an implementation cannot honour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cannot {
    /// The hyperparameter.
    pub parameter: String,
    /// The values.
    pub values: Vec<Value>,
    /// Why not.
    pub reason: String,
}

/// How a worker is started.
#[derive(Debug, Clone)]
pub enum Launch {
    /// This binary, as `benchrun worker`.
    Native,
    /// A worker in an executable of its own.
    External(External),
    /// The Python adapter in this folder.
    Python(PythonAdapter),
}

/// A Python adapter's place.
#[derive(Debug, Clone)]
pub struct PythonAdapter {
    /// The folder with `adapter.toml`.
    pub folder: PathBuf,
    /// The folder of the adapter kit.
    pub kit: PathBuf,
    /// The lock file of its environment.
    pub lock: PathBuf,
}

impl Implementation {
    /// The part before the slash.
    pub fn language(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// What it offers for an algorithm.
    pub fn offer(&self, task: &str, algorithm: &str) -> Option<&Offer> {
        self.offers.iter().find(|o| o.task == task && o.algorithm == algorithm)
    }

    /// Why it cannot be asked for this, if it cannot.
    pub fn unsupported(&self, task: &str, algorithm: &str, hyperparameters: &Parameters) -> Option<String> {
        let Some(offer) = self.offer(task, algorithm) else {
            let offered: Vec<&str> =
                self.offers.iter().filter(|o| o.task == task).map(|o| o.algorithm.as_str()).collect();
            return Some(if offered.is_empty() {
                format!("{} offers nothing for the task {task}", self.id)
            } else {
                format!("{} does not offer {algorithm}; it offers {}", self.id, offered.join(", "))
            });
        };
        offer
            .cannot
            .iter()
            .find(|c| hyperparameters.get(&c.parameter).is_some_and(|v| c.values.contains(v)))
            .map(|c| format!("{} = {}: {}", c.parameter, hyperparameters[&c.parameter], c.reason))
    }
}

/// Everything that this build and the adapters offer.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The tasks, adapters' own algorithms included.
    pub tasks: Vec<TaskDef>,
    /// The implementations, sorted by id.
    pub implementations: Vec<Implementation>,
}

impl Registry {
    /// Reads the native registry and every adapter folder below `adapters`.
    ///
    /// # Errors
    /// A manifest cannot be read, or contradicts the tasks or another one.
    pub fn load(kit: &Path, adapters: &[PathBuf]) -> Result<Self, manifest::ManifestError> {
        let mut registry = Self {
            tasks: TASKS.iter().map(|t| t.definition()).collect(),
            implementations: backend::implementations(),
        };
        for root in adapters {
            for folder in manifest::folders(root)? {
                manifest::read(&folder, kit)?.register(&folder, &mut registry)?;
            }
        }
        registry.implementations.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(registry)
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&TaskDef> {
        self.tasks.iter().find(|t| t.name == name)
    }

    /// The implementation of that id.
    pub fn implementation(&self, id: &str) -> Option<&Implementation> {
        self.implementations.iter().find(|i| i.id == id)
    }

    /// Adds an adapter's own algorithm to a task.
    fn add_algorithm(&mut self, task: &str, algorithm: AlgorithmDef) -> Option<()> {
        let task = self.tasks.iter_mut().find(|t| t.name == task)?;
        task.algorithms.push(algorithm);
        Some(())
    }
}
