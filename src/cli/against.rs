//! `benchrun run SPEC --against OLD_BINARY`: an older build's implementations beside those of this one, in the same blocks.
//!
//! The older build's native workers are run by its own binary, its Python workers by the adapters that it carries, in the environment
//! that their lock asks for. Everything else (bundles, clocks' rules, scoring) is this build's.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::workspace::Workspace;
use super::{Exit, Failure, print_json, say};
use crate::embedded;
use crate::executor::launch::Launcher;
use crate::files::cache_root;
use crate::implementation::{Launch, Registry};
use crate::plan::{Arm, Plan, older_self};
use crate::worker::native;
use crate::worker::protocol::PROTOCOL_VERSION;

/// What a binary says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    version: String,
    build: String,
    protocol: u32,
    adapters: PathBuf,
    native: Vec<String>,
}

/// Describes this binary.
pub fn describe() -> Result<Exit, Failure> {
    let cache = cache_root().map_err(|e| Failure::missing(&e))?;
    print_json(&Description {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: native::BUILD.to_owned(),
        protocol: PROTOCOL_VERSION,
        adapters: embedded::adapters(&cache).map_err(|e| Failure::missing(&e))?,
        native: crate::backend::implementations().into_iter().map(|i| i.id).collect(),
    })?;
    Ok(Exit::Done)
}

/// An older build.
#[derive(Debug)]
pub struct OldBuild {
    program: PathBuf,
    /// A copy of this build's binary, made like the older one's: how a file came into the page cache shows in the resident set of the
    /// processes that map it, by a tenth of it.
    own: PathBuf,
    _copies: TempDir,
    description: Description,
    registry: Registry,
}

impl OldBuild {
    /// Asks a binary what it is.
    pub fn open(program: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::usage(format!("cannot run against {}: {why}", program.display()));
        let copies = cache_root().and_then(|cache| {
            std::fs::create_dir_all(&cache)?;
            tempfile::Builder::new().prefix("against-").tempdir_in(cache)
        });
        let copies = copies.map_err(|e| wrong(e.to_string()))?;
        let copy = |from: &Path, name: &str| {
            let to = copies.path().join(name);
            std::fs::copy(from, &to).map(|_| to)
        };
        let own =
            std::env::current_exe().and_then(|own| copy(&own, "new")).map_err(|e| wrong(e.to_string()))?;
        let program = copy(program, "old").map_err(|e| wrong(e.to_string()))?;
        let output = Command::new(&program).arg("describe").output().map_err(|e| wrong(e.to_string()))?;
        let description: Description = serde_json::from_slice(&output.stdout).map_err(|_| {
            wrong("it does not answer `describe`, so it is no benchrun of this or a later version".to_owned())
        })?;
        if description.protocol != PROTOCOL_VERSION {
            let why = format!(
                "it speaks the worker protocol {}, and this build speaks {PROTOCOL_VERSION}",
                description.protocol
            );
            return Err(wrong(why));
        }
        let adapters = &description.adapters;
        let registry = Registry::load(&adapters.join("kit"), std::slice::from_ref(adapters))
            .map_err(|e| Failure::missing(&e))?;
        Ok(Self { program, own, _copies: copies, description, registry })
    }

    /// Gives every implementation of a plan its older self, which it is compared with from now on; one without stays alone.
    pub fn join(&self, plan: &mut Plan) {
        let mut alone: Vec<String> = Vec::new();
        for case in &mut plan.cases {
            let mut older = Vec::new();
            for arm in &mut case.arms {
                arm.compared_with = None;
                if !self.has(&arm.base) {
                    if !alone.contains(&arm.base) {
                        alone.push(arm.base.clone());
                    }
                    continue;
                }
                if arm.unsupported.is_none() {
                    let id = older_self(&arm.implementation);
                    arm.compared_with = Some(id.clone());
                    older.push(Arm {
                        implementation: id,
                        base: arm.base.clone(),
                        compared_with: None,
                        slowdown: 0.0,
                        unsupported: None,
                    });
                }
            }
            case.arms.extend(older);
        }
        for id in alone {
            say(&format!("{id} has no older self in benchrun {}", self.description.version));
        }
    }

    fn has(&self, implementation: &str) -> bool {
        match self.registry.implementation(implementation).map(|i| &i.launch) {
            // The registry's own native entries are this build's; the older build told its own.
            Some(Launch::Native) => self.description.native.iter().any(|id| id == implementation),
            Some(Launch::Python(_)) => true,
            // The older build's worker is not kept.
            Some(Launch::External(_)) | None => false,
        }
    }

    /// How the workers of the older selves are started, and the native ones of this build, by their ids.
    pub fn launchers(
        &self,
        plan: &Plan,
        workspace: &Workspace,
        report: &mut dyn FnMut(&str),
    ) -> Result<Vec<(String, Launcher)>, Failure> {
        let mut launchers = Vec::new();
        for used in plan.implementations(&workspace.registry).into_iter().filter(|i| self.has(&i.id)) {
            let Some(implementation) = self.registry.implementation(&used.id) else { continue };
            let mut launcher = Launcher::new(implementation, &workspace.cache, report)?;
            if matches!(implementation.launch, Launch::Native) {
                launcher = launcher.by(&self.program, &self.description.build);
                let own = Launcher::new(used, &workspace.cache, report)?.by(&self.own, native::BUILD);
                launchers.push((used.id.clone(), own));
            }
            launchers.push((older_self(&used.id), launcher));
        }
        Ok(launchers)
    }
}
