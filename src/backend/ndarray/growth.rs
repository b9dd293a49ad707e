//! What single trees and forests of both tasks share: checked hyperparameters, training rows as trees see them, and answers made of what
//! leaves say.

use crate::backend::parameters::{count, count_or_none, counted, counted_or_none};
use crate::backend::rows::finite;
use std::sync::Arc;

use ndarray::{Array1, ArrayView1, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::cart::{Rules, Tree, grow, sums};
use super::impurity::{Counts, Deviation, Entropy, Gini, Impurity, Sample};
use super::ranks::Ranks;
use crate::backend::{Answer, Ask, Training, classes};
use crate::task::parameter::{Parameters, Value};

/// What splits reduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// The Gini index.
    Gini,
    /// The entropy.
    Entropy,
    /// The squared deviation.
    SquaredError,
}

impl Criterion {
    const ALL: [(&'static str, Self); 3] =
        [("gini", Self::Gini), ("entropy", Self::Entropy), ("squared_error", Self::SquaredError)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, criterion)| *criterion == self).map_or("", |(name, _)| name)
    }
}

/// How trees are to be grown, but for the features drawn at a split.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// What splits reduce.
    pub criterion: Criterion,
    /// The most splits on the way to a leaf.
    pub max_depth: Option<usize>,
    /// The fewest distinct rows of a node that is split.
    pub min_samples_split: usize,
    /// The fewest distinct rows of a leaf.
    pub min_samples_leaf: usize,
    /// The trial's.
    pub seed: u64,
}

impl Growth {
    /// As asked; a forest's trees are split from two rows.
    ///
    /// # Errors
    /// A hyperparameter is missing, or none of those allowed.
    pub fn new(ask: &Ask<'_>) -> Result<Self, String> {
        let asked = ask.hyperparameters;
        let criterion = asked["criterion"].as_text().unwrap_or_default();
        let known = Criterion::ALL.iter().find(|(name, _)| *name == criterion);
        let split = asked.get("min_samples_split").map(|_| count_or_none(asked, "min_samples_split"));
        Ok(Self {
            criterion: known.ok_or_else(|| format!("`criterion` is {criterion}, which is unknown"))?.1,
            max_depth: count_or_none(asked, "max_depth")?,
            min_samples_split: split.transpose()?.flatten().unwrap_or(2),
            min_samples_leaf: count(asked, "min_samples_leaf")?,
            seed: ask.seed,
        })
    }

    /// What the receipts of trees and forests have in common.
    pub fn told(&self) -> Parameters {
        [
            ("criterion".to_owned(), Value::Text(self.criterion.name().to_owned())),
            ("max_depth".to_owned(), counted_or_none(self.max_depth)),
            ("min_samples_leaf".to_owned(), counted(self.min_samples_leaf)),
        ]
        .into()
    }

    /// Grows trees on rows that were checked, each with a stream of random numbers of its own, so that threads change nothing.
    ///
    /// # Errors
    /// There are more rows than 32 bits count.
    pub fn grow(&self, rows: &Rows<'_>, wanted: Wanted) -> Result<Vec<Tree>, String> {
        let ranks = Ranks::new(rows.features)?;
        Ok(match (&rows.targets, self.criterion) {
            (Targets::Classes { places, occurring }, Criterion::Entropy) => {
                let terms = Entropy::new(u32::try_from(places.len()).unwrap_or(u32::MAX));
                self.trees(&ranks, &Counts::new(terms, occurring.len()), places, wanted)
            }
            (Targets::Classes { places, occurring }, _) => {
                self.trees(&ranks, &Counts::new(Gini, occurring.len()), places, wanted)
            }
            (Targets::Numbers { centred, mean }, _) => {
                self.trees(&ranks, &Deviation::new(*mean), centred, wanted)
            }
        })
    }

    fn trees<I>(&self, ranks: &Ranks, impurity: &I, targets: &[I::Target], wanted: Wanted) -> Vec<Tree>
    where
        I: Impurity + Sync,
        I::Target: Sync,
    {
        let rules = Rules {
            max_depth: self.max_depth,
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            features_drawn: wanted.features_drawn,
        };
        let tree = |number: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(number);
            let samples = sample(targets, wanted.bootstrap.then_some(&mut random));
            grow(ranks, rules, impurity.clone(), samples, random)
        };
        if rayon::current_num_threads() == 1 {
            return (0..wanted.trees as u64).map(tree).collect();
        }
        (0..wanted.trees as u64).into_par_iter().map(tree).collect()
    }
}

/// The trees to grow.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How many.
    pub trees: usize,
    /// The features drawn at a split.
    pub features_drawn: usize,
    /// Whether each sees as many rows as there are, drawn with replacement; else all rows once.
    pub bootstrap: bool,
}

/// The rows of one tree.
fn sample<T: Copy>(targets: &[T], bootstrap: Option<&mut ChaCha8Rng>) -> Vec<Sample<T>> {
    let mut weights = vec![1_u32; targets.len()];
    if let Some(random) = bootstrap {
        weights.fill(0);
        for _ in 0..targets.len() {
            weights[random.random_range(0..targets.len())] += 1;
        }
    }
    let rows = (0..).zip(weights.iter().zip(targets)).filter(|(_, (weight, _))| **weight > 0);
    rows.map(|(row, (weight, target))| Sample { row, weight: *weight, target: *target }).collect()
}

/// Training rows as trees see them.
#[derive(Debug)]
pub struct Rows<'t> {
    features: ArrayView2<'t, f64>,
    targets: Targets,
}

#[derive(Debug)]
enum Targets {
    /// The place of each row's label among those that occur.
    Classes { places: Vec<u32>, occurring: Arc<[i64]> },
    /// Numbers less their mean.
    Numbers { centred: Vec<f64>, mean: f64 },
}

impl<'t> Rows<'t> {
    /// Labels or numbers, whichever the task `classification` or another has.
    ///
    /// # Errors
    /// There are none, or some are not finite, or the squares of numbers overflow.
    pub fn checked(training: &Training<'t>, task: &str) -> Result<Self, String> {
        let features = finite(training)?;
        let targets = if task == "classification" {
            of_classes(training.classes()?)
        } else {
            of_numbers(training.numbers()?)?
        };
        Ok(Self { features, targets })
    }

    /// What leaves' values mean.
    pub fn meaning(&self) -> Meaning {
        match &self.targets {
            Targets::Classes { occurring, .. } => Meaning::Shares(Arc::clone(occurring)),
            Targets::Numbers { .. } => Meaning::Mean,
        }
    }

    /// The features [n, d].
    pub fn features(&self) -> ArrayView2<'t, f64> {
        self.features
    }
}

fn of_classes(labels: ArrayView1<'_, i64>) -> Targets {
    let occurring = classes::occurring(labels);
    let place = |label: &i64| occurring.partition_point(|other| other < label);
    let places = labels.iter().map(|label| u32::try_from(place(label)).unwrap_or(u32::MAX)).collect();
    Targets::Classes { places, occurring: occurring.into() }
}

fn of_numbers(numbers: ArrayView1<'_, f64>) -> Result<Targets, String> {
    let mean = numbers.mean().unwrap_or(0.0);
    let centred = numbers.mapv(|y| y - mean);
    // A node's sum may be that of all absolute deviations, and is squared.
    let bound = centred.iter().map(|y| y.abs()).sum::<f64>().powi(2);
    if !bound.is_finite() {
        return Err("the training target is not finite, or its squares overflow".to_owned());
    }
    Ok(Targets::Numbers { centred: centred.to_vec(), mean })
}

/// What leaves' values mean.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// Shares of the classes with these labels.
    Shares(Arc<[i64]>),
    /// The mean of numbers.
    Mean,
}

impl Meaning {
    /// What `trees` say of rows [m, d] on average: a number, or the label of the largest share, the smallest of several.
    pub fn answer(&self, trees: &[Tree], rows: ArrayView2<'_, f64>) -> Answer {
        let sums = sums(trees, rows);
        match self {
            Self::Shares(labels) => Answer::Labels(
                sums.chunks_exact(labels.len()).map(|shares| labels[largest(shares)]).collect(),
            ),
            Self::Mean => {
                #[expect(clippy::cast_precision_loss, reason = "a number of trees")]
                let trees = trees.len() as f64;
                Answer::Numbers(Array1::from(sums) / trees)
            }
        }
    }

    /// What a leaf says, as the task's form of a tree has it.
    #[expect(clippy::cast_precision_loss, reason = "labels")]
    pub fn says(&self, values: &[f64]) -> f64 {
        match self {
            Self::Shares(labels) => labels[largest(values)] as f64,
            Self::Mean => values[0],
        }
    }
}

/// The place of the largest; the first of several.
fn largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
