//! Support vector classifiers: definitions, and the parity contract.
//!
//! Raw outputs beside the predictions, over the k machines of the classes that the training rows hold (see [`crate::task::svm::pairs`]):
//!
//! | algorithm | machines | raw outputs |
//! | --- | --- | --- |
//! | `svc`, `nu_svc` | one for each pair i < j; a positive value speaks for j | `decision` [m, k], `dual` [k, n] signed dual coefficients (zeros too), `intercept` [k] |
//! | `linear_svc` | one for each class against the rest; one for two classes | `decision` [m, k], `coefficients` [k, d], `intercept` [k] (0 where none is fitted) |
//!
//! * **Objective**, **own decision values**, **decision values**: see [`crate::task::svm::contract`]. For the linear machine the lower bound
//!   of the objective comes from the scorer's own solution ([`crate::task::svm::linear`]).
//! * **Predictions**: labels follow from the decision values (votes, or the largest), and differ between the sides only where a
//!   deciding margin is below what the decision values may differ by.

use ndarray::{Array1, Array2, ArrayView1};

use super::labels;
use crate::data::bundle::{TEST_FEATURES, TRAIN_FEATURES, TRAIN_TARGET};
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::svm::contract::{
    Asked, Fit, OF_OBJECTIVE, OF_OBJECTIVE_AND_C, Rows, decisions_check, deviations, kernel_of,
    kernel_parameters, objective_check, own_check, own_difference, worst,
};
use crate::task::svm::linear::{LinearLoss, Reference};
use crate::task::svm::machine::{Loss, Machine};
use crate::task::svm::pairs;
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, largest};

/// The family.
#[derive(Debug)]
pub struct SupportVectorClassifiers;

impl Family for SupportVectorClassifiers {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let with_kernel = |first| std::iter::once(first).chain(kernel_parameters()).collect();
        vec![
            AlgorithmDef::new(
                "svc",
                "support vector classifier, one machine for each pair of classes",
                with_kernel(ParameterDef::positive("C", 1.0, "weight of the hinge loss")),
            )
            .minimising("|f|²/2 + C sum max(0, 1 - y (f(x) + b)), each pair"),
            AlgorithmDef::new(
                "nu_svc",
                "support vector classifier by the share of support vectors, one machine for each pair of classes",
                with_kernel(
                    ParameterDef::positive(
                        "nu",
                        0.5,
                        "largest share of margin errors and smallest share of support vectors",
                    )
                    .up_to(1.0),
                ),
            )
            .minimising("|f|²/2 - nu n rho + sum max(0, rho - y (f(x) + b)), each pair"),
            AlgorithmDef::new(
                "linear_svc",
                "linear support vector classifier with a penalised intercept, each class against the rest",
                vec![
                    ParameterDef::positive("C", 1.0, "weight of the loss"),
                    ParameterDef::choice("loss", &["hinge", "squared_hinge"], "squared_hinge", "max(0, 1 - y z), or its square"),
                    ParameterDef::boolean(
                        "fit_intercept",
                        true,
                        "whether to fit an intercept, which is penalised as the weight of a feature that is 1",
                    ),
                ],
            )
            .minimising("(|w|² + b²)/2 + C sum loss(y (w·x + b)), each class against the rest"),
        ]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, scores: &mut Scores) -> Result<(), TaskError> {
        let (asked, data) = (Asked::from(problem), Data::of(problem)?);
        if let Err(reason) = data.several_classes() {
            for name in ["dual_objective", "duality_gap", "support_vectors"] {
                scores.undefine(name, reason.clone());
            }
            return Ok(());
        }
        if problem.algorithm == "linear_svc" {
            let answer = LinearAnswer::read(labels(problem, outputs)?, &data, outputs)?;
            let gap = data.linear_references(&asked).map(|r| answer.excesses(&r).1);
            match gap {
                Ok(gap) => scores.add("duality_gap", gap),
                Err(reason) => scores.undefine("duality_gap", reason),
            }
            return Ok(());
        }
        let fit = data.fit(&asked, &Answer::read(labels(problem, outputs)?, &data, outputs)?)?;
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        scores.add("support_vectors", fit.support_vectors as f64);
        for (name, value) in [("dual_objective", fit.dual_objective()), ("duality_gap", fit.relative_gap())] {
            match value {
                Ok(value) => scores.add(name, value),
                Err(reason) => scores.undefine(name, reason),
            }
        }
        Ok(())
    }

    fn compare(&self, problem: &Problem<'_>, a: Side<'_>, b: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let (asked, data) = (Asked::from(problem), Data::of(problem)?);
        if let Err(reason) = data.several_classes() {
            return Ok(vec![Check::disagreement("objective", reason)]);
        }
        if problem.algorithm == "linear_svc" {
            let of = |side: Side<'_>| LinearAnswer::read(labels(problem, side.outputs)?, &data, side.outputs);
            return Ok(data.compare_linear(&asked, (a.name, &of(a)?), (b.name, &of(b)?)));
        }
        let of = |side: Side<'_>| Answer::read(labels(problem, side.outputs)?, &data, side.outputs);
        data.compare_kernel(&asked, (a.name, &of(a)?), (b.name, &of(b)?))
    }
}

/// The training problem.
struct Data {
    train: Array2<f64>,
    test: Array2<f64>,
    /// The class of each training row, as an index into `present`.
    classes: Vec<usize>,
    /// The labels that the training rows hold, in order.
    present: Vec<i64>,
}

/// What a kernel machine answered.
struct Answer {
    labels: Vec<i64>,
    decision: Array2<f64>,
    dual: Array2<f64>,
    intercept: Array1<f64>,
}

/// What a linear machine answered.
struct LinearAnswer {
    labels: Vec<i64>,
    decision: Array2<f64>,
    coefficients: Array2<f64>,
    intercept: Array1<f64>,
}

impl Answer {
    fn read(labels: Vec<i64>, data: &Data, outputs: &Outputs) -> Result<Self, TaskError> {
        let machines = pairs::pairs(data.present.len()).len();
        Ok(Self {
            labels,
            decision: outputs.matrix("decision", (data.test.nrows(), machines))?,
            dual: outputs.matrix("dual", (machines, data.train.nrows()))?,
            intercept: outputs.vector("intercept", machines)?,
        })
    }
}

impl LinearAnswer {
    fn read(labels: Vec<i64>, data: &Data, outputs: &Outputs) -> Result<Self, TaskError> {
        let machines = data.against_the_rest();
        Ok(Self {
            labels,
            decision: outputs.matrix("decision", (data.test.nrows(), machines))?,
            coefficients: outputs.matrix("coefficients", (machines, data.train.ncols()))?,
            intercept: outputs.vector("intercept", machines)?,
        })
    }

    /// How far each machine's objective is above its minimum, and the largest of these over the objective. No allowance grows with C here:
    /// liblinear computes in double precision, and was 1e-8 from the optimum and nearer at C = 10 too, where half of C is 3e-6 away.
    fn excesses(&self, references: &[Reference]) -> (Vec<f64>, f64) {
        let objectives: Vec<f64> = references
            .iter()
            .enumerate()
            .map(|(k, reference)| reference.objective(self.coefficients.row(k), self.intercept[k]))
            .collect();
        let excesses: Vec<f64> =
            references.iter().zip(&objectives).map(|(r, objective)| r.excess(*objective)).collect();
        let relative =
            largest(excesses.iter().zip(&objectives).map(|(excess, objective)| excess / objective));
        (excesses, relative)
    }
}

impl Data {
    fn of(problem: &Problem<'_>) -> Result<Self, TaskError> {
        let target = problem.bundle.i64_vector(TRAIN_TARGET)?;
        Ok(Self::new(
            problem.bundle.f64_matrix(TRAIN_FEATURES)?,
            problem.bundle.f64_matrix(TEST_FEATURES)?,
            &target,
        ))
    }

    fn new(train: Array2<f64>, test: Array2<f64>, target: &[i64]) -> Self {
        let mut present = target.to_vec();
        present.sort_unstable();
        present.dedup();
        let classes = target.iter().map(|l| present.partition_point(|p| p < l)).collect();
        Self { train, test, classes, present }
    }

    fn several_classes(&self) -> Result<(), String> {
        if self.present.len() < 2 {
            return Err("the training rows hold a single class".to_owned());
        }
        Ok(())
    }

    /// The number of machines of one class against the rest.
    fn against_the_rest(&self) -> usize {
        if self.present.len() == 2 { 1 } else { self.present.len() }
    }

    fn rows(&self, parameters: &Parameters) -> Result<Rows, TaskError> {
        Ok(Rows {
            kernel: kernel_of(parameters, &self.train)?,
            train: self.train.clone(),
            test: self.test.clone(),
        })
    }

    fn fit(&self, asked: &Asked<'_>, answer: &Answer) -> Result<Fit, TaskError> {
        Ok(self.fit_on(&self.rows(asked.hyperparameters)?, asked, answer))
    }

    fn fit_on(&self, rows: &Rows, asked: &Asked<'_>, answer: &Answer) -> Fit {
        let pairs = pairs::pairs(self.present.len());
        let nu = asked.algorithm == "nu_svc";
        let machine = |k: usize, [dual, fitted, self_kernel]: [ArrayView1<'_, f64>; 3]| {
            let (i, j) = pairs[k];
            let own: Vec<usize> =
                (0..self.classes.len()).filter(|r| [i, j].contains(&self.classes[*r])).collect();
            if let Some(row) = (0..dual.len()).find(|r| dual[*r] != 0.0 && !own.contains(r)) {
                return Err(format!("training row {row} supports a machine of two other classes"));
            }
            let of = |values: ArrayView1<'_, f64>| own.iter().map(|r| values[*r]).collect::<Array1<f64>>();
            let machine = Machine {
                loss: Loss::Hinge { cost: if nu { 1.0 } else { asked.number("C")? }, margin: 1.0 },
                target: own.iter().map(|r| if self.classes[*r] == j { 1.0 } else { -1.0 }).collect(),
                dual: of(dual),
                fitted: of(fitted),
                intercept: answer.intercept[k],
                self_kernel: of(self_kernel),
            };
            if nu { machine.of_nu(asked.number("nu")?) } else { Ok(machine) }
        };
        Fit::new(rows, answer.dual.view(), answer.intercept.view(), answer.decision.clone(), machine)
    }

    fn compare_kernel(
        &self,
        asked: &Asked<'_>,
        a: (&str, &Answer),
        b: (&str, &Answer),
    ) -> Result<Vec<Check>, TaskError> {
        let rows = self.rows(asked.hyperparameters)?;
        let (first, second) = (self.fit_on(&rows, asked, a.1), self.fit_on(&rows, asked, b.1));
        let scale = deviations(&second.decision);
        let own = |fit: &Fit| own_difference(&fit.decision, &fit.implied, &scale);
        let mut checks = vec![
            objective_check(
                &(a.0, first.relative_gap()),
                &(b.0, second.relative_gap()),
                asked.objective(),
                OF_OBJECTIVE_AND_C,
            ),
            own_check("decision values", (a.0, own(&first)), (b.0, own(&second))),
        ];
        let pairs = pairs::pairs(self.present.len());
        let decide = |row: ArrayView1<'_, f64>| pairs::vote(row, &pairs, self.present.len());
        let sides = [(a.0, &a.1.labels, &a.1.decision), (b.0, &b.1.labels, &b.1.decision)];
        let allowed = first.allowed(&second, &rows);
        checks.extend(self.decisions_and_labels(asked, sides, allowed, &scale, &decide));
        Ok(checks)
    }

    fn compare_linear(
        &self,
        asked: &Asked<'_>,
        a: (&str, &LinearAnswer),
        b: (&str, &LinearAnswer),
    ) -> Vec<Check> {
        let references = match self.linear_references(asked) {
            Ok(references) => references,
            Err(reason) => return vec![Check::disagreement("objective", format!("no reference: {reason}"))],
        };
        let ((above_a, gap_a), (above_b, gap_b)) = (a.1.excesses(&references), b.1.excesses(&references));
        let scale = deviations(&b.1.decision);
        let own = |answer: &LinearAnswer| {
            let implied = self.test.dot(&answer.coefficients.t()) + &answer.intercept;
            own_difference(&answer.decision, &implied, &scale)
        };
        let mut checks = vec![
            objective_check(&(a.0, Ok(gap_a)), &(b.0, Ok(gap_b)), asked.objective(), OF_OBJECTIVE),
            own_check("decision values", (a.0, own(a.1)), (b.0, own(b.1))),
        ];
        let allowed = Array2::from_shape_fn(a.1.decision.dim(), |(i, k)| {
            references[k].bound(self.test.row(i), above_a[k], above_b[k])
        });
        let sides = [(a.0, &a.1.labels, &a.1.decision), (b.0, &b.1.labels, &b.1.decision)];
        checks
            .extend(self.decisions_and_labels(asked, sides, Ok(allowed), &scale, &|row| pairs::largest(row)));
        checks
    }

    fn linear_references(&self, asked: &Asked<'_>) -> Result<Vec<Reference>, String> {
        let parameters = asked.hyperparameters;
        let loss = match parameters.get("loss").and_then(Value::as_text) {
            Some("hinge") => LinearLoss::Hinge,
            Some("squared_hinge") => LinearLoss::SquaredHinge,
            _ => return Err("`loss` is missing".to_owned()),
        };
        let cost = asked.number("C")?;
        let intercept =
            parameters.get("fit_intercept").and_then(Value::as_bool).ok_or("`fit_intercept` is missing")?;
        (0..self.against_the_rest())
            .map(|k| {
                let positive = if self.present.len() == 2 { 1 } else { k };
                let y: Array1<f64> =
                    self.classes.iter().map(|c| if *c == positive { 1.0 } else { -1.0 }).collect();
                Reference::solve(self.train.view(), y.view(), loss, cost, intercept)
            })
            .collect()
    }

    /// The points on decision values and on labels.
    fn decisions_and_labels(
        &self,
        asked: &Asked<'_>,
        [a, b]: [(&str, &Vec<i64>, &Array2<f64>); 2],
        allowed: Result<Array2<f64>, String>,
        scale: &Array1<f64>,
        decide: &dyn Fn(ArrayView1<'_, f64>) -> usize,
    ) -> Vec<Check> {
        let mut allowed = match allowed {
            Ok(allowed) => allowed,
            Err(reason) => {
                return vec![Check::disagreement(
                    "decision values",
                    format!("nothing says how far decision values may differ: {reason}"),
                )];
            }
        };
        if let Some(set) = asked.tolerances.predictions {
            allowed = Array2::from_shape_fn(allowed.dim(), |(_, k)| set * scale[k]);
        }
        vec![
            decisions_check(worst(a.2, b.2, &allowed, scale)),
            self.labels_check(a, b, &allowed, scale, decide),
        ]
    }

    fn labels_check(
        &self,
        a: (&str, &Vec<i64>, &Array2<f64>),
        b: (&str, &Vec<i64>, &Array2<f64>),
        allowed: &Array2<f64>,
        scale: &Array1<f64>,
        decide: &dyn Fn(ArrayView1<'_, f64>) -> usize,
    ) -> Check {
        for (name, labels, decision) in [a, b] {
            let wrong = labels.iter().zip(decision.outer_iter()).filter(|(label, row)| {
                // A tie that rounding breaks: moving one value by rounding would give the label.
                self.present[decide(*row)] != **label && !self.reachable(**label, *row, scale, decide)
            });
            let count = wrong.count();
            if count > 0 {
                return Check::disagreement(
                    "predictions",
                    format!("{name}'s labels are not those of its decision values on {count} test rows"),
                );
            }
        }
        let differing: Vec<usize> = (0..a.1.len()).filter(|i| a.1[*i] != b.1[*i]).collect();
        let undecided = differing.iter().filter(|i| {
            // The decision that separates the labels is one on which both sides are as near to the boundary as they may differ.
            decisive(a.2.row(**i), b.2.row(**i), allowed.row(**i))
        });
        let (differ, near) = (differing.len(), undecided.count());
        if differ == 0 {
            Check::agreement("predictions", "labels equal on every test row".to_owned())
        } else if near == differ {
            Check::agreement(
                "predictions",
                format!(
                    "labels differ on {differ} of {} test rows, each with a deciding margin below the tolerance",
                    a.1.len()
                ),
            )
        } else {
            Check::disagreement(
                "predictions",
                format!(
                    "labels differ on {differ} of {} test rows, {} of them with a clear margin",
                    a.1.len(),
                    differ - near
                ),
            )
        }
    }

    /// Whether a label follows where some decision values that are 0, or equal, but for rounding are moved across.
    fn reachable(
        &self,
        label: i64,
        row: ArrayView1<'_, f64>,
        scale: &Array1<f64>,
        decide: &dyn Fn(ArrayView1<'_, f64>) -> usize,
    ) -> bool {
        (0..row.len()).any(|k| {
            [-1e-9, 1e-9].iter().any(|step| {
                let mut moved = row.to_owned();
                moved[k] += step * scale[k];
                self.present[decide(moved.view())] == label
            })
        })
    }
}

/// Whether labels that differ are explained: some decision, or difference of two decisions, changes its sign between the sides, and
/// every one that does so is as near to 0 as the sides may differ.
fn decisive(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>, allowed: ArrayView1<'_, f64>) -> bool {
    let changes = |x: f64, y: f64| (x < 0.0) != (y < 0.0);
    let singles = (0..a.len()).filter(|k| changes(a[*k], b[*k])).map(|k| (a[k], b[k], allowed[k]));
    let doubles = (0..a.len())
        .flat_map(|k| (k + 1..a.len()).map(move |l| (k, l)))
        .filter(|(k, l)| changes(a[*k] - a[*l], b[*k] - b[*l]))
        .map(|(k, l)| (a[k] - a[l], b[k] - b[l], allowed[k] + allowed[l]));
    let mut found = singles.chain(doubles).peekable();
    found.peek().is_some() && found.all(|(x, y, allowed)| (x - y).abs() <= allowed)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
mod tests;
