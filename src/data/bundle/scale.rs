//! Scaling of features with statistics of the training rows alone.
//!
//! As scikit-learn's `StandardScaler` (population standard deviation) and `MinMaxScaler`: x becomes
//! (x − centre) / divisor, and a constant feature has the divisor 1.
//!
//! Deviation: `MinMaxScaler` computes x · factor + offset, which loses digits where values are large beside their range;
//! here the minimum is taken off first, so that the training rows lie in the interval from 0 to 1 exactly.

use ndarray::{Array2, ArrayView1};

use super::preparation::Scale;

/// The affine map of one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Affine {
    centre: f64,
    divisor: f64,
}

/// Scales both sides, each rows × columns in standard layout, by the statistics of `train`. Neighbouring columns, as many in each of `channels`,
/// are scaled alike by [`Scale::Channel`]; all others scale each column by itself.
pub fn scale(scale: Scale, channels: usize, train: &mut Array2<f64>, test: &mut Array2<f64>) {
    let maps: Vec<Affine> = match scale {
        Scale::None => return,
        Scale::Standard => train.columns().into_iter().map(|column| standard(column.iter())).collect(),
        Scale::MinMax => train.columns().into_iter().map(min_max).collect(),
        Scale::Channel => {
            let area = train.ncols() / channels;
            let values = train.as_slice().expect("selected rows are in standard layout");
            (0..channels)
                .map(|channel| standard(values.chunks_exact(area).skip(channel).step_by(channels).flatten()))
                .collect()
        }
    };
    let alike = train.ncols() / maps.len();
    for side in [train, test] {
        let values = side.as_slice_mut().expect("selected rows are in standard layout");
        for (values, map) in values.chunks_exact_mut(alike).zip(maps.iter().cycle()) {
            for value in values {
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
fn standard<'v>(values: impl Iterator<Item = &'v f64> + Clone) -> Affine {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
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
            scale(kind, 1, &mut train, &mut test);
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
    fn channels_are_scaled_each_by_all_of_its_training_pixels() {
        // Two images of two channels with two pixels each: 1 2 3 6 has mean 3 and variance 3.5, 5 5 5 5 is constant.
        let mut train = ndarray::array![[1.0, 2.0, 5.0, 5.0], [3.0, 6.0, 5.0, 5.0]];
        let mut test = ndarray::array![[3.0, 10.0, 6.0, 5.0]];
        scale(Scale::Channel, 2, &mut train, &mut test);
        let deviation = 3.5_f64.sqrt();
        let expected =
            [[-2.0, -1.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]].map(|row| row.map(|x: f64| x / deviation));
        assert_eq!(train, ndarray::arr2(&expected));
        assert_eq!(test, ndarray::array![[0.0, 7.0 / deviation, 1.0, 0.0]]);
    }

    #[test]
    fn only_training_rows_count() {
        let mut train = ndarray::array![[0.0], [2.0]];
        let mut test = ndarray::array![[100.0]];
        scale(Scale::Standard, 1, &mut train, &mut test);
        assert_eq!((train, test), (ndarray::array![[-1.0], [1.0]], ndarray::array![[99.0]]));
    }
}
