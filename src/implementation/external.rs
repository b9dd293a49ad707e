//! Workers in executables of their own beside benchrun's: backends that drag a foreign runtime along.

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::files::sha256;
use crate::guard;
use crate::worker::native::BUILD;

/// Where such a worker is, and how it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// The name of its executable, which lies in the folder of benchrun's own.
    pub program: &'static str,
    /// The command that builds it, in a checkout of benchrun.
    pub command: &'static str,
}

/// Which build of a worker this is, as it tells when it is started with `--identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The build of the library of benchrun that is linked into it: the runner takes no other.
    pub benchrun: String,
    /// The build of the worker, which covers that library.
    pub build: String,
    /// Versions of what it computes with.
    pub versions: Vec<(String, String)>,
}

impl Identity {
    /// That of a worker with these sources.
    pub fn new(sources: &str, versions: &[(&str, &str)]) -> Self {
        let versions = versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        Self {
            benchrun: BUILD.to_owned(),
            build: sha256(format!("{BUILD} {sources}").as_bytes()),
            versions: versions.collect(),
        }
    }

    /// Prints it, one line of JSON, as the answer to `--identity`.
    pub fn print(&self) -> ExitCode {
        use io::Write;
        let line = serde_json::to_string(self).unwrap_or_default();
        match writeln!(io::stdout(), "{line}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

impl External {
    /// The executable and its identity.
    ///
    /// # Errors
    /// It is not there, does not start, or is of another build than this benchrun: a phrase.
    pub fn find(&self) -> Result<(PathBuf, Identity), String> {
        let own =
            std::env::current_exe().map_err(|e| format!("benchrun's own executable is not known: {e}"))?;
        let program = own.with_file_name(self.program);
        if !program.is_file() {
            return Err(format!("there is no {}", program.display()));
        }
        let mut command = Command::new(&program);
        command.arg("--identity").env_clear().envs(guard::environment::plain());
        let output = command.output().map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let identity: Result<Identity, _> = serde_json::from_slice(&output.stdout);
        match identity {
            Ok(identity) if identity.benchrun == BUILD => Ok((program, identity)),
            Ok(_) => Err(format!("{} was built from other sources than this benchrun", program.display())),
            Err(_) => {
                let told = String::from_utf8_lossy(&output.stderr);
                Err(format!("{} does not start: {}", program.display(), told.trim_end()))
            }
        }
    }
}
