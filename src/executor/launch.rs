//! How an implementation's workers are started: the same kind of process for every language.

use std::io;
use std::path::{Path, PathBuf};

use crate::backend::{self, Framework};
use crate::guard::environment::PLAIN;
use crate::implementation::environment::{Environment, EnvironmentError, Python, adapter_build};
use crate::implementation::{Implementation, Launch};
use crate::spec::{Experiment, Protocol};
use crate::store::manifest::ImplementationRecord;
use crate::task::parameter::Parameters;
use crate::worker::cgroup;
use crate::worker::handle::Start;
use crate::worker::native;
use crate::worker::protocol::{CPU, DEVICE_VARIABLE};

/// Variables by which numerical libraries learn how many threads they may use.
const THREAD_VARIABLES: &[&str] = &[
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// What the user says of devices.
const OF_DEVICES: &[&str] = &["CUDA_VISIBLE_DEVICES"];

/// What has cuBLAS give the same bits every time, and none of NVIDIA's libraries round the factors of float32 products to TensorFloat-32. A
/// process can set the second for itself in some languages only, so that all are told.
const FOR_DEVICES: &[(&str, &str)] = &[("CUBLAS_WORKSPACE_CONFIG", ":4096:8"), ("NVIDIA_TF32_OVERRIDE", "0")];

/// Starts the workers of one implementation.
#[derive(Debug)]
pub struct Launcher {
    implementation: Implementation,
    program: PathBuf,
    arguments: Vec<String>,
    record: ImplementationRecord,
}

impl Launcher {
    /// Prepares to start workers: finds this binary, or makes the Python environment.
    ///
    /// # Errors
    /// There is no usable Python, or its environment cannot be built.
    pub fn new(
        implementation: &Implementation,
        cache: &Path,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, EnvironmentError> {
        let (program, arguments, record) = match &implementation.launch {
            Launch::Native => {
                let program = own_binary().map_err(|source| EnvironmentError::Io {
                    path: "benchrun's own binary".into(),
                    source,
                })?;
                let record = ImplementationRecord {
                    build: native::BUILD.to_owned(),
                    environment: None,
                    python: None,
                    libraries: backend::framework(&implementation.id)
                        .map(Framework::versions)
                        .unwrap_or_default(),
                };
                (program, vec!["worker".to_owned()], record)
            }
            Launch::External(worker) => {
                let (program, identity) = worker.find().map_err(|message| EnvironmentError::Worker {
                    implementation: implementation.id.clone(),
                    command: worker.command,
                    message,
                })?;
                let record = ImplementationRecord {
                    build: identity.build,
                    environment: None,
                    python: None,
                    libraries: identity.versions.into_iter().collect(),
                };
                (program, Vec::new(), record)
            }
            Launch::Python(adapter) => {
                let Environment { key, python, interpreter, packages } =
                    Python::find()?.sync(adapter, cache, report)?;
                let record = ImplementationRecord {
                    build: adapter_build(adapter)?,
                    environment: Some(key),
                    python: Some(python),
                    libraries: packages,
                };
                let text = |path: &Path| path.to_string_lossy().into_owned();
                let arguments = vec![
                    "-X".to_owned(),
                    "utf8".to_owned(),
                    text(&adapter.kit.join("run.py")),
                    text(&adapter.folder),
                ];
                (interpreter, arguments, record)
            }
        };
        Ok(Self { implementation: implementation.clone(), program, arguments, record })
    }

    /// Has native workers run by another build of benchrun.
    #[must_use]
    pub fn by(self, program: &Path, build: &str) -> Self {
        let record = ImplementationRecord { build: build.to_owned(), ..self.record };
        Self { program: program.to_owned(), record, ..self }
    }

    /// The implementation that its workers are asked to be.
    pub fn implementation(&self) -> &str {
        &self.implementation.id
    }

    /// The build that its workers must report.
    pub fn build(&self) -> &str {
        &self.record.build
    }

    /// What the run's manifest says of it.
    pub fn record(&self) -> &ImplementationRecord {
        &self.record
    }

    /// Its settings for an algorithm.
    pub fn settings(&self, experiment: &Experiment, algorithm: &str) -> Parameters {
        experiment.settings_for(&self.implementation, algorithm)
    }

    /// How to start one worker.
    pub fn start(
        &self,
        folder: PathBuf,
        log: PathBuf,
        protocol: &Protocol,
        cpus: &[usize],
        cgroup: Option<cgroup::Parent>,
    ) -> Start {
        Start {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            folder,
            environment: environment(protocol.threads, &protocol.device),
            cpus: cpus.to_vec(),
            memory_bytes: protocol.memory_bytes,
            cgroup,
            log,
        }
    }
}

/// The whole environment of a worker.
fn environment(threads: usize, device: &str) -> Vec<(String, String)> {
    // Variables that workers inherit from the user.
    let (of_devices, for_devices) =
        if device == CPU { (&[][..], &[][..]) } else { (OF_DEVICES, FOR_DEVICES) };
    let inherited = PLAIN.iter().chain(of_devices);
    let inherited = inherited.filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let of_threads = THREAD_VARIABLES.iter().map(|name| ((*name).to_owned(), threads.to_string()));
    // Hash order and compiled files do not depend on the user's shell.
    let of_python = [("PYTHONHASHSEED", "0"), ("PYTHONNOUSERSITE", "1"), ("PYTHONDONTWRITEBYTECODE", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let named = (device != CPU).then_some((DEVICE_VARIABLE, device));
    let for_devices = for_devices.iter().copied().chain(named);
    let for_devices = for_devices.map(|(name, value)| (name.to_owned(), value.to_owned()));
    inherited.chain(of_threads).chain(of_python).chain(for_devices).collect()
}

/// This binary.
fn own_binary() -> io::Result<PathBuf> {
    std::env::current_exe()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trials_on_a_device_hear_of_it() {
        let beyond: Vec<String> = environment(1, "cuda")
            .into_iter()
            .filter(|pair| !environment(1, CPU).contains(pair))
            .map(|(name, value)| format!("{name}={value}"))
            .filter(|told| !told.starts_with("CUDA_VISIBLE_DEVICES"))
            .collect();
        let told = ["CUBLAS_WORKSPACE_CONFIG=:4096:8", "NVIDIA_TF32_OVERRIDE=0", "BENCHRUN_DEVICE=cuda"];
        assert_eq!(beyond, told);
    }
}
