"""The raw outputs are not what was reported, or no answer."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from wire import Wire, at

# The raw outputs are not what was reported.


@at("before outputs")
def no_file(wire: Wire) -> None:
    wire.file.unlink()


@at("before outputs")
def directory(wire: Wire) -> None:
    wire.file.unlink()
    wire.file.mkdir()


@at("before outputs")
def empty_file(wire: Wire) -> None:
    wire.file.write_bytes(b"")


@at("before outputs")
def empty_file_told(wire: Wire) -> None:
    wire.replace(b"")


@at("before outputs")
def truncated(wire: Wire) -> None:
    wire.file.write_bytes(wire.file.read_bytes()[:-8])


@at("before outputs")
def truncated_told(wire: Wire) -> None:
    wire.replace(wire.file.read_bytes()[:-8])


@at("before outputs")
def wrong_hash(wire: Wire) -> None:
    wire.fields["sha256"] = "0" * 64


@at("after outputs")
def tampered_later(wire: Wire) -> None:
    time.sleep(0.5)
    told = dict(wire.fields)
    with wire.tensors() as tensors:
        tensors["predictions"][0] += 1.0
    assert told != wire.fields


@at("before outputs")
def link_out(wire: Wire) -> None:
    outside = Path(os.environ["TMPDIR"]) / "outside.safetensors"
    wire.file.replace(outside)
    wire.file.symlink_to(outside)


@at("before outputs")
def folder_link_out(wire: Wire) -> None:
    outside = Path(os.environ["TMPDIR"]) / "outside"
    outside.mkdir(exist_ok=True)
    wire.file.replace(outside / "outputs.safetensors")
    (wire.outputs / "inner").symlink_to(outside)
    wire.fields["path"] = "inner/outputs.safetensors"


@at("before outputs")
def link_to_zero(wire: Wire) -> None:
    wire.file.unlink()
    wire.file.symlink_to("/dev/zero")


@at("before outputs")
def fifo(wire: Wire) -> None:
    wire.file.unlink()
    os.mkfifo(wire.file)


@at("before outputs")
def huge_file(wire: Wire) -> None:
    # A hole takes no space on the disk, but the time to read it.
    os.truncate(wire.file, 1 << 40)


@at("before outputs")
def absolute_path(wire: Wire) -> None:
    wire.fields["path"] = str(wire.file)


@at("before outputs")
def parent_path(wire: Wire) -> None:
    wire.fields["path"] = "../outputs/" + str(wire.fields["path"])


# They are, but they are no answer.


@at("before outputs")
def garbage(wire: Wire) -> None:
    wire.replace(bytes(range(256)) * 16)


@at("before outputs")
def huge_header(wire: Wire) -> None:
    wire.replace((1 << 60).to_bytes(8, "little") + b"{}")


@at("before outputs")
def overlapping(wire: Wire) -> None:
    header = {
        name: {"dtype": "F64", "shape": [1 << 40], "data_offsets": [0, 8]}
        for name in ("predictions", "coefficients", "intercept")
    }
    text = json.dumps(header).encode()
    wire.replace(len(text).to_bytes(8, "little") + text + bytes(8))


@at("before outputs")
def nan(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"][0] = np.nan


@at("before outputs")
def infinity(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"][[1, 2]] = np.inf, -np.inf


@at("before outputs")
def nan_coefficient(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["coefficients"][0] = np.nan


@at("before outputs")
def fewer_rows(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"][:-1].copy()


@at("before outputs")
def more_rows(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = np.append(tensors["predictions"], 0.0)


@at("before outputs")
def one_more_axis(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"][:, None].copy()


@at("before outputs")
def single_precision(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"].astype(np.float32)


@at("before outputs")
def whole_numbers(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["predictions"] = tensors["predictions"].astype(np.int64)


@at("before outputs")
def no_predictions(wire: Wire) -> None:
    with wire.tensors() as tensors:
        del tensors["predictions"]


@at("before outputs")
def no_coefficients(wire: Wire) -> None:
    with wire.tensors() as tensors:
        del tensors["coefficients"]


@at("before outputs")
def one_more_tensor(wire: Wire) -> None:
    with wire.tensors() as tensors:
        tensors["diary"] = np.zeros(3)
