"""Support vector machines by scikit-learn 1.9.1, for the tests of `src/task/svm/` and of the backends.

Run with the environment of `python_adapters/scikit-learn`; writes `support_vectors.json` beside itself.
Each case is fitted at a loose tolerance, at one as tight as the solver goes, and at that one on shuffled rows.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC

random = np.random.default_rng(17)
ROWS, FEATURES, TEST = 60, 4, 12
TOLERANCES = (1e-3, 1e-10, 1e-10)
x = random.normal(size=(ROWS + TEST, FEATURES)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 3.0, -1.0, 0.0]
signal = x @ [1.0, -0.5, 1.0, 0.0] + 1.5 + 0.4 * x[:, 3] ** 2
two = (signal + 0.6 * random.normal(size=ROWS + TEST) > np.median(signal)).astype(int)
three = np.digitize(signal + 0.4 * random.normal(size=ROWS + TEST), np.quantile(signal, [0.3, 0.6]))
numbers = signal + 0.3 * random.normal(size=ROWS + TEST)
train, test = x[:ROWS], x[ROWS:]


def digits(values):
    """Numbers that read back as themselves, as nested lists."""
    return np.asarray(values, dtype=float).tolist()


def kernel_machine(estimator, y, order):
    """Dual coefficients [pairs, rows] for the second class, intercepts, decision values [test, pairs], labels."""
    estimator.fit(train[order], y[order])
    support = order[estimator.support_]
    if estimator.__class__ is SVR:
        dual = np.zeros((1, ROWS))
        dual[0, support] = estimator.dual_coef_[0]
        return dual, estimator.intercept_, estimator.predict(test)[:, None], None
    classes = estimator.classes_.size
    pairs = list(combinations(range(classes), 2))
    dual = np.zeros((len(pairs), ROWS))
    labels = y[support]
    sign = 1.0 if classes == 2 else -1.0
    for row, (i, j) in enumerate(pairs):
        for label, other in ((i, j - 1), (j, i)):
            chosen = labels == label
            line = 0 if classes == 2 else other
            dual[row, support[chosen]] = sign * estimator.dual_coef_[line, chosen]
    decision = estimator.decision_function(test).reshape(TEST, -1)
    return dual, sign * estimator.intercept_, sign * decision, estimator.predict(test)


kernels = [
    {"kernel": "linear", "gamma": "scale", "degree": 3, "coef0": 0.0},
    {"kernel": "rbf", "gamma": "scale", "degree": 3, "coef0": 0.0},
    {"kernel": "rbf", "gamma": 0.7, "degree": 3, "coef0": 0.0},
    {"kernel": "poly", "gamma": "auto", "degree": 2, "coef0": 0.5},
]
cases = []


def add(algorithm, target, parameters, estimators):
    case = {"algorithm": algorithm, "target": target, "hyperparameters": parameters}
    y = {"two": two, "three": three, "numbers": numbers}[target][:ROWS]
    for name, estimator in zip(("loose", "tight", "shuffled"), estimators, strict=True):
        order = random.permutation(ROWS) if name == "shuffled" else np.arange(ROWS)
        dual, intercept, decision, predictions = kernel_machine(estimator, y, order)
        case[name] = {
            "dual": digits(dual),
            "intercept": digits(intercept),
            "decision": digits(decision),
            "predictions": None if predictions is None else predictions.tolist(),
        }
    cases.append(case)


for target in ("two", "three"):
    for kernel in kernels:
        for cost in (0.1, 5.0):
            add(
                "svc",
                target,
                {"C": cost, **kernel},
                [SVC(C=cost, tol=tol, decision_function_shape="ovo", **kernel) for tol in TOLERANCES],
            )
    for kernel in kernels[:3]:
        add(
            "nu_svc",
            target,
            {"nu": 0.35, **kernel},
            [NuSVC(nu=0.35, tol=tol, decision_function_shape="ovo", **kernel) for tol in TOLERANCES],
        )
for kernel in kernels:
    add(
        "svr",
        "numbers",
        {"C": 2.0, "epsilon": 0.2, **kernel},
        [SVR(C=2.0, epsilon=0.2, tol=tol, **kernel) for tol in TOLERANCES],
    )

for loss in ("hinge", "squared_hinge"):
    for cost in (0.1, 10.0):
        for fit_intercept in (True, False):
            case = {
                "algorithm": "linear_svc",
                "target": "two",
                "hyperparameters": {"C": cost, "loss": loss, "fit_intercept": fit_intercept},
            }
            for name, tol in (("loose", 1e-2), ("tight", 1e-9), ("shuffled", 1e-9)):
                order = random.permutation(ROWS) if name == "shuffled" else np.arange(ROWS)
                estimator = LinearSVC(
                    C=cost,
                    loss=loss,
                    fit_intercept=fit_intercept,
                    tol=tol,
                    max_iter=1_000_000,
                    dual=True,
                    random_state=0,
                ).fit(train[order], two[order])
                case[name] = {
                    "coefficients": digits(estimator.coef_),
                    "intercept": digits(np.reshape(estimator.intercept_, -1)),
                    "decision": digits(estimator.decision_function(test).reshape(TEST, -1)),
                    "predictions": estimator.predict(test).tolist(),
                }
            cases.append(case)

content = {
    "train": digits(train),
    "test": digits(test),
    "two": two[:ROWS].tolist(),
    "three": three[:ROWS].tolist(),
    "numbers": digits(numbers[:ROWS]),
    "variance": float(train.var()),
}
lines = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
head = json.dumps(content, allow_nan=False)[1:-1]
Path(__file__).with_suffix(".json").write_text(f'{{{head},\n"cases": [\n{lines}\n]}}\n')
