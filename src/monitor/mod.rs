//! What a run ran on, and what else went on there meanwhile.

pub mod doctor;
pub mod machine;
pub mod noise;
pub mod system;
