//! Vectors of texts: their outputs, their quality, and when two sides computed the same ones.

use ndarray::{Array2, Axis};

use super::precision::{figure, near, to_reference};
use super::{WORK, config};
use crate::data::TargetKind;
use crate::data::bundle::{TEST_FEATURES, TEST_TARGET};
use crate::task::outputs::Outputs;
use crate::task::parameter::ParameterDef;
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, largest};

/// The raw output.
const EMBEDDINGS: &str = "embeddings";

/// How far the cosine of the two sides' vectors of a text may be from 1.
const COSINE: f64 = 1e-5;

/// Encoders whose states become one vector.
#[derive(Debug)]
pub struct Pooled;

impl Family for Pooled {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let normalize =
            || ParameterDef::boolean("normalize", true, "divide each vector by its Euclidean norm");
        let algorithm =
            |name: &str, doc: &str| AlgorithmDef::new(name, doc, vec![normalize()]).with_work(&WORK);
        vec![
            algorithm(
                "mean",
                "the mean of a text's last hidden states (Reimers, Gurevych 2019, Sentence-BERT), padding apart",
            ),
            algorithm("cls", "the last hidden state of a text's first token (Devlin et al. 2019, BERT)"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let embeddings = read(problem, outputs)?;
        match problem.bundle.manifest().target {
            TargetKind::Classes => {
                let labels = problem.bundle.i64_vector(TEST_TARGET)?;
                scores.add("neighbour_accuracy", neighbour_accuracy(&embeddings, &labels));
            }
            _ => scores.undefine("neighbour_accuracy", "the texts have no classes".to_owned()),
        }
        Ok(())
    }

    fn compare(&self, problem: &Problem<'_>, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let (of_a, of_b) = (read(problem, a.outputs)?, read(problem, b.outputs)?);
        let apart = largest(of_a.outer_iter().zip(of_b.outer_iter()).map(|(x, y)| 1.0 - cosine(x, y)));
        let mut checks = vec![
            figure("cosine", "cosines of the embeddings and 1", apart, COSINE),
            near("embeddings", "embeddings", &of_a, &of_b),
        ];
        checks.extend(to_reference(EMBEDDINGS, a, b)?);
        Ok(checks)
    }
}

fn read(problem: &Problem<'_>, outputs: &Outputs) -> Result<Array2<f64>, TaskError> {
    let rows = problem.bundle.rows(TEST_FEATURES)?;
    outputs.matrix(EMBEDDINGS, (rows, config(problem.bundle)?.hidden))
}

fn cosine(x: ndarray::ArrayView1<'_, f64>, y: ndarray::ArrayView1<'_, f64>) -> f64 {
    x.dot(&y) / (x.dot(&x) * y.dot(&y)).sqrt()
}

/// The share of texts whose nearest other text by cosine, the first of equals, has their class: leave-one-out accuracy of one nearest neighbour.
#[expect(clippy::cast_precision_loss, reason = "numbers of texts")]
fn neighbour_accuracy(embeddings: &Array2<f64>, labels: &[i64]) -> f64 {
    let mut units = embeddings.clone();
    for mut row in units.axis_iter_mut(Axis(0)) {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    let similar = units.dot(&units.t());
    let right = (0..labels.len()).filter(|row| {
        let others = (0..labels.len()).filter(|other| other != row);
        let nearest = others
            .reduce(|best, other| if similar[[*row, other]] > similar[[*row, best]] { other } else { best });
        nearest.is_some_and(|nearest| labels[nearest] == labels[*row])
    });
    right.count() as f64 / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_others_and_the_first_of_equals() {
        let embeddings = ndarray::array![[1.0, 0.0], [2.0, 0.1], [0.0, 3.0], [0.1, 1.0], [1.0, 0.0]];
        // 0 and 4 are each other's nearest, 1's nearest is the first of both, 2 and 3 are each other's.
        assert!((neighbour_accuracy(&embeddings, &[0, 0, 1, 0, 0]) - 0.6).abs() < 1e-12);
        assert!((neighbour_accuracy(&embeddings, &[0, 0, 1, 1, 0]) - 1.0).abs() < 1e-12);
    }
}
