//! Areas under curves: how well scores order the rows of a class before the others.
//!
//! Rows of equal score have no order among themselves. They enter a curve as one step, as in scikit-learn.
#![expect(clippy::float_cmp, reason = "ties are exact, as in scikit-learn")]

/// The area under the ROC curve of at least one positive and one negative row: the Mann–Whitney statistic over the number of pairs
/// (Hanley & McNeil 1982), in which a tie counts one half. It equals the trapezoids of `roc_auc_score`.
pub fn roc_auc(positive: &[bool], scores: &[f64]) -> Result<f64, &'static str> {
    let (mut negatives_above, mut concordant) = (0.0, 0.0);
    let mut positives = 0.0;
    for (hits, misses) in steps(positive, scores) {
        positives += hits;
        concordant += misses * positives - misses * hits / 2.0;
        negatives_above += misses;
    }
    if positives == 0.0 || negatives_above == 0.0 {
        return Err("only one class occurs in the truth");
    }
    Ok(concordant / (positives * negatives_above))
}

/// `Σ (R_i − R_{i−1}) P_i` over the thresholds (`average_precision_score`), without interpolation.
pub fn average_precision(positive: &[bool], scores: &[f64]) -> Result<f64, &'static str> {
    let all = positive.iter().filter(|p| **p).count() as f64;
    if all == 0.0 {
        return Err("the positive class does not occur in the truth");
    }
    let (mut hits_above, mut rows_above, mut area) = (0.0, 0.0, 0.0);
    for (hits, misses) in steps(positive, scores) {
        hits_above += hits;
        rows_above += hits + misses;
        area += hits / all * (hits_above / rows_above);
    }
    Ok(area)
}

/// Positives and negatives at each distinct score, from the highest score to the lowest. Scores are finite.
fn steps(positive: &[bool], scores: &[f64]) -> Vec<(f64, f64)> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let mut last = f64::NAN;
    for (score, positive) in order {
        // Zero and minus zero are one score, and stand side by side.
        if score != last {
            steps.push((0.0, 0.0));
            last = score;
        }
        if let Some(step) = steps.last_mut() {
            if positive {
                step.0 += 1.0;
            } else {
                step.1 += 1.0;
            }
        }
    }
    steps
}
