//! Fuzzing on the stable toolchain: hostile inputs against everything that reads what somebody else wrote.
//!
//! Each target mutates a corpus (`tests/fuzz/corpus/<target>`) and holds what comes out against an oracle. An input that makes new things happen joins
//! the corpus of its session. `cargo test` runs a slice; `make prove-fuzz` runs for as long as one likes. `docs/design/security.md` tells of both.

mod engine;
mod input;
mod journals;
mod mutate;
mod outputs;
mod specs;
mod tables;

/// The repository.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
