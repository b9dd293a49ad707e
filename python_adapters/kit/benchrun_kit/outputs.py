"""Raw outputs: what a model answers for all test rows, as one safetensors file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from .interface import Model
from .phases import check_predictions

FILE = "outputs.safetensors"


def write_outputs(model: Model, features: np.ndarray, folder: Path) -> dict[str, str]:
    """Write the model's raw outputs for all test rows; returns the fields of the event `outputs`.

    Floating-point tensors are written as float64, whole numbers and truth values as int64.
    """
    tensors = {name: _canonical(name, array) for name, array in model.outputs(features).items()}
    if "predictions" in tensors:
        check_predictions(tensors["predictions"], len(features))
    content = save(tensors)
    (folder / FILE).write_bytes(content)
    return {"path": FILE, "sha256": hashlib.sha256(content).hexdigest()}


def _canonical(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"output `{name}` is of type {array.dtype}, but must hold numbers")
    return np.ascontiguousarray(array, dtype=np.float64 if array.dtype.kind == "f" else np.int64)
