"""Reference values for src/task/classification/metrics/.

Made with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1. Run: python classification_metrics.py
Writes classification_metrics.json beside itself; null stands for a value that scikit-learn leaves undefined or replaces by a
convention, with a warning: an error in Rust.
"""

import warnings

import numpy as np
from reference import write
from sklearn import metrics


def value(function, *arguments, **options):
    """The value, or NaN where scikit-learn warns that it is none."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = function(*arguments, **options)
    undefined = any(issubclass(w.category, metrics._classification.UndefinedMetricWarning) for w in warned)
    return np.nan if undefined else found


def conventional(function, *arguments, **options):
    """The value with scikit-learn's defaults for classes without a value of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def curve(function, truth, scores, classes):
    """A binary metric of each class against the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = [function((truth == c).astype(int), scores[:, c]) for c in range(classes)]
    # Without a row of the class scikit-learn's average precision is 0 by convention, its ROC area NaN.
    return np.array([e if np.any(truth == c) else np.nan for c, e in enumerate(each)])


def score(truth, predictions, classes, scores, probabilities):
    out = {
        "accuracy": metrics.accuracy_score(truth, predictions),
        "balanced_accuracy": conventional(metrics.balanced_accuracy_score, truth, predictions),
    }
    scorers = {
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "f1": metrics.f1_score,
    }
    for name, function in scorers.items():
        if classes == 2:
            out[name] = value(function, truth, predictions)
        for average in ("macro", "micro", "weighted"):
            out[f"{name}_{average}"] = conventional(function, truth, predictions, average=average)
    constant = len(set(truth)) == 1 or len(set(predictions)) == 1
    out["matthews"] = np.nan if constant else metrics.matthews_corrcoef(truth, predictions)
    ranked = scores if scores is not None else probabilities
    if classes == 2:
        column = None if ranked is None else ranked[:, -1]
        out["roc_auc"] = np.nan if ranked is None else value(metrics.roc_auc_score, truth, column)
        # Without a row of class 1 scikit-learn warns and says 0.
        known = ranked is not None and np.any(truth == 1)
        out["average_precision"] = metrics.average_precision_score(truth, column) if known else np.nan
    else:
        roc = np.full(classes, np.nan)
        precision = np.full(classes, np.nan)
        if ranked is not None:
            roc = curve(metrics.roc_auc_score, truth, ranked, classes)
            precision = curve(metrics.average_precision_score, truth, ranked, classes)
        weights = np.bincount(truth, minlength=classes)
        out["roc_auc_ovr_macro"] = np.mean(roc)
        out["roc_auc_ovr_weighted"] = np.average(roc, weights=weights)
        out["average_precision_macro"] = np.mean(precision)
        if probabilities is not None and scores is None and not np.isnan(roc).any():
            own = metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
            assert abs(own - out["roc_auc_ovr_macro"]) < 1e-15
            own = metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average="weighted")
            assert abs(own - out["roc_auc_ovr_weighted"]) < 1e-15
    out["log_loss"] = (
        np.nan
        if probabilities is None
        else metrics.log_loss(truth, y_proba=probabilities, labels=list(range(classes)))
    )
    return out


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.round(e / e.sum(axis=1, keepdims=True), 15)


rng = np.random.default_rng(5)
cases = []


def add(name, classes, truth, predictions, scores=None, probabilities=None):
    truth, predictions = np.asarray(truth, dtype=int), np.asarray(predictions, dtype=int)
    cases.append(
        {
            "name": name,
            "classes": classes,
            "truth": truth,
            "predictions": predictions,
            "scores": scores,
            "probabilities": probabilities,
            "confusion": metrics.confusion_matrix(truth, predictions, labels=range(classes)),
            "values": score(truth, predictions, classes, scores, probabilities),
        }
    )


def binary(name, truth, margin):
    """Decision values in one case, probabilities from them in another."""
    truth, margin = np.asarray(truth), np.round(np.asarray(margin, dtype=float), 6)
    predictions = (margin > 0).astype(int)
    p = 1 / (1 + np.exp(-margin))
    add(f"{name}, decision values", 2, truth, predictions, scores=margin[:, None])
    add(f"{name}, probabilities", 2, truth, predictions, probabilities=np.column_stack([1 - p, p]))


truth = rng.integers(0, 2, 40)
binary("binary", truth, truth - 0.5 + rng.normal(0.0, 0.8, 40))
binary("binary, ties", truth, np.round(truth - 0.5 + rng.normal(0.0, 1.2, 40)))
rare = (rng.random(60) < 0.08).astype(int)
binary("binary, rare class", rare, rare * 1.5 - 1.0 + rng.normal(0.0, 1.0, 60))
binary("binary, perfect", truth, 2.0 * truth - 1.0)
binary("binary, inverted", truth, 1.0 - 2.0 * truth)
binary("binary, constant prediction of 0", truth, np.full(40, -0.3))
binary("binary, constant prediction of 1", truth, np.full(40, 0.3))
binary("binary, only class 0, sometimes predicted 1", np.zeros(8, int), [-1, 1, -2, 3, -1, -1, 0.5, -4])
binary("binary, only class 0, all right", np.zeros(5, int), [-1, -2, -3, -1, -4])
binary("binary, only class 1, all right", np.ones(5, int), [1, 2, 3, 1, 4])
binary("binary, one row right", [1], [0.7])
binary("binary, one row wrong", [0], [0.7])
binary("binary, zero and minus zero", [1, 0, 1, 0], [0.0, -0.0, 1.0, -1.0])
binary("binary, certain and wrong", [1, 0, 1], [-50.0, 50.0, 50.0])
add("binary, labels alone", 2, [0, 1, 1, 0, 1], [0, 1, 0, 0, 1])


def several(name, classes, truth, z):
    truth = np.asarray(truth)
    z = np.round(z, 6)
    predictions = np.argmax(z, axis=1)
    add(f"{name}, scores", classes, truth, predictions, scores=z)
    add(f"{name}, probabilities", classes, truth, predictions, probabilities=softmax(z))


truth = rng.integers(0, 4, 50)
several("four classes", 4, truth, np.eye(4)[truth] + rng.normal(0.0, 0.6, (50, 4)))
several("four classes, ties", 4, truth, np.round(2 * np.eye(4)[truth] + rng.normal(0.0, 1.0, (50, 4))))
several("four classes, perfect", 4, truth, 3 * np.eye(4)[truth])
several("four classes, constant prediction", 4, truth, np.tile([0.1, 0.5, 0.2, 0.2], (50, 1)))
several(
    "one class absent from truth", 4, truth[truth != 2], rng.normal(0.0, 1.0, (int((truth != 2).sum()), 4))
)
z = np.eye(4)[truth] + rng.normal(0.0, 0.6, (50, 4))
z[:, 3] -= 100.0
several("one class never predicted", 4, truth, z)
z = rng.normal(0.0, 1.0, (int((truth != 3).sum()), 4))
z[:, 3] -= 100.0
several("one class absent from both", 4, truth[truth != 3], z)
several("only one class in truth", 3, np.ones(6, int), rng.normal(0.0, 1.0, (6, 3)))
several("one row", 3, [2], np.array([[0.1, 0.2, 0.7]]))
skewed = rng.choice(5, 60, p=[0.6, 0.2, 0.1, 0.06, 0.04])
skewed[:5] = range(5)
several("five classes, skewed", 5, skewed, 1.5 * np.eye(5)[skewed] + rng.normal(0.0, 1.0, (60, 5)))
add("three classes, labels alone", 3, [0, 1, 2, 2, 1], [0, 2, 2, 1, 1])
write(__file__, cases)
