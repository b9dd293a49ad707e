//! Measures of how far two labellings of the same rows agree, whatever the names of the labels.
//!
//! Values are scikit-learn's throughout, also where it has to choose one: two labellings that are the same partition agree fully (1), even
//! if both have one cluster only; classes of one kind are homogeneous in any clustering (1).
//!
//! The V-measure is not listed: it is the normalised mutual information with the arithmetic mean (Rosenberg and Hirschberg 2007; Becker 2011).
#![expect(clippy::cast_precision_loss, reason = "no array in memory has 2⁵³ rows")]

use std::collections::BTreeMap;

use crate::task::metric::MetricError;

/// Names of the measures, of which more is better, in the order of reports.
pub const NAMES: [&str; 4] = ["adjusted_rand", "normalised_mutual_info", "homogeneity", "completeness"];

/// How often each class meets each cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Contingency {
    cells: BTreeMap<(i64, i64), u64>,
    classes: BTreeMap<i64, u64>,
    clusters: BTreeMap<i64, u64>,
    rows: u64,
}

impl Contingency {
    /// Counts pairs of labels, both [n].
    ///
    /// # Errors
    /// If there are none, or not as many of each.
    pub fn count(classes: &[i64], labels: &[i64]) -> Result<Self, MetricError> {
        if classes.len() != labels.len() {
            return Err(MetricError::UnequalRows { rows: classes.len(), labels: labels.len() });
        }
        if classes.is_empty() {
            return Err(MetricError::Empty);
        }
        let mut counted = Self {
            cells: BTreeMap::new(),
            classes: BTreeMap::new(),
            clusters: BTreeMap::new(),
            rows: classes.len() as u64,
        };
        for (class, cluster) in classes.iter().zip(labels) {
            *counted.cells.entry((*class, *cluster)).or_default() += 1;
            *counted.classes.entry(*class).or_default() += 1;
            *counted.clusters.entry(*cluster).or_default() += 1;
        }
        Ok(counted)
    }

    /// The Rand index corrected for chance (Hubert and Arabie 1985; `adjusted_rand_score`): 1 for the same partition, 0 on average for
    /// random ones, at least −0.5.
    pub fn adjusted_rand(&self) -> f64 {
        // Ordered pairs of distinct rows, in integers that cannot overflow: n⁴ has to fit.
        let pairs = |counts: &mut dyn Iterator<Item = &u64>| -> i128 {
            counts.map(|c| i128::from(*c) * (i128::from(*c) - 1)).sum()
        };
        let both = pairs(&mut self.cells.values());
        let only_class = pairs(&mut self.classes.values()) - both;
        let only_cluster = pairs(&mut self.clusters.values()) - both;
        if only_class == 0 && only_cluster == 0 {
            return 1.0;
        }
        let neither = pairs(&mut [self.rows].iter()) - both - only_class - only_cluster;
        let numerator = 2 * (both * neither - only_class * only_cluster);
        let denominator =
            (both + only_class) * (only_class + neither) + (both + only_cluster) * (only_cluster + neither);
        numerator as f64 / denominator as f64
    }

    /// Mutual information over the arithmetic mean of both entropies (`normalized_mutual_info_score`), from 0 to 1.
    pub fn normalised_mutual_info(&self) -> f64 {
        if self.classes.len() == 1 && self.clusters.len() == 1 {
            return 1.0;
        }
        let mutual = self.mutual_information();
        if mutual == 0.0 {
            0.0
        } else {
            2.0 * mutual / (self.entropy(&self.classes) + self.entropy(&self.clusters))
        }
    }

    /// Mutual information over the entropy of the classes (`homogeneity_score`): 1 where no cluster mixes classes.
    pub fn homogeneity(&self) -> f64 {
        self.share_of(&self.classes)
    }

    /// Mutual information over the entropy of the clusters (`completeness_score`): 1 where no class is spread over clusters.
    pub fn completeness(&self) -> f64 {
        self.share_of(&self.clusters)
    }

    fn share_of(&self, counts: &BTreeMap<i64, u64>) -> f64 {
        if counts.len() == 1 { 1.0 } else { self.mutual_information() / self.entropy(counts) }
    }

    /// `Σ p_ij ln(p_ij / (p_i p_j))`, in nats.
    fn mutual_information(&self) -> f64 {
        let n = self.rows as f64;
        let terms = self.cells.iter().map(|((class, cluster), count)| {
            let count = *count as f64;
            let expected = self.classes[class] as f64 * (self.clusters[cluster] as f64 / n);
            let term = count / n * (count / expected).ln();
            // What rounding leaves of ln 1 would make independent labellings look related.
            if term.abs() < f64::EPSILON { 0.0 } else { term }
        });
        terms.sum::<f64>().max(0.0)
    }

    /// `−Σ p ln p`, in nats.
    fn entropy(&self, counts: &BTreeMap<i64, u64>) -> f64 {
        let n = self.rows as f64;
        -counts.values().map(|c| *c as f64 / n * (*c as f64 / n).ln()).sum::<f64>()
    }
}

/// Every measure of [`NAMES`], in its order.
///
/// # Errors
/// As [`Contingency::count`].
pub fn score(classes: &[i64], labels: &[i64]) -> Result<Vec<(&'static str, f64)>, MetricError> {
    let counted = Contingency::count(classes, labels)?;
    let values = [
        counted.adjusted_rand(),
        counted.normalised_mutual_info(),
        counted.homogeneity(),
        counted.completeness(),
    ];
    Ok(NAMES.into_iter().zip(values).collect())
}
