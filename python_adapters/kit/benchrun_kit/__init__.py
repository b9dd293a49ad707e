"""The Python side of benchrun's worker protocol, once for all adapters.

An adapter imports from here alone: `Request`, what it implements (`Model`, `Network`, `Encoder` or
`Decoder`), `ReadBack` and `Unsupported`. How to write one is told in `python_adapters/README.md`; the
protocol itself is `src/worker/protocol.rs`.
"""

from .interface import DRAWN, LOOP, Data, Model, Network, NextTokens, ReadBack, Unsupported
from .language_interface import KEPT, Decoder, Encoder, LanguageModel
from .request import PhaseRequest, Repeat, Request

__all__ = [
    "DRAWN",
    "KEPT",
    "LOOP",
    "Data",
    "Decoder",
    "Encoder",
    "LanguageModel",
    "Model",
    "Network",
    "NextTokens",
    "PhaseRequest",
    "ReadBack",
    "Repeat",
    "Request",
    "Unsupported",
]
