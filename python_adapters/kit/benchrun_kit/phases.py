"""The kinds of timed work. Each kind says what is called, and with which arguments, in turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .interface import Model
from .request import PhaseRequest, Request, RequestError

#: By task: the roles of the arrays that a fit sees, in the order of its arguments.
TRAINING = {
    "regression": ("train_features", "train_target"),
    "classification": ("train_features", "train_target"),
    "clustering": ("train_features",),
    "decomposition": ("train_features",),
}
#: The role of the rows to predict. Their targets are the scorer's: no worker loads them.
TEST = "test_features"


@dataclass(frozen=True)
class Work:
    """The work of one phase."""

    #: What is timed.
    call: Callable[..., object]
    #: Its arguments, call by call, without end.
    arguments: Iterator[tuple[object, ...]]
    #: Run once after the phase, untimed; raises if the work is not what the phase asks for.
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Inputs:
    """The arrays of a trial, as the task hands them to a model."""

    #: What a fit sees.
    training: tuple[np.ndarray, ...]
    #: Rows to predict.
    test: np.ndarray


def fit(model: Model, inputs: Inputs, phase: PhaseRequest) -> Work:
    """From the row-major training arrays to a fitted model, estimator construction included."""
    return Work(model.fit, itertools.repeat(inputs.training))


def predict(model: Model, inputs: Inputs, phase: PhaseRequest) -> Work:
    """From a row-major batch of test rows to an array of predictions that the caller owns.

    Batches rotate over the test rows: they start at rows 0, b, 2b, … and begin again after the last whole
    batch. Each is a view of contiguous rows, made before the clock starts.
    """
    features, rows = inputs.test, phase.batch_rows
    if rows is None or not 1 <= rows <= len(features):
        raise RequestError(
            f"batch_rows of phase {phase.name} is {rows}, but must be from 1 to {len(features)}"
        )
    starts = itertools.cycle(range(0, len(features) - rows + 1, rows))
    return Work(
        # Taken from the model once, so that a model may hand out its estimator's own bound method.
        model.predict,
        ((features[start : start + rows],) for start in starts),
        lambda: check_predictions(model.predict(features[:rows]), rows),
    )


#: How to time each kind of phase. A new kind is one function and one entry here.
KINDS: dict[str, Callable[[Model, Inputs, PhaseRequest], Work]] = {"fit": fit, "predict": predict}


def check(request: Request) -> None:
    """Refuse unknown tasks and kinds of phases, and phases that would come before there is a model."""
    if request.task not in TRAINING:
        raise RequestError(f"the task is `{request.task}`; known are {', '.join(TRAINING)}")
    phases = request.phases
    for phase in phases:
        if phase.kind not in KINDS:
            raise RequestError(f"phase {phase.name} is of kind `{phase.kind}`; known are {', '.join(KINDS)}")
    if not phases or phases[0].kind != "fit":
        raise RequestError(
            "the first phase must be of kind `fit`: nothing can be timed or read back before it"
        )


def roles(task: str) -> tuple[str, ...]:
    """The roles that a worker loads, which are the same in every language."""
    return (*TRAINING[task], TEST)


def inputs(task: str, arrays: Mapping[str, np.ndarray]) -> Inputs:
    """The arrays of a task's roles, told apart."""
    return Inputs(tuple(arrays[role] for role in TRAINING[task]), arrays[TEST])


def check_predictions(predictions: object, rows: int) -> None:
    """Refuse predictions that are no NumPy array with one entry per row."""
    if not isinstance(predictions, np.ndarray):
        raise TypeError(f"predict must return a NumPy array, but returned {type(predictions).__name__}")
    if predictions.shape[:1] != (rows,):
        raise ValueError(
            f"predict must return one entry for each of {rows} rows, but returned {predictions.shape}"
        )
