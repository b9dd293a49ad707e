//! What a run ran on, and what its trials cost.

pub mod energy;
pub mod gpu;
pub mod machine;
pub mod proc;
pub mod sampler;
pub mod usage;
