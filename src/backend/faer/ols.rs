//! Ordinary least squares by Householder QR of the centred rows (Golub & Van Loan, *Matrix Computations*, §5.3.2).

use crate::backend::parameters::flag;
use faer::prelude::SolveLstsq;

use super::linear_model::{LinearModel, matrix, target};
use crate::backend::linear::Centred;
use crate::backend::{Algorithm, Ask, Estimator, Fitted, Training};
use crate::task::parameter::Parameters;

/// The registry's entry.
pub struct Ols;

impl Algorithm for Ols {
    fn task(&self) -> &'static str {
        "regression"
    }
    fn name(&self) -> &'static str {
        "ols"
    }
    fn doc(&self) -> &'static str {
        "Householder QR of the centred features"
    }
    fn configure(&self, ask: &Ask<'_>) -> Result<Box<dyn Estimator>, String> {
        let hyperparameters = ask.hyperparameters;
        let intercept = flag(hyperparameters, "fit_intercept")?;
        Ok(Box::new(Configured { intercept }))
    }
}

struct Configured {
    intercept: bool,
}

impl Estimator for Configured {
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>, String> {
        let (x, y) = (training.features, training.numbers()?);
        if x.nrows() < x.ncols() {
            return Err(format!(
                "{} rows are fewer than {} features: QR has no unique solution",
                x.nrows(),
                x.ncols()
            ));
        }
        let centred = Centred::new(x, y, self.intercept);
        let solution = matrix(&centred)?.qr().solve_lstsq(target(&centred)?);
        Ok(Box::new(LinearModel::new(&centred, solution, Parameters::new(), self.intercept)))
    }
}
