"""The Python side of benchrun's worker protocol, once for all adapters.

An adapter imports from here alone: `Request`, `Model` or `Network`, `ReadBack` and `Unsupported`. How to
write one is told in `python_adapters/README.md`; the protocol itself is `src/worker/protocol.rs`.
"""

from .interface import DRAWN, LOOP, Data, Model, Network, NextTokens, ReadBack, Unsupported
from .request import PhaseRequest, Repeat, Request

__all__ = [
    "DRAWN",
    "LOOP",
    "Data",
    "Model",
    "Network",
    "NextTokens",
    "PhaseRequest",
    "ReadBack",
    "Repeat",
    "Request",
    "Unsupported",
]
