"""Trees of scikit-learn 1.9.1 and trees with planted faults, for the tests of `src/task/tree/certificate.rs`.

Run with the environment of `python_adapters/scikit-learn`; writes `trees.json` beside itself.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

random = np.random.default_rng(5)
iris, wine, digits, diabetes = load_iris(), load_wine(), load_digits(), load_diabetes()
some = random.permutation(len(digits.target))[:250]
noise = random.normal(size=(200, 4)).round(6)
data = {
    "iris": (iris.data, iris.target),
    "wine": (wine.data, wine.target),
    # Whole numbers from 0 to 16: nearly every value is tied.
    "digits": (digits.data[some], digits.target[some]),
    "noise": (noise, (noise[:, 0] + random.normal(size=200) > 0).astype(int)),
    # No split takes anything from the root.
    "xor": (np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])),
    "same rows": (np.array([[1.0], [1.0], [2.0]]), np.array([0, 1, 1])),
}
numbers = {
    "diabetes": (diabetes.data.round(5)[:200], diabetes.target[:200]),
    "steps": (np.arange(40.0)[:, None], np.repeat([1e6, 1e6 + 1, 1e6 + 3, 1e6], 10)),
}


def arrays(tree):
    """The tree as benchrun's tensors."""
    t = tree.tree_
    leaf = t.children_left < 0
    value = t.value[:, 0, 0] if t.n_classes[0] == 1 else t.value[:, 0, :].argmax(axis=1)
    return {
        "feature": np.where(leaf, -1, t.feature).tolist(),
        "threshold": np.where(leaf, 0.0, t.threshold).tolist(),
        "below": t.children_left.tolist(),
        "above": t.children_right.tolist(),
        "value": np.where(leaf, value, 0).tolist(),
    }


cases = []


def add(kind, name, asked, tree, right):
    cases.append({"kind": kind, "data": name, "asked": asked, "right": right, **arrays(tree)})


for kind, sets, Tree, Extra in (
    ("classes", data, DecisionTreeClassifier, ExtraTreeClassifier),
    ("numbers", numbers, DecisionTreeRegressor, ExtraTreeRegressor),
):
    for name, (x, y) in sets.items():
        rules = [{}, {"max_depth": 2}, {"min_samples_leaf": 4}, {"min_samples_split": 9}]
        rules += [{"criterion": "entropy"}] if kind == "classes" else []
        for asked in rules:
            for seed in (0, 1):
                tree = Tree(random_state=seed, **asked).fit(x, y)
                add(kind, name, asked, tree, True)
        if len(y) < 10 or name == "steps":
            continue
        # Planted faults: what was asked is `{}` but for the depth.
        half = random.permutation(len(y))[: int(0.8 * len(y))]
        for fault in (
            Tree(max_depth=2, random_state=0).fit(x, y),
            Tree(min_samples_leaf=4, random_state=0).fit(x, y),
            Tree(random_state=0).fit(x[half], y[half]),
            Tree(random_state=0).fit(2 * x + 1, y),
            Tree(random_state=0, max_features=1).fit(x, y),
            Extra(random_state=0).fit(x, y),
            Tree(random_state=0).fit(x, random.permutation(y)),
        ):
            add(kind, name, {}, fault, False)
        add(kind, name, {"max_depth": 2}, Tree(max_depth=3, random_state=0).fit(x, y), False)

content = {
    "data": {
        name: {"x": x.tolist(), "y": y.tolist()} for sets in (data, numbers) for name, (x, y) in sets.items()
    },
    "trees": cases,
}
Path(__file__).with_suffix(".json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
