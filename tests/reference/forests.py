"""Random forests of scikit-learn 1.9.1 over seeds, and forests with planted faults, for the tests of
`src/task/tree/forest.rs`.

Run with the environment of `python_adapters/scikit-learn`; writes `forests.json` beside itself. Of every forest it keeps what
the contract looks at: trees, the sum of their leaves and of its squares, the deepest tree, the training score and the quality on the
test rows. Test rows are a fifth; the reference is also fitted on rows in another order.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import train_test_split

SEEDS = 12
CASES = {
    "breast_cancer": (load_breast_cancer, RandomForestClassifier, ExtraTreesClassifier),
    "digits": (load_digits, RandomForestClassifier, ExtraTreesClassifier),
    "iris": (load_iris, RandomForestClassifier, ExtraTreesClassifier),
    "diabetes": (load_diabetes, RandomForestRegressor, ExtraTreesRegressor),
}


def told(forest, x, y, x_test, y_test):
    """What the contract looks at."""
    trees = forest.estimators_
    leaves = [int(tree.get_n_leaves()) for tree in trees]
    return {
        "trees": len(trees),
        "leaves": sum(leaves),
        "squares": sum(n * n for n in leaves),
        "depth": int(max(tree.get_depth() for tree in trees)),
        "training": forest.score(x, y),
        "quality": forest.score(x_test, y_test),
    }


def runs(name):
    load, Forest, Extra = CASES[name]
    data = load()
    classes = Forest is RandomForestClassifier
    x, x_test, y, y_test = train_test_split(
        data.data,
        data.target,
        test_size=0.2,
        random_state=42,
        stratify=data.target if classes else None,
    )
    order = np.random.default_rng(1).permutation(len(y))
    few = order[: int(0.8 * len(y))]
    fewest = order[: int(0.3 * len(y))]
    kinds = {
        "reference": (Forest, {}, slice(None)),
        "other order": (Forest, {}, order),
        "half the trees": (Forest, {"n_estimators": 50}, slice(None)),
        "another depth": (Forest, {"max_depth": 3}, slice(None)),
        "larger leaves": (Forest, {"min_samples_leaf": 5}, slice(None)),
        "four fifths of the rows": (Forest, {}, few),
        "ten trees": (Forest, {"n_estimators": 10}, slice(None)),
        "ten trees, other order": (Forest, {"n_estimators": 10}, order),
        "another depth, other order": (Forest, {"max_depth": 3}, order),
        "a third of the rows": (Forest, {}, fewest),
        "random thresholds": (Extra, {"bootstrap": True}, slice(None)),
        "no bootstrap": (Forest, {"bootstrap": False}, slice(None)),
        "one feature drawn": (Forest, {"max_features": 1}, slice(None)),
        "all features drawn": (Forest, {"max_features": None if classes else 3}, slice(None)),
    }
    if classes:
        kinds["another criterion"] = (Forest, {"criterion": "entropy"}, slice(None))
    found = {}
    for kind, (Estimator, asked, rows) in kinds.items():
        seeds = range(100, 100 + SEEDS) if "order" in kind else range(SEEDS)
        found[kind] = [
            told(Estimator(random_state=seed, n_jobs=1, **asked).fit(x[rows], y[rows]), x, y, x_test, y_test)
            for seed in seeds
        ]
    constant = np.bincount(y).argmax() if classes else y.mean()
    score = (lambda t: float(np.mean(t == constant))) if classes else (lambda t: 0.0)
    found["a constant"] = [
        {**run, "training": score(y), "quality": score(y_test)} for run in found["reference"]
    ]
    return found


def rounded(value):
    return round(value, 10) if isinstance(value, float) else value


content = {
    name: {
        kind: [{key: rounded(value) for key, value in run.items()} for run in found]
        for kind, found in runs(name).items()
    }
    for name in CASES
}
Path(__file__).with_suffix(".json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
