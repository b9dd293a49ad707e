"""Sizes of splits by scikit-learn 1.9.1: reference_split.py > reference_split.json."""

import json

from sklearn.model_selection import train_test_split

cases = []
for rows in (2, 3, 10, 99, 100, 150, 442, 20640):
    for fraction in (0.07, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5):
        train, test = train_test_split(range(rows), test_size=fraction, random_state=0)
        cases.append((rows, fraction, len(train), len(test)))
print(json.dumps(cases))
