"""Scaled features by scikit-learn 1.9.1: reference_scale.py > reference_scale.json."""

import json

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

generator = np.random.default_rng(0)


def features(rows):
    return np.column_stack(
        [
            generator.standard_normal(rows) * 3 + 5,
            np.full(rows, 0.1),  # constant, with a mean that rounding moves off 0.1
            np.full(rows, 1e9),
            1e6 + 1e-3 * generator.standard_normal(rows),  # large mean, small deviation
            generator.integers(0, 2, rows),
            1e-8 * generator.standard_normal(rows),
        ]
    )


train, test = features(30), features(7)
standard, min_max = StandardScaler().fit(train), MinMaxScaler().fit(train)
print(
    json.dumps(
        {
            "train": train.tolist(),
            "test": test.tolist(),
            "standard_train": standard.transform(train).tolist(),
            "standard_test": standard.transform(test).tolist(),
            "min_max_train": min_max.transform(train).tolist(),
            "min_max_test": min_max.transform(test).tolist(),
        }
    )
)
