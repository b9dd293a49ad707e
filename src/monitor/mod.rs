//! What a run ran on, what else went on there meanwhile, and what its trials cost.

pub mod doctor;
pub mod energy;
pub mod gpu;
pub mod machine;
pub mod noise;
pub mod proc;
pub mod sampler;
pub mod system;
pub mod usage;
