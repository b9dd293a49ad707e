"""Reference values for src/stats/bootstrap.rs. Run: python bootstrap.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1. Random resamples cannot be compared between languages, so the
bootstrap distribution here is exhaustive: every one of the n^n resamples once, handed to SciPy as the result of an
earlier run. The samples are multiples of 1/16, whose sums are exact: resamples that differ only in order tie, here and
in Rust. The studentised interval is in no package: written out (Efron & Tibshirani 1993, section 12.5).
"""

import itertools

import numpy as np
from reference import write
from scipy import stats


class Done:
    """What scipy.stats.bootstrap takes as an earlier result."""

    def __init__(self, bootstrap_distribution):
        self.bootstrap_distribution = bootstrap_distribution
        self.standard_error = np.std(bootstrap_distribution, ddof=1)


def ratio_of_means(a, b, axis=-1):
    return np.mean(a, axis=axis) / np.mean(b, axis=axis)


def case(name, statistic, a, b=()):
    function = {"mean": np.mean, "median": np.median, "ratio": ratio_of_means}[statistic]
    data = [np.array(sample) for sample in (a, b) if len(sample)]
    places = np.array(list(itertools.product(range(len(a)), repeat=len(a))))
    done = Done(function(*(sample[places] for sample in data), axis=-1))
    out = {"name": name, "statistic": statistic, "a": a, "b": list(b)}
    for method in ("percentile", "basic", "bca"):
        options = {"n_resamples": 0, "confidence_level": 0.9, "paired": True, "vectorized": True}
        result = stats.bootstrap(data, function, method=method, bootstrap_result=done, **options)
        out |= {
            f"{method}_low": result.confidence_interval.low,
            f"{method}_high": result.confidence_interval.high,
        }
        out["standard_error"] = result.standard_error
    if statistic == "mean":
        drawn = data[0][places]
        error = drawn.std(axis=-1, ddof=1) / np.sqrt(len(a))
        varied = drawn.max(axis=-1) > drawn.min(axis=-1)
        t = (drawn.mean(axis=-1) - np.mean(a))[varied] / error[varied]
        own = np.std(a, ddof=1) / np.sqrt(len(a))
        high, low = np.quantile(t, [0.05, 0.95])
        out |= {"studentised_low": np.mean(a) - low * own, "studentised_high": np.mean(a) - high * own}
    return out


write(
    __file__,
    [
        case("normal", "mean", [1.25, 0.75, 1.875, 1.4375, 1.125]),
        case("skewed", "mean", [0.125, 0.1875, 0.375, 0.875, 4.0, 0.3125]),
        case("skewed", "median", [0.125, 0.1875, 0.375, 0.875, 4.0]),
        case("tied", "mean", [1.0, 2.0, 2.0, 3.0, 3.0]),
        case("n=3", "mean", [1.0, 2.0, 4.0]),
        case("n=3", "median", [1.0, 2.0, 4.0]),
        case("n=2", "mean", [1.0, 2.5]),
        case("pairs", "ratio", [1.25, 0.75, 1.875, 1.4375, 1.125], [2.0, 1.6875, 2.1875, 2.875, 1.5]),
        case("pairs, n=3", "ratio", [1.0, 2.0, 4.0], [3.0, 2.0, 5.0]),
    ],
)
