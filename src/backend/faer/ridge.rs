//! Ridge by a Cholesky decomposition of the normal equations, `(XᵀX + alpha I) w = Xᵀy` on centred rows (Hoerl & Kennard 1970).

use crate::backend::parameters::{flag, number};
use faer::Side;
use faer::prelude::Solve;

use super::linear_model::{LinearModel, matrix, target};
use crate::backend::linear::Centred;
use crate::backend::{Algorithm, Ask, Estimator, Fitted, Training};
use crate::task::parameter::Value;

/// The registry's entry.
pub struct Ridge;

impl Algorithm for Ridge {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "ridge"
    }
    fn doc(&self) -> &'static str {
        "Cholesky decomposition of the normal equations"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let hyperparameters = ask.hyperparameters;
        Ok(Box::new(Configured {
            alpha: number(hyperparameters, "alpha")?,
            intercept: flag(hyperparameters, "fit_intercept")?,
        }))
    }
}

struct Configured {
    alpha: f64,
    intercept: bool,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let (x, y) = (training.features, training.numbers()?);
        let centred = Centred::new(x, y, self.intercept);
        let (features, target) = (matrix(&centred)?, target(&centred)?);
        let mut normal = features.transpose() * features;
        for j in 0..normal.ncols() {
            normal[(j, j)] += self.alpha;
        }
        let cholesky =
            normal.llt(Side::Lower).map_err(|e| format!("the normal equations are singular: {e:?}"))?;
        let solution = cholesky.solve(features.transpose() * target);
        let hyperparameters = [("alpha".to_owned(), Value::Float(self.alpha))].into();
        Ok(Box::new(LinearModel::new(&centred, solution, hyperparameters, self.intercept)))
    }
}
