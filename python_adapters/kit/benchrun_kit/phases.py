"""The phases of a trial: which kinds there are, in which order, and what each of them runs.

There are three kinds of trial, of an estimator (`estimation.py`), of a network that is trained
(`training.py`) and of a language model (`language.py`), and all are a `Trial`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .interface import ReadBack
from .measure import Measurement, Samples
from .request import PhaseRequest, Request, RequestError

#: The role of the rows to predict. Their targets are the scorer's: no worker loads them.
TEST = "test_features"
#: Told of the work that is done, and of all that there is.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Family:
    """Tasks whose trials are alike."""

    tasks: tuple[str, ...]
    #: The kinds of phases.
    kinds: tuple[str, ...]
    #: The kinds with which the phases begin: nothing can be timed or read back before them.
    begin: tuple[str, ...]
    #: The kinds of which there is one phase alone.
    once: tuple[str, ...] = ()
    #: Of a task that belongs to two families: its algorithms that are of this one. Else all are.
    algorithms: tuple[str, ...] = ()


ESTIMATORS = Family(
    ("regression", "classification", "clustering", "decomposition"), ("fit", "predict"), ("fit",)
)
NETWORKS = Family(
    ("image", "sequence", "forecast", "next_token"),
    ("build", "train", "predict"),
    ("build", "train"),
    ("build", "train"),
)
#: Language models that tell of texts as they are, and those that go on with them.
READERS = Family(
    ("embedding", "language_model"),
    ("build", "tokenize", "predict"),
    ("build", "tokenize"),
    ("build", "tokenize"),
    ("mean", "cls", "perplexity"),
)
WRITERS = Family(
    ("language_model",),
    ("build", "tokenize", "generate"),
    ("build", "tokenize"),
    ("build", "tokenize"),
    ("greedy", "sample"),
)
FAMILIES = (ESTIMATORS, NETWORKS, READERS, WRITERS)


@dataclass(frozen=True)
class Work:
    """The work of one phase."""

    #: Does and times it; returns one or more series of samples by their names.
    run: Callable[[Progress], Mapping[str, Samples]]
    #: Run once after the phase, untimed; raises if the work is not what the phase asks for.
    check: Callable[[], None] = lambda: None


class Trial(Protocol):
    """What the worker's loop needs of a trial."""

    def load(self) -> None:
        """The phase `load`: everything is read."""

    def work(self, phase: PhaseRequest) -> Work:
        """The work of a phase, whose kind is one of the family's."""

    @property
    def features(self) -> np.ndarray:
        """The training rows [n, d]; of a language model, which has none, [0, length]."""

    def read(self) -> dict[str, str]:
        """The hashes of what was read, as the receipt has them."""

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What was used, after the last phase."""

    def check_unchanged(self) -> None:
        """Fail if code under test wrote into its input."""

    def outputs(self) -> Mapping[str, np.ndarray]:
        """The raw outputs."""


def measured(
    request: Request, phase: PhaseRequest, call: Callable[..., object], arguments: Iterator[tuple[Any, ...]]
) -> Callable[[Progress], dict[str, Samples]]:
    """Calls repeated by the phase's own rules, as one series with the phase's name."""
    measurement = Measurement(call, arguments, request.slowdown)
    return lambda progress: {phase.name: measurement.run(phase.repeat, progress)}


def predict(
    request: Request,
    phase: PhaseRequest,
    call: Callable[[np.ndarray], np.ndarray],
    features: np.ndarray,
    check: Callable[[object, int], None],
) -> Work:
    """From a row-major batch of test rows to an array of predictions that the caller owns.

    Batches rotate over the test rows: they start at rows 0, b, 2b, … and begin again after the last whole
    batch. Each is a view of contiguous rows, made before the clock starts.
    """
    rows = batch_rows(phase, features)
    starts = itertools.cycle(range(0, len(features) - rows + 1, rows))
    views = ((features[start : start + rows],) for start in starts)
    return Work(measured(request, phase, call, views), lambda: check(call(features[:rows]), rows))


def batch_rows(phase: PhaseRequest, features: np.ndarray) -> int:
    """The rows of one batch of test rows."""
    rows = phase.batch_rows
    if rows is None or not 1 <= rows <= len(features):
        raise RequestError(
            f"batch_rows of phase {phase.name} is {rows}, but must be from 1 to {len(features)}"
        )
    return rows


def check(request: Request) -> Family:
    """The family of the task; refuses unknown tasks and kinds, and phases in an order that cannot be."""
    family = _family(request)
    kinds = [phase.kind for phase in request.phases]
    for phase in request.phases:
        if phase.kind not in family.kinds:
            raise RequestError(
                f"phase {phase.name} is of kind `{phase.kind}`; known are {', '.join(family.kinds)}"
            )
    for place, kind in enumerate(family.begin):
        if kinds[place : place + 1] != [kind]:
            raise RequestError(
                f"the {('first', 'second')[place]} phase must be of kind `{kind}`: "
                "nothing can be timed or read back before it"
            )
    for kind in family.once:
        if kinds.count(kind) > 1:
            raise RequestError(f"{kinds.count(kind)} phases are of kind `{kind}`, but a trial has one")
    needed = family is NETWORKS or (family is WRITERS and request.algorithm == "sample")
    if (request.draws is not None) != needed:
        what = f"algorithm `{request.algorithm}`" if family is WRITERS else f"task `{request.task}`"
        raise RequestError(f"the {what} {'needs' if needed else 'has no'} draws")
    return family


def _family(request: Request) -> Family:
    those = [family for family in FAMILIES if request.task in family.tasks]
    if not those:
        known = dict.fromkeys(task for family in FAMILIES for task in family.tasks)
        raise RequestError(f"the task is `{request.task}`; known are {', '.join(known)}")
    for family in those:
        if not family.algorithms or request.algorithm in family.algorithms:
            return family
    known = [name for family in those for name in family.algorithms]
    raise RequestError(
        f"the algorithm of task `{request.task}` is `{request.algorithm}`; known are {', '.join(known)}"
    )


def check_predictions(predictions: object, rows: int) -> None:
    """Refuse predictions that are no NumPy array with one entry per row."""
    if not isinstance(predictions, np.ndarray):
        raise TypeError(f"predict must return a NumPy array, but returned {type(predictions).__name__}")
    if predictions.shape[:1] != (rows,):
        raise ValueError(
            f"predict must return one entry for each of {rows} rows, but returned {predictions.shape}"
        )
