"""Reference values for src/stats/effect_size.rs. Run: python effect_size.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, pingouin 0.7.0 (estimates of d and A). Hedges' exact factor, the
intervals of d (SciPy's noncentral t, inverted) and those of Cliff's delta (Feng & Cliff 2004) are in neither: they are
written out from the papers' equations.
"""

import math
import warnings

import numpy as np
import pingouin
from reference import is_constant, two_sample_cases, write
from scipy import optimize, special, stats

warnings.filterwarnings("ignore")
ALPHA = 0.05


def noncentrality_interval(t, df):
    def cdf(delta):  # SciPy gives NaN in far tails, which are 0 or 1 here
        value = stats.nct.cdf(t, df, delta)
        return value if not math.isnan(value) else float(delta < t)

    def bound(p):
        reach = 2.0
        while not cdf(t - reach) > p > cdf(t + reach):
            reach *= 1.3
        return optimize.brentq(lambda delta: cdf(delta) - p, t - reach, t + reach, xtol=1e-13, rtol=1e-14)

    return bound(1 - ALPHA / 2), bound(ALPHA / 2)


def scaled(key, estimate, bounds, factor=1.0):
    low, high = bounds
    return {key: estimate * factor, f"{key}_low": low * factor, f"{key}_high": high * factor}


def standardised(a, b):
    out = {"cohens_d": None, "cohens_d_paired": None, "hedges_g": None}
    if not (is_constant(a) and is_constant(b)):
        test = stats.ttest_ind(a, b)
        root = math.sqrt(1 / len(a) + 1 / len(b))
        d = pingouin.compute_effsize(a, b, eftype="cohen")
        bounds = [root * delta for delta in noncentrality_interval(test.statistic, test.df)]
        half = test.df / 2
        j = special.gamma(half) / (math.sqrt(half) * special.gamma(half - 0.5))
        out |= scaled("cohens_d", d, bounds) | scaled("hedges_g", d, bounds, j)
    if len(a) == len(b) and not is_constant(a - b):
        test = stats.ttest_rel(a, b)
        bounds = noncentrality_interval(test.statistic, test.df)
        out |= scaled("cohens_d_paired", test.statistic, bounds, 1 / math.sqrt(len(a)))
    return out


def ordinal(a, b):
    m, n = len(a), len(b)
    d = np.sign(a[:, None] - b[None, :])
    delta = d.mean()
    if abs(delta) == 1:
        z = stats.norm.isf(ALPHA / 2)
        inner = (min(m, n) - z * z) / (min(m, n) + z * z)
        low, high = (inner, 1.0) if delta > 0 else (-1.0, -inner)
    else:
        rows, columns = d.mean(axis=1) - delta, d.mean(axis=0) - delta
        unbiased = n * n * (rows**2).sum() + m * m * (columns**2).sum() - ((d - delta) ** 2).sum()
        variance = max(unbiased / (m * n * (m - 1) * (n - 1)), (1 - delta**2) / (m * n - 1))
        t = stats.t.isf(ALPHA / 2, m + n - 2)
        half = t * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + t * t * variance)
        low, high = ((delta - delta**3 + s * half) / (1 - delta**2 + t * t * variance) for s in (-1, 1))
    a_measure = pingouin.compute_effsize(a, b, eftype="CLES")
    out = {
        "vargha_delaney_a": a_measure,
        "vargha_delaney_a_low": (low + 1) / 2,
        "vargha_delaney_a_high": (high + 1) / 2,
    }
    return out | {"cliffs_delta": delta, "cliffs_delta_low": low, "cliffs_delta_high": high}


cases = [
    {"name": name, "a": a, "b": b} | standardised(a, b) | ordinal(a, b) for name, a, b in two_sample_cases()
]
write(__file__, cases)
