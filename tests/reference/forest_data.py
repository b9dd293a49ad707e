"""The rows of `forests.py`'s sets and which of them it tests on, so that the forests of other implementations can be held against
`forests.json`.

Run with the environment of `python_adapters/scikit-learn`; writes `forest_data.json` beside itself. Digits are left out: a
smaller file.
"""

import numpy as np
from reference import write
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import train_test_split


def rows(name, load, classes):
    data = load()
    stratify = data.target if classes else None
    numbers = np.arange(len(data.target))
    _, test = train_test_split(numbers, test_size=0.2, random_state=42, stratify=stratify)
    return {"name": name, "x": data.data.tolist(), "y": data.target.tolist(), "test": test.tolist()}


write(
    __file__,
    [
        rows("breast_cancer", load_breast_cancer, True),
        rows("iris", load_iris, True),
        rows("diabetes", load_diabetes, False),
    ],
)
