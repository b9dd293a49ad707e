"""Ridge that misbehaves on command: each fault is one function here, named by the setting `fault`.

A fault acts at a moment of the trial. The moments `create` and `fit` are the adapter's own; the others bypass
the kit and act on the wire: before, after or instead of an event.
"""

from __future__ import annotations

import faults_outputs  # noqa: F401 - it registers its faults, as the others do
import faults_process  # noqa: F401
import faults_python  # noqa: F401
import faults_system  # noqa: F401
import faults_talk  # noqa: F401
import numpy as np
from wire import Wire, at

from benchrun_kit import ReadBack


@at("never")
def none(wire: Wire) -> None:
    """Nothing."""


def create(request):  # noqa: ANN001, ANN201 - tests use it as a third party would
    """A model, or the end."""
    return Ridge(request, Wire(request))


class Ridge:
    """Ridge by the normal equations on centred rows."""

    def __init__(self, request, wire: Wire) -> None:  # noqa: ANN001
        self.fault, self.wire = request.settings["fault"], wire
        self.parameters = request.hyperparameters

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Solve, after the fault."""
        self.wire.act("fit")
        x_mean, y_mean = X.mean(axis=0), y.mean()
        centred = X - x_mean
        gram = centred.T @ centred + self.parameters["alpha"] * np.eye(X.shape[1])
        self.coefficients = np.linalg.solve(gram, centred.T @ (y - y_mean))
        self.intercept = y_mean - x_mean @ self.coefficients

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One product."""
        return X @ self.coefficients + self.intercept

    def read_back(self, warned: object) -> ReadBack:
        """What was used."""
        return ReadBack(
            hyperparameters=self.parameters,
            settings={"fault": self.fault},
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
