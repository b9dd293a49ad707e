//! Newton's method for logistic regression (see [`super::logistic`]).
//!
//! Parameters, gradients and directions are [columns, heads], column-major, so that each class's own lie together; decision values and
//! probabilities are [rows, heads], row-major. Two classes have one head, that of the larger label.

use faer::linalg::matmul::{matmul, triangular};
use faer::linalg::solvers::Llt;
use faer::prelude::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Rows that are weighted at once for a class's curvature, for each thread: they stay in the cache.
const BLOCK: usize = 256;
/// Halvings of a step after which no decrease is to be had.
const HALVINGS: usize = 50;
/// The share of the decrease that the gradient promises which a step must bring (Armijo 1966).
const PROMISED: f64 = 1e-4;
/// Two evaluations of the objective may differ by so much of it through rounding.
const ROUNDING: f64 = 1e-13;
/// Products with the Hessian for one step, at most.
const PRODUCTS: usize = 2000;

/// The problem and the point that has been reached.
pub struct Newton<'a> {
    /// Centred rows and a column of ones, or the rows alone: [n, c], row-major.
    rows: Vec<f64>,
    of_rows: &'a [usize],
    /// Penalised columns; the intercept is the one after them.
    features: usize,
    columns: usize,
    heads: usize,
    weight: f64,
    par: Par,
    parameters: Vec<f64>,
    decisions: Vec<f64>,
    probabilities: Vec<f64>,
}

/// How the iteration ended.
pub struct Ended {
    /// Newton's steps.
    pub iterations: usize,
    /// Products with the Hessian.
    pub products: usize,
    pub converged: bool,
}

/// A solution of `H s = g`.
struct Step {
    direction: Vec<f64>,
    /// `gᵀs`: twice the decrease that the quadratic model promises.
    decrement: f64,
    products: usize,
    /// Whether it is as near as was asked.
    solved: bool,
}

impl<'a> Newton<'a> {
    /// `mean` is given where there is an intercept. Every class of `0..classes` occurs.
    pub fn new(
        x: ArrayView2<'_, f64>,
        mean: Option<ArrayView1<'_, f64>>,
        of_rows: &'a [usize],
        classes: usize,
        weight: f64,
    ) -> Self {
        let (n, features) = x.dim();
        let columns = features + usize::from(mean.is_some());
        let mut rows = Vec::with_capacity(n * columns);
        for row in x.outer_iter() {
            match mean {
                Some(mean) => {
                    rows.extend(row.iter().zip(mean).map(|(v, m)| v - m));
                    rows.push(1.0);
                }
                None => rows.extend(row),
            }
        }
        let heads = if classes == 2 { 1 } else { classes };
        Self {
            rows,
            of_rows,
            features,
            columns,
            heads,
            weight,
            par: faer::get_global_parallelism(),
            parameters: vec![0.0; columns * heads],
            decisions: vec![0.0; n * heads],
            probabilities: vec![0.0; n * heads],
        }
    }

    /// Goes on until a step was taken before which the decrement was at most `tolerance` times the objective.
    ///
    /// # Errors
    /// The curvature overflows.
    pub fn minimise(&mut self, tolerance: f64, max_iterations: usize) -> Result<Ended, String> {
        let mut ended = Ended { iterations: 0, products: 0, converged: false };
        let (mut shifts, mut decisions) = (self.decisions.clone(), self.decisions.clone());
        let mut probabilities = self.probabilities.clone();
        let mut value = self.loss(&self.decisions, &mut probabilities);
        self.probabilities.copy_from_slice(&probabilities);
        while ended.iterations < max_iterations && !ended.converged {
            let gradient = self.gradient();
            let step = self.solve(&gradient, value)?;
            ended.iterations += 1;
            ended.products += step.products;
            self.times(&step.direction, &mut shifts);
            // Of the penalty along the step: |w - t s|² = |w|² - 2 t w·s + t² |s|².
            let across = self.penalty(&self.parameters, &step.direction);
            let (own, moved) = (
                self.penalty(&self.parameters, &self.parameters),
                self.penalty(&step.direction, &step.direction),
            );
            let mut length = 1.0;
            let mut reached = None;
            for _ in 0..HALVINGS {
                for ((new, old), shift) in decisions.iter_mut().zip(&self.decisions).zip(&shifts) {
                    *new = old - length * shift;
                }
                let penalty = 0.5 * own + length * (0.5 * length * moved - across);
                let new = self.loss(&decisions, &mut probabilities) + penalty;
                if new <= value - PROMISED * length * step.decrement + ROUNDING * value {
                    reached = Some(new);
                    break;
                }
                length /= 2.0;
            }
            let Some(reached) = reached else { break };
            std::mem::swap(&mut self.decisions, &mut decisions);
            std::mem::swap(&mut self.probabilities, &mut probabilities);
            add(&mut self.parameters, -length, &step.direction);
            // A decrement of a step that was cut short says nothing of what is left.
            ended.converged = step.solved && length >= 1.0 && step.decrement <= tolerance * value;
            value = reached;
        }
        if !value.is_finite() || self.parameters.iter().any(|v| !v.is_finite()) {
            return Err("the objective overflows".to_owned());
        }
        Ok(ended)
    }

    /// [heads, d].
    pub fn coefficients(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.heads, self.features), |(j, a)| self.parameters[j * self.columns + a])
    }

    /// Those of the centred rows; zeros where there are none.
    pub fn intercepts(&self) -> Array1<f64> {
        let one = |head: &[f64]| head.get(self.features).copied().unwrap_or(0.0);
        self.parameters.chunks_exact(self.columns).map(one).collect()
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.rows, self.of_rows.len(), self.columns)
    }

    /// Decision values of parameters.
    fn times(&self, parameters: &[f64], out: &mut [f64]) {
        matmul(
            MatMut::from_row_major_slice_mut(out, self.of_rows.len(), self.heads),
            Accum::Replace,
            self.matrix(),
            MatRef::from_column_major_slice(parameters, self.columns, self.heads),
            1.0,
            self.par,
        );
    }

    /// The transposed rows times values [rows, heads], and the penalty's part, which is that of `penalised`.
    fn adjoint(&self, values: &[f64], penalised: &[f64], out: &mut [f64]) {
        matmul(
            MatMut::from_column_major_slice_mut(out, self.columns, self.heads),
            Accum::Replace,
            self.matrix().transpose(),
            MatRef::from_row_major_slice(values, self.of_rows.len(), self.heads),
            self.weight,
            self.par,
        );
        let heads = out.chunks_exact_mut(self.columns).zip(penalised.chunks_exact(self.columns));
        heads.for_each(|(out, own)| add(&mut out[..self.features], 1.0, &own[..self.features]));
    }

    /// Scalar product of the penalised entries.
    fn penalty(&self, a: &[f64], b: &[f64]) -> f64 {
        let heads = a.chunks_exact(self.columns).zip(b.chunks_exact(self.columns));
        heads.map(|(a, b)| dot(&a[..self.features], &b[..self.features])).sum()
    }

    /// `C Σ log-loss`, and the probabilities of the heads' classes.
    fn loss(&self, decisions: &[f64], probabilities: &mut [f64]) -> f64 {
        let mut loss = 0.0;
        if self.heads == 1 {
            for ((z, p), class) in decisions.iter().zip(probabilities).zip(self.of_rows) {
                // The exponent is never above 0.
                let small = (-z.abs()).exp();
                let wrong = if *class == 1 { -z } else { *z };
                loss += wrong.max(0.0) + small.ln_1p();
                *p = if *z >= 0.0 { 1.0 } else { small } / (1.0 + small);
            }
            return self.weight * loss;
        }
        let rows = decisions.chunks_exact(self.heads).zip(probabilities.chunks_exact_mut(self.heads));
        for ((z, p), class) in rows.zip(self.of_rows) {
            let largest = z.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            let mut sum = 0.0;
            for (p, z) in p.iter_mut().zip(z) {
                *p = (z - largest).exp();
                sum += *p;
            }
            loss += sum.ln() + largest - z[*class];
            let share = sum.recip();
            for p in p {
                *p *= share;
            }
        }
        self.weight * loss
    }

    fn gradient(&self) -> Vec<f64> {
        let mut residuals = self.probabilities.clone();
        for (row, class) in residuals.chunks_exact_mut(self.heads).zip(self.of_rows) {
            match row {
                [only] => *only -= f64::from(u8::from(*class == 1)),
                several => several[*class] -= 1.0,
            }
        }
        let mut gradient = vec![0.0; self.parameters.len()];
        self.adjoint(&residuals, &self.parameters, &mut gradient);
        gradient
    }

    /// `H v`, by way of the change `u` of the decision values.
    fn curve(&self, v: &[f64], u: &mut [f64], out: &mut [f64]) {
        self.times(v, u);
        if self.heads == 1 {
            u.iter_mut().zip(&self.probabilities).for_each(|(u, p)| *u *= p * (1.0 - p));
        } else {
            let rows = u.chunks_exact_mut(self.heads).zip(self.probabilities.chunks_exact(self.heads));
            for (u, p) in rows {
                let mean: f64 = u.iter().zip(p).map(|(u, p)| u * p).sum();
                u.iter_mut().zip(p).for_each(|(u, p)| *u = p * (*u - mean));
            }
        }
        self.adjoint(u, v, out);
    }

    /// The Cholesky factor of each class's own block of the Hessian.
    fn blocks(&self) -> Result<Vec<Llt<f64>>, String> {
        let rows = BLOCK * self.par.degree().max(1);
        let mut weighted = vec![0.0; rows.min(self.of_rows.len()) * self.columns];
        (0..self.heads).map(|head| self.block(head, rows, &mut weighted)).collect()
    }

    fn block(&self, head: usize, block: usize, weighted: &mut [f64]) -> Result<Llt<f64>, String> {
        let c = self.columns;
        let mut hessian = Mat::<f64>::zeros(c, c);
        let probabilities = self.probabilities.chunks(block * self.heads);
        for (rows, probabilities) in self.rows.chunks(block * c).zip(probabilities) {
            let weighted = &mut weighted[..rows.len()];
            let own = probabilities.chunks_exact(self.heads).map(|p| p[head]);
            for ((to, from), p) in weighted.chunks_exact_mut(c).zip(rows.chunks_exact(c)).zip(own) {
                let curvature = p * (1.0 - p);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = curvature * from);
            }
            let n = rows.len() / c;
            triangular::matmul(
                hessian.as_mut(),
                triangular::BlockStructure::TriangularLower,
                Accum::Add,
                MatRef::from_row_major_slice(rows, n, c).transpose(),
                triangular::BlockStructure::Rectangular,
                MatRef::from_row_major_slice(weighted, n, c),
                triangular::BlockStructure::Rectangular,
                self.weight,
                self.par,
            );
        }
        for a in 0..c {
            // A saturated loss has no curvature for the intercept; conjugate gradients do without what is added here.
            hessian[(a, a)] += if a < self.features { 1.0 } else { f64::EPSILON * (1.0 + self.weight) };
        }
        hessian.llt(Side::Lower).map_err(|_| "the curvature of the loss overflows".to_owned())
    }

    /// Applies the preconditioner; several classes' directions are kept at the sum 0.
    fn precondition(&self, blocks: &[Llt<f64>], r: &[f64], out: &mut [f64]) {
        out.copy_from_slice(r);
        for (own, block) in out.chunks_exact_mut(self.columns).zip(blocks) {
            block.solve_in_place(MatMut::from_column_major_slice_mut(own, self.columns, 1));
        }
        if self.heads == 1 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
        let share = 1.0 / self.heads as f64;
        let mut mean = vec![0.0; self.columns];
        out.chunks_exact(self.columns).for_each(|own| add(&mut mean, share, own));
        out.chunks_exact_mut(self.columns).for_each(|own| add(own, -1.0, &mean));
    }

    /// Preconditioned conjugate gradients (Hestenes & Stiefel 1952), as far as the step is worth.
    fn solve(&self, gradient: &[f64], value: f64) -> Result<Step, String> {
        let blocks = self.blocks()?;
        let mut direction = vec![0.0; gradient.len()];
        let mut residual = gradient.to_vec();
        let (mut z, mut curved) = (direction.clone(), direction.clone());
        let mut shifts = vec![0.0; self.decisions.len()];
        self.precondition(&blocks, &residual, &mut z);
        let mut search = z.clone();
        let first = dot(&residual, &z);
        let mut size = first;
        // Superlinear: near the optimum each step is solved the better, the nearer it is.
        let wanted = first * (first / value).sqrt().min(0.1);
        let mut products = 0;
        while size > wanted && products < PRODUCTS {
            self.curve(&search, &mut shifts, &mut curved);
            products += 1;
            let curvature = dot(&search, &curved);
            if curvature.is_nan() || curvature <= 0.0 {
                break;
            }
            let length = size / curvature;
            add(&mut direction, length, &search);
            add(&mut residual, -length, &curved);
            self.precondition(&blocks, &residual, &mut z);
            let next = dot(&residual, &z);
            search.iter_mut().zip(&z).for_each(|(s, z)| *s = z + next / size * *s);
            size = next;
        }
        let decrement = dot(gradient, &direction);
        Ok(Step { direction, decrement, products, solved: size <= wanted })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    ArrayView1::from(a).dot(&ArrayView1::from(b))
}

/// `a += factor * b`.
fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}
