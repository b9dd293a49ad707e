//! What every command needs: the cache, the registry, and a checked spec.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::{Exit, Failure, Places};
use crate::embedded;
use crate::files::cache_root;
use crate::guard::file;
use crate::implementation::Registry;
use crate::spec::Spec;

/// The largest spec, in bytes: the shipped ones have a hundredth of it.
const LARGEST_SPEC: u64 = 1 << 20;

/// The cache and everything that is offered.
#[derive(Debug)]
pub struct Workspace {
    /// The cache's root.
    pub cache: PathBuf,
    /// Tasks and implementations.
    pub registry: Registry,
}

impl Workspace {
    /// Opens the cache and reads every manifest.
    pub fn open(places: &Places) -> Result<Self, Failure> {
        let cache = cache_root().map_err(|e| Failure::missing(&e))?;
        let shipped = embedded::adapters(&cache).map_err(|e| Failure::missing(&e))?;
        let mut folders = vec![shipped.clone()];
        for folder in &places.adapters {
            let absolute = folder.canonicalize().map_err(|e| {
                Failure::usage(format!("cannot open the adapters' folder {}: {e}", folder.display()))
            })?;
            folders.push(absolute);
        }
        let registry = Registry::load(&shipped.join("kit"), &folders).map_err(|e| Failure::missing(&e))?;
        Ok(Self { cache, registry })
    }

    /// Reads and checks a spec: a file, or a shipped one by its name.
    pub fn spec(&self, asked: &str, max_trials: u64) -> Result<(Spec, SpecText), Failure> {
        let path = Path::new(asked);
        let text = file::read(path, LARGEST_SPEC)
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
        let source = match text {
            Ok(text) => SpecText { path: asked.to_owned(), folder: folder_of(path), text },
            Err(error) => match embedded::spec(asked) {
                Some(text) => SpecText {
                    path: format!("{asked} (shipped)"),
                    folder: PathBuf::from("."),
                    text: text.to_owned(),
                },
                None => {
                    let names = embedded::spec_names().join(", ");
                    return Err(Failure::usage(format!("cannot read the spec {asked}: {error}"))
                        .hint(Some(format!("shipped specs: {names}"))));
                }
            },
        };
        let spec = Spec::parse(&source.path, &source.text, &source.folder, &self.registry, max_trials);
        let spec = spec.map_err(|error| {
            let rendered = error.render(std::io::stderr().is_terminal());
            Failure { exit: Exit::Usage, message: format!("{rendered}{error}\n"), hint: None }
        })?;
        Ok((spec, source))
    }
}

/// A spec's text and where it came from.
#[derive(Debug)]
pub struct SpecText {
    /// The path for messages.
    pub path: String,
    /// The folder from which its relative paths start.
    pub folder: PathBuf,
    /// The text.
    pub text: String,
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
