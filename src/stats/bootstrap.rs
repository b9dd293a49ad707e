//! stub
use super::error::{StatsError, check_above_zero};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
/// How many resamples to draw, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// The number of resamples, at least 1.
    pub resamples: usize,
    /// The seed of their `ChaCha8` generator: equal seeds give equal results everywhere.
    pub seed: u64,
}

impl Resampling {
    pub(super) fn check(self) -> Result<(), StatsError> {
        check_above_zero("the number of resamples", self.resamples as f64)
    }

    pub(super) fn generator(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed)
    }
}
