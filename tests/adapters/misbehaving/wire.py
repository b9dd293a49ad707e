"""The wire of the kit, on which faults act."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

Fault = Callable[["Wire"], None]
#: By name: when it acts, and what it does.
FAULTS: dict[str, tuple[str, Fault]] = {}
MIB = 1 << 20


def at(moment: str, name: str | None = None) -> Callable[[Fault], Fault]:
    """Register a fault for a moment, by its function's name unless another is given."""

    def register(fault: Fault) -> Fault:
        FAULTS[name or fault.__name__] = (moment, fault)
        return fault

    return register


class Wire:
    """The kit's channel, on which one fault acts. Each acts once, at the first event that fits."""

    def __init__(self, request) -> None:  # noqa: ANN001
        # The kit's entry point made it before it imported anything else.
        self.channel = sys.modules["__main__"].channel
        self.descriptor = self.channel._file.fileno()
        self.outputs = Path(request.output_dir)
        self.place, self.fault = FAULTS[request.settings["fault"]]
        self.fields: dict[str, object] = {}
        self.kit_send = self.channel.send
        self.channel.send = self.send
        self.armed = True
        self.act("create")

    def act(self, place: str) -> bool:
        """Do what was commanded if this is its moment."""
        if self.armed and self.place == place:
            self.armed = False
            self.fault(self)
            return True
        return False

    def send(self, event: str, **fields: object) -> None:
        """What the kit calls."""
        self.fields = fields
        self.act(f"before {event}")
        if not self.act(f"instead of {event}"):
            self.kit_send(event, **fields)
        self.act(f"after {event}")

    def write(self, raw: bytes) -> None:
        """Bytes that no kit would write."""
        while raw:
            raw = raw[os.write(self.descriptor, raw[:MIB]) :]

    @property
    def file(self) -> Path:
        """The file that holds the raw outputs."""
        return self.outputs / str(self.fields["path"])

    @contextlib.contextmanager
    def tensors(self) -> Iterator[dict[str, np.ndarray]]:
        """The raw outputs, to be changed behind the kit's back."""
        tensors = load_file(self.file)
        yield tensors
        self.replace(save(tensors))

    def replace(self, content: bytes) -> None:
        """Replace the file of raw outputs and report its true hash."""
        self.file.write_bytes(content)
        self.fields["sha256"] = hashlib.sha256(content).hexdigest()
