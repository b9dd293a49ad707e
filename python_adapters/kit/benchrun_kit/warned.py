"""Warnings of libraries: kept for the receipt, and shown on standard error when no clock runs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Warned:
    """One of every different warning, in the order of their first appearance."""

    def __init__(self) -> None:
        self._first: dict[tuple[type[Warning], str], tuple[Warning, tuple[Any, ...]]] = {}
        self._shown = 0

    def record(self, message: Warning | str, category: type[Warning], *place: Any) -> None:  # noqa: ANN401
        """Stand in for `warnings.showwarning`, which would format and write while the clock runs."""
        warning = message if isinstance(message, Warning) else category(message)
        self._first.setdefault((category, str(message)), (warning, place))

    def all(self) -> list[Warning]:
        """Every warning so far."""
        return [warning for warning, _ in self._first.values()]

    def show(self) -> None:
        """Write those that were not yet shown to standard error, as Python does."""
        for warning, (filename, line_number, *_) in list(self._first.values())[self._shown :]:
            sys.stderr.write(warnings.formatwarning(warning, type(warning), filename, line_number))
        self._shown = len(self._first)


@contextmanager
def recorded() -> Iterator[Warned]:
    """Record warnings within the block; all of them are shown at its end, also where it fails."""
    warned = Warned()
    show = warnings.showwarning
    warnings.showwarning = warned.record
    try:
        yield warned
    finally:
        warnings.showwarning = show
        warned.show()
