"""A scikit-learn estimator as a model: construction, fit, prediction and read-back for all algorithms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from benchrun_kit import ReadBack, Request


class EstimatorModel(ABC):
    """One estimator class with the parameters of one request.

    Parameters that a request does not name keep scikit-learn's defaults; only `random_state`, where an
    estimator has one, is the trial's seed in the 32 bits that scikit-learn takes.
    """

    estimator_class: ClassVar[Callable[..., BaseEstimator]]

    def __init__(self, request: Request) -> None:
        """Take the parameters; names are scikit-learn's own, and the text `none` is its `None`."""
        self.hyperparameters = list(request.hyperparameters)
        self.settings = list(request.settings)
        named = {**request.hyperparameters, **request.settings}
        self.parameters = {name: None if value == "none" else value for name, value in named.items()}
        if "random_state" in self.estimator_class().get_params():
            self.parameters["random_state"] = request.seed % 2**32
        self.estimator: Any = None

    def fit(self, *arrays: np.ndarray) -> None:
        """Construct the estimator anew and fit it."""
        self.estimator = self.estimator_class(**self.parameters).fit(*arrays)

    @property
    def predict(self) -> Callable[[np.ndarray], np.ndarray]:
        """The fitted estimator's own method, so that nothing stands between the clock and scikit-learn."""
        return self.estimator.predict

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the fitted estimator says of itself."""
        parameters = self.estimator.get_params()
        return ReadBack(
            hyperparameters={name: parameters[name] for name in self.hyperparameters},
            settings={name: parameters[name] for name in self.settings},
            dtype=self.dtype(),
            layout=self.layout(),
            work=self.work(converged=not any(isinstance(w, ConvergenceWarning) for w in warned)),
            features=self.estimator.n_features_in_,
        )

    @abstractmethod
    def dtype(self) -> str:
        """The type of the fitted parameters."""

    @abstractmethod
    def layout(self) -> Literal["row-major", "column-major"]:
        """The layout in which the fit computed."""

    @abstractmethod
    def work(self, converged: bool) -> Mapping[str, Any]:
        """Work done and how it ended; `converged` says that no `ConvergenceWarning` was shown."""
