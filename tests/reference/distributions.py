"""Reference values for src/stats/distribution.rs, noncentral_t.rs and power.rs. Run: python distributions.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, statsmodels 0.15.0, mpmath 1.4.1. SciPy's noncentral t is NaN in
far tails; those values come from mpmath's quadrature of P(T <= t) = E[Phi(t sqrt(X/df) - delta)], X chi-square.
"""

import mpmath
import numpy as np
from reference import write
from scipy import optimize, stats
from statsmodels.stats.power import TTestIndPower, TTestPower

mpmath.mp.dps = 30


def noncentral_t(t, df, delta):
    value = stats.nct.cdf(t, df, delta)
    if not np.isnan(value):
        return value

    def integrand(s):  # s = sqrt(X / df), whose density is 2 s df f_chi2(s^2 df)
        log_density = (
            (df - 1) * mpmath.log(s) - df * s * s / 2 + df / 2 * mpmath.log(df) - (df / 2 - 1) * mpmath.log(2)
        )
        return mpmath.ncdf(t * s - delta) * mpmath.exp(log_density - mpmath.loggamma(mpmath.mpf(df) / 2))

    return float(mpmath.quad(integrand, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10]))


def power(delta, df, alpha):
    """statsmodels' formula, which gives NaN where SciPy's far tail is NaN: it is below 1e-19 and left out here."""
    critical = stats.t.isf(alpha / 2, df)
    return stats.nct.sf(critical, df, delta) + np.nan_to_num(stats.nct.cdf(-critical, df, delta))


def paired_power(effect, n, alpha):
    value = TTestPower().power(effect, n, alpha)
    return value if np.isfinite(value) else power(effect * np.sqrt(n), n - 1, alpha)


def two_sample_power(effect, n, n2, alpha):
    value = TTestIndPower().power(effect, n, alpha, ratio=n2 / n)
    return value if np.isfinite(value) else power(effect * np.sqrt(n * n2 / (n + n2)), n + n2 - 2, alpha)


def detectable(df, alpha, n):
    """The effect with power 0.8: statsmodels' own solver stops at 1e-6, so its power is inverted with brentq."""
    high = 1.4 * stats.t.isf(alpha / 2, df) + 3
    return optimize.brentq(lambda d: power(d, df, alpha) - 0.8, 0, high, xtol=1e-13, rtol=1e-14) / np.sqrt(n)


cases = []
for df in (1, 2, 3, 9.5, 30, 400, 20000):
    for t in (0, 1e-6, 0.5, 1, 2.5, 8, 60):
        cases.append({"name": "t", "df": df, "x": t, "value": 2 * stats.t.sf(t, df)})
    for alpha in (0.9, 0.32, 0.05, 0.01, 5e-5, 1e-8):
        cases.append({"name": "t critical", "df": df, "x": alpha, "value": stats.t.isf(alpha / 2, df)})
for x in (-38, -12, -5.5, -1, -1e-9, 0, 0.3, 2, 7):
    cases.append({"name": "normal", "x": x, "value": stats.norm.cdf(x)})
for p in (1e-300, 1e-20, 1e-6, 0.025, 0.3, 0.5, 0.9, 0.999999):
    cases.append({"name": "normal quantile", "x": p, "value": stats.norm.ppf(p)})
for df in (1, 2, 7, 60):
    for x in (0, 0.01, 1, 5, 40, 200):
        cases.append({"name": "chi-square", "df": df, "x": x, "value": stats.chi2.sf(x, df)})
        cases.append({"name": "F", "df": df, "df2": 12, "x": x, "value": stats.f.sf(x, df, 12)})
for df in (1, 2, 5, 9, 29.7, 200, 5000):
    for delta in (-45, -8, -2, -0.1, 0, 1e-5, 0.7, 3, 12, 45):
        for t in (-30, -2.2, 0, 0.4, 2, 5, 12, 50):
            value = noncentral_t(t, df, delta)
            cases.append({"name": "noncentral t", "df": df, "delta": delta, "x": t, "value": value})
for n, n2 in ((2, 2), (3, 5), (10, 15), (100, 100)):
    for alpha in (0.05, 0.001):
        for effect in (0.1, 0.8, 2.0):
            case = {"n": n, "n2": n2, "alpha": alpha, "effect": effect}
            cases.append({"name": "paired power"} | case | {"value": paired_power(effect, n, alpha)})
            cases.append(
                {"name": "two-sample power"} | case | {"value": two_sample_power(effect, n, n2, alpha)}
            )
        case = {"n": n, "n2": n2, "alpha": alpha, "power": 0.8}
        cases.append({"name": "paired detectable"} | case | {"value": detectable(n - 1, alpha, n)})
        cases.append(
            {"name": "two-sample detectable"}
            | case
            | {"value": detectable(n + n2 - 2, alpha, n * n2 / (n + n2))}
        )
for alpha in (0.05, 0.001):
    for effect in (0.1, 0.5, 1.5, 5.0):
        case = {"alpha": alpha, "effect": effect, "power": 0.9}
        n = next(n for n in range(2, 10_000) if paired_power(effect, n, alpha) >= 0.9)
        cases.append({"name": "paired needed"} | case | {"value": n})
        n = next(n for n in range(2, 10_000) if two_sample_power(effect, n, n, alpha) >= 0.9)
        cases.append({"name": "two-sample needed"} | case | {"value": n})
for k in (2, 3, 5, 20, 100):
    for q in (0, 0.2, 1.5, 3.3, 4.7, 9):
        cases.append(
            {"name": "studentized range", "k": k, "x": q, "value": stats.studentized_range.sf(q, k, np.inf)}
        )
write(__file__, cases)
