"""The linear models of the task `regression`: least squares without and with penalties.

The task's objectives are scikit-learn's own, so parameters need no conversion. Layouts are those of
scikit-learn 1.9.1's source, which has no public word on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from estimator import EstimatorModel


class LinearModel(EstimatorModel):
    """What all of them share: the raw outputs, and the type of what was fitted."""

    def dtype(self) -> str:
        """The type of the coefficients."""
        return self.estimator.coef_.dtype.name

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Predictions [m], coefficients [d] and intercept [1], which is 0 where none was fitted."""
        return {
            "predictions": self.predict(features),
            "coefficients": self.estimator.coef_,
            "intercept": np.reshape(self.estimator.intercept_, 1),
        }


class OrdinaryLeastSquares(LinearModel):
    """`LinearRegression`: `scipy.linalg.lstsq`, where LAPACK works on columns."""

    estimator_class = LinearRegression

    def layout(self) -> Literal["column-major"]:
        """LAPACK's."""
        return "column-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The rank that was found; a direct method has no iterations."""
        return {"rank": self.estimator.rank_}


class RidgeRegression(LinearModel):
    """`Ridge` with any of its solvers for unconstrained, dense problems."""

    estimator_class = Ridge
    #: Solvers that warn where they did not converge. `lsqr` does not, and the others are direct.
    WARNING = ("sparse_cg", "sag", "saga")

    def layout(self) -> Literal["row-major", "column-major"]:
        """Only the singular value decomposition is LAPACK's on all rows; the others use X as it is."""
        return "column-major" if self.estimator.solver_ == "svd" else "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The solver that ran in the end, and what it tells."""
        solver, iterations = self.estimator.solver_, self.estimator.n_iter_
        work = {"solver": solver}
        if iterations is not None:
            work["iterations"] = iterations[0]
        if solver in self.WARNING:
            work["converged"] = converged
        return work


class CoordinateDescent(LinearModel):
    """`Lasso` and `ElasticNet`, which visit one column of X at a time."""

    def layout(self) -> Literal["column-major"]:
        """`ElasticNet.fit` converts X to Fortran order."""
        return "column-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """Sweeps over the coordinates, and the duality gap of the stated objective, with its factor 1/2n."""
        return {
            "iterations": self.estimator.n_iter_,
            "converged": converged,
            "duality_gap": self.estimator.dual_gap_,
        }


class LassoRegression(CoordinateDescent):
    """`Lasso`."""

    estimator_class = Lasso


class ElasticNetRegression(CoordinateDescent):
    """`ElasticNet`."""

    estimator_class = ElasticNet


MODELS = {
    "ols": OrdinaryLeastSquares,
    "ridge": RidgeRegression,
    "lasso": LassoRegression,
    "elastic_net": ElasticNetRegression,
}
