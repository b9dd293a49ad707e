//! Scores of a clustering, for every implementation alike.
//!
//! Two kinds: [`internal`] measures look at the rows and their labels alone; measures of [`partition`] say how far two labellings of the
//! same rows agree, whatever the labels' names. Definitions are those of scikit-learn 1.9 (`sklearn.metrics`), checked against it in the
//! tests.
//!
//! Deviations:
//! * The label −1 is noise (DBSCAN). scikit-learn's internal measures take noise for a cluster of its own, which no algorithm claims it to
//!   be; here they look at the other rows, and `noise_share` says how many were left out. Measures of partitions take it for a class of its
//!   own, as scikit-learn does: two answers that disagree about noise do disagree.
//! * The silhouette needs all distances, so of more than [`SILHOUETTE_ROWS`] rows it looks at the first so many, which the split has
//!   shuffled (scikit-learn's `sample_size` draws its own).
//! * Where scikit-learn gives a conventional number (Calinski-Harabasz of clusters of equal rows is 1, Davies-Bouldin leaves out pairs of
//!   clusters with one centroid, and is 0 where all lengths are below 1e-8), the score here is what the formula says, or
//!   [`MetricError::Undefined`] with the reason.

pub mod internal;
pub mod partition;

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};

use crate::task::metric::{Better, MetricError, all_finite};

/// The label of rows that belong to no cluster.
pub const NOISE: i64 = -1;

/// The silhouette of more rows than these is that of the first of them.
pub const SILHOUETTE_ROWS: usize = 5000;

/// Rows and labels that were checked: as many labels as rows, at least one, all features finite. Noise is taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustered {
    /// The rows that are not noise, [n, d].
    features: Array2<f64>,
    /// The cluster of each of them, from 0.
    members: Vec<usize>,
    /// Rows in each cluster.
    sizes: Vec<usize>,
    /// The mean of each cluster, [k, d].
    means: Array2<f64>,
    /// All rows, noise too.
    rows: usize,
}

impl Clustered {
    /// Checks features [n, d] and labels [n]; a label names a cluster, whichever number it is, and [`NOISE`] names none.
    ///
    /// # Errors
    /// If there are no rows, other labels than rows, or a feature that is not finite.
    pub fn check(features: ArrayView2<'_, f64>, labels: &[i64]) -> Result<Self, MetricError> {
        let rows = features.nrows();
        if rows != labels.len() {
            return Err(MetricError::UnequalRows { rows, labels: labels.len() });
        }
        if rows == 0 {
            return Err(MetricError::Empty);
        }
        let kept: Vec<usize> = (0..rows).filter(|i| labels[*i] != NOISE).collect();
        let features = features.select(Axis(0), &kept);
        all_finite("features", features.as_slice().expect("rows just selected are contiguous"))?;
        let numbers: BTreeMap<i64, usize> = {
            let mut names: Vec<i64> = kept.iter().map(|i| labels[*i]).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().zip(0..).collect()
        };
        let members: Vec<usize> = kept.iter().map(|i| numbers[&labels[*i]]).collect();
        let (sizes, means) = means(features.view(), &members, numbers.len());
        Ok(Self { features, members, sizes, means, rows })
    }

    /// The number of clusters.
    pub fn clusters(&self) -> usize {
        self.sizes.len()
    }
}

/// Sizes [k] and means [k, d] of the clusters of some rows; a cluster without rows has a mean of 0.
#[expect(clippy::cast_precision_loss, reason = "no array in memory has 2⁵³ rows")]
pub fn means(features: ArrayView2<'_, f64>, members: &[usize], clusters: usize) -> (Vec<usize>, Array2<f64>) {
    let mut sizes = vec![0; clusters];
    let mut means = Array2::zeros((clusters, features.ncols()));
    for (row, cluster) in features.outer_iter().zip(members) {
        sizes[*cluster] += 1;
        let mut mean = means.row_mut(*cluster);
        mean += &row;
    }
    for (mut mean, size) in means.outer_iter_mut().zip(&sizes) {
        mean /= (*size).max(1) as f64;
    }
    (sizes, means)
}

/// `|a − b|²`, with several sums at once so that the processor's vector units can work.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| (x - y) * (x - y)).sum();
    sums.iter().sum::<f64>() + rest
}

/// A metric of clustering that looks at rows and labels alone.
#[derive(Debug)]
pub struct Metric {
    /// Its name in results and reports.
    pub name: &'static str,
    /// What it is, in one line, with its unit.
    pub doc: &'static str,
    /// Which direction is better.
    pub better: Better,
    formula: Formula,
}

/// From checked rows to a value, or the reason why there is none.
type Formula = fn(&Clustered) -> Result<f64, &'static str>;

impl Metric {
    const fn new(name: &'static str, better: Better, doc: &'static str, formula: Formula) -> Self {
        Self { name, doc, better, formula }
    }

    /// The metric's value.
    ///
    /// # Errors
    /// [`MetricError::Undefined`] where the formula has no value, or none that a float can hold.
    pub fn of(&self, clustered: &Clustered) -> Result<f64, MetricError> {
        let value =
            (self.formula)(clustered).and_then(|v| if v.is_finite() { Ok(v) } else { Err("it overflows") });
        value.map_err(|reason| MetricError::Undefined { metric: self.name, reason })
    }
}

/// Every metric of rows and labels, in the order of reports.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    Metric::new("clusters", Better::Neither, "number of clusters, without noise", internal::clusters),
    Metric::new("noise_share", Better::Neither, "rows that belong to no cluster, as a fraction", internal::noise_share),
    Metric::new("inertia", Better::Lower, "sum of squared distances to the mean of the own cluster", internal::inertia),
    Metric::new("inertia_share", Better::Lower, "inertia over the sum of squares about the mean of all: the fraction that the clusters leave unexplained", internal::inertia_share),
    Metric::new("silhouette", Better::Higher, "mean of how much nearer a row is to its own cluster than to the next one, from −1 to 1", internal::silhouette),
    Metric::new("calinski_harabasz", Better::Higher, "variance between clusters over variance within", internal::calinski_harabasz),
    Metric::new("davies_bouldin", Better::Lower, "mean over clusters of the worst ratio of two clusters' widths to their distance", internal::davies_bouldin),
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// A metric's name and its value, or why it has none.
pub type Score = (&'static str, Result<f64, MetricError>);

/// Every metric of [`METRICS`], in its order. One that is undefined does not stop the others.
///
/// # Errors
/// As [`Clustered::check`].
pub fn score(features: ArrayView2<'_, f64>, labels: &[i64]) -> Result<Vec<Score>, MetricError> {
    let clustered = Clustered::check(features, labels)?;
    Ok(METRICS.iter().map(|metric| (metric.name, metric.of(&clustered))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn cases() -> Value {
        serde_json::from_str(include_str!("../../../../tests/reference/clustering_metrics.json")).unwrap()
    }

    fn labels(value: &Value) -> Vec<i64> {
        value.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect()
    }

    fn features(case: &Value) -> Array2<f64> {
        let rows: Vec<Vec<f64>> = serde_json::from_value(case["features"].clone()).unwrap();
        Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
    }

    fn agree(scores: Vec<Score>, case: &Value) {
        assert_eq!(scores.len(), case["values"].as_object().unwrap().len());
        for (name, value) in scores {
            let at = format!("{name} of {}", case["name"]);
            match (&case["values"][name], value) {
                (Value::Null, Err(MetricError::Undefined { metric, .. })) => assert_eq!(metric, name),
                (Value::Number(want), Ok(got)) => {
                    let want = want.as_f64().unwrap();
                    assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{at}: {got}, not {want}");
                }
                (want, got) => panic!("{at}: {got:?}, not {want:?}"),
            }
        }
    }

    #[test]
    fn equal_scikit_learn() {
        for case in cases()["internal"].as_array().unwrap() {
            agree(score(features(case).view(), &labels(&case["labels"])).unwrap(), case);
        }
        for case in cases()["partition"].as_array().unwrap() {
            let scores = partition::score(&labels(&case["classes"]), &labels(&case["labels"])).unwrap();
            agree(scores.into_iter().map(|(name, value)| (name, Ok(value))).collect(), case);
        }
    }

    /// Integers modulo a prime, which both languages can make.
    #[expect(clippy::cast_precision_loss, reason = "below 1009")]
    fn many() -> (Array2<f64>, Vec<i64>) {
        let x = Array2::from_shape_fn((5200, 3), |(i, j)| {
            ((i * 7919 + j * 104_729 + i * i * 31) % 1009) as f64 / 1009.0
        });
        (x, (0..5200).map(|i| (i * 31 % 97) % 5).collect())
    }

    #[test]
    fn the_silhouette_of_many_rows_is_that_of_the_first() {
        let (x, labels) = many();
        let silhouette = metric("silhouette").unwrap();
        let value = silhouette.of(&Clustered::check(x.view(), &labels).unwrap()).unwrap();
        let want = cases()["first_rows"].as_f64().unwrap();
        assert!((value - want).abs() < 1e-9, "{value}, not {want}");
    }

    #[test]
    fn refuses_what_it_cannot_score() {
        let x = Array2::<f64>::zeros((0, 2));
        assert_eq!(score(x.view(), &[]), Err(MetricError::Empty));
        let mut x = Array2::<f64>::zeros((2, 2));
        assert_eq!(score(x.view(), &[0]), Err(MetricError::UnequalRows { rows: 2, labels: 1 }));
        x[[1, 0]] = f64::NAN;
        assert!(matches!(
            score(x.view(), &[0, 1]),
            Err(MetricError::NonFinite { values: "features", index: 2, .. })
        ));
        assert_eq!(partition::score(&[], &[]), Err(MetricError::Empty));
        assert_eq!(partition::score(&[0, 1], &[0]), Err(MetricError::UnequalRows { rows: 2, labels: 1 }));
    }

    #[test]
    fn every_reason_is_told() {
        let reason = |x: &Array2<f64>, labels: &[i64], name: &str| {
            let clustered = Clustered::check(x.view(), labels).unwrap();
            metric(name).unwrap().of(&clustered).unwrap_err().to_string()
        };
        let x = Array2::from_shape_vec((4, 1), vec![0.0, 0.0, 1.0, 1.0]).unwrap();
        assert_eq!(reason(&x, &[-1; 4], "inertia"), "inertia is undefined: every row is noise");
        assert_eq!(reason(&x, &[0; 4], "silhouette"), "silhouette is undefined: there is one cluster");
        assert_eq!(
            reason(&x, &[0, 1, 2, 3], "davies_bouldin"),
            "davies_bouldin is undefined: every row is a cluster of its own"
        );
        assert_eq!(
            reason(&x, &[0, 0, 1, 1], "calinski_harabasz"),
            "calinski_harabasz is undefined: the rows of every cluster are equal"
        );
        assert_eq!(
            reason(&x, &[0, 1, 0, 1], "davies_bouldin"),
            "davies_bouldin is undefined: two clusters have the same mean"
        );
        let equal = Array2::<f64>::ones((3, 2));
        assert_eq!(
            reason(&equal, &[0, 0, 1], "inertia_share"),
            "inertia_share is undefined: all rows are equal"
        );
        let huge = Array2::from_shape_vec((3, 1), vec![1e200, -1e200, 0.0]).unwrap();
        assert_eq!(reason(&huge, &[0, 0, 1], "inertia"), "inertia is undefined: it overflows");
    }

    #[test]
    fn names_are_unique_and_documented() {
        for (i, a) in METRICS.iter().enumerate() {
            assert!(!a.doc.is_empty() && METRICS[..i].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }
}
