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


def two_sample_cases():
    """Samples that every two-sample statistic is checked on: (name, a, b); paired where they are of one length."""
    rng = np.random.default_rng(21)
    cases = [
        ("normal, paired 10", x := rng.normal(5.0, 1.0, 10), x + rng.normal(0.4, 0.5, 10)),
        ("normal, 12 and 18", rng.normal(0.0, 1.0, 12), rng.normal(0.7, 3.0, 18)),
        ("equal, paired 15", rng.normal(0.0, 1.0, 15), rng.normal(0.0, 1.0, 15)),
        ("skewed, 7 and 30", rng.lognormal(0.0, 1.0, 7), rng.lognormal(0.8, 1.0, 30)),
        ("skewed, paired 25", rng.lognormal(0.0, 1.0, 25), rng.lognormal(0.3, 1.0, 25)),
        ("tied, paired 12", rng.integers(0, 4, 12).astype(float), rng.integers(1, 5, 12).astype(float)),
        ("tied, paired 16", rng.integers(0, 6, 16).astype(float), rng.integers(1, 5, 16).astype(float)),
        ("tied, paired 70", rng.integers(0, 9, 70).astype(float), rng.integers(0, 12, 70).astype(float)),
        ("normal, paired 60", rng.normal(0.0, 1.0, 60), rng.normal(0.2, 1.0, 60)),
        ("apart, 5 and 6", rng.normal(0.0, 1.0, 5), rng.normal(50.0, 1.0, 6)),
        ("offset, paired 9", 1e6 + rng.normal(0.0, 1.0, 9), 1e6 + rng.normal(0.5, 1.0, 9)),
        ("n=3", np.array([1.0, 2.0, 4.0]), np.array([1.5, 1.75, 7.0])),
        ("n=2", np.array([1.0, 2.0]), np.array([4.0, 4.5])),
        ("n=2 and 3", np.array([1.0, 2.0]), np.array([0.5, 2.5, 3.0])),
        ("one constant", np.full(5, 2.0), np.array([1.0, 2.0, 3.0, 2.5, 1.25])),
        ("one constant, n=2", np.full(2, 0.1), np.array([1.0, 2.0])),
        ("constant difference", np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 3.0, 4.0, 5.0])),
        ("both constant", np.full(4, 0.1), np.full(4, 0.2)),
        ("both the same constant", np.full(4, 0.1), np.full(4, 0.1)),
    ]
    return [(name, rounded(a), rounded(b)) for name, a, b in cases]
