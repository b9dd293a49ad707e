"""Principal components by scikit-learn 1.9.1, for the tests of `src/task/decomposition/pca.rs`.

Run with the environment of `python_adapters/scikit-learn`; writes `pca.json` beside itself.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA

random = np.random.default_rng(9)
rotation, _ = np.linalg.qr(random.normal(size=(6, 6)))
turned = random.normal(size=(80, 6))
turned -= turned.mean(axis=0)
# Two pairs of equal variances.
turned = np.linalg.svd(turned, full_matrices=False)[0] * [3.0, 3.0, 2.0, 1.0, 1.0, 0.1] @ rotation
data = {
    "iris": load_iris().data,
    "wine": load_wine().data,
    "digits": load_digits().data[:150],
    "equal pairs": turned.round(14) + 4.0,
    "wide": random.normal(size=(6, 20)).round(6),
    "rank 2": (random.normal(size=(30, 2)).round(4) @ random.normal(size=(2, 5)).round(4)),
    "far away": (random.normal(size=(60, 3)) * [1.0, 2.0, 3.0]).round(6) + 1e6,
}
cases = []
for name, x in data.items():
    for k in sorted({1, 2, 4, min(x.shape) if name != "digits" else 8}):
        if k > min(x.shape):
            continue
        for solver in ("full", "covariance_eigh", "arpack"):
            if solver == "arpack" and k == min(x.shape):
                continue
            fitted = PCA(k, svd_solver=solver, random_state=3).fit(x)
            cases.append(
                {
                    "data": name,
                    "k": k,
                    "solver": solver,
                    "components": [[float(f"{v:.16g}") for v in row] for row in fitted.components_],
                    "variance": fitted.explained_variance_.tolist(),
                    "mean": fitted.mean_.tolist(),
                }
            )
content = {"data": {name: x.tolist() for name, x in data.items()}, "cases": cases}
Path(__file__).with_suffix(".json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
