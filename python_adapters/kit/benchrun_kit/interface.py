"""What an adapter implements: one function `create(request) -> Model`, and the model it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np


class Unsupported(Exception):
    """The implementation cannot honour the request; the message says why. A result, not a failure."""


@dataclass(frozen=True)
class ReadBack:
    """What a framework says, after the fit, that it used. Nothing here may be echoed from the request.

    Values may be NumPy scalars; `None` becomes the text `none`. The keys of `hyperparameters` and `settings`
    are the request's, no more and no less.
    """

    #: Every hyperparameter under the task's names.
    hyperparameters: Mapping[str, Any]
    #: Every setting of this implementation.
    settings: Mapping[str, Any]
    #: The floating-point type of the fitted parameters, such as `float64`.
    dtype: str
    #: The memory layout in which the framework computed.
    layout: Literal["row-major", "column-major"]
    #: Work done and how it ended, such as `iterations`, `converged`, `duality_gap`. It may hold NaN.
    work: Mapping[str, Any] = field(default_factory=dict)
    #: Rows and columns of the training array, where the framework tells; else those it was given.
    train_rows: int | None = None
    features: int | None = None
    #: The device that computed.
    device: str = "cpu"
    #: The size of the framework's own thread pool, where it has one that threadpoolctl does not know.
    pool: int | None = None
    #: How the framework was built, beside what the kit reports of Python and NumPy.
    build: Mapping[str, str] = field(default_factory=dict)


class Model(Protocol):
    """One algorithm with its parameters, as `create` made it. No array was seen yet."""

    def fit(self, *arrays: np.ndarray) -> object:
        """Construct the estimator and fit it, from nothing, on every call.

        Args:
            arrays: row-major `train_features` [n, d] and, where the task has one, `train_target` [n]:
                numbers, or the labels 0, 1 … of classes as int64. Not to be modified.
        """

    def predict(self, features: np.ndarray) -> np.ndarray:
        """What the task asks of row-major rows [b, d]: predictions or labels [b], or transformed rows [b, k].

        The array that is returned belongs to the caller. Algorithms that speak of their training rows alone
        (DBSCAN) are never asked.
        """

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the last fit used, asked of the framework.

        `warned` holds one of every different warning that was shown since the arrays began to load.
        """

    def outputs(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """The raw outputs that the task wants: `predictions` [m] for all test rows [m, d], and others."""
