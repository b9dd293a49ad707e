//! What the binary carries inside: the adapters and the shipped specs (schemas are generated from its types). An installed `benchrun` works from any folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::files::{Lock, write_atomic};
use crate::worker::native::BUILD;

static ADAPTERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/python_adapters");
static SPECS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/specs");

/// The shipped spec of that name: `classical`, `classical.toml` or `specs/classical.toml`.
pub fn spec(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("specs/").unwrap_or(name);
    let name = if name.ends_with(".toml") { name.to_owned() } else { format!("{name}.toml") };
    SPECS.get_file(name)?.contents_utf8()
}

/// The names of the shipped specs.
pub fn spec_names() -> Vec<String> {
    let is_spec = |f: &&include_dir::File<'_>| f.path().extension().is_some_and(|e| e == "toml");
    SPECS
        .files()
        .filter(is_spec)
        .filter_map(|f| Some(f.path().file_stem()?.to_string_lossy().into_owned()))
        .collect()
}

/// The folder of the adapters, unpacked into the cache once for each build.
///
/// # Errors
/// The cache cannot be written.
pub fn adapters(cache: &Path) -> io::Result<PathBuf> {
    let folder = cache.join("adapters").join(&BUILD[..16]);
    let marker = folder.join(".complete");
    let _lock = Lock::wait(&folder.with_extension("lock"))?;
    if !marker.is_file() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        unpack(&ADAPTERS, &folder)?;
        write_atomic(&marker, BUILD.as_bytes())?;
    }
    Ok(folder)
}

fn unpack(dir: &Dir<'_>, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for inner in dir.dirs() {
        let name = inner.path().file_name().unwrap_or_default();
        if name != "__pycache__" && name != "tests" {
            unpack(inner, &folder.join(name))?;
        }
    }
    for file in dir.files() {
        fs::write(folder.join(file.path().file_name().unwrap_or_default()), file.contents())?;
    }
    Ok(())
}
