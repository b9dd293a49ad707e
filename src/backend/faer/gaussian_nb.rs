//! Gaussian naive Bayes in one pass over the rows, without a copy: means and sums of squares are updated row by row (Welford 1962), and
//! those of all rows, which the smoothing needs, come of the classes' own (Chan, Golub & LeVeque 1983, eq. 2.1). It needs no matrix product.

use crate::backend::parameters::number;
use crate::backend::rows::finite;
use std::f64::consts::TAU;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::backend::classes::{labels, occurring};
use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// Partial sums that are added side by side, so that they compile to vector instructions.
const LANES: usize = 8;

/// The registry's entry.
pub struct Gaussian;

impl Algorithm for Gaussian {
    fn task(&self) -> &'static str {
        "classification"
    }
    fn name(&self) -> &'static str {
        "gaussian_nb"
    }
    fn doc(&self) -> &'static str {
        "means and variances updated in one pass"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        Ok(Box::new(Configured { smoothing: number(ask.hyperparameters, "var_smoothing")? }))
    }
}

struct Configured {
    smoothing: f64,
}

impl Estimator for Configured {
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let (x, y) = (finite(training)?, training.classes()?);
        let (n, d) = x.dim();
        let classes = occurring(y);
        let shape = (classes.len(), d);
        let (mut sizes, mut means, mut squares) =
            (vec![0.0; classes.len()], Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
        for (row, label) in x.outer_iter().zip(y) {
            let class = classes.partition_point(|c| c < label);
            sizes[class] += 1.0;
            let share = 1.0 / sizes[class];
            let moments = means.row_mut(class).into_iter().zip(squares.row_mut(class));
            for ((mean, square), value) in moments.zip(row) {
                let before = value - *mean;
                *mean += before * share;
                *square += before * (value - *mean);
            }
        }
        let mut largest = 0.0_f64;
        for (means, squares) in means.axis_iter(Axis(1)).zip(squares.axis_iter(Axis(1))) {
            let mean = means.iter().zip(&sizes).map(|(m, size)| m * size).sum::<f64>() / n as f64;
            let between: f64 = means.iter().zip(&sizes).map(|(m, size)| size * (m - mean).powi(2)).sum();
            largest = largest.max((squares.sum() + between) / n as f64);
        }
        let mut variances = squares;
        for (mut row, size) in variances.outer_iter_mut().zip(&sizes) {
            row.mapv_inplace(|square| square / size + self.smoothing * largest);
        }
        let priors: Array1<f64> = sizes.iter().map(|size| size / n as f64).collect();
        let constants: Array1<f64> = variances
            .outer_iter()
            .zip(&priors)
            .map(|(row, prior)| prior.ln() - 0.5 * row.iter().map(|v| (TAU * v).ln()).sum::<f64>())
            .collect();
        let precisions = variances.mapv(f64::recip);
        if !constants.iter().chain(&precisions).chain(&means).all(|v| v.is_finite()) {
            return Err(
                "a feature does not vary within a class, or overflows: the density is not finite".to_owned()
            );
        }
        let smoothing = self.smoothing;
        Ok(Box::new(Model { classes, priors, means, variances, precisions, constants, smoothing }))
    }
}

struct Model {
    /// The labels that occur, ascending.
    classes: Vec<i64>,
    priors: Array1<f64>,
    /// [k, d], as are the variances and their inverses.
    means: Array2<f64>,
    variances: Array2<f64>,
    precisions: Array2<f64>,
    /// What a class's joint log-likelihoods have in common.
    constants: Array1<f64>,
    smoothing: f64,
}

impl Model {
    /// Joint log-likelihoods [m, k] by ascending label.
    fn joint(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, String> {
        let rows = rows.as_standard_layout();
        let mut joint = Array2::zeros((rows.nrows(), self.classes.len()));
        let d = self.means.ncols();
        let means = self.means.as_slice().ok_or("the means are not contiguous")?;
        let precisions = self.precisions.as_slice().ok_or("the precisions are not contiguous")?;
        for (row, mut joint) in rows.outer_iter().zip(joint.axis_iter_mut(Axis(0))) {
            let row = row.to_slice().ok_or("a row is not contiguous")?;
            let classes = means.chunks_exact(d).zip(precisions.chunks_exact(d)).zip(&self.constants);
            for (((mean, precision), constant), joint) in classes.zip(&mut joint) {
                *joint = constant - 0.5 * distance(row, mean, precision);
            }
        }
        Ok(joint)
    }
}

/// `Σ (x - m)² p`.
fn distance(row: &[f64], mean: &[f64], precision: &[f64]) -> f64 {
    let term = |x: f64, m: f64, p: f64| (x - m) * (x - m) * p;
    let mut sums = [0.0; LANES];
    let whole = row.len() - row.len() % LANES;
    let lanes = row.chunks_exact(LANES).zip(mean.chunks_exact(LANES)).zip(precision.chunks_exact(LANES));
    for ((row, mean), precision) in lanes {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += term(row[i], mean[i], precision[i]);
        }
    }
    let rest: f64 = (whole..row.len()).map(|i| term(row[i], mean[i], precision[i])).sum();
    sums.iter().sum::<f64>() + rest
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let joint = self.joint(rows)?;
        let best = joint
            .outer_iter()
            .map(|row| (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best }));
        Ok(Answer::Labels(labels(&self.classes, best)))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("predictions", self.apply(test)?.into()),
            ("joint_log_likelihood", self.joint(test)?.into()),
            ("priors", self.priors.clone().into()),
            ("means", self.means.clone().into()),
            ("variances", self.variances.clone().into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        ReadBack {
            hyperparameters: [("var_smoothing".to_owned(), Value::Float(self.smoothing))].into(),
            settings: Parameters::new(),
            work: Parameters::new(),
            layout: "row-major",
            features: self.means.ncols(),
        }
    }
}
