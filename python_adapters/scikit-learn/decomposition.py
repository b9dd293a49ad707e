"""The task `decomposition`: principal components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from sklearn.decomposition import PCA

from estimator import EstimatorModel


class PrincipalComponents(EstimatorModel):
    """`PCA`, not whitened. `auto` decomposes the covariance where rows are many and features few."""

    estimator_class = PCA

    @property
    def predict(self) -> Callable[[np.ndarray], np.ndarray]:
        """The task asks for transformed rows."""
        return self.estimator.transform

    def dtype(self) -> str:
        """The type of the components."""
        return self.estimator.components_.dtype.name

    def layout(self) -> Literal["row-major"]:
        """It multiplies rows as they are; LAPACK gets what remains."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The method that was chosen where `auto` was asked."""
        return {"method": self.estimator._fit_svd_solver}

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Transformed rows [m, k], components [k, d], explained variance [k] and mean [d]."""
        return {
            "transformed": self.predict(features),
            "components": self.estimator.components_,
            "explained_variance": self.estimator.explained_variance_,
            "mean": self.estimator.mean_,
        }


MODELS = {"pca": PrincipalComponents}
