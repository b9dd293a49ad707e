//! Random draws that are fixed by this page alone, so that a seed means the same bytes after any upgrade of `rand`.
//!
//! The generator is ChaCha with 8 rounds, keyed by `SeedableRng::seed_from_u64`. Everything is built on its 64-bit
//! words; only the normal draws come from `rand_distr` (the ziggurat method of Doornik, 2005), whose rare tail draws
//! use the platform's logarithm and exponential. Tests pin the hash of a sample of every generator.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The generator of one seed and one of its independent streams.
pub fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A uniform number in `[0, 1)`: the upper 53 bits of one word.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A draw from the standard normal distribution.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// A uniform whole number in `0..n`, for `n` of at least 1: a word modulo `n`, where words of the incomplete last
/// interval are drawn again.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    let n = n as u64;
    let last = u64::MAX - (u64::MAX % n + 1) % n;
    loop {
        let word = rng.next_u64();
        if word <= last {
            return usize::try_from(word % n).expect("less than n, which is a usize");
        }
    }
}

/// Shuffles in place: Fisher and Yates, from the last place down.
pub fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(rng, i + 1));
    }
}

/// The numbers `0..n`, shuffled.
pub fn permutation(rng: &mut ChaCha8Rng, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(rng, &mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_in_range() {
        let mut rng = stream(1, 0);
        let mut counts = [0_i32; 6];
        for _ in 0..60_000 {
            counts[below(&mut rng, 6)] += 1;
        }
        // Six standard deviations of a binomial count: sqrt(60 000 / 6 · 5 / 6) = 91.
        assert!(counts.iter().all(|c| (c - 10_000).abs() < 6 * 92), "{counts:?}");
        let mean = (0..100_000).map(|_| unit(&mut rng)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 6.0 * 0.2887 / 1e5_f64.sqrt(), "{mean}");
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        assert_eq!(stream(7, 1).next_u64(), stream(7, 1).next_u64());
        assert_ne!(stream(7, 1).next_u64(), stream(7, 2).next_u64());
        assert_ne!(stream(7, 1).next_u64(), stream(8, 1).next_u64());
    }

    #[test]
    fn a_permutation_holds_every_number_and_every_order_is_as_likely() {
        let mut order = permutation(&mut stream(3, 0), 100);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100));

        let mut rng = stream(4, 0);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            *counts.entry(permutation(&mut rng, 4)).or_insert(0_i32) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|c| (c - 1000).abs() < 6 * 32), "{counts:?}");
    }
}
