"""Reference values for src/stats/paired_ratio.rs. Run: python paired_ratio.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1. Stein's two-stage interval is in no package: it is the t
interval with the pilot's standard deviation and degrees of freedom (Stein 1945), written out below.
"""

import math

import numpy as np
from reference import write
from scipy import optimize, stats


def case(name, baseline, candidate, alpha=0.05, comparisons=1, pilot=None, precision=0.03):
    x = np.log(baseline / candidate)
    spread_from = x if pilot is None else pilot
    s, df, n = spread_from.std(ddof=1), len(spread_from) - 1, len(x)
    se = s / math.sqrt(n)
    each = alpha / comparisons
    plain = stats.t.interval(1 - alpha, df, loc=x.mean(), scale=se) if s else (x.mean(), x.mean())
    # isf keeps the digits of a small level that 1 - level would lose.
    critical = stats.t.isf(each / 2, df)

    def power(delta):
        # SciPy gives NaN for far tails (below 1e-19), which are nothing beside the other tail.
        return stats.nct.sf(critical, df, delta) + np.nan_to_num(stats.nct.cdf(-critical, df, delta))

    delta = optimize.brentq(lambda d: power(d) - 0.8, 0, 1.4 * critical + 3, xtol=1e-13, rtol=1e-14)
    return {
        "name": name,
        "baseline": baseline,
        "candidate": candidate,
        "alpha": alpha,
        "comparisons": comparisons,
        "pilot": pilot,
        "precision": precision,
        "ratio": stats.gmean(baseline / candidate),
        "plain_low": math.exp(plain[0]),
        "plain_high": math.exp(plain[1]),
        "simultaneous_low": math.exp(x.mean() - critical * se),
        "simultaneous_high": math.exp(x.mean() + critical * se),
        "smallest_effect": math.exp(delta * se),
        "wanted": max(df + 1, math.ceil((critical * s / math.log1p(precision)) ** 2)),
    }


rng = np.random.default_rng(2)


def times(n, sigma):
    return rng.lognormal(-6.0, sigma, n)


tied = np.array([3e-6, 3e-6, 4e-6, 3e-6, 4e-6, 4e-6])
write(
    __file__,
    [
        case("normal", times(10, 0.02), 3 * times(10, 0.02)),
        case("normal, 40 comparisons", times(12, 0.05), times(12, 0.05), comparisons=40),
        case("skewed", times(15, 0.1) + rng.exponential(1e-3, 15), times(15, 0.1), comparisons=5),
        case("tied", tied, tied[::-1].copy(), alpha=0.1),
        case("two blocks", np.array([1.0, 1.1]), np.array([2.0, 2.1])),
        case("three blocks, 12 comparisons", times(3, 0.01), times(3, 0.01), comparisons=12),
        case("no spread", np.array([2.0, 4.0, 8.0]), np.array([1.0, 2.0, 4.0])),
        case("many blocks", times(200, 0.3), times(200, 0.3), comparisons=1000, precision=0.1),
        case("Stein", times(24, 0.05), 2 * times(24, 0.05), comparisons=8, pilot=rng.normal(0.7, 0.08, 10)),
        case(
            "Stein, small pilot",
            times(30, 0.05),
            times(30, 0.05),
            pilot=rng.normal(0, 0.06, 3),
            precision=0.01,
        ),
    ],
)
