//! Principal components by linfa-reduction: LOBPCG (Knyazev 2001) on XᵀX of the centred rows, from a start that is always the same.
//!
//! The variances are σ² / (n − 1) of linfa's singular values: its own `explained_variance` divides by k − 1 instead, where k is the number
//! of components (`docs/linfa.md`). Its tolerance and cap cannot be set, and it keeps the best it found where it did not converge.

use crate::backend::parameters::{count, counted};
use crate::backend::rows::bounded;
use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_reduction::Pca as LinfaPca;
use ndarray::{Array2, ArrayView2, Axis};

use crate::backend::{Algorithm, Answer, Ask, Estimator, Fitted, ReadBack, Tensor, Training};
use crate::task::parameter::Parameters;

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
        "linfa_reduction::Pca: LOBPCG, its tolerance and cap fixed"
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
        // linfa panics where a product overflows.
        let x = bounded(training)?;
        let (rows, columns) = x.dim();
        if self.components > rows.min(columns) {
            return Err(format!(
                "{} components are asked of {rows} rows and {columns} features",
                self.components
            ));
        }
        let fitted =
            LinfaPca::params(self.components).fit(&DatasetBase::new(x, ())).map_err(|e| e.to_string())?;
        let found = fitted.components().nrows();
        if found < self.components {
            return Err(format!(
                "linfa found {found} of {} components: the rows' rank is lower",
                self.components
            ));
        }
        Ok(Box::new(Model { fitted, rows }))
    }
}

struct Model {
    fitted: LinfaPca<f64>,
    rows: usize,
}

impl Fitted for Model {
    fn apply(&self, rows: ArrayView2<'_, f64>) -> Result<Answer, String> {
        let transformed: Array2<f64> = self.fitted.predict(&rows);
        Ok(Answer::Rows(transformed))
    }

    fn outputs(&self, test: ArrayView2<'_, f64>) -> Result<Vec<(&'static str, Tensor)>, String> {
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let freedom = self.rows as f64 - 1.0;
        Ok(vec![
            ("transformed", self.apply(test)?.into()),
            ("components", self.fitted.components().clone().into()),
            ("explained_variance", self.fitted.singular_values().mapv(|s| s * s / freedom).into()),
            ("mean", self.fitted.mean().clone().into()),
        ])
    }

    fn read_back(&self) -> ReadBack {
        let components = self.fitted.components();
        ReadBack {
            hyperparameters: [("n_components".to_owned(), counted(components.nrows()))].into(),
            settings: Parameters::new(),
            // linfa keeps the iterations and whether they converged to itself.
            work: Parameters::new(),
            layout: "row-major",
            features: components.len_of(Axis(1)),
        }
    }
}
