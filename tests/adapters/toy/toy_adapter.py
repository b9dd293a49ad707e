"""What a third party drops in: one module, no Rust."""

from __future__ import annotations

import numpy as np

from benchrun_kit import ReadBack, Unsupported


def create(request):  # noqa: ANN001, ANN201 - a third party need not annotate
    """The model that the request asks for."""
    parameters = request.hyperparameters
    if request.algorithm == "ridge":
        return Ridge(parameters["alpha"], parameters["fit_intercept"])
    if request.algorithm == "acme:median":
        return Quantile(parameters["quantile"])
    if request.algorithm == "acme:sgd":
        return AveragedSgd(request.seed, parameters["epochs"], parameters["rate"])
    raise Unsupported(f"no {request.algorithm} here")


class Ridge:
    """Ridge by the normal equations on centred rows."""

    def __init__(self, alpha: float, fit_intercept: bool) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Solve."""
        x_mean = X.mean(axis=0) if self.fit_intercept else np.zeros(X.shape[1])
        y_mean = y.mean() if self.fit_intercept else 0.0
        centred = X - x_mean
        gram = centred.T @ centred + self.alpha * np.eye(X.shape[1])
        self.coefficients = np.linalg.solve(gram, centred.T @ (y - y_mean))
        self.intercept = y_mean - x_mean @ self.coefficients

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product."""
        return X @ self.coefficients + self.intercept

    def read_back(self, warned: object) -> ReadBack:
        """What was used."""
        return ReadBack(
            hyperparameters={"alpha": self.alpha, "fit_intercept": self.fit_intercept},
            settings={},
            dtype=self.coefficients.dtype.name,
            layout="row-major",
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        return {
            "predictions": self.predict(X),
            "coefficients": self.coefficients,
            "intercept": np.array([self.intercept]),
        }


class Quantile:
    """Predicts one quantile of the training target."""

    def __init__(self, quantile: float) -> None:
        self.quantile = quantile

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Take the quantile."""
        self.value = np.quantile(y, self.quantile)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The same for every row."""
        return np.full(len(X), self.value)

    def read_back(self, warned: object) -> ReadBack:
        """What was used."""
        return ReadBack(
            hyperparameters={"quantile": self.quantile}, settings={}, dtype="float64", layout="row-major"
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        return {"predictions": self.predict(X)}


class AveragedSgd:
    """Least squares by stochastic gradient descent, averaged over all steps (Polyak and Juditsky 1992)."""

    def __init__(self, seed: int, epochs: int, rate: float) -> None:
        self.seed = seed
        self.epochs = epochs
        self.rate = rate

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Step after step, each against the gradient of one row."""
        random = np.random.default_rng(self.seed)
        weights, intercept = np.zeros(X.shape[1]), 0.0
        weight_sum, intercept_sum = np.zeros(X.shape[1]), 0.0
        self.done = 0
        for _ in range(self.epochs):
            for i in random.permutation(len(X)):
                step = self.rate * (X[i] @ weights + intercept - y[i])
                weights -= step * X[i]
                intercept -= step
                weight_sum += weights
                intercept_sum += intercept
            self.done += 1
        steps = self.done * len(X)
        self.weights, self.intercept = weight_sum / steps, intercept_sum / steps

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product."""
        return X @ self.weights + self.intercept

    def read_back(self, warned: object) -> ReadBack:
        """What was used; the epochs are counted."""
        return ReadBack(
            hyperparameters={"epochs": self.epochs, "rate": self.rate},
            settings={},
            dtype=self.weights.dtype.name,
            layout="row-major",
            work={"epochs": self.done},
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        return {"predictions": self.predict(X)}
