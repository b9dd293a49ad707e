//! Measures of a clustering on its rows and labels alone.
#![expect(clippy::cast_precision_loss, reason = "no array in memory has 2⁵³ rows")]

use ndarray::Axis;

use super::{Clustered, SILHOUETTE_ROWS, squared_distance};

type Value = Result<f64, &'static str>;

/// The number of clusters.
#[expect(clippy::unnecessary_wraps, reason = "all formulas have one signature")]
pub(super) fn clusters(of: &Clustered) -> Value {
    Ok(of.clusters() as f64)
}

/// Rows without a cluster over all rows.
#[expect(clippy::unnecessary_wraps, reason = "all formulas have one signature")]
pub(super) fn noise_share(of: &Clustered) -> Value {
    Ok((of.rows - of.members.len()) as f64 / of.rows as f64)
}

/// `Σᵢ |xᵢ − μ(i)|²` with the means `μ` of the clusters as labelled: `KMeans.inertia_` at a fixed point of Lloyd's iteration.
pub(super) fn inertia(of: &Clustered) -> Value {
    if of.members.is_empty() {
        return Err("every row is noise");
    }
    Ok(of.rows_with_members().map(|(row, c)| squared_distance(row, of.mean(c))).sum())
}

/// Inertia over `Σᵢ |xᵢ − μ|²`, which has no unit: 1 for one cluster, 0 for clusters of equal rows.
pub(super) fn inertia_share(of: &Clustered) -> Value {
    let inertia = inertia(of)?;
    let mean = of.features.mean_axis(Axis(0)).expect("there are rows").to_vec();
    let total: f64 = of.rows_with_members().map(|(row, _)| squared_distance(row, &mean)).sum();
    if total > 0.0 { Ok(inertia / total) } else { Err("all rows are equal") }
}

/// `s(i) = (b − a) / max(a, b)` with the mean distances `a` to the other rows of the own cluster and `b` to those of the nearest other
/// one, 0 in a cluster of one row (Rousseeuw 1987); the mean over rows (`silhouette_score`). It is 0 too where `a` and `b` are.
pub(super) fn silhouette(of: &Clustered) -> Value {
    let n = of.members.len().min(SILHOUETTE_ROWS);
    // Rows are visited cluster by cluster, so that each mean distance is one running sum.
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|i| of.members[*i]);
    let groups: Vec<&[usize]> = order.chunk_by(|i, j| of.members[*i] == of.members[*j]).collect();
    between_two_and_all(groups.len(), n)?;
    let mut sum = 0.0;
    for (own, group) in groups.iter().enumerate().filter(|(_, group)| group.len() > 1) {
        for i in *group {
            let (mut a, mut b) = (0.0, f64::INFINITY);
            for (other, rows) in groups.iter().enumerate() {
                let distances: f64 =
                    rows.iter().map(|j| squared_distance(of.row(*i), of.row(*j)).sqrt()).sum();
                if other == own {
                    a = distances / (rows.len() - 1) as f64;
                } else {
                    b = b.min(distances / rows.len() as f64);
                }
            }
            if a > 0.0 || b > 0.0 {
                sum += (b - a) / a.max(b);
            }
        }
    }
    Ok(sum / n as f64)
}

/// `Σ n_c |μ_c − μ|² / (k − 1)` over `inertia / (n − k)` (`calinski_harabasz_score`).
pub(super) fn calinski_harabasz(of: &Clustered) -> Value {
    let (n, k) = (of.members.len(), of.clusters());
    between_two_and_all(k, n)?;
    let mean = of.features.mean_axis(Axis(0)).expect("there are rows").to_vec();
    let between: f64 =
        of.sizes.iter().enumerate().map(|(c, size)| *size as f64 * squared_distance(of.mean(c), &mean)).sum();
    let within = inertia(of)?;
    if within == 0.0 {
        return Err("the rows of every cluster are equal");
    }
    Ok(between / (k - 1) as f64 / (within / (n - k) as f64))
}

/// The mean over clusters of `max_j (s_i + s_j) / |μ_i − μ_j|` with the mean distance `s` to the own mean (`davies_bouldin_score`).
pub(super) fn davies_bouldin(of: &Clustered) -> Value {
    let k = of.clusters();
    between_two_and_all(k, of.members.len())?;
    let mut widths = vec![0.0; k];
    for (row, c) in of.rows_with_members() {
        widths[c] += squared_distance(row, of.mean(c)).sqrt() / of.sizes[c] as f64;
    }
    let mut sum = 0.0;
    for i in 0..k {
        let mut worst: f64 = 0.0;
        for j in (0..k).filter(|j| *j != i) {
            let apart = squared_distance(of.mean(i), of.mean(j)).sqrt();
            if apart == 0.0 {
                return Err("two clusters have the same mean");
            }
            worst = worst.max((widths[i] + widths[j]) / apart);
        }
        sum += worst;
    }
    Ok(sum / k as f64)
}

/// These measures compare clusters with each other and rows within a cluster, so they need some of both.
fn between_two_and_all(clusters: usize, rows: usize) -> Result<(), &'static str> {
    match clusters {
        0 => Err("every row is noise"),
        1 => Err("there is one cluster"),
        k if k == rows => Err("every row is a cluster of its own"),
        _ => Ok(()),
    }
}

impl Clustered {
    fn row(&self, i: usize) -> &[f64] {
        let d = self.features.ncols();
        &self.features.as_slice().expect("selected rows are contiguous")[i * d..(i + 1) * d]
    }

    fn mean(&self, cluster: usize) -> &[f64] {
        let d = self.means.ncols();
        &self.means.as_slice().expect("means are contiguous")[cluster * d..(cluster + 1) * d]
    }

    fn rows_with_members(&self) -> impl Iterator<Item = (&[f64], usize)> {
        self.members.iter().enumerate().map(|(i, c)| (self.row(i), *c))
    }
}
