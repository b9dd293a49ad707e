//! Logistic regression: its definition, and the parity contract.
//!
//! Raw outputs beside the predictions: `coefficients` [k, d] and `intercept` [k] for the k classes that occur in the training rows; [1, d]
//! and [1], those of the larger label, where there are two; and `probabilities` [test rows, k], where the framework tells them.
//!
//! * **Objective**: both answers, evaluated from their raw parameters, lie within [`OBJECTIVE`] of the certified minimum.
//! * **Own outputs**: an implementation's probabilities and labels are those of the parameters that it reports.
//! * **Decision values**: those that the two sides' parameters imply differ by no more than two answers of that accuracy can (see
//!   [`reference`] for the bound), row by row and class by class.
//! * **Labels** differ only where the classes' decision values are nearer to each other than that.
//!
//! Invariance: with more than two classes a common shift of the intercepts changes no probability, so that each row's mean is taken off its
//! decision values. Labels and their correlation prove nothing: with C = 1 and C = 3 on Breast Cancer the decision values correlate
//! with 0.9990 and all labels are equal.

pub mod reference;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array2;

use super::{Data, figure_check, needed, worst};
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{
    AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, Tolerances, largest, within,
};
use reference::{Model, Objective, Reference, centred, probabilities};

/// The default tolerance on the objective, over the objective of the best constant probabilities. At this distance decision values are
/// within 1e-5 to 1e-3 of their deviation, so that no probability changes in a digit that people read; and it is 10 to 100 times what
/// scikit-learn reaches at `tol = 1e-8`, linfa at 1e-8 and smartcore as it is (Breast Cancer, Digits, Adult's size).
pub const OBJECTIVE: f64 = 1e-12;

/// Probabilities and parameters come from one model: they may differ by the rounding of one matrix product and one exponential, with room for
/// ill-scaled features.
const OWN_OUTPUTS: f64 = 1e-9;

/// The family.
#[derive(Debug)]
pub struct Logistic;

impl Family for Logistic {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let c = ParameterDef::positive("C", 1.0, "weight of the loss: the inverse strength of the penalty");
        let intercept = ParameterDef::boolean(
            "fit_intercept",
            true,
            "whether to fit an intercept, which is not penalised",
        );
        vec![
            AlgorithmDef::new(
                "logistic_regression",
                "logistic regression with a squared penalty: binomial for two classes, softmax for more",
                vec![c, intercept],
            )
            .minimising("C Σ log-loss + |w|² / 2"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let data = Data::of(problem)?;
        let answer = Answer::read(outputs, &data)?;
        let convex = match Convex::of(&data, problem.hyperparameters, problem.bundle.hash()) {
            Ok(convex) => convex,
            // The data are at fault, not the trial: its other metrics stand, and no pair will be comparable.
            Err(TaskError::Reference(reason)) => {
                scores.undefine("objective_gap", reason);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let objective = convex.objective.of(&answer.model);
        scores.add("objective", objective);
        scores.add("objective_gap", convex.reference.gap(objective));
        scores.add("coefficient_difference", convex.coefficient_difference(&answer.model));
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let data = Data::of(problem)?;
        judge(
            &data,
            problem.hyperparameters,
            problem.bundle.hash(),
            (contender, baseline),
            problem.tolerances,
        )
    }
}

/// What one side answered.
#[derive(Debug, Clone)]
struct Answer {
    predictions: Vec<i64>,
    probabilities: Option<Array2<f64>>,
    model: Model,
}

impl Answer {
    fn read(outputs: &Outputs, data: &Data) -> Result<Self, TaskError> {
        let k = data.occurring.count();
        let heads = if k == 2 { 1 } else { k };
        Ok(Self {
            predictions: data.labels(outputs)?,
            probabilities: outputs
                .has("probabilities")
                .then(|| outputs.matrix("probabilities", (data.test.nrows(), k)))
                .transpose()?,
            model: Model {
                coefficients: outputs.matrix("coefficients", (heads, data.train.ncols()))?,
                intercepts: outputs.vector("intercept", heads)?,
            },
        })
    }
}

/// The training problem with its certified minimum.
struct Convex<'a> {
    objective: Objective<'a>,
    reference: Arc<Reference>,
}

/// References of the problems judged last. Every block of a case asks for the same one, once for each trial and pair.
static CERTIFIED: Mutex<VecDeque<(String, Result<Arc<Reference>, String>)>> = Mutex::new(VecDeque::new());
const KEPT: usize = 4;

impl<'a> Convex<'a> {
    /// `bundle` is the hash of the bundle that holds the data.
    fn of(data: &'a Data, parameters: &Parameters, bundle: &str) -> Result<Self, TaskError> {
        let c = needed(parameters, "C", Value::as_float)?;
        let intercept = needed(parameters, "fit_intercept", Value::as_bool)?;
        let objective = objective(data, c, intercept).map_err(TaskError::Reference)?;
        let key = format!("{bundle} {} {intercept}", c.to_bits());
        let mut kept = CERTIFIED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().find(|(k, _)| *k == key).map(|(_, reference)| reference.clone());
        let reference = known.unwrap_or_else(|| {
            let solved = Reference::solve(&objective).map(Arc::new);
            kept.truncate(KEPT - 1);
            kept.push_front((key, solved.clone()));
            solved
        });
        Ok(Self { objective, reference: reference.map_err(TaskError::Reference)? })
    }

    /// The largest difference from the reference's coefficients, over the largest of these.
    fn coefficient_difference(&self, model: &Model) -> f64 {
        let reference = &self.reference.model.coefficients;
        let scale = largest(reference.iter().map(|v| v.abs()));
        let difference = largest(reference.iter().zip(&model.coefficients).map(|(a, b)| (a - b).abs()));
        if difference == 0.0 { 0.0 } else { difference / scale }
    }
}

fn objective(data: &Data, c: f64, intercept: bool) -> Result<Objective<'_>, String> {
    let count = data.occurring.count();
    if count < 2 {
        return Err("the training rows hold a single class".to_owned());
    }
    Ok(Objective { features: data.train.view(), classes: &data.occurring.of_rows, count, c, intercept })
}

/// Every point of the contract for one pair of sides.
pub(super) fn judge(
    data: &Data,
    parameters: &Parameters,
    bundle: &str,
    (contender, baseline): (Side<'_>, Side<'_>),
    tolerances: &Tolerances,
) -> Result<Vec<Check>, TaskError> {
    let convex = Convex::of(data, parameters, bundle)?;
    let (a, b) = (Answer::read(contender.outputs, data)?, Answer::read(baseline.outputs, data)?);
    Ok(compare(&convex, data, (contender.name, &a), (baseline.name, &b), tolerances))
}

fn compare(
    convex: &Convex<'_>,
    data: &Data,
    a: (&str, &Answer),
    b: (&str, &Answer),
    tolerances: &Tolerances,
) -> Vec<Check> {
    let allowed = tolerances.objective.unwrap_or(OBJECTIVE);
    let reference = &convex.reference;
    let amplification = reference.amplification(data.test.view());
    let reach = reference.reach(allowed);
    let (z_a, z_b) = (a.1.model.decide(data.test.view()), b.1.model.decide(data.test.view()));
    vec![
        objective_check(convex, a, b, allowed),
        own_outputs(data, (a, &z_a), (b, &z_b)),
        decision_values(reference, &centred(&z_a), &centred(&z_b), &amplification, reach, tolerances),
        label_check(data, reference, a.1, b.1, &amplification, reach),
    ]
}

fn objective_check(convex: &Convex<'_>, a: (&str, &Answer), b: (&str, &Answer), allowed: f64) -> Check {
    let gap = |answer: &Answer| convex.reference.gap(convex.objective.of(&answer.model));
    let (gap_a, gap_b) = (gap(a.1), gap(b.1));
    let figure = largest([gap_a.abs(), gap_b.abs()]);
    let far: Vec<String> = [(a.0, gap_a), (b.0, gap_b)]
        .iter()
        .filter(|(_, gap)| !within(gap.abs(), allowed))
        .map(|(name, gap)| format!("{name} is {gap:.1e} from the optimum"))
        .collect();
    Check {
        contender: Some(format!("{gap_a:.2e}")),
        baseline: Some(format!("{gap_b:.2e}")),
        ..figure_check("objective", (figure, allowed), |agrees| {
            if agrees {
                format!("both within {:.0e} of the optimum", figure.max(f64::EPSILON))
            } else {
                format!("{} (allowed {allowed:.0e} of the objective of the best constant)", far.join(", "))
            }
        })
    }
}

/// Probabilities and labels against those of the same side's parameters.
fn own_outputs(data: &Data, a: ((&str, &Answer), &Array2<f64>), b: ((&str, &Answer), &Array2<f64>)) -> Check {
    let own = |answer: &Answer, decisions: &Array2<f64>| {
        let difference = answer.probabilities.as_ref().map_or(0.0, |told| {
            largest(probabilities(decisions).iter().zip(told).map(|(x, y)| (x - y).abs()))
        });
        let values = centred(decisions);
        let wrong = answer.predictions.iter().zip(values.outer_iter()).filter(|(label, row)| {
            let top = row.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            // Rounding may decide between values this close.
            let room = OWN_OUTPUTS * (1.0 + top.abs());
            data.occurring.position(**label).is_none_or(|class| !within(top - row[class], room))
        });
        (difference, wrong.count())
    };
    let (own_a, own_b) = (own(a.0.1, a.1), own(b.0.1, b.1));
    let mut wrong = Vec::new();
    for (name, (difference, labels)) in [(a.0.0, own_a), (b.0.0, own_b)] {
        if !within(difference, OWN_OUTPUTS) {
            wrong.push(format!(
                "{name}'s probabilities differ by {difference:.1e} from those of its own coefficients (allowed {OWN_OUTPUTS:.0e})"
            ));
        }
        if labels > 0 {
            wrong.push(format!(
                "{labels} of {name}'s labels are not the most probable ones of its own coefficients"
            ));
        }
    }
    let figure = largest([own_a.0, own_b.0]);
    Check {
        agrees: wrong.is_empty(),
        contender: Some(format!("{:.2e}", own_a.0)),
        baseline: Some(format!("{:.2e}", own_b.0)),
        ..figure_check("own outputs", (figure, OWN_OUTPUTS), |_| {
            if wrong.is_empty() {
                "probabilities and labels are those of the reported coefficients".to_owned()
            } else {
                wrong.join(", ")
            }
        })
    }
}

/// Judges the row and class whose difference is the largest against what it may be.
fn decision_values(
    reference: &Reference,
    a: &Array2<f64>,
    b: &Array2<f64>,
    amplification: &Array2<f64>,
    reach: f64,
    tolerances: &Tolerances,
) -> Check {
    let deviation = reference.deviation.max(f64::MIN_POSITIVE);
    let differences: Vec<(f64, f64)> = a
        .iter()
        .zip(b)
        .zip(amplification)
        .map(|((x, y), factor)| {
            // Two answers may lie on opposite sides of the optimum; the bound of rows that hardly vary still has to hold their rounding.
            let bound = 2.0 * reach * factor / deviation + OWN_OUTPUTS;
            ((x - y).abs() / deviation, tolerances.predictions.unwrap_or(bound))
        })
        .collect();
    let largest = largest(differences.iter().map(|d| d.0));
    let judged = worst(differences);
    figure_check("decision values", judged, |agrees| {
        if agrees && largest == 0.0 {
            "decision values equal in every bit".to_owned()
        } else if agrees {
            format!("largest difference of decision values {largest:.0e} of their deviation")
        } else {
            format!(
                "decision values differ by {:.1e} of their deviation (allowed {:.1e})",
                judged.0, judged.1
            )
        }
    })
}

/// Labels may differ only where the optimum itself is as near to a tie as two accurate answers can tell.
fn label_check(
    data: &Data,
    reference: &Reference,
    a: &Answer,
    b: &Answer,
    amplification: &Array2<f64>,
    reach: f64,
) -> Check {
    let values = centred(&reference.model.decide(data.test.view()));
    let (mut ties, mut clear) = (0, 0);
    for (i, (x, y)) in a.predictions.iter().zip(&b.predictions).enumerate().filter(|(_, (x, y))| x != y) {
        let tie = match (data.occurring.position(*x), data.occurring.position(*y)) {
            (Some(x), Some(y)) => {
                let margin = (values[[i, x]] - values[[i, y]]).abs();
                margin <= reach * (amplification[[i, x]] + amplification[[i, y]])
            }
            _ => false,
        };
        if tie { ties += 1 } else { clear += 1 }
    }
    let rows = a.predictions.len();
    if clear > 0 {
        Check::disagreement(
            "labels",
            format!("labels differ on {clear} of {rows} test rows, where no tie excuses them"),
        )
    } else if ties > 0 {
        Check::agreement("labels", format!("labels differ on {ties} of {rows} test rows, all of them ties"))
    } else {
        Check::agreement("labels", "labels equal on every test row".to_owned())
    }
}
