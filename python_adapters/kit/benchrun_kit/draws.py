"""The draws of a block: initial weights, batch order and learning rates, made once for all sides.

One safetensors file, whose tensors `docs/design/networks.md` names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

#: What the names of initial values begin with.
WEIGHTS = "weights/"


#: The rows of a step, int64 [b], and the moves of their images, int64 [b, 3], where there are some.
Batch = tuple[np.ndarray, np.ndarray | None]


class DrawsError(Exception):
    """Draws that cannot be used, or that were changed by the code under test."""


@dataclass(frozen=True)
class Draws:
    """What was drawn for one block."""

    path: Path
    #: SHA-256 of the file's bytes, for the receipt: which draws were really read.
    sha256: str
    #: The initial value of every tensor of the architecture, float32.
    weights: Mapping[str, np.ndarray]
    #: For each epoch a permutation of the training rows, int64 [epochs, t].
    order: np.ndarray
    #: The learning rate of every step, float64 [steps].
    rates: np.ndarray
    #: Training rows that are set apart for early stopping, int64 [v]; without it there is none.
    validation: np.ndarray | None
    #: How the image of each row of `order` is moved (`interface.py`), int64 [epochs, t, 3]; often absent.
    augment: np.ndarray | None

    @classmethod
    def read(cls, path: Path) -> Draws:
        """Read all tensors into memory of their own."""
        sha256, tensors = read_tensors(path)
        weights = {
            name.removeprefix(WEIGHTS): tensors.pop(name)
            for name in list(tensors)
            if name.startswith(WEIGHTS)
        }
        order, rates = (tensors.pop(name, None) for name in ("order", "rates"))
        validation, augment = (tensors.pop(name, None) for name in ("validation", "augment"))
        draws = cls(path, sha256, weights, order, rates, validation, augment)
        draws._check_types(list(tensors))
        return draws

    def check(self, rows: int, epochs: int, steps: int, patience: int | None) -> None:
        """Refuse draws of another training than one on `rows` rows with so many epochs and steps."""
        apart = 0 if self.validation is None else len(self.validation)
        facts = [
            ("order has", len(self.order), epochs, "epochs"),
            ("order and validation hold", self.order.shape[1] + apart, rows, "rows"),
            ("rates has", len(self.rates), steps, "steps"),
        ]
        for what, found, wanted, unit in facts:
            if found != wanted:
                raise DrawsError(f"{what} {found} {unit} in {self.path}, but the training has {wanted}")
        if (apart > 0) != (patience is not None):
            raise DrawsError(
                f"validation has {apart} rows in {self.path}, but patience is {patience or 'none'}"
            )
        for name, array in (("order", self.order), ("validation", self.validation)):
            if array is not None and array.size and not 0 <= array.min() <= array.max() < rows:
                raise DrawsError(f"{name} names rows that are none of the {rows} in {self.path}")

    def check_moves(self, flip: bool, shift: int) -> None:
        """Refuse moves of images that are not those of a training with this `flip` and `shift`."""
        if (self.augment is not None) != (flip or shift > 0):
            found = "no moves" if self.augment is None else "moves"
            raise DrawsError(f"{self.path} has {found}, but flip is {str(flip).lower()} and shift is {shift}")
        if self.augment is None:
            return
        if self.augment.shape != (*self.order.shape, 3):
            found, wanted = list(self.augment.shape), [*self.order.shape, 3]
            raise DrawsError(f"augment is {found} in {self.path}, but must be {wanted}")
        mirrored, moved = self.augment[:, :, 0], self.augment[:, :, 1:]
        if not np.isin(mirrored, (0, int(flip))).all() or np.abs(moved).max() > shift:
            raise DrawsError(f"augment moves images in {self.path} farther than flip and shift say")

    def batches(self, size: int) -> Iterator[Iterator[Batch]]:
        """For each epoch the batches of so many rows, with the moves of their images."""
        for epoch, order in enumerate(self.order):
            yield self._batches(order, None if self.augment is None else self.augment[epoch], size)

    @staticmethod
    def _batches(order: np.ndarray, moves: np.ndarray | None, size: int) -> Iterator[Batch]:
        for start in range(0, len(order), size):
            batch = slice(start, start + size)
            yield order[batch], None if moves is None else moves[batch]

    def check_unchanged(self) -> None:
        """Fail if code under test wrote into the initial values, because a later network then had others."""
        with safe_open(self.path, framework="np", backend="pread") as file:
            for name, array in self.weights.items():
                if not np.array_equal(array, file.get_tensor(WEIGHTS + name)):
                    raise DrawsError(f"the initial value of {name} was modified during the trial")

    def _check_types(self, unknown: list[str]) -> None:
        if unknown:
            raise DrawsError(f"{self.path} holds the unknown tensor {unknown[0]}")
        wanted = [("order", self.order, "int64", 2), ("rates", self.rates, "float64", 1)]
        if self.validation is not None:
            wanted.append(("validation", self.validation, "int64", 1))
        if self.augment is not None:
            wanted.append(("augment", self.augment, "int64", 3))
        wanted += [(WEIGHTS + name, array, "float32", array.ndim) for name, array in self.weights.items()]
        for name, array, dtype, dimensions in wanted:
            if array is None:
                raise DrawsError(f"{self.path} lacks the tensor {name}")
            if (array.dtype.name, array.ndim) != (dtype, dimensions):
                found = f"{array.dtype.name} {list(array.shape)}"
                raise DrawsError(
                    f"{name} is {found} in {self.path}, but must be {dtype} of {dimensions} dimensions"
                )


def read_tensors(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The SHA-256 of a file of draws, and its tensors in memory of their own."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        # `pread` copies once; the default maps the file, and its pages would count as memory too.
        with safe_open(path, framework="np", backend="pread") as file:
            return sha256, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    except (OSError, SafetensorError) as error:
        raise DrawsError(f"cannot read the draws {path}: {error}") from error


def digest(weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over tensors in the order of their names: name, a zero byte, little-endian float32 values."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(name.encode() + b"\0")
        sha.update(np.ascontiguousarray(weights[name], dtype="<f4").data)
    return sha.hexdigest()


def order_digest(batches: list[np.ndarray]) -> str:
    """SHA-256 over the rows that the steps were given, int64 little-endian."""
    sha = hashlib.sha256()
    for rows in batches:
        sha.update(np.ascontiguousarray(rows, dtype="<i8").data)
    return sha.hexdigest()


def moved(
    weights: Mapping[str, np.ndarray], generator: np.random.Generator, ulps: int
) -> dict[str, np.ndarray]:
    """Every value moved away from zero or towards it, at random, by `ulps` units in float32's last place.

    Values that are so small that they would reach zero stay, and so does zero itself.
    """
    return {name: _moved(array, generator, ulps) for name, array in weights.items()}


def _moved(array: np.ndarray, generator: np.random.Generator, ulps: int) -> np.ndarray:
    # The bits of a float32, sign apart, count its magnitudes in ascending order.
    bits = np.ascontiguousarray(array).view(np.int32)
    signs = generator.integers(0, 2, bits.shape, dtype=np.int8) * np.int32(2 * ulps) - np.int32(ulps)
    return np.where(bits & 0x7FFFFFFF > ulps, bits + signs, bits).astype(np.int32).view(np.float32)
