//! Principal components on faer, in the two ways that scikit-learn has for exact ones: the eigendecomposition of the covariance where
//! rows are many, and the thin singular value decomposition of the centred rows elsewhere. Rows are centred before they are multiplied, so
//! that a mean far from the origin costs no digits.

use crate::backend::parameters::{count, counted};
use crate::backend::rows::finite;
use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, Mat, MatMut, MatRef, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::{Parameters, Value};

/// From so many times as many rows as features on, up to [`WIDE`] features, the covariance is decomposed: scikit-learn's own rule.
const TALL: usize = 10;
/// The most features of which a covariance is made.
const WIDE: usize = 1000;

/// The registry's entry.
pub struct Pca;

impl Algorithm for Pca {
    fn task(&self) -> &'static str {
        "decomposition"
    }
    fn name(&self) -> &'static str {
        "pca"
    }
    fn doc(&self) -> &'static str {
        "eigendecomposition of the covariance from 10 rows a feature on, thin SVD of the centred rows elsewhere"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let components = count(ask.hyperparameters, "n_components")?;
        Ok(Box::new(Configured { components }))
    }
}

struct Configured {
    components: usize,
}

impl Estimator for Configured {
    fn fit<'t>(&self, training: &'t Training<'t>) -> Result<Box<dyn Fitted + 't>, String> {
        let x = finite(training)?;
        let (n, d) = x.dim();
        if self.components > n.min(d) {
            return Err(format!("{} components are asked of {n} rows and {d} features", self.components));
        }
        if n < 2 {
            return Err("one row has no variance".to_owned());
        }
        let mean = x.mean_axis(Axis(0)).ok_or("there are no rows")?;
        let centred = (&x - &mean).into_raw_vec_and_offset().0;
        let rows = MatRef::from_row_major_slice(&centred, n, d);
        let covariance = n >= TALL * d && d <= WIDE;
        let (variance, components) =
            if covariance { by_covariance(rows, self.components) } else { by_rows(rows, self.components) }?;
        if variance.iter().chain(&mean).any(|v| !v.is_finite()) {
            return Err("the variances are not finite".to_owned());
        }
        // What is taken off every transformed row, so that rows need no centring.
        let offset = components.dot(&mean);
        Ok(Box::new(Model { components, variance, mean, offset, covariance }))
    }
}

/// The first k variances and their directions [k, d], by eigenvalues of the covariance.
fn by_covariance(rows: MatRef<'_, f64>, k: usize) -> Result<(Array1<f64>, Array2<f64>), String> {
    let (n, d) = (rows.nrows(), rows.ncols());
    let mut product = Mat::<f64>::zeros(d, d);
    // One half suffices: it is symmetric.
    triangular::matmul(
        product.as_mut(),
        triangular::BlockStructure::TriangularLower,
        Accum::Replace,
        rows.transpose(),
        triangular::BlockStructure::Rectangular,
        rows,
        triangular::BlockStructure::Rectangular,
        1.0 / freedom(n),
        faer::get_global_parallelism(),
    );
    if (0..d).any(|j| (j..d).any(|i| !product[(i, j)].is_finite())) {
        return Err("the covariance overflows".to_owned());
    }
    let found =
        product.self_adjoint_eigen(Side::Lower).map_err(|_| "the eigenvalues did not converge".to_owned())?;
    let (values, vectors) = (found.S().column_vector(), found.U());
    // faer has them ascending; of a singular covariance the last may be rounded below 0.
    let variance = (0..k).map(|i| values[d - 1 - i].max(0.0)).collect();
    Ok((variance, Array2::from_shape_fn((k, d), |(i, j)| vectors[(j, d - 1 - i)])))
}

/// The same by singular values of the centred rows.
fn by_rows(rows: MatRef<'_, f64>, k: usize) -> Result<(Array1<f64>, Array2<f64>), String> {
    let found = rows.thin_svd().map_err(|_| "the singular values did not converge".to_owned())?;
    let (values, vectors) = (found.S().column_vector(), found.V());
    let variance = (0..k).map(|i| values[i] * values[i] / freedom(rows.nrows())).collect();
    Ok((variance, Array2::from_shape_fn((k, rows.ncols()), |(i, j)| vectors[(j, i)])))
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn freedom(rows: usize) -> f64 {
    rows as f64 - 1.0
}

struct Model {
    /// [k, d], row-major.
    components: Array2<f64>,
    variance: Array1<f64>,
    mean: Array1<f64>,
    /// Components times mean, [k].
    offset: Array1<f64>,
    /// Whether the covariance was decomposed.
    covariance: bool,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let (m, d) = rows.dim();
        let k = self.offset.len();
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().ok_or("the rows are not contiguous")?;
        let components = self.components.as_slice().ok_or("the components are not contiguous")?;
        let mut answer: Vec<f64> = self.offset.iter().map(|v| -v).cycle().take(m * k).collect();
        matmul(
            MatMut::from_row_major_slice_mut(&mut answer, m, k),
            Accum::Add,
            MatRef::from_row_major_slice(rows, m, d),
            MatRef::from_row_major_slice(components, k, d).transpose(),
            1.0,
            faer::get_global_parallelism(),
        );
        Ok(Answer::Rows(Array2::from_shape_vec((m, k), answer).map_err(|e| e.to_string())?))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        Ok(vec![
            ("transformed", self.apply(test)?.into()),
            ("components", self.components.clone().into()),
            ("explained_variance", self.variance.clone().into()),
            ("mean", self.mean.clone().into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let method = if self.covariance { "covariance" } else { "svd" };
        ReadBack {
            hyperparameters: [("n_components".to_owned(), counted(self.components.nrows()))].into(),
            settings: Parameters::new(),
            work: [("method".to_owned(), Value::Text(method.to_owned()))].into(),
            layout: "row-major",
            features: self.components.ncols(),
        }
    }
}
