"""Classifiers of the task `classification`: logistic regression, Gaussian naive Bayes, nearest neighbours.

The task's parameters are scikit-learn's own, and so are its tables by class: a column for each class that
occurs in the training rows, ascending.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from estimator import EstimatorModel


class Logistic(EstimatorModel):
    """`LogisticRegression`, whose objective is the task's: the loss times C, and half the squared norm."""

    estimator_class = LogisticRegression

    def dtype(self) -> str:
        """The type of the coefficients."""
        return self.estimator.coef_.dtype.name

    def layout(self) -> Literal["row-major"]:
        """Every solver takes X as it is."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """Iterations of the one problem that is solved, and whether the solver warned."""
        return {"iterations": self.estimator.n_iter_[0], "converged": converged}

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [m], probabilities [m, k], coefficients [1 or k, d] and intercepts, which may be 0."""
        coefficients = self.estimator.coef_
        return {
            "predictions": self.predict(features),
            "probabilities": self.estimator.predict_proba(features),
            "coefficients": coefficients,
            "intercept": np.broadcast_to(self.estimator.intercept_, len(coefficients)).copy(),
        }


class GaussianBayes(EstimatorModel):
    """`GaussianNB`, with the shares of the classes as priors."""

    estimator_class = GaussianNB

    def dtype(self) -> str:
        """The type of the means."""
        return self.estimator.theta_.dtype.name

    def layout(self) -> Literal["row-major"]:
        """It selects rows by class."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """None: the answer has a closed form."""
        return {}

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [m], joint log-likelihoods [m, k], priors [k], means and smoothed variances [k, d]."""
        return {
            "predictions": self.predict(features),
            "joint_log_likelihood": self.estimator.predict_joint_log_proba(features),
            "priors": self.estimator.class_prior_,
            "means": self.estimator.theta_,
            "variances": self.estimator.var_,
        }


class Neighbours(EstimatorModel):
    """`KNeighborsClassifier` with the Euclidean distance (Minkowski's of order 2, scikit-learn's default)."""

    estimator_class = KNeighborsClassifier

    def dtype(self) -> str:
        """The type of the training rows, which are the model."""
        return np.asarray(self.estimator._fit_X).dtype.name

    def layout(self) -> Literal["row-major"]:
        """Its searches go from row to row."""
        return "row-major"

    def work(self, converged: bool) -> dict[str, Any]:
        """The search that was chosen where `auto` was asked."""
        return {"method": self.estimator._fit_method, "metric": self.estimator.effective_metric_}

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Labels [m] and shares of the votes [m, k]."""
        return {
            "predictions": self.predict(features),
            "probabilities": self.estimator.predict_proba(features),
        }


MODELS = {"logistic_regression": Logistic, "gaussian_nb": GaussianBayes, "knn": Neighbours}
