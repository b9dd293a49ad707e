//! Reports: one file for each format, and the progress that a person sees while a run goes on.

pub mod calibration;
pub mod list;
pub mod plan;
pub mod progress;
pub mod terminal;
