"""Support vector machines: libsvm's of the tasks `classification` and `regression`, and liblinear's.

Signs: the task counts a pair's decision value in favour of its second class. For two classes that is
scikit-learn's own sign; for more, libsvm's values favour the first, so values and coefficients are negated.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC

from benchrun_kit import Request
from estimator import EstimatorModel


class LibsvmModel(EstimatorModel):
    """What `SVC`, `NuSVC` and `SVR` share: libsvm, whose kernel cache is in single precision."""

    rows = 0

    def fit(self, *arrays: np.ndarray) -> None:
        """Fit, and keep the number of training rows for the raw outputs."""
        super().fit(*arrays)
        self.rows = len(arrays[0])

    def dtype(self) -> str:
        """The type of the dual coefficients."""
        return self.estimator.dual_coef_.dtype.name

    def layout(self) -> Literal["row-major"]:
        """As libsvm walks the rows."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """Steps of all machines, support vectors, and the `gamma` that was computed."""
        return {
            "iterations": int(np.sum(self.estimator.n_iter_)),
            "support_vectors": len(self.estimator.support_),
            "gamma": float(self.estimator._gamma),
            "converged": converged and self.estimator.fit_status_ == 0,
        }


class Regression(LibsvmModel):
    """`SVR`."""

    estimator_class = SVR

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Predictions [m], dual coefficients of all training rows [n], and the intercept [1]."""
        dual = np.zeros(self.rows)
        dual[self.estimator.support_] = self.estimator.dual_coef_[0]
        return {
            "predictions": self.predict(features),
            "dual": dual,
            "intercept": np.reshape(self.estimator.intercept_, 1),
        }


class Classification(LibsvmModel):
    """`SVC` and `NuSVC`: one machine for each pair of classes."""

    #: Decision values of the pairs, not scores of the classes. It changes neither fit nor labels.
    FIXED: ClassVar[Mapping[str, Any]] = {"decision_function_shape": "ovo"}

    def __init__(self, request: Request) -> None:
        """Take the parameters, and ask for the pairs' own decision values."""
        super().__init__(request)
        self.parameters.update(self.FIXED)

    def fit(self, *arrays: np.ndarray) -> None:
        """Fit, and keep the training labels for the raw outputs."""
        super().fit(*arrays)
        self.labels = arrays[1]

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [m], decision values [m, k], dual coefficients [k, n] and intercepts [k] of the k pairs."""
        estimator, classes = self.estimator, self.estimator.classes_
        sign = 1.0 if len(classes) == 2 else -1.0
        decision = estimator.decision_function(features).reshape(len(features), -1)
        pairs = list(combinations(range(len(classes)), 2))
        dual = np.zeros((len(pairs), self.rows))
        # `dual_coef_` has one row fewer than classes: for a support vector of class i, row j - 1 is its pair
        # with a later class j, and row j that with an earlier one (libsvm's `sv_coef`).
        of_support = self.labels[estimator.support_]
        for line, (i, j) in zip(dual, pairs, strict=True):
            for own, row in ((i, j - 1), (j, i)):
                chosen = of_support == classes[own]
                line[estimator.support_[chosen]] = sign * estimator.dual_coef_[row, chosen]
        return {
            "predictions": self.predict(features),
            "decision": sign * decision,
            "dual": dual,
            "intercept": sign * estimator.intercept_,
        }


class PenaltyClassification(Classification):
    """`SVC`: hinge losses weighted by C."""

    estimator_class = SVC


class NuClassification(Classification):
    """`NuSVC`: bounds on shares of errors and support vectors."""

    estimator_class = NuSVC


class LinearClassification(EstimatorModel):
    """`LinearSVC`: liblinear, each class against the rest, with a penalised intercept."""

    estimator_class = LinearSVC

    def dtype(self) -> str:
        """The type of the coefficients."""
        return self.estimator.coef_.dtype.name

    def layout(self) -> Literal["row-major"]:
        """As liblinear's nodes follow the rows."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The largest number of iterations of any class."""
        return {"iterations": int(np.max(self.estimator.n_iter_)), "converged": converged}

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [m], decision values [m, k], coefficients [k, d] and intercepts [k] of the k machines."""
        coefficients = self.estimator.coef_
        return {
            "predictions": self.predict(features),
            "decision": self.estimator.decision_function(features).reshape(len(features), -1),
            "coefficients": coefficients,
            "intercept": np.broadcast_to(self.estimator.intercept_, len(coefficients)).astype(float),
        }


MODELS = {
    "svc": PenaltyClassification,
    "nu_svc": NuClassification,
    "linear_svc": LinearClassification,
    "svr": Regression,
}
