//! What the binary carries inside: the adapters, the shipped specs and the schemas. An installed `benchrun` works from any folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::files::{Lock, write_atomic};
use crate::worker::native::BUILD;

static ADAPTERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/python_adapters");
static SPECS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/specs");
static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// The shipped spec of that name: `classical`, `classical.toml` or `specs/classical.toml`.
pub fn spec(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("specs/").unwrap_or(name);
    let name = if name.ends_with(".toml") { name.to_owned() } else { format!("{name}.toml") };
    SPECS.get_file(name)?.contents_utf8()
}

/// The names of the shipped specs.
pub fn spec_names() -> Vec<String> {
    SPECS.files().filter_map(|f| Some(f.path().file_stem()?.to_string_lossy().into_owned())).collect()
}

/// The generated schema of that name, for example `spec`.
pub fn schema(name: &str) -> Option<&'static str> {
    SCHEMAS.get_file(format!("{name}.schema.json"))?.contents_utf8()
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
