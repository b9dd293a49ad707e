"""Raw outputs: what a trial shows for the scorer, as one safetensors file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

FILE = "outputs.safetensors"


def write_outputs(outputs: Mapping[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Write the raw outputs of a trial; returns the fields of the event `outputs`.

    Floating-point tensors are written as float64, whole numbers and truth values as int64.
    """
    content = save({name: _canonical(name, array) for name, array in outputs.items()})
    (folder / FILE).write_bytes(content)
    return {"path": FILE, "sha256": hashlib.sha256(content).hexdigest()}


def _canonical(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"output `{name}` is of type {array.dtype}, but must hold numbers")
    return np.ascontiguousarray(array, dtype=np.float64 if array.dtype.kind == "f" else np.int64)
