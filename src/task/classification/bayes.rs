//! Gaussian naive Bayes: its definition, and the parity contract.
//!
//! Raw outputs beside the predictions: `joint_log_likelihood` [test rows, k], `ln P(c) + ln p(x | c)` for the k classes that occur in the
//! training rows; `priors` [k], `means` [k, d] and `variances` [k, d], smoothing included, where the framework tells them.
//!
//! The fit has a closed form (Hastie, Tibshirani & Friedman 2009, §6.6.3): means and variances (over n) of each class, with
//! `var_smoothing` times the largest variance of all rows added to each variance. So the scorer computes the exact answer and compares both
//! sides with it, not with each other.
//!
//! **What rounding allows.** A sum of n terms is exact to `n ε` of their magnitudes; the variance of n values of mean θ and variance v to
//! `n ε sqrt(v (v + θ²))` by the updating and two-pass formulas (Chan, Golub & LeVeque 1983, §3). [`Exact::of`] carries these through the
//! log-density, term by term. No setting is left to tune, so nothing else is allowed.
//!
//! * **Likelihoods**: each side's are the exact ones within that.
//! * **Parameters**: likewise, where a side tells them.
//! * **Labels** are the exact ones, but where the best two classes are nearer to each other than that.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::{Data, figure_check, needed, worst};
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError, Tolerances, largest};

/// The family.
#[derive(Debug)]
pub struct Bayes;

impl Family for Bayes {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let smoothing = ParameterDef::float_from(
            "var_smoothing",
            0.0,
            1e-9,
            "added to every variance, as a share of the largest variance of a feature",
        );
        vec![AlgorithmDef::new(
            "gaussian_nb",
            "naive Bayes with normal features, whose priors are the shares of the classes",
            vec![smoothing],
        )]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        Answer::read(outputs, &Data::of(problem)?)?;
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        judge(&Data::of(problem)?, problem.hyperparameters, (contender, baseline), problem.tolerances)
    }
}

/// What one side answered.
#[derive(Debug, Clone)]
struct Answer {
    predictions: Vec<i64>,
    joint: Array2<f64>,
    parameters: Option<Normal>,
}

/// The normal distributions of the classes.
#[derive(Debug, Clone)]
struct Normal {
    priors: Array1<f64>,
    means: Array2<f64>,
    variances: Array2<f64>,
}

impl Answer {
    fn read(outputs: &Outputs, data: &Data) -> Result<Self, TaskError> {
        let (k, d) = (data.occurring.count(), data.train.ncols());
        let parameters = ["priors", "means", "variances"].iter().any(|name| outputs.has(name));
        Ok(Self {
            predictions: data.labels(outputs)?,
            joint: outputs.matrix("joint_log_likelihood", (data.test.nrows(), k))?,
            parameters: parameters
                .then(|| -> Result<_, TaskError> {
                    Ok(Normal {
                        priors: outputs.vector("priors", k)?,
                        means: outputs.matrix("means", (k, d))?,
                        variances: outputs.matrix("variances", (k, d))?,
                    })
                })
                .transpose()?,
        })
    }
}

/// The exact answer, each number with what rounding may do to it.
#[derive(Debug)]
struct Exact {
    parameters: Normal,
    mean_errors: Array2<f64>,
    variance_errors: Array2<f64>,
    joint: Array2<f64>,
    joint_errors: Array2<f64>,
    /// The standard deviation of the joint log-likelihoods, each row's mean taken off.
    deviation: f64,
}

impl Exact {
    /// Fits the training rows and evaluates the test rows.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn of(data: &Data, smoothing: f64) -> Result<Self, String> {
        let (n, d) = data.train.dim();
        let k = data.occurring.count();
        let rounding = (n + 16) as f64 * f64::EPSILON;
        let (mut smoothed, mut smoothed_error) = (0.0, 0.0);
        for column in data.train.axis_iter(Axis(1)) {
            let (mean, variance) = moments(column.iter().copied());
            if smoothing * variance >= smoothed {
                smoothed = smoothing * variance;
                smoothed_error = smoothing * variance_error(mean, variance, rounding);
            }
        }
        let mut parameters = Normal {
            priors: Array1::zeros(k),
            means: Array2::zeros((k, d)),
            variances: Array2::zeros((k, d)),
        };
        let (mut mean_errors, mut variance_errors) = (Array2::zeros((k, d)), Array2::zeros((k, d)));
        for class in 0..k {
            let rows: Vec<ArrayView1<'_, f64>> = data
                .train
                .outer_iter()
                .zip(&data.occurring.of_rows)
                .filter(|(_, of)| **of == class)
                .map(|(row, _)| row)
                .collect();
            parameters.priors[class] = rows.len() as f64 / n as f64;
            for j in 0..d {
                let (mean, variance) = moments(rows.iter().map(|row| row[j]));
                if variance + smoothed <= 0.0 {
                    return Err(format!(
                        "feature {j} does not vary within class {}",
                        data.occurring.labels[class]
                    ));
                }
                parameters.means[[class, j]] = mean;
                parameters.variances[[class, j]] = variance + smoothed;
                mean_errors[[class, j]] = rounding * (mean * mean + variance).sqrt();
                variance_errors[[class, j]] = variance_error(mean, variance, rounding)
                    + smoothed_error
                    + f64::EPSILON * (variance + smoothed);
            }
        }
        let (joint, joint_errors) = evaluate(&parameters, &mean_errors, &variance_errors, &data.test);
        let centred = &joint - &joint.mean_axis(Axis(1)).ok_or("there are no classes")?.insert_axis(Axis(1));
        let deviation = (centred.iter().map(|v| v * v).sum::<f64>() / centred.len() as f64).sqrt();
        Ok(Self { parameters, mean_errors, variance_errors, joint, joint_errors, deviation })
    }
}

/// The mean and the variance (over n) of some values, in two passes.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let first = values.clone().sum::<f64>() / n;
    // The second pass takes off what rounding left of the mean.
    let rest = values.clone().map(|v| v - first).sum::<f64>() / n;
    let mean = first + rest;
    (mean, values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
}

/// What rounding may do to a variance (see the module's header); the square is that of the mean's own error.
fn variance_error(mean: f64, variance: f64, rounding: f64) -> f64 {
    let square = mean * mean + variance;
    rounding * (variance * square).sqrt() + rounding * rounding * square
}

/// Joint log-likelihoods of rows, and what the errors of the parameters and of the evaluation may do to each.
#[expect(clippy::cast_precision_loss, reason = "a number of features")]
fn evaluate(
    parameters: &Normal,
    mean_errors: &Array2<f64>,
    variance_errors: &Array2<f64>,
    rows: &Array2<f64>,
) -> (Array2<f64>, Array2<f64>) {
    let (k, d) = parameters.means.dim();
    let shape = (rows.nrows(), k);
    let (mut joint, mut errors) = (Array2::zeros(shape), Array2::zeros(shape));
    let evaluation = (d + 16) as f64 * f64::EPSILON;
    for (i, row) in rows.outer_iter().enumerate() {
        for class in 0..k {
            let mut sum = parameters.priors[class].ln();
            let mut magnitude = sum.abs();
            let mut moved = 0.0;
            for j in 0..d {
                let variance = parameters.variances[[class, j]];
                let (off, away) = (mean_errors[[class, j]], (row[j] - parameters.means[[class, j]]).abs());
                let constant = (std::f64::consts::TAU * variance).ln() / 2.0;
                let square = away * away / (2.0 * variance);
                sum -= constant + square;
                magnitude += constant.abs() + square;
                // The relative error of the variance moves both terms; the mean's error moves the distance.
                moved += (0.5 + square) * variance_errors[[class, j]] / variance;
                moved += (away + off) * off / variance;
                // The distance itself rounds to an ulp of the two numbers.
                moved += away * f64::EPSILON * row[j].abs() / variance;
            }
            joint[[i, class]] = sum;
            errors[[i, class]] = moved + evaluation * magnitude;
        }
    }
    (joint, errors)
}

/// Every point of the contract for one pair of sides.
pub(super) fn judge(
    data: &Data,
    parameters: &Parameters,
    (contender, baseline): (Side<'_>, Side<'_>),
    tolerances: &Tolerances,
) -> Result<Vec<Check>, TaskError> {
    let smoothing = needed(parameters, "var_smoothing", Value::as_float)?;
    let exact = Exact::of(data, smoothing).map_err(TaskError::Reference)?;
    let (a, b) = (Answer::read(contender.outputs, data)?, Answer::read(baseline.outputs, data)?);
    Ok(compare(&exact, data, (contender.name, &a), (baseline.name, &b), tolerances))
}

fn compare(
    exact: &Exact,
    data: &Data,
    a: (&str, &Answer),
    b: (&str, &Answer),
    tolerances: &Tolerances,
) -> Vec<Check> {
    vec![
        likelihoods(exact, a, b, tolerances),
        parameters(exact, a, b),
        label_check(exact, data, a, b, tolerances),
    ]
}

/// What one side's likelihood may differ by from the exact one.
fn allowed(exact: &Exact, at: (usize, usize), tolerances: &Tolerances) -> f64 {
    tolerances.predictions.map_or(exact.joint_errors[at], |share| share * exact.deviation)
}

fn likelihoods(exact: &Exact, a: (&str, &Answer), b: (&str, &Answer), tolerances: &Tolerances) -> Check {
    let deviation = exact.deviation.max(f64::MIN_POSITIVE);
    let of = |answer: &Answer| {
        let differences = exact.joint.indexed_iter().map(|(at, value)| {
            ((answer.joint[at] - value).abs() / deviation, allowed(exact, at, tolerances) / deviation)
        });
        worst(differences)
    };
    let (of_a, of_b) = (of(a.1), of(b.1));
    let judged = worst([of_a, of_b]);
    let wrong: Vec<String> = [(a.0, of_a), (b.0, of_b)]
        .iter()
        .filter(|(_, (figure, allowed))| !crate::task::within(*figure, *allowed))
        .map(|(name, (figure, allowed))| {
            format!("{name}'s log-likelihoods are {figure:.1e} of their deviation from the exact ones (allowed {allowed:.1e})")
        })
        .collect();
    Check {
        contender: Some(format!("{:.2e}", of_a.0)),
        baseline: Some(format!("{:.2e}", of_b.0)),
        ..figure_check("log-likelihoods", judged, |agrees| {
            if agrees {
                format!(
                    "both within {:.0e} of the exact log-likelihoods' deviation",
                    judged.0.max(f64::EPSILON)
                )
            } else {
                wrong.join(", ")
            }
        })
    }
}

fn parameters(exact: &Exact, a: (&str, &Answer), b: (&str, &Answer)) -> Check {
    let told: Vec<(&str, &Normal)> =
        [a, b].into_iter().filter_map(|(name, answer)| Some((name, answer.parameters.as_ref()?))).collect();
    let wrong: Vec<String> = told
        .iter()
        .flat_map(|(name, given)| {
            let ours = &exact.parameters;
            let beyond = |x: &Array2<f64>, y: &Array2<f64>, error: &Array2<f64>| {
                x.iter()
                    .zip(y)
                    .zip(error)
                    .filter(|((x, y), e)| !crate::task::within((*x - *y).abs(), **e))
                    .count()
            };
            let priors = largest(given.priors.iter().zip(&ours.priors).map(|(x, y)| (x - y).abs()))
                > 4.0 * f64::EPSILON;
            [
                ("priors", usize::from(priors)),
                ("means", beyond(&given.means, &ours.means, &exact.mean_errors)),
                ("variances", beyond(&given.variances, &ours.variances, &exact.variance_errors)),
            ]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(move |(what, _)| format!("{name}'s {what} are not those of the training rows"))
        })
        .collect();
    if !wrong.is_empty() {
        return Check::disagreement("parameters", wrong.join(", "));
    }
    let finding = match told.as_slice() {
        [] => "neither side tells its means and variances; their likelihoods were compared".to_owned(),
        [(name, _)] => format!("{name}'s priors, means and variances are exact; the other side tells none"),
        _ => "both sides' priors, means and variances are exact".to_owned(),
    };
    Check::agreement("parameters", finding)
}

fn label_check(
    exact: &Exact,
    data: &Data,
    a: (&str, &Answer),
    b: (&str, &Answer),
    tolerances: &Tolerances,
) -> Check {
    let wrong = |answer: &Answer| {
        let rows = answer.predictions.iter().enumerate();
        rows.filter(|(i, label)| {
            let row = exact.joint.row(*i);
            let Some(class) = data.occurring.position(**label) else { return true };
            let own = allowed(exact, (*i, class), tolerances);
            // A class that is better by more than both can be wrong must have been predicted.
            row.iter().enumerate().any(|(c, v)| v - row[class] > own + allowed(exact, (*i, c), tolerances))
        })
        .count()
    };
    let faults: Vec<String> = [a, b]
        .iter()
        .map(|(name, answer)| (name, wrong(answer)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| {
            format!("{count} of {name}'s {} labels are not the most likely ones", data.test.nrows())
        })
        .collect();
    if !faults.is_empty() {
        return Check::disagreement("labels", faults.join(", "));
    }
    let ties = a.1.predictions.iter().zip(&b.1.predictions).filter(|(x, y)| x != y).count();
    Check::agreement(
        "labels",
        if ties > 0 {
            format!("labels differ on {ties} of {} test rows, all of them ties", data.test.nrows())
        } else {
            "labels equal on every test row".to_owned()
        },
    )
}
