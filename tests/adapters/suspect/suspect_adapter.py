"""Ridge that cheats on command: frauds that a gate must catch, and deviations that it must not mind."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchrun_kit import ReadBack


def create(request):  # noqa: ANN001, ANN201 - tests use it as a third party would
    """A model with the fault that the settings name."""
    if request.algorithm == "acme:sgd":
        return SuspectSgd(request)
    return Suspect(request)


class Suspect:
    """Ridge by the normal equations on centred rows, with one fault."""

    def __init__(self, request) -> None:  # noqa: ANN001
        self.fault = request.settings["fault"]
        self.alpha = request.hyperparameters["alpha"]
        self.fit_intercept = request.hyperparameters["fit_intercept"]
        self.claimed_alpha = self.alpha
        if self.fault in ("other_alpha", "hidden_other_alpha"):
            self.alpha *= 3
        if self.fault == "other_alpha":
            self.claimed_alpha = self.alpha
        if self.fault == "one_thread":
            threadpool_limits(1)

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Solve, or do something else."""
        match self.fault:
            case "raise":
                raise ValueError("planted")
            case "busy_threads":
                self.burn()
            case "fewer_rows" | "hidden_fewer_rows":
                X, y = X[: len(X) // 2], y[: len(y) // 2]
            case "other_rows":
                order = np.random.default_rng(0).permutation(len(X))
                X, y = X[order], y[order]
        self.rows = len(X)
        x_mean, y_mean = X.mean(axis=0), y.mean()
        centred = X - x_mean
        gram = centred.T @ centred + self.alpha * np.eye(X.shape[1])
        self.coefficients = np.linalg.solve(gram, centred.T @ (y - y_mean))
        if self.fault == "constant":
            self.coefficients = np.zeros(X.shape[1])
        self.intercept = y_mean - x_mean @ self.coefficients

    def burn(self) -> None:
        """Use more CPUs than one, whatever was allowed, until the clocks show it."""
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        wall, cpu = time.monotonic(), time.process_time()
        data = np.random.default_rng(0).random(200_000)

        def shown() -> bool:
            passed = time.monotonic() - wall
            return passed > 3 or (passed > 0.3 and time.process_time() - cpu > 1.4 * passed)

        def work() -> None:
            while not shown():
                np.sort(data)

        # Many threads, so that other processes of a busy machine cannot take the CPUs away.
        helpers = [threading.Thread(target=work) for _ in range(24)]
        for helper in helpers:
            helper.start()
        for helper in helpers:
            helper.join()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product, or something else."""
        predictions = X @ self.coefficients + self.intercept
        if self.fault == "constant_predictions":
            predictions[:] = self.intercept
        if self.fault == "noise":
            predictions += np.random.default_rng(1).normal(scale=1e-2 * 77, size=len(X))
        return predictions

    def read_back(self, warned: object) -> ReadBack:
        """What was used, or what the fault claims."""
        return ReadBack(
            hyperparameters={"alpha": self.claimed_alpha, "fit_intercept": self.fit_intercept},
            settings={"fault": self.fault},
            dtype="float64",
            layout="row-major",
            train_rows=self.rows if self.fault == "fewer_rows" else None,
            pool=4 if self.fault == "threads" else None,
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants, or less."""
        predictions = self.predict(X)
        if self.fault == "huge_coefficients":
            signs = np.where(np.arange(len(self.coefficients)) % 2 == 0, 1.0, -1.0)
            self.coefficients = 1.7e308 * signs
        return {
            "predictions": predictions,
            "coefficients": self.coefficients,
            "intercept": np.array([self.intercept]),
        }


class SuspectSgd:
    """The toy's averaged gradient descent written in another way, from other draws; it may be cut short."""

    def __init__(self, request) -> None:  # noqa: ANN001
        self.cut = request.settings["cut"]
        self.claimed = dict(request.hyperparameters)
        self.seed = request.seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """The intercept is one more weight; all orders are drawn at once."""
        epochs = self.claimed["epochs"] if self.cut == "none" else 1
        self.done = self.claimed["epochs"] if self.cut == "hidden" else epochs
        random = np.random.Generator(np.random.SFC64(self.seed))
        rows = np.column_stack([X, np.ones(len(X))])
        orders = np.argsort(random.random((epochs, len(X))), axis=1).ravel()
        path = np.empty((len(orders) + 1, rows.shape[1]))
        path[0] = 0.0
        for step, i in enumerate(orders):
            path[step + 1] = path[step] + self.claimed["rate"] * (y[i] - rows[i] @ path[step]) * rows[i]
        self.weights = path[1:].mean(axis=0)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product."""
        return X @ self.weights[:-1] + self.weights[-1]

    def read_back(self, warned: object) -> ReadBack:
        """What was used, or what the fault claims."""
        return ReadBack(
            hyperparameters=self.claimed,
            settings={"cut": self.cut},
            dtype="float64",
            layout="row-major",
            work={"epochs": self.done},
        )

    def outputs(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the task wants."""
        return {"predictions": self.predict(X)}
