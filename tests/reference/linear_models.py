"""Converged penalised least squares by scikit-learn 1.9.1, for the tests of `src/task/regression/linear.rs`.

Run with the environment of `python_adapters/scikit-learn`; writes `linear_models.json` beside itself.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

random = np.random.default_rng(7)
ROWS, FEATURES = 40, 5
x = random.normal(size=(ROWS, FEATURES)) * [1.0, 5.0, 0.2, 1.0, 3.0] + [0.0, 10.0, -3.0, 1.0, 0.5]
x[:, 4] = 0.9 * x[:, 0] + 0.1 * x[:, 4]
y = x @ [1.0, -0.5, 2.0, 0.0, 0.3] + 4.0 + random.normal(size=ROWS)

tight = {"tol": 1e-15, "max_iter": 1_000_000}
cases = []
for fit_intercept in (True, False):
    for algorithm, parameters, estimator in [
        ("ols", {}, LinearRegression(fit_intercept=fit_intercept)),
        ("ridge", {"alpha": 3.0}, Ridge(alpha=3.0, fit_intercept=fit_intercept, solver="svd")),
        ("lasso", {"alpha": 0.2}, Lasso(alpha=0.2, fit_intercept=fit_intercept, **tight)),
        (
            "elastic_net",
            {"alpha": 0.3, "l1_ratio": 0.4},
            ElasticNet(alpha=0.3, l1_ratio=0.4, fit_intercept=fit_intercept, **tight),
        ),
    ]:
        estimator.fit(x, y)
        cases.append(
            {
                "algorithm": algorithm,
                "hyperparameters": {**parameters, "fit_intercept": fit_intercept},
                "coefficients": estimator.coef_.tolist(),
                "intercept": float(estimator.intercept_),
            }
        )
content = {"x": x.tolist(), "y": y.tolist(), "cases": cases}
Path(__file__).with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
