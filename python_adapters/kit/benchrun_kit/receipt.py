"""The receipt: what was really used, asked of the framework and its libraries after the last phase."""

from __future__ import annotations

import math
import os
import platform
import sysconfig
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import threadpoolctl

from . import system
from .interface import ReadBack
from .request import Request


class ReceiptError(Exception):
    """The adapter's `read_back` does not answer what the request asked."""


def receipt(
    request: Request,
    read_back: ReadBack,
    read: Mapping[str, str],
    fitted: np.ndarray,
    warned: Iterable[Warning],
) -> dict[str, Any]:
    """The fields of the event `receipt`.

    Args: request: What was asked for; only its names and its allowance of threads are used. read_back: What
    the adapter read from its framework. read: What was read: the SHA-256 of the `bundle`'s manifest and,
    where there are draws, of the `draws`. fitted: The training rows [n, d] that the fit was given. warned:
    Every warning that was shown; they are listed in `work`.
    """
    alive = system.threads_alive()
    pools = threadpoolctl.threadpool_info()
    rows, features = fitted.shape
    work = dict(read_back.work)
    if messages := sorted({f"{type(warning).__name__}: {warning}" for warning in warned}):
        work["warnings"] = messages
    return {
        "hyperparameters": _named(read_back.hyperparameters, request.hyperparameters, "hyperparameter"),
        "settings": _named(read_back.settings, request.settings, "setting"),
        **read,
        "dtype": read_back.dtype,
        "layout": read_back.layout,
        "train_rows": rows if read_back.train_rows is None else read_back.train_rows,
        "features": features if read_back.features is None else read_back.features,
        "device": read_back.device,
        "threads": {
            "allowed": request.threads,
            "pool": max([read_back.pool or 1, *(pool["num_threads"] for pool in pools)]),
            "alive": alive,
        },
        "blas": [
            {
                "name": pool["internal_api"],
                "version": pool["version"],
                "architecture": pool.get("architecture"),
                "threads": pool["num_threads"],
            }
            for pool in pools
            if pool["user_api"] == "blas"
        ],
        "work": {name: plain(value, words=True) for name, value in work.items()},
        "build": {**python_build(), **read_back.build},
        "libraries": system.mapped_libraries(),
    }


def plain(value: Any, *, words: bool = False) -> Any:  # noqa: ANN401, any value in, any value of the protocol out
    """A value as the protocol writes it: NumPy's types become Python's, and `None` the text `none`.

    A number that is not finite becomes a text (`nan`, `inf`, `-inf`) if `words`, and is an error if not.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    match value:
        case None:
            return "none"
        case bool() | str():
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
        case float() if words:
            return str(value)
        case list() | tuple():
            return [plain(item, words=words) for item in value]
    raise ReceiptError(f"{value!r} of type {type(value).__name__} is no value of the protocol")


def python_build() -> dict[str, str]:
    """How Python and NumPy were built, and the instruction sets that NumPy dispatches to on this machine."""
    simd: Mapping[str, Any] = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return {
        "profile": "debug" if sysconfig.get_config_var("Py_DEBUG") else "release",
        "target": sysconfig.get_platform(),
        "target_features": ",".join([*simd.get("baseline", []), *simd.get("found", [])]),
        "allocator": os.environ.get("PYTHONMALLOC")
        or ("pymalloc" if sysconfig.get_config_var("WITH_PYMALLOC") else "malloc"),
        "python_implementation": platform.python_implementation(),
        "python_compiler": platform.python_compiler(),
        "libc": " ".join(platform.libc_ver()),
    }


def _named(values: Mapping[str, Any], asked: Mapping[str, Any], what: str) -> dict[str, Any]:
    if odd := sorted(values.keys() ^ asked.keys()):
        problem = "lacks" if odd[0] in asked else "adds"
        raise ReceiptError(f"read_back {problem} the {what} `{odd[0]}`")
    return {name: plain(value) for name, value in values.items()}
