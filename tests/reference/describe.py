"""Reference values for src/stats/describe.rs and outlier.rs. Run: python describe.py

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1. The fences and the modified z-score are written out in NumPy.
"""

import numpy as np
from reference import one_sample_cases, write
from scipy import stats


def describe(name, x):
    q1, q3 = np.quantile(x, [0.25, 0.75])
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    mad = stats.median_abs_deviation(x)
    return {
        "name": name,
        "x": x,
        "mean": x.mean(),
        "standard_deviation": x.std(ddof=1) if len(x) > 1 else None,
        "median": np.median(x),
        "trimmed_mean_10": stats.trim_mean(x, 0.1),
        "trimmed_mean_25": stats.trim_mean(x, 0.25),
        "geometric_mean": stats.gmean(x) if (x > 0).all() else None,
        "quantile_2.5": np.quantile(x, 0.025),
        "quantile_60": np.quantile(x, 0.6),
        "quantile_100": np.quantile(x, 1.0),
        "interquartile_range": stats.iqr(x),
        "median_absolute_deviation": mad,
        "fence_low": low,
        "fence_high": high,
        "outside": np.flatnonzero((x < low) | (x > high)),
        "modified_z_scores": 0.6745 * (x - np.median(x)) / mad if mad > 0 else None,
    }


write(__file__, [describe(name, x) for name, x in one_sample_cases()])
