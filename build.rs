//! Facts of the build that receipts and manifests record: compiler, flags, versions, and one identity of it all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// The dependencies whose versions receipts name.
const VERSIONS: &[&str] = &[
    "linfa",
    "linfa-linear",
    "linfa-elasticnet",
    "linfa-logistic",
    "linfa-bayes",
    "linfa-nn",
    "linfa-trees",
    "linfa-reduction",
    "linfa-clustering",
    "kodama",
    "candle-core",
    "candle-nn",
    "candle-transformers",
    "gemm",
    "linfa-svm",
    "ndarray",
    "matrixmultiply",
    "faer",
    "smartcore",
    "tokenizers",
    "polars",
];

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let version = version.unwrap_or_else(|_| "unknown".to_owned());
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let flags = variable("CARGO_ENCODED_RUSTFLAGS").replace('\u{1f}', " ");
    let features = variable("CARGO_CFG_TARGET_FEATURE");

    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    for name in VERSIONS {
        let key = name.to_uppercase().replace('-', "_");
        println!("cargo::rustc-env=BENCHRUN_VERSION_{key}={}", locked_versions(&lock, name));
    }

    let mut digest = Sha256::new();
    for fact in [
        &version,
        &flags,
        &features,
        &variable("TARGET"),
        &variable("PROFILE"),
        &variable("OPT_LEVEL"),
        &lock,
    ] {
        digest.update(fact.as_bytes());
        digest.update([0]);
    }
    let mut files = vec![root.join("Cargo.toml"), root.join("build.rs")];
    for folder in ["src", "python_adapters", "specs", "schemas"] {
        collect(&root.join(folder), &mut files);
        println!("cargo::rerun-if-changed={folder}");
    }
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    files.sort();
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
        digest.update(name.as_bytes());
        digest.update(Sha256::digest(fs::read(&file).unwrap_or_default()));
    }
    let identity: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();

    println!("cargo::rustc-env=BENCHRUN_BUILD={identity}");
    println!("cargo::rustc-env=BENCHRUN_RUSTC={version}");
    println!("cargo::rustc-env=BENCHRUN_RUSTFLAGS={flags}");
    println!("cargo::rustc-env=BENCHRUN_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=BENCHRUN_TARGET_FEATURES={features}");
    println!("cargo::rustc-env=BENCHRUN_OPT_LEVEL={}", variable("OPT_LEVEL"));
}

/// The versions of a package in the lock file; several majors may live side by side.
fn locked_versions(lock: &str, name: &str) -> String {
    let mut versions = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if line == format!("name = \"{name}\"") {
            versions
                .extend(lines.next().and_then(|l| l.strip_prefix("version = ")).map(|v| v.trim_matches('"')));
        }
    }
    versions.join(", ")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            // What interpreters and linters keep beside the sources is none of them.
            let name = entry.file_name();
            if name != "__pycache__" && !name.as_encoded_bytes().starts_with(b".") {
                collect(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}
