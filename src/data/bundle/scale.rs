//! Scaling of features with statistics of the training rows alone.
//!
//! As scikit-learn's `StandardScaler` (population standard deviation) and `MinMaxScaler`: x becomes
//! (x − centre) / divisor, and a constant feature has the divisor 1.
//!
//! Deviation: `MinMaxScaler` computes x · factor + offset, which loses digits where values are large beside their range;
//! here the minimum is taken off first, so that the training rows lie in the interval from 0 to 1 exactly.

use ndarray::{Array2, ArrayView1, Axis};

use super::preparation::Scale;

/// The affine map of one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Affine {
    centre: f64,
    divisor: f64,
}

/// Scales both sides, each rows × columns, by the statistics of `train`.
pub fn scale(scale: Scale, train: &mut Array2<f64>, test: &mut Array2<f64>) {
    let affine = match scale {
        Scale::None => return,
        Scale::Standard => standard,
        Scale::MinMax => min_max,
    };
    let maps: Vec<Affine> = train.axis_iter(Axis(1)).map(affine).collect();
    for side in [train, test] {
        for mut row in side.rows_mut() {
            for (value, map) in row.iter_mut().zip(&maps) {
                *value = (*value - map.centre) / map.divisor;
            }
        }
    }
}

/// Mean and population standard deviation, by the two-pass algorithm with its correction (T. F. Chan, G. H. Golub,
/// R. J. LeVeque, 1983, Algorithms for computing the sample variance, eq. 1.7).
///
/// A variance that is within the algorithm's rounding error of zero counts as zero, by scikit-learn's own bound.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn standard(values: ArrayView1<f64>) -> Affine {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (mut squares, mut rest) = (0.0, 0.0);
    for value in values {
        let deviation = value - mean;
        squares += deviation * deviation;
        rest += deviation;
    }
    let variance = (squares - rest * rest / n) / n;
    let bound = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    let divisor = if variance <= bound { 1.0 } else { variance.sqrt() };
    Affine { centre: mean, divisor }
}

fn min_max(values: ArrayView1<f64>) -> Affine {
    let (min, max) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(*value), max.max(*value)));
    Affine { centre: min, divisor: if max > min { max - min } else { 1.0 } }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        train: Vec<Vec<f64>>,
        test: Vec<Vec<f64>>,
        standard_train: Vec<Vec<f64>>,
        standard_test: Vec<Vec<f64>>,
        min_max_train: Vec<Vec<f64>>,
        min_max_test: Vec<Vec<f64>>,
    }

    fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
        Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
    }

    #[test]
    fn values_are_those_of_scikit_learn() {
        // From tests/data/reference_scale.py: ordinary, constant, nearly constant and badly scaled features.
        let reference: Reference =
            serde_json::from_str(include_str!("../../../tests/data/reference_scale.json")).unwrap();
        let largest =
            |values: ArrayView1<f64>| values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let conditions: Vec<f64> =
            matrix(&reference.train).columns().into_iter().map(|c| largest(c) / min_max(c).divisor).collect();
        for (kind, expected_train, expected_test) in [
            (Scale::None, &reference.train, &reference.test),
            (Scale::Standard, &reference.standard_train, &reference.standard_test),
            (Scale::MinMax, &reference.min_max_train, &reference.min_max_test),
        ] {
            let (mut train, mut test) = (matrix(&reference.train), matrix(&reference.test));
            scale(kind, &mut train, &mut test);
            for (found, expected) in [(train, matrix(expected_train)), (test, matrix(expected_test))] {
                for ((place, found), expected) in found.indexed_iter().zip(&expected) {
                    // What scikit-learn's own way to compute loses (see above): the rounding of x over the range.
                    let lost =
                        if kind == Scale::MinMax { 4.0 * f64::EPSILON * conditions[place.1] } else { 0.0 };
                    let allowed = 1e-11 * expected.abs().max(1.0) + lost;
                    assert!((found - expected).abs() <= allowed, "{kind:?} {place:?}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn only_training_rows_count() {
        let mut train = ndarray::array![[0.0], [2.0]];
        let mut test = ndarray::array![[100.0]];
        scale(Scale::Standard, &mut train, &mut test);
        assert_eq!((train, test), (ndarray::array![[-1.0], [1.0]], ndarray::array![[99.0]]));
    }
}
