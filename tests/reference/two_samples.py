"""Reference values for src/stats/t_test.rs, rank_test.rs and permutation.rs. Run: python two_samples.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, statsmodels 0.15.0 (sign_test). Where no spread leaves a statistic
undefined, SciPy returns NaN, infinity or (Mann-Whitney) p = 1: written as null.
"""

import math
import warnings

import numpy as np
from reference import is_constant, two_sample_cases, write
from scipy import stats
from statsmodels.stats.descriptivestats import sign_test

warnings.filterwarnings("ignore")  # samples without spread are the point


def t_tests(a, b):
    tests = {
        "student": None if is_constant(a) and is_constant(b) else stats.ttest_ind(a, b),
        "welch": None if is_constant(a) and is_constant(b) else stats.ttest_ind(a, b, equal_var=False),
        "paired": None if len(a) != len(b) or is_constant(a - b) else stats.ttest_rel(a, b),
    }
    out = {}
    for key, test in tests.items():
        out |= {
            f"{key}_t": test and test.statistic,
            f"{key}_p": test and test.pvalue,
            f"{key}_df": test and test.df,
        }
        interval = test and test.confidence_interval(0.95)
        out |= {f"{key}_low": test and interval.low, f"{key}_high": test and interval.high}
    one = None if is_constant(a) else stats.ttest_1samp(a, 0.5)
    return out | {"one_sample_t": one and one.statistic, "one_sample_p": one and one.pvalue}


def wilcoxon(a, b):
    if len(a) != len(b) or (a == b).all():
        return None, None
    d = np.abs(a - b)
    untied = len(set(d[d > 0])) == len(d)
    if len(a) > 50 or untied:
        return stats.wilcoxon(a, b)
    # With ties or zeros SciPy's default is exact only up to 13 differences; a permutation test of all signs is exact.
    assert len(a) <= 16 or len(a) == 25
    return stats.wilcoxon(a, b, method=stats.PermutationMethod(n_resamples=2**17, batch=2**12))


def sign(a, b):
    if len(a) != len(b) or (a == b).all():
        return None, None
    return int((a > b).sum()), sign_test(a - b)[1]


def mean_difference(x, y, axis):
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


def permutation(a, b):
    """Null where Rust does not enumerate all rearrangements."""
    paired = two_sample = None
    if len(a) == len(b) <= 20 and not (a == b).all():
        flips = {"permutation_type": "samples", "n_resamples": np.inf, "batch": 2**12}
        paired = stats.permutation_test((a - b,), lambda d, axis: np.mean(d, axis=axis), **flips)
    if math.comb(len(a) + len(b), len(a)) <= 200_000 and not is_constant(np.concatenate([a, b])):
        two_sample = stats.permutation_test((a, b), mean_difference, n_resamples=np.inf)
    return {
        "permutation_paired": paired and paired.statistic,
        "permutation_paired_p": paired and paired.pvalue,
        "permutation_two_sample": two_sample and two_sample.statistic,
        "permutation_two_sample_p": two_sample and two_sample.pvalue,
    }


cases = []
for name, a, b in two_sample_cases():
    u, u_p = (None, None) if is_constant(np.concatenate([a, b])) else stats.mannwhitneyu(a, b)
    w, w_p = wilcoxon(a, b)
    s, s_p = sign(a, b)
    case = {
        "name": name,
        "a": a,
        "b": b,
        "mann_whitney": u,
        "mann_whitney_p": u_p,
        "wilcoxon": w,
        "wilcoxon_p": w_p,
    }
    cases.append(case | {"sign": s, "sign_p": s_p} | t_tests(a, b) | permutation(a, b))
write(__file__, cases)
