//! The choice of the next token from logits: the likeliest, or by lot from the distribution that is left after penalty, temperature, top-k and top-p.
//!
//! The order of the steps and what each keeps are those of transformers' `generate`:
//! 1. repetition penalty (N. S. Keskar et al. 2019, CTRL, §4.1): the logits of tokens that occurred are divided by it where positive, else multiplied;
//! 2. temperature; 3. top-k: what is less than the k-th largest goes (A. Fan et al. 2018);
//! 4. top-p (A. Holtzman et al. 2020, the curious case of neural text degeneration): in ascending order of probability, tokens go as long as the sum up to
//!    and with them is at most 1 − p.
//!
//! The lot is a uniform number u that both sides are given: the first token, in the order of ids, at which the cumulative distribution exceeds u.

use std::cmp::Ordering;

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it.
    pub temperature: f64,
    /// So many of the likeliest tokens are left; 0 is all.
    pub top_k: usize,
    /// The likeliest tokens are left that have this probability together; 1 is all.
    pub top_p: f64,
    /// What makes tokens that occurred less likely; 1 does not.
    pub repetition_penalty: f64,
}

/// A token that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: i64,
    /// How far the choice is from another one: of the likeliest token, the gap to the second largest logit; of a drawn one, the distance of the uniform number to
    /// an end of the token's interval, or of a cumulative sum to where top-p cuts, or of the k-th logit to the next, whichever is least.
    pub margin: f64,
}

/// The token of the largest logit, the first of equals.
pub fn likeliest(logits: &[f32]) -> Choice {
    let (mut best, mut second) = (0, f64::NEG_INFINITY);
    for (place, logit) in logits.iter().enumerate().skip(1) {
        if *logit > logits[best] {
            second = f64::from(logits[best]);
            best = place;
        } else {
            second = second.max(f64::from(*logit));
        }
    }
    Choice { token: id(best), margin: f64::from(logits[best]) - second }
}

fn id(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

impl Sampling {
    /// The token that a uniform number in [0, 1) chooses after a history.
    pub fn choose(&self, logits: &[f32], history: &[i64], uniform: f64) -> Choice {
        let (probabilities, nearest_cut) = self.distribution(logits, history);
        let total: f64 = probabilities.iter().sum();
        let mut before = 0.0;
        let mut chosen = None;
        for (place, probability) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let after = before + probability / total;
            // Rounding may leave the last sum a little below 1.
            chosen = Some((place, (uniform - before).min(after - uniform).abs()));
            if after > uniform {
                break;
            }
            before = after;
        }
        let (place, margin) = chosen.unwrap_or((0, 0.0));
        Choice { token: id(place), margin: margin.min(nearest_cut) }
    }

    /// The probability of every token, and how near the nearest cut is to leaving another one.
    fn distribution(&self, logits: &[f32], history: &[i64]) -> (Vec<f64>, f64) {
        let mut scores: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        let mut seen: Vec<usize> = history.iter().filter_map(|token| usize::try_from(*token).ok()).collect();
        seen.sort_unstable();
        seen.dedup();
        for token in seen.into_iter().filter(|token| *token < logits.len()) {
            let score = &mut scores[token];
            *score = if *score > 0.0 {
                *score / self.repetition_penalty
            } else {
                *score * self.repetition_penalty
            };
        }
        for score in &mut scores {
            *score /= self.temperature;
        }
        // Ascending; of equals the smaller id first, as a stable sort has it.
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*a].partial_cmp(&scores[*b]).unwrap_or(Ordering::Equal));
        let mut nearest = f64::INFINITY;
        if self.top_k > 0 && self.top_k < order.len() {
            let least = order.len() - self.top_k;
            let kth = scores[order[least]];
            nearest = nearest.min(kth - scores[order[least - 1]]);
            order.retain(|place| scores[*place] >= kth);
        }
        let largest = order.last().map_or(0.0, |place| scores[*place]);
        let mass = |place: &usize| (scores[*place] - largest).exp();
        if self.top_p < 1.0 {
            let total: f64 = order.iter().map(mass).sum();
            let (mut sum, mut gone) = (0.0, 0);
            for (rank, place) in order.iter().enumerate() {
                sum += mass(place) / total;
                nearest = nearest.min((sum - (1.0 - self.top_p)).abs());
                if sum <= 1.0 - self.top_p {
                    gone = rank + 1;
                }
            }
            order.drain(..gone.min(order.len() - 1));
        }
        let mut probabilities = vec![0.0; scores.len()];
        let total: f64 = order.iter().map(mass).sum();
        for place in &order {
            probabilities[*place] = mass(place) / total;
        }
        (probabilities, nearest)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "halves and quarters are exact")]
mod tests {
    use super::*;

    const PLAIN: Sampling = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0 };

    #[test]
    fn the_likeliest_is_the_first_of_equals() {
        assert_eq!(likeliest(&[0.5, 2.0, 2.0, 1.0]), Choice { token: 1, margin: 0.0 });
        assert_eq!(likeliest(&[3.0, 1.0, 2.5]), Choice { token: 0, margin: 0.5 });
        assert_eq!(likeliest(&[1.0, 2.5]), Choice { token: 1, margin: 1.5 });
    }

    #[test]
    fn a_uniform_number_falls_into_the_interval_of_a_token() {
        let logits: [f32; 3] = [0.25_f32.ln(), 0.5_f32.ln(), 0.25_f32.ln()];
        for (uniform, token) in [(0.0, 0), (0.2, 0), (0.3, 1), (0.74, 1), (0.76, 2), (0.999, 2)] {
            assert_eq!(PLAIN.choose(&logits, &[], uniform).token, token, "{uniform}");
        }
        let margin = PLAIN.choose(&logits, &[], 0.3).margin;
        assert!((margin - 0.05).abs() < 1e-6, "{margin}");
    }

    #[test]
    fn a_cut_that_is_near_makes_a_choice_uncertain() {
        // The two least likely have 0.3 together, which top-p = 0.7 just takes away, or just not.
        let logits: [f32; 4] = [0.1_f32.ln(), 0.2_f32.ln(), 0.3_f32.ln(), 0.4_f32.ln()];
        let margin = Sampling { top_p: 0.7, ..PLAIN }.choose(&logits, &[], 0.5).margin;
        assert!(margin < 1e-6, "{margin}");
        let margin = Sampling { top_p: 0.8, ..PLAIN }.choose(&logits, &[], 0.5).margin;
        assert!(margin > 0.01, "{margin}");
        // Two equal logits at the edge of the k likeliest.
        assert_eq!(Sampling { top_k: 1, ..PLAIN }.choose(&[1.0, 1.0, 0.0], &[], 0.5).margin, 0.0);
    }
}
