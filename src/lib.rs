//! `benchrun`: the referee of machine-learning benchmarks between Rust and Python.
//!
//! ```text
//! spec ──► plan ──► executor ──► events ──► store ──► analysis ──► report
//!                   │  ▲
//!           request ▼  │ events
//!            worker process: native (backend) or a Python adapter
//! ```
//!
//! `cli/run.rs` shows the path on one screen; `docs/design/` tells why it is as it is.

pub mod analysis;
pub mod backend;
pub mod cli;
pub mod data;
pub mod embedded;
pub mod executor;
pub mod files;
pub mod guard;
pub mod implementation;
pub mod import;
pub mod monitor;
pub mod number;
pub mod plan;
pub mod report;
pub mod spec;
pub mod stats;
pub mod store;
pub mod task;
pub mod worker;
