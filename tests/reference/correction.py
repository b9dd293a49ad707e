"""Reference values for src/stats/correction.rs. Run: python correction.py

Made with Python 3.11.7, NumPy 2.4.6, statsmodels 0.15.0.
"""

import numpy as np
from reference import rounded, write
from statsmodels.stats.multitest import multipletests

METHODS = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "benjamini_hochberg": "fdr_bh",
    "benjamini_yekutieli": "fdr_by",
}
rng = np.random.default_rng(41)
samples = {
    "uniform, 20": rounded(rng.uniform(size=20)),
    "some small, 15": rounded(rng.uniform(size=15) ** 4),
    "tied": np.array([0.01, 0.04, 0.04, 0.2, 0.01, 1.0]),
    "bounds": np.array([0.0, 1.0, 1e-300, 0.5]),
    "one": np.array([0.03]),
    "two": np.array([0.03, 0.02]),
    "equal": np.full(4, 0.2),
}
write(
    __file__,
    [
        {"name": name, "p": p} | {key: multipletests(p, method=method)[1] for key, method in METHODS.items()}
        for name, p in samples.items()
    ],
)
