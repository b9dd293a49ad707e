//! End to end tests with the real binary. One crate, so that it links once.

mod adapters;
mod blocks;
mod calibrate;
mod commands;
mod compare;
mod degenerate;
mod folds;
mod frauds;
mod import;
mod plans;
mod python_kit;
mod resources;
mod resume;
mod runs;
mod specs;
mod stochastic;
mod support;
