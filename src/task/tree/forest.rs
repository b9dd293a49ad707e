//! Random forests as raw outputs: what can be said of two of them block by block.
//!
//! A forest is Breiman's (2001, Random Forests, Machine Learning 45, 5–32): every tree is grown without pruning on a bootstrap sample of
//! the rows, and draws features anew **at every split**. Its draws are free, so quality over seeds is compared
//! ([`Equivalence`](crate::task::Equivalence)). Beside that, three facts hardly move from draw to draw: the number of trees, the
//! size of a tree, and how well the forest does on its training rows. What scikit-learn itself shows from seed to seed, and what planted
//! faults show, is in `tests/reference/forests.json`. A forest with the other impurity cannot be told: its quality is the same within
//! the margin, and so are its sizes.

use super::super::outputs::Outputs;
use super::super::parameter::{ParameterDef, Parameters};
use super::super::{AlgorithmDef, Check, Scores, Side, TaskError, largest, within};
use super::{criterion, depth, whole};

/// The default margin on the mean accuracy or R² over seeds. scikit-learn against itself, an 80/20 split of five sets: with 10 seeds a
/// side it is equivalent in 100 % of draws on Breast Cancer, Digits and 10 000 made rows (deviation of one draw up to 0.0065), and with 30 in
/// 94 % on Iris, whose 30 test rows give a deviation of 0.022. A margin of 0.01 leaves Iris undecided; one of 0.03 takes
/// a forest of depth 5 on Digits for a full one.
pub const MARGIN: f64 = 0.02;

/// How far apart the mean numbers of leaves may be over the larger one, beside what their own spread explains. Implementations are free in
/// one choice that moves them by up to 6 %: whether a split whose drawn features are all constant draws others. Random thresholds, samples
/// without replacement or another number of features drawn move them by 20 to 90 % (classes); four fifths of the rows by 13 to 20 %.
pub const LEAVES: f64 = 0.08;

/// So many standard errors of the difference of two means of leaves are allowed beside [`LEAVES`]: each of some dozen blocks is to pass.
const ERRORS: f64 = 3.0;

/// How far apart the training scores of two forests of 100 trees may be; those of t trees, 10 / √t times as far, since the noise of a
/// mean of t falls with √t. scikit-learn's own move by 0.02 from seed to seed where trees are shallow (Digits at depth 3); a forest that
/// saw four fifths of the rows of Diabetes gets 0.09 less, and one that saw a third of any set 0.03 or more.
pub const TRAINING: f64 = 0.03;

/// What `random_forest` is, and that its `quality` over seeds is compared. The first of the task's `criteria` and of `features` is the
/// default.
pub fn definition(criteria: &[&str], features: &[&str], quality: &str) -> AlgorithmDef {
    AlgorithmDef::new(
        "random_forest",
        "trees on bootstrap samples of the rows, each split of features drawn anew (Breiman 2001)",
        parameters(criteria, features),
    )
    .with_work(&["trees"])
    .stochastic(quality, MARGIN)
}

fn parameters(criteria: &[&str], features: &[&str]) -> Vec<ParameterDef> {
    let doc = "the features drawn at every split: a number, or the root, the logarithm or all of them";
    let max_features = ParameterDef::int_from("max_features", 1, 1, doc).or(features).by_default(features[0]);
    vec![
        ParameterDef::int_from("n_estimators", 1, 100, "the number of trees").up_to(100_000.0),
        criterion(criteria),
        max_features,
        depth(),
        ParameterDef::int_from("min_samples_leaf", 1, 1, "the fewest distinct rows of a leaf"),
        ParameterDef::boolean(
            "bootstrap",
            true,
            "whether each tree sees a sample of the rows, drawn with replacement",
        ),
    ]
}

/// The number of features drawn at a split, as both sides take it: roots and logarithms are rounded down, and at least one is drawn.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of features"
)]
pub fn features_drawn(parameters: &Parameters, features: usize) -> usize {
    let drawn = match parameters.get("max_features").and_then(|value| value.as_text()) {
        Some("sqrt") => (features as f64).sqrt() as usize,
        Some("log2") => (features as f64).log2() as usize,
        Some(_) => features,
        None => whole(parameters, "max_features").unwrap_or(features),
    };
    drawn.clamp(1, features.max(1))
}

/// What a forest told of its trees.
#[derive(Debug)]
pub struct Trees {
    leaves: Vec<i64>,
    depths: Vec<i64>,
}

impl Trees {
    /// Reads `leaves` and `depths`, whole numbers [trees].
    ///
    /// # Errors
    /// A tensor is missing, of another shape or type, or a number is out of range.
    pub fn read(outputs: &Outputs) -> Result<Self, TaskError> {
        let trees = outputs.shape("leaves")?.first().copied().unwrap_or(0);
        let leaves = outputs.labels("leaves", trees, 1..i64::MAX)?;
        Ok(Self { leaves, depths: outputs.labels("depths", trees, 0..i64::MAX)? })
    }

    /// Adds their mean sizes.
    pub fn score(&self, scores: &mut Scores) {
        scores.add("leaves", mean(&self.leaves));
        scores.add("depth", mean(&self.depths));
    }

    fn deepest(&self) -> usize {
        self.depths.iter().copied().max().and_then(|d| usize::try_from(d).ok()).unwrap_or(0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of leaves and levels")]
fn mean(values: &[i64]) -> f64 {
    values.iter().map(|v| *v as f64).sum::<f64>() / values.len().max(1) as f64
}

/// One side of a pair of forests, with its accuracy or R² on the training rows.
struct Forest<'a> {
    name: &'a str,
    trees: Trees,
    training: f64,
}

/// The points beside the quality over seeds, given the score of a side on the training rows.
///
/// # Errors
/// As [`Trees::read`], or of the score.
pub fn compare(
    parameters: &Parameters,
    (contender, baseline): (Side<'_>, Side<'_>),
    training: impl Fn(&Outputs) -> Result<f64, TaskError>,
) -> Result<Vec<Check>, TaskError> {
    let forest = |Side { name, outputs, .. }| -> Result<_, TaskError> {
        Ok(Forest { name, trees: Trees::read(outputs)?, training: training(outputs)? })
    };
    Ok(points(parameters, &forest(contender)?, &forest(baseline)?))
}

fn points(parameters: &Parameters, a: &Forest<'_>, b: &Forest<'_>) -> Vec<Check> {
    vec![counted(parameters, a, b), leaves(a, b), scores(a, b)]
}

/// As many trees as were asked, none deeper than allowed.
fn counted(parameters: &Parameters, a: &Forest<'_>, b: &Forest<'_>) -> Check {
    let asked = whole(parameters, "n_estimators").unwrap_or(0);
    let allowed = whole(parameters, "max_depth").unwrap_or(usize::MAX);
    let mut wrong = Vec::new();
    for Forest { name, trees, .. } in [a, b] {
        if trees.leaves.len() != asked {
            wrong.push(format!("{name} has {} trees, where {asked} were asked", trees.leaves.len()));
        }
        if trees.deepest() > allowed {
            wrong.push(format!(
                "{} has a tree of depth {}, where {allowed} is the most",
                name,
                trees.deepest()
            ));
        }
    }
    if wrong.is_empty() {
        return Check::agreement("trees", format!("{asked} trees on both sides"));
    }
    Check::disagreement("trees", wrong.join("; "))
}

fn leaves(a: &Forest<'_>, b: &Forest<'_>) -> Check {
    let (own, others) = (mean(&a.trees.leaves), mean(&b.trees.leaves));
    let larger = own.max(others);
    let error = (squared_error(&a.trees.leaves) + squared_error(&b.trees.leaves)).sqrt();
    let finding = format!("trees of {own:.1} and {others:.1} leaves on average");
    let allowed = LEAVES + ERRORS * error / larger;
    judged("leaves", (own - others).abs() / larger, allowed, finding, (own, others))
}

/// The square of a mean's standard error; 0 of a single value.
#[expect(clippy::cast_precision_loss, reason = "numbers of leaves")]
fn squared_error(values: &[i64]) -> f64 {
    let (n, mean) = (values.len() as f64, mean(values));
    let squares: f64 = values.iter().map(|v| (*v as f64 - mean).powi(2)).sum();
    if values.len() < 2 { 0.0 } else { squares / (n - 1.0) / n }
}

fn scores(a: &Forest<'_>, b: &Forest<'_>) -> Check {
    let figure = largest([(a.training - b.training).abs()]);
    let finding = format!("training scores of {:.4} and {:.4}", a.training, b.training);
    #[expect(clippy::cast_precision_loss, reason = "a number of trees")]
    let trees = a.trees.leaves.len().max(1) as f64;
    let allowed = TRAINING * (100.0 / trees).sqrt();
    judged("training score", figure, allowed, finding, (a.training, b.training))
}

fn judged(name: &str, figure: f64, allowed: f64, finding: String, values: (f64, f64)) -> Check {
    let agrees = within(figure, allowed);
    let finding =
        if agrees { finding } else { format!("{finding} differ by {figure:.3} (allowed {allowed:.3})") };
    Check {
        agrees,
        contender: Some(format!("{:.4}", values.0)),
        baseline: Some(format!("{:.4}", values.1)),
        figure: Some(figure),
        allowed: Some(allowed),
        ..Check::disagreement(name, finding)
    }
}

#[cfg(test)]
mod tests;
