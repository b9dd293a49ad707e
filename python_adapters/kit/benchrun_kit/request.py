"""The request: one line of JSON, checked against the protocol before anything is done with it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, BinaryIO, get_args, get_origin, get_type_hints

#: The protocol that this kit speaks: `PROTOCOL_VERSION` of `src/worker/protocol.rs`.
PROTOCOL_VERSION = 1


class RequestError(ValueError):
    """Not a request that this kit can read; the message names the key, its value and what is allowed."""


@dataclass(frozen=True)
class Repeat:
    """Bounds on the repetition of a phase; `measure.py` says how they are kept."""

    warmup: int
    min_samples: int
    max_samples: int
    max_time_ns: int
    min_sample_ns: int

    def __post_init__(self) -> None:
        if self.min_samples < 1:
            raise RequestError(f"min_samples is {self.min_samples}, but must be at least 1")
        if self.max_samples < self.min_samples:
            raise RequestError(f"max_samples is {self.max_samples}, but min_samples is {self.min_samples}")


@dataclass(frozen=True)
class PhaseRequest:
    """One timed phase and how often to repeat it."""

    kind: str
    name: str
    repeat: Repeat
    batch_rows: int | None = None


@dataclass(frozen=True)
class Request:
    """What one worker process is asked to do: one trial. The fields are those of the protocol."""

    protocol: int
    trial: str
    implementation: str
    task: str
    algorithm: str
    hyperparameters: dict[str, Any]
    settings: dict[str, Any]
    bundle: str
    output_dir: str
    seed: int
    threads: int
    device: str
    dtype: str
    phases: list[PhaseRequest]
    #: The safetensors file of the block's draws, for tasks that have them; `draws.py` says what it holds.
    draws: str | None = None
    #: For `benchrun calibrate` alone: the fraction by which every sample is slowed; `measure.py` says how.
    slowdown: float = 0.0


def read_request(stream: BinaryIO) -> Request:
    """Read the one request line.

    Raises:
        RequestError: there is no line, it is not JSON, speaks another version, or has wrong keys or types.
    """
    line = stream.readline()
    if not line.strip():
        raise RequestError("no request on standard input")
    try:
        raw = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise RequestError(f"the request is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise RequestError(f"request is {_shown(raw)}, but must be an object")
    # First of all, because another version may have other keys.
    if raw.get("protocol") != PROTOCOL_VERSION:
        version = _shown(raw.get("protocol"))
        raise RequestError(f"the request speaks protocol {version}, but this kit speaks {PROTOCOL_VERSION}")
    request: Request = _decode(Request, raw, "request")
    return request


def _decode(kind: Any, raw: Any, where: str) -> Any:  # noqa: ANN401, a decoder takes and makes anything
    """Decode plain JSON into the annotated type `kind`; unknown and missing keys are errors."""
    if dataclasses.is_dataclass(kind):
        raw = _expect(dict, raw, where)
        hints = get_type_hints(kind)
        if unknown := sorted(raw.keys() - hints.keys()):
            raise RequestError(f"{where} has the unknown key `{unknown[0]}`; known are {', '.join(hints)}")
        required = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
        if missing := [name for name in required if name not in raw]:
            raise RequestError(f"{where} lacks the key `{missing[0]}`")
        return kind(**{name: _decode(hints[name], value, f"{where}.{name}") for name, value in raw.items()})
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return [_decode(item, value, f"{where}[{i}]") for i, value in enumerate(_expect(list, raw, where))]
    if get_origin(kind) is UnionType:
        (item,) = (item for item in get_args(kind) if item is not NoneType)
        return None if raw is None else _decode(item, raw, where)
    # JSON does not tell 1 from 1.0.
    value = _expect((float, int) if kind is float else get_origin(kind) or kind, raw, where)
    if kind in (int, float) and value < 0:
        raise RequestError(f"{where} is {value}, but must be at least 0")
    return value


_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a whole number", (float, int): "a number"}


def _expect(kind: type | tuple[type, ...], raw: Any, where: str) -> Any:  # noqa: ANN401, as above
    # In Python a truth value is a whole number; in the protocol it is not.
    if not isinstance(raw, kind) or isinstance(raw, bool):
        raise RequestError(f"{where} is {_shown(raw)}, but must be {_NAMES[kind]}")
    return raw


def _shown(raw: object) -> str:
    text = json.dumps(raw)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
