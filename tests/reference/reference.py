"""Writing of reference values: one case a line, null where a library leaves a value undefined."""

import json
import math
from pathlib import Path

import numpy as np


def plain(value):
    """The value as JSON has it: arrays as lists, NaN and infinity as null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(script, cases):
    """Writes the cases beside the script that made them, under its name with .json."""
    lines = ",\n".join(json.dumps(plain(case), allow_nan=False) for case in cases)
    Path(script).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
