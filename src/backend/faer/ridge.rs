//! Ridge by a Cholesky decomposition of the normal equations, `(XᵀX + alpha I) w = Xᵀy` on centred rows (Hoerl & Kennard 1970).

use faer::Side;
use faer::prelude::Solve;
use ndarray::{ArrayView1, ArrayView2};

use super::FRAMEWORK;
use super::linear_model::{LinearModel, matrix, target};
use crate::backend::centre::Centred;
use crate::backend::{FittedRegressor, Framework, RegressionAlgorithm, Regressor};
use crate::task::parameter::{ParameterDef, Parameters, Value};

/// The registry's entry.
pub struct Ridge;

impl RegressionAlgorithm for Ridge {
    fn framework(&self) -> &'static Framework {
        &FRAMEWORK
    }
    fn name(&self) -> &'static str {
        "ridge"
    }
    fn doc(&self) -> &'static str {
        "Cholesky decomposition of the normal equations"
    }
    fn settings(&self) -> Vec<ParameterDef> {
        Vec::new()
    }
    fn configure(&self, hyperparameters: &Parameters, _: &Parameters) -> Result<Box<dyn Regressor>, String> {
        Ok(Box::new(Configured {
            alpha: hyperparameters.get("alpha").and_then(Value::as_float).ok_or("`alpha` is missing")?,
            intercept: hyperparameters["fit_intercept"].as_bool().ok_or("`fit_intercept` is missing")?,
        }))
    }
}

struct Configured {
    alpha: f64,
    intercept: bool,
}

impl Regressor for Configured {
    fn fit(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<Box<dyn FittedRegressor>, String> {
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
