//! Where libtorch is at run time, and one identity of this worker's code.

use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() {
    // From the build script of torch-sys: the folder of the libtorch that the PyTorch environment imports.
    let lib = PathBuf::from(env::var_os("DEP_TCH_LIBTORCH_LIB").unwrap_or_default());
    let site_packages = lib.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    // So that nobody needs LD_LIBRARY_PATH.
    for folder in [lib.clone(), site_packages.join("nvidia/cu13/lib")] {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", folder.display());
    }
    println!("cargo::rustc-env=BENCHRUN_LIBTORCH_CUDA={}", lib.join("libtorch_cuda.so").display());
    let version = fs::read_to_string(site_packages.join("torch/version.py")).unwrap_or_default();
    let version = version.lines().find_map(|line| line.strip_prefix("__version__ = '"));
    println!("cargo::rustc-env=BENCHRUN_LIBTORCH={}", version.unwrap_or_default().trim_end_matches('\''));

    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut digest = Sha256::new();
    let sources = fs::read_dir(root.join("src")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = sources.map(|entry| Path::new("src").join(entry.file_name())).collect();
    files.extend(["Cargo.toml", "build.rs"].map(PathBuf::from));
    files.sort();
    println!("cargo::rerun-if-changed=src");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        digest.update(file.as_os_str().as_encoded_bytes());
        digest.update(Sha256::digest(fs::read(root.join(file)).unwrap_or_default()));
    }
    digest.update(version.unwrap_or_default());
    let identity: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
    println!("cargo::rustc-env=BENCHRUN_TCH_SOURCES={identity}");
}
