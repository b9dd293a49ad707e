"""Reference values for src/stats/several.rs and variance.rs. Run: python several.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, statsmodels 0.15.0, scikit-posthocs 0.17.1. Holm's comparison
after Friedman's test is Demsar's (2006) normal test on mean ranks, written out, with statsmodels' correction.
"""

import itertools
import math
import warnings

import numpy as np
import scikit_posthocs
from reference import is_constant, rounded, write
from scipy import stats
from statsmodels.stats.multitest import multipletests

warnings.filterwarnings("ignore")  # groups without spread are the point


def usable(test):
    return test if math.isfinite(test.statistic) and test.statistic < 1e12 else None


def case(name, *groups):
    out = {"name": name, "groups": groups}
    everything = np.concatenate(groups)
    out |= values("kruskal_wallis", None if is_constant(everything) else stats.kruskal(*groups))
    out |= values("levene", usable(stats.levene(*groups, center="mean")))
    out |= values("brown_forsythe", usable(stats.levene(*groups, center="median")))
    friedman = nemenyi = holm = None
    if len(groups) >= 3 and len({len(group) for group in groups}) == 1:
        blocks = np.array(groups).T
        n, k = blocks.shape
        pairs = list(itertools.combinations(range(k), 2))
        friedman = usable(stats.friedmanchisquare(*groups))
        table = scikit_posthocs.posthoc_nemenyi_friedman(blocks).to_numpy()
        nemenyi = [table[i, j] for i, j in pairs]
        ranks = stats.rankdata(blocks, axis=1).mean(axis=0)
        z = [abs(ranks[i] - ranks[j]) / math.sqrt(k * (k + 1) / (6 * n)) for i, j in pairs]
        holm = multipletests(2 * stats.norm.sf(z), method="holm")[1]
    return out | values("friedman", friedman) | {"nemenyi": nemenyi, "friedman_holm": holm}


def values(key, test):
    return {key: test and test.statistic, f"{key}_p": test and test.pvalue}


rng = np.random.default_rng(31)
write(
    __file__,
    [
        case("normal, 3 of 8", *(rounded(rng.normal(m, 1.0, 8)) for m in (0, 0.5, 2))),
        case("normal, 5 of 12", *(rounded(rng.normal(m, 1 + m, 12)) for m in (0, 0.1, 0.2, 1, 2))),
        case("skewed, 4 of 20", *(rounded(rng.lognormal(m, 1.0, 20)) for m in (0, 0.1, 0.2, 0.3))),
        case("tied, 4 of 9", *(rng.integers(0, 4, 9).astype(float) + m for m in (0, 0, 1, 1))),
        case("unequal sizes", *(rounded(rng.normal(0.0, n, n)) for n in (3, 7, 15))),
        case("two groups", *(rounded(rng.normal(m, 1.0, 10)) for m in (0, 1))),
        case("3 of 2", np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([2.5, 4.0])),
        case("3 of 3", np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 4.5]), np.array([2.5, 4.0, 9.0])),
        case(
            "one group constant",
            np.full(4, 2.0),
            np.array([1.0, 2.0, 3.0, 2.5]),
            np.array([5.0, 6.0, 7.0, 9.0]),
        ),
        case("all groups constant", np.full(3, 1.0), np.full(3, 2.0), np.full(3, 3.0)),
        case("constant", np.full(3, 0.1), np.full(3, 0.1), np.full(3, 0.1)),
    ],
)
