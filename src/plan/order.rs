//! The order of trials: shuffled by round and by block, from the recorded seed.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::seed;

/// A permutation of `0..length` for one round: every case once.
pub fn round(run_seed: u64, round: u32, length: usize) -> Vec<usize> {
    shuffled(seed(&[&run_seed.to_string(), "round", &round.to_string()]), length)
}

/// A permutation of the arms of one block.
pub fn block(run_seed: u64, case: &str, block: u32, arms: usize) -> Vec<usize> {
    shuffled(seed(&[&run_seed.to_string(), "block", case, &block.to_string()]), arms)
}

fn shuffled(seed: u64, length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_permutations_that_differ_between_rounds_and_blocks() {
        let mut first = round(42, 1, 50);
        assert_eq!(first, round(42, 1, 50));
        assert_ne!(first, round(42, 2, 50));
        assert_ne!(first, round(43, 1, 50));
        first.sort_unstable();
        assert_eq!(first, (0..50).collect::<Vec<_>>());
        let firsts: Vec<usize> = (0..1000).map(|b| block(42, "case", b, 2)[0]).collect();
        let ones = firsts.iter().sum::<usize>();
        assert!((400..=600).contains(&ones), "either arm goes first about equally often, not {ones} of 1000");
    }
}
