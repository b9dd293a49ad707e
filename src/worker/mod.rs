//! Workers: the protocol, the native worker's loop, and the parent's handle on a worker process.

pub mod cgroup;
pub mod channel;
pub mod clock;
mod estimator;
mod evaluation;
mod generation;
pub mod handle;
pub mod interrupt;
mod language;
pub mod limits;
pub mod measure;
pub mod native;
mod network;
pub mod process;
pub mod protocol;
