"""Reference values for src/stats/autocorrelation.rs (`lag_one`). Run: python lag_one.py

Made with Python 3.11.7, NumPy 2.4.6, statsmodels 0.15.0.
"""

import math

import numpy as np
from reference import is_constant, one_sample_cases, rounded, write
from statsmodels.tsa.stattools import acf

rng = np.random.default_rng(61)
walk = ("random walk, 40", rounded(np.cumsum(rng.normal(size=40))))
alternating = ("alternating, 9", np.array([1.0, -1.0] * 4 + [1.0]))
cases = []
for name, values in [*one_sample_cases(), walk, alternating]:
    defined = len(values) > 1 and not is_constant(values)
    lag_one = acf(values, nlags=1, fft=False)[1] if defined else math.nan
    cases.append({"name": name, "values": values, "lag_one": lag_one})
write(__file__, cases)
