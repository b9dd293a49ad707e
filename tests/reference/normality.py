"""Reference values for src/stats/normality. Run: python normality.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1 (shapiro, normaltest), statsmodels 0.15.0 (normal_ad, lilliefors).
"""

import warnings

import numpy as np
from reference import is_constant, one_sample_cases, rounded, write
from scipy import stats
from statsmodels.stats.diagnostic import lilliefors, normal_ad

warnings.filterwarnings("ignore")  # small samples are the point


def run(test, x, smallest):
    """Null below the size where the method holds (the libraries return a number there) and for constant samples."""
    if len(x) < smallest or is_constant(x):
        return None, None
    return test(x)


def normaltest(x):
    k, p = stats.normaltest(x)
    if (
        abs(stats.skew(x)) < 1e-14
    ):  # SciPy's skewtest takes y = 1 where the skewness is exactly 0: left out here
        k = stats.kurtosistest(x).statistic ** 2
        p = stats.chi2.sf(k, 2)
    return k, p


cases = one_sample_cases()
rng = np.random.default_rng(12)
cases += [(f"normal, {n}", rounded(rng.normal(size=n))) for n in (6, 7, 8, 10, 11, 13, 45, 250)]
cases += [(f"uniform, {n}", rounded(rng.uniform(size=n))) for n in (16, 60)]
# Past its table of sample sizes Lilliefors' critical values are asymptotic; a regular sample needs no digits.
cases += [("grid, 2000", np.arange(2000.0) ** 2)]
out = []
for name, x in cases:
    w, w_p = run(stats.shapiro, x, 3)
    a, a_p = run(normal_ad, x, 8)
    d, d_p = run(lilliefors, x, 4)
    k, k_p = run(normaltest, x, 8)
    out.append(
        {"name": name, "x": x, "shapiro_wilk": w, "shapiro_wilk_p": w_p, "anderson_darling": a}
        | {
            "anderson_darling_p": a_p,
            "lilliefors": d,
            "lilliefors_p": d_p,
            "dagostino_k2": k,
            "dagostino_k2_p": k_p,
        }
    )
write(__file__, out)
