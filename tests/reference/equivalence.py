"""Reference values for src/stats/equivalence.rs. Run: python equivalence.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, statsmodels 0.15.0 (ttost_paired, ttost_ind). The sample size that
would decide is written out: the smallest n at which, with difference and variances as measured, the two-sided test or
both one-sided tests reject with probability 0.8, by SciPy's noncentral t.
"""

import math
import warnings

import numpy as np
from reference import is_constant, two_sample_cases, write
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

warnings.filterwarnings("ignore")


def nct_cdf(t, df, delta):
    return np.nan_to_num(stats.nct.cdf(t, df, delta))


def power(difference, low, high, error, df, alpha):
    two_sided, one_sided = stats.t.isf(alpha / 2, df), stats.t.isf(alpha, df)
    delta = difference / error
    shows = nct_cdf(-two_sided, df, -delta) + nct_cdf(-two_sided, df, delta)
    below_high = nct_cdf(-one_sided, df, (difference - high) / error)
    return max(shows, below_high - nct_cdf(one_sided, df, (difference - low) / error))


def result(key, p, test, difference, low, high, alpha, at):
    interval = test.confidence_interval(1 - 2 * alpha)
    if p < alpha:
        outcome = "equivalent"
    elif test.pvalue < alpha:
        outcome = "different"
    else:
        n = next((n for n in range(2, 5000) if power(difference, low, high, *at(n), alpha) >= 0.8), None)
        outcome = f"undecided, {n} needed"
    return {
        f"{key}_p": p,
        f"{key}_low": interval.low,
        f"{key}_high": interval.high,
        f"{key}_outcome": outcome,
    }


def case(name, a, b, low, high, alpha):
    out = {
        "name": name,
        "a": a,
        "b": b,
        "low": low,
        "high": high,
        "alpha": alpha,
        "paired_p": None,
        "welch_p": None,
    }
    if len(a) == len(b) and not is_constant(a - b):
        variance = np.var(a - b, ddof=1)

        def at(n):
            return math.sqrt(variance / n), n - 1

        p = ttost_paired(a, b, low, high)[0]
        out |= result("paired", p, stats.ttest_rel(a, b), np.mean(a - b), low, high, alpha, at)
    if not (is_constant(a) and is_constant(b)):
        va, vb = np.var(a, ddof=1), np.var(b, ddof=1)

        def at(n):
            return math.sqrt((va + vb) / n), (va + vb) ** 2 / (va**2 + vb**2) * (n - 1)

        p = ttost_ind(a, b, low, high, usevar="unequal")[0]
        test = stats.ttest_ind(a, b, equal_var=False)
        out |= result("welch", p, test, np.mean(a) - np.mean(b), low, high, alpha, at)
    return out


cases = []
for name, a, b in two_sample_cases():
    spread = np.concatenate([a - a.mean(), b - b.mean()]).std() or 1.0
    for margin in (0.3, 1.5):
        bound = float(f"{margin * spread:.4g}")
        cases.append(case(f"{name}, bounds {margin} deviations", a, b, -bound, bound, 0.05))
cases.append(case("unequal bounds", *two_sample_cases()[0][1:], -1.0, 0.5, 0.01))
write(__file__, cases)
