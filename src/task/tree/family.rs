//! What the families of trees of both tasks share: the points of a pair of single trees.

use ndarray::ArrayView1;

use super::certificate::{self, Certificate, Rules, Targets};
use super::{Tree, parameters};
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES};
use crate::task::{Check, Problem, Scores, Side, TaskError, within};

/// One side's tree and its certificate.
struct Judged<'a> {
    name: &'a str,
    certificate: Certificate,
    /// Test rows whose prediction is none that the tree gives.
    strangers: usize,
}

/// Whether the prediction for a test row, by its number, is a leaf's value.
pub type Says<'f> = &'f dyn Fn(usize, f64) -> bool;

/// Adds the size of a tree, and how far it is from the rule.
///
/// # Errors
/// The outputs are no tree.
pub fn score(
    problem: &Problem<'_>,
    targets: &Targets,
    outputs: &crate::task::outputs::Outputs,
    scores: &mut Scores,
) -> Result<(), TaskError> {
    let x = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
    let tree = Tree::read(outputs, x.ncols())?;
    let found = certificate::certify(&tree, x.view(), targets, Rules::of(problem.hyperparameters));
    #[expect(clippy::cast_precision_loss, reason = "numbers of leaves and levels")]
    for (name, value) in [("leaves", tree.leaves() as f64), ("depth", tree.depth() as f64)] {
        scores.add(name, value);
    }
    scores.add("split_loss", found.loss);
    scores.add("impurity_explained", found.explained);
    Ok(())
}

/// Both trees follow the rule, and each side's predictions are its own tree's.
///
/// # Errors
/// The outputs are no tree.
pub fn compare(
    problem: &Problem<'_>,
    targets: &Targets,
    contender: (Side<'_>, Says<'_>),
    baseline: (Side<'_>, Says<'_>),
) -> Result<Vec<Check>, TaskError> {
    let x = problem.bundle.f64_matrix(TRAIN_FEATURES)?;
    let test = problem.bundle.f64_matrix(TEST_FEATURES)?;
    let rules = Rules::of(problem.hyperparameters);
    let judge = |name, outputs, says: Says<'_>| -> Result<_, TaskError> {
        let tree = Tree::read(outputs, x.ncols())?;
        let strange = |(row, x): &(usize, ArrayView1<'_, f64>)| !tree.may_say(*x, &|value| says(*row, value));
        let strangers = test.outer_iter().enumerate().filter(strange).count();
        Ok(Judged { name, certificate: certificate::certify(&tree, x.view(), targets, rules), strangers })
    };
    let a = judge(contender.0.name, contender.0.outputs, contender.1)?;
    let b = judge(baseline.0.name, baseline.0.outputs, baseline.1)?;
    Ok(vec![splits(problem, &a, &b), own_predictions(&a, &b, test.nrows())])
}

fn splits(problem: &Problem<'_>, a: &Judged<'_>, b: &Judged<'_>) -> Check {
    let allowed = problem.tolerances.objective.unwrap_or(certificate::SPLIT);
    let far: Vec<String> = [a, b]
        .iter()
        .filter(|side| !within(side.certificate.loss, allowed))
        .map(|side| format!("{} is not what CART grows: {}", side.name, side.certificate.finding))
        .collect();
    let loss = |side: &Judged<'_>| side.certificate.loss;
    Check {
        agrees: far.is_empty(),
        contender: Some(format!("{:.1e}", loss(a))),
        baseline: Some(format!("{:.1e}", loss(b))),
        figure: Some(loss(a).max(loss(b))),
        allowed: Some(allowed),
        ..Check::disagreement(
            "splits",
            if far.is_empty() {
                "every split of both trees is the best there is, and no leaf could be split".to_owned()
            } else {
                far.join("; ")
            },
        )
    }
}

fn own_predictions(a: &Judged<'_>, b: &Judged<'_>, rows: usize) -> Check {
    let wrong: Vec<String> = [a, b]
        .iter()
        .filter(|side| side.strangers > 0)
        .map(|side| {
            let (name, strangers) = (side.name, side.strangers);
            format!("{name} predicts what its tree does not say for {strangers} of {rows} test rows")
        })
        .collect();
    if wrong.is_empty() {
        let finding = "predictions are those of each side's own tree".to_owned();
        return Check::agreement("own predictions", finding);
    }
    Check::disagreement("own predictions", wrong.join("; "))
}

/// The definition of a task's single tree.
pub fn definition(criteria: &[&str], doc: &str) -> crate::task::AlgorithmDef {
    crate::task::AlgorithmDef::new("decision_tree", doc, parameters(criteria))
}
