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


def one_sample_cases():
    """Samples that every one-sample statistic is checked on: (name, values)."""
    rng = np.random.default_rng(11)
    cases = [
        ("normal, 12", rng.normal(10.0, 2.0, 12)),
        ("normal, 35", rng.normal(-1.0, 0.3, 35)),
        ("skewed, 9", rng.lognormal(0.0, 1.0, 9)),
        ("skewed, 25", rng.lognormal(-6.0, 0.6, 25)),
        ("heavy tails, 30", rng.standard_t(2, 30)),
        ("tied, 20", rng.integers(1, 5, 20).astype(float)),
        ("mostly one value, 11", np.array([2.0] * 8 + [1.0, 3.0, 9.0])),
        ("zeros, 10", rng.integers(-1, 2, 10).astype(float)),
        ("offset, 15", 1e6 + rng.normal(0.0, 1.0, 15)),
        ("n=5", np.array([0.3, 1.9, 0.7, 0.8, 2.5])),
        ("n=4", np.array([0.3, 1.9, 0.7, 0.8])),
        ("n=3", np.array([1.0, 1.5, 4.0])),
        ("n=2", np.array([2.0, 3.5])),
        ("n=1", np.array([4.2])),
        ("constant, 6", np.full(6, 0.1)),
    ]
    return [(name, rounded(x)) for name, x in cases]


def rounded(x):
    """The sample with few digits, to keep the files small."""
    return np.array([float(f"{value:.8g}") for value in x])


def is_constant(x):
    return bool(np.all(x == x[0]))
