"""What an adapter implements: one function `create(request)`, and the `Model` or the `Network` it returns."""

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


#: The hyperparameters of a network that the kit's loop honours itself.
LOOP = ("batch_size", "epochs", "steps", "patience")
#: Those that made the draws: they act through the rates, the validation rows and the moves of images, which
#: are the same for all sides.
DRAWN = ("learning_rate", "schedule", "step_epochs", "gamma", "validation", "flip", "shift")


@dataclass(frozen=True)
class Data:
    """The training rows of a network, and what the bundle's manifest says of them."""

    #: [n, d]: float32, or int64 tokens.
    features: np.ndarray
    #: [n]: int64 classes or float32 numbers; `None` where the target is the next token.
    target: np.ndarray | None
    #: How the d values of a row are laid out: `(1, 28, 28)` are channels, height and width, `(50, 2)` steps
    #: and channels.
    example_shape: tuple[int, ...]
    #: What is learnt: a class, a number, or the token that follows each one of a row (which has one more than
    #: are read).
    kind: Literal["classes", "continuous", "next"]
    #: The number of classes; 0 where there are none.
    classes: int
    #: The number of different tokens, where features are tokens.
    vocabulary: int | None

    @property
    def outputs(self) -> int:
        """The width of what a network answers: a logit for each class or token, or one number."""
        return {"classes": self.classes, "continuous": 1, "next": self.vocabulary or 0}[self.kind]

    @property
    def every_step(self) -> bool:
        """Whether a network answers at every step of a row what follows there."""
        return self.kind == "next"

    @property
    def answers(self) -> tuple[int, ...]:
        """The shape of what a network answers of one row."""
        return (self.features.shape[1] - 1, self.outputs) if self.every_step else (self.outputs,)


@dataclass(frozen=True)
class NextTokens:
    """What a network makes of the tokens that follow others, rows and their steps one after the other."""

    #: The natural logarithm of the probability that each was given, float32 [b · steps].
    log_probabilities: np.ndarray
    #: The token that was given the largest probability in the place of each, int64 [b · steps].
    answers: np.ndarray
    #: The logits of the places that are shown, float32 [shown, outputs].
    logits: np.ndarray


class Network(Protocol):
    """One architecture with its hyperparameters, as `create` made it. The kit trains it (`training.py`).

    The hyperparameters in `LOOP` and `DRAWN` are the kit's to honour and to read back, all others the
    network's.
    """

    def load(self, data: Data) -> None:
        """Take the arrays, which are not to be modified, to where they are computed on. Part of `load`."""

    def build(self, weights: Mapping[str, np.ndarray]) -> None:
        """Timed. From tensors in memory to a network with its optimiser, from nothing, on every call.

        Seeds the framework's generator with the trial's seed. `weights` are float32 and not to be modified;
        it is an error, which names the tensor, if one is missing, needless or of another shape.
        """

    def step(self, rows: np.ndarray, rate: float, moves: np.ndarray | None) -> float:
        """Timed. One optimiser step on these training rows, int64 [b], at this learning rate; the loss.

        `moves`, int64 [b, 3], says how the image of each row is moved: whether it is mirrored, left to right
        (0 or 1), and by how many pixels down and right a view of it begins, beyond its border in zeros: the
        pixel (y, x) is that at (y + down, x + right), or at (y + down, width - 1 - x + right) of a mirrored
        one. Absent where `flip` and `shift` are not asked.
        """

    def loss(self, rows: np.ndarray) -> float:
        """The mean loss of these training rows, in evaluation mode."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Timed. Logits or numbers [b, outputs], float32, of row-major rows [b, d], in evaluation mode.

        Where the next token is predicted, rows come whole, and of all but the last of each row's tokens it
        says what follows: [b, d - 1, outputs]. The array that is returned belongs to the caller.
        """

    def next_tokens(self, features: np.ndarray, shown: np.ndarray) -> NextTokens:
        """Timed. What it makes of the tokens of whole rows [b, d], in evaluation mode.

        Asked only where the next token is predicted. `shown` are places among the b · (d - 1), int64. The
        arrays that are returned belong to the caller.
        """

    def weights(self) -> Mapping[str, np.ndarray]:
        """The parameters and buffers by name as float32, read back from the network."""

    def first_step(
        self, rows: np.ndarray, moves: np.ndarray | None
    ) -> tuple[np.ndarray, float, Mapping[str, np.ndarray]]:
        """Logits [b, outputs], loss and every trainable tensor's gradient; in training mode, dropout off.

        Where the next token is predicted the logits are [b, d - 1, outputs].
        Asked of a network that was just built; what becomes of it is not looked at.
        """

    def read_back(self, warned: Sequence[Warning]) -> ReadBack:
        """What the training used, asked of the framework: every hyperparameter but the kit's own."""
