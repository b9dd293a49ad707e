//! End to end tests with the real binary. One crate, so that it links once.

mod adapters;
mod calibrate;
mod commands;
mod frauds;
mod plans;
mod python_kit;
mod resume;
mod runs;
mod specs;
mod support;
