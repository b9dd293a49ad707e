"""Reference values for src/stats/autocorrelation.rs. Run: python autocorrelation.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, statsmodels 0.15.0 (durbin_watson). The exact p-value is in no
package: the ratio of independent normal values is a ratio of quadratic forms with the eigenvalues 2 - 2 cos(pi k / n),
whose distribution function is Imhof's integral (1961, Biometrika 48, 419-426, equation 3.2), written out below.
"""

import numpy as np
from reference import is_constant, one_sample_cases, rounded, write
from scipy import integrate, stats
from statsmodels.stats.stattools import durbin_watson


def p_beta(ratio, n):
    p = ((n * n - 1) / (n - 2) - 1) / 2
    return stats.beta.cdf(ratio / 4, p, p)


def p_exact(ratio, n):
    weights = 2 - 2 * np.cos(np.pi * np.arange(1, n) / n) - ratio

    def integrand(t):  # u = t / (1 - t) maps the half-line onto the unit interval
        u = t / (1 - t)
        angle = 0.5 * np.sum(np.arctan(weights * u))
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** 0.25)) / (1 - t) ** 2

    return 0.5 - integrate.quad(integrand, 0, 1, limit=2000, epsabs=1e-11, epsrel=1e-9)[0] / np.pi


def autoregressive(rng, n, rho):
    x = [rng.normal()]
    for _ in range(n - 1):
        x.append(rho * x[-1] + np.sqrt(1 - rho * rho) * rng.normal())
    return rounded(np.array(x))


cases = one_sample_cases()
rng = np.random.default_rng(51)
for rho in (-0.5, 0.0, 0.3, 0.6, 0.9):
    cases += [(f"rho {rho}, {n}", autoregressive(rng, n, rho)) for n in (6, 7, 10, 15, 30, 100)]
out = []
for name, x in cases:
    n = len(x)
    defined = n >= 6 and not is_constant(x)
    ratio = durbin_watson(x - x.mean()) if defined else None
    out.append(
        {"name": name, "x": x, "ratio": ratio}
        | {"p_beta": p_beta(ratio, n) if defined else None, "p_exact": p_exact(ratio, n) if defined else None}
    )
write(__file__, out)
