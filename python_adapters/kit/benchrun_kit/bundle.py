"""Bundles: the arrays of a trial, read from the safetensors files that a `manifest.json` names by role."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open


class BundleError(Exception):
    """A bundle that cannot be used, or that was changed by the code under test."""


@dataclass(frozen=True)
class Bundle:
    """The roles of one bundle: for each the file, the tensor in it, and the dtype and shape it must have."""

    path: Path
    #: SHA-256 of the manifest's bytes, for the receipt: which bundle was really read.
    sha256: str
    roles: Mapping[str, Mapping[str, object]]
    #: Everything that the manifest says.
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Read the manifest. Hashes are the runner's to verify."""
        try:
            content = path.read_bytes()
            manifest = json.loads(content)
            return cls(path, hashlib.sha256(content).hexdigest(), manifest["roles"], manifest)
        except KeyError as error:
            raise BundleError(f"{path} lacks the key {error}") from error
        except (OSError, ValueError) as error:
            raise BundleError(f"cannot read {path}: {error}") from error

    def says(self, key: str) -> Any:  # noqa: ANN401, any value of JSON
        """What the manifest says under a key that the task needs."""
        if key not in self.manifest:
            raise BundleError(f"{self.path} lacks the key {key}")
        return self.manifest[key]

    def load(self, roles: Sequence[str], dtype: str) -> dict[str, np.ndarray]:
        """The arrays of some roles, row-major, in memory of their own; floating-point ones are of `dtype`."""
        arrays = {role: self._read(role) for role in roles}
        for role, array in arrays.items():
            if array.dtype.kind == "f" and array.dtype.name != dtype:
                raise BundleError(
                    f"role {role} of {self.path} is {array.dtype.name}, but the request asks for {dtype}"
                )
        return arrays

    def check_unchanged(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Fail if code under test wrote into its input, because every later call then saw other data."""
        for role, array in arrays.items():
            if not np.array_equal(array, self._read(role), equal_nan=array.dtype.kind == "f"):
                raise BundleError(f"the array {role} was modified during the trial")

    def _read(self, role: str) -> np.ndarray:
        if role not in self.roles:
            raise BundleError(f"{self.path} has no role {role}; it has {', '.join(self.roles) or 'none'}")
        entry = self.roles[role]
        try:
            file, tensor, dtype, shape = (entry[key] for key in ("file", "tensor", "dtype", "shape"))
        except KeyError as error:
            raise BundleError(f"role {role} of {self.path} lacks the key {error}") from error
        path = self.path.parent / str(file)
        try:
            # `pread` copies once; the default maps the file, and its pages would count as memory too.
            with safe_open(path, framework="np", backend="pread") as tensors:
                array = np.require(tensors.get_tensor(tensor), requirements=["C", "A", "W"])
        except (OSError, SafetensorError) as error:
            raise BundleError(f"cannot read role {role} from {path}: {error}") from error
        if (array.dtype.name, list(array.shape)) != (dtype, shape):
            raise BundleError(
                f"role {role} is {array.dtype.name} {list(array.shape)} in {path}, "
                f"but the manifest says {dtype} {shape}"
            )
        return array
