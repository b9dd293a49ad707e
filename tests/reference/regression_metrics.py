"""Reference values for src/task/regression/metrics.rs.

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1, scikit-learn 1.9.1. Run: python regression_metrics.py
Writes regression_metrics.json beside itself; null stands for a value that the libraries leave undefined.
"""

import warnings

import numpy as np
from reference import write
from scipy import stats
from sklearn import metrics

warnings.filterwarnings("ignore")  # the undefined cases are the point


def score(y, p):
    e = y - p
    return {
        "mse": metrics.mean_squared_error(y, p),
        "rmse": metrics.root_mean_squared_error(y, p),
        "mae": metrics.mean_absolute_error(y, p),
        # Without force_finite a constant target gives NaN or -inf: written as null, an error in Rust.
        "r2": metrics.r2_score(y, p, force_finite=False),
        "mape": metrics.mean_absolute_percentage_error(y, p),
        # A single row has no variance to explain; scikit-learn gives NaN for it too.
        "explained_variance": metrics.explained_variance_score(y, p, force_finite=False),
        "max_error": metrics.max_error(y, p),
        "residual_std": np.std(e, ddof=1),
        "residual_skewness": stats.skew(e),
        "residual_kurtosis": stats.kurtosis(e),
    }


rng = np.random.default_rng(1)
normal = rng.normal(3.0, 2.0, 30)
skewed = rng.lognormal(0.0, 1.2, 30)
tied = rng.integers(0, 4, 30).astype(float)
cases = {
    "normal": (normal, normal + rng.normal(0.0, 0.5, 30)),
    "skewed": (skewed, skewed * rng.lognormal(0.0, 0.3, 30)),
    "tied, zeros among the targets": (tied, np.round(tied + rng.normal(0.0, 0.7, 30))),
    "worse than the mean": (normal, -normal),
    "large offset": (normal + 1e6, normal + 1e6 + rng.normal(0.0, 1.0, 30)),
    "one row": (np.array([2.5]), np.array([2.0])),
    "two rows": (np.array([1.0, 4.0]), np.array([1.5, 3.0])),
    "two rows, equal residuals": (np.array([1.0, 4.0]), np.array([1.5, 4.5])),
    "constant target": (np.full(5, 0.1), np.array([0.1, 0.2, 0.0, 0.1, 0.3])),
    "constant prediction": (normal, np.full(30, 3.0)),
    "perfect": (normal, normal.copy()),
    "perfect and constant": (np.full(3, 7.0), np.full(3, 7.0)),
}
out = [{"name": name, "y_true": y, "y_pred": p, "values": score(y, p)} for name, (y, p) in cases.items()]
write(__file__, out)
