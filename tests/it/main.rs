//! End to end tests with the real binary. One crate, so that it links once.

mod adapters;
mod blocks;
mod calibrate;
mod commands;
mod compare;
mod degenerate;
mod doctor;
mod fault_table;
mod faults;
mod folds;
mod frauds;
mod giving_up;
mod import;
mod kills;
mod plans;
mod published;
mod python_kit;
mod resources;
mod resume;
mod runs;
mod security;
mod soak;
mod specs;
mod stochastic;
mod support;
mod versions;
