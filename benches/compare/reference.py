"""What `benchrun compare` computes on one run, as a competent user of pandas and SciPy would: vectorised over all comparisons.

Usage: reference.py RUN_FOLDER OUT.parquet [--no-bootstrap]

It reads only the columns it needs, strings as categories, and treats all comparisons of the run as rows of one array wherever
SciPy takes an axis. Every comparison must have the same number of blocks. Seconds by stage go to standard output as JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import special, stats

ALPHA = 0.05
MARGIN = 0.05
RESAMPLES = 2000
WHOLE = {"start_ns": "start", "load_ns": "load", "peak_rss_bytes": "peak memory"}
PRIMARY = ("fit", "predict@1", "predict@all")
LARGEST_SAMPLE = 1_000_000


def sample_medians(folder):
    """The median time of one call of each trial and phase: the columns `trial`, `phase` and `ns`."""
    table = pq.read_table(
        folder / "samples.parquet",
        columns=["trial", "counted", "phase", "calls", "wall_ns"],
        read_dictionary=["trial", "phase"],
    )
    # The filter comes after reading: pyarrow has none for files that hold views of strings, as Polars writes them.
    samples = table.unify_dictionaries().to_pandas(self_destruct=True)
    if not samples["counted"].all():
        samples = samples[samples["counted"]]
    samples = samples.assign(ns=samples["wall_ns"] / samples["calls"])
    return samples.groupby(["trial", "phase"], observed=True, sort=False)["ns"].median().reset_index()


def paired_values(folder, medians):
    """For each case and quantity that can be compared: its name, and both sides' values, a column for each block."""
    columns = ["trial", "case", "implementation", "block", "counted", "status", *WHOLE]
    trials = pd.read_parquet(folder / "trials.parquet", columns=columns)
    trials = trials[trials["counted"] & (trials["status"] == "ok")]
    parity = pd.read_parquet(folder / "parity.parquet", columns=["case", "kind", "agrees"])
    disputed = parity.loc[(parity["kind"] == "contract") & ~parity["agrees"], "case"].unique()
    trials = trials[~trials["case"].isin(disputed)]
    keys = ["trial", "case", "implementation", "block"]
    whole = trials.melt(keys, list(WHOLE), "phase", "ns")
    whole["phase"] = whole["phase"].map(WHOLE)
    timed = trials[keys].merge(
        medians.astype({"trial": trials["trial"].dtype, "phase": whole["phase"].dtype}), on="trial"
    )
    both = pd.concat([timed, whole], ignore_index=True)
    wide = both.pivot(index=["case", "phase"], columns=["implementation", "block"], values="ns")
    baselines = {
        case["id"]: case["baseline"] for case in json.loads((folder / "manifest.json").read_text())["cases"]
    }
    (baseline,) = set(baselines.values())
    (contender,) = set(wide.columns.get_level_values("implementation")) - {baseline}
    return (
        wide.index,
        wide[contender].sort_index(axis=1).to_numpy(),
        wide[baseline].sort_index(axis=1).to_numpy(),
    )


def compare(index, own, others, bootstrap):
    """One row of results for each comparison; `own` and `others` have a row for each comparison, a column for each block."""
    found = pd.DataFrame(index=index).reset_index()
    primary = found["phase"].isin(PRIMARY).to_numpy()
    alpha_each = np.where(primary, ALPHA / primary.sum(), ALPHA)
    logs = np.log(others / own)
    n = logs.shape[1]
    df = n - 1
    mean, deviation = logs.mean(axis=1), logs.std(axis=1, ddof=1)
    error = deviation / np.sqrt(n)

    found["contender"], found["baseline"] = np.median(own, axis=1), np.median(others, axis=1)
    found["ratio_of_medians"] = found["baseline"] / found["contender"]
    found["ratio"], found["log_standard_deviation"] = np.exp(mean), deviation
    for name, alpha in [("interval", ALPHA), ("simultaneous", alpha_each)]:
        half = stats.t.isf(0.5 * alpha, df) * error
        found[f"{name}_low"], found[f"{name}_high"] = np.exp(mean - half), np.exp(mean + half)
    low, high = found["simultaneous_low"], found["simultaneous_high"]
    equal = (low >= 1 / (1 + MARGIN)) & (high <= 1 + MARGIN)
    # Equal within the margin, faster, slower, no difference shown.
    found["verdict"] = np.select([equal, low > 1, high < 1], [0, 1, 2], 3)

    t = mean / error
    found["t_p"] = stats.ttest_1samp(logs, 0.0, axis=1).pvalue
    family = found["t_p"].to_numpy()[primary]
    found.loc[primary, "holm_p"] = holm(family)
    found.loc[primary, "benjamini_hochberg_p"] = stats.false_discovery_control(family, method="bh")
    found["wilcoxon_p"] = stats.wilcoxon(logs, axis=1).pvalue
    positive, negative = (logs > 0).sum(axis=1), (logs < 0).sum(axis=1)
    fewer = np.minimum(positive, negative)
    found["sign_p"] = np.minimum(1.0, 2.0 * stats.binom.cdf(fewer, positive + negative, 0.5))
    found["shapiro_wilk_p"] = stats.shapiro(logs, axis=1).pvalue
    found["anderson_darling_p"] = anderson_darling(logs, mean, deviation)

    # The noncentralities at which a t as large, or as small, has probability α/2.
    scale = np.sqrt(n)
    found["cohens_d"] = t / scale
    found["cohens_d_low"] = special.nctdtrinc(df, 1 - 0.5 * ALPHA, t) / scale
    found["cohens_d_high"] = special.nctdtrinc(df, 0.5 * ALPHA, t) / scale
    found["cliffs_delta"], found["cliffs_delta_low"], found["cliffs_delta_high"] = cliffs_delta(others, own)
    found["vargha_delaney_a"] = 0.5 * (found["cliffs_delta"] + 1)
    found["power"] = power(t, df, alpha_each)
    found["blocks_for_margin"] = blocks_needed(np.log1p(MARGIN) / deviation, alpha_each, 0.8)
    quartiles = np.quantile(logs, [0.25, 0.75], axis=1)[..., None]
    fence = 1.5 * (quartiles[1] - quartiles[0])
    found["outliers"] = ((logs < quartiles[0] - fence) | (logs > quartiles[1] + fence)).sum(axis=1)
    if bootstrap:
        began = time.perf_counter()
        # Batches keep the resamples of all comparisons at once out of memory.
        result = stats.bootstrap(
            (logs,), np.mean, axis=1, vectorized=True, n_resamples=RESAMPLES, batch=50, method="BCa", rng=0
        )
        found["bootstrap_low"] = np.exp(result.confidence_interval.low)
        found["bootstrap_high"] = np.exp(result.confidence_interval.high)
        return found, time.perf_counter() - began
    return found, 0.0


def holm(p):
    """Holm's correction of the p-values of one family."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def anderson_darling(x, mean, deviation):
    """P-values of normality, mean and deviation estimated (D'Agostino & Stephens 1986, table 4.9)."""
    n = x.shape[1]
    z = np.sort((x - mean[:, None]) / deviation[:, None], axis=1)
    odd = np.arange(1, 2 * n, 2)
    a = -n - (odd / n * (special.log_ndtr(z) + special.log_ndtr(-z[:, ::-1]))).sum(axis=1)
    a *= 1 + 0.75 / n + 2.25 / n**2
    return np.select(
        [a < 0.2, a < 0.34, a < 0.6, a <= 13],
        [
            1 - np.exp(-13.436 + 101.14 * a - 223.73 * a**2),
            1 - np.exp(-8.318 + 42.796 * a - 59.938 * a**2),
            np.exp(0.9177 - 4.279 * a - 1.38 * a**2),
            np.exp(1.2937 - 5.709 * a + 0.0186 * a**2),
        ],
        0.0,
    )


def cliffs_delta(a, b):
    """Cliff's delta of each row, and Feng & Cliff's (2004) interval."""
    na, nb = a.shape[1], b.shape[1]
    signs = np.sign(a[:, :, None] - b[:, None, :])
    delta = signs.mean(axis=(1, 2))
    centred = delta[:, None]
    rows = ((signs.mean(axis=2) - centred) ** 2).sum(axis=1)
    columns = ((signs.mean(axis=1) - centred) ** 2).sum(axis=1)
    cells = ((signs - centred[:, :, None]) ** 2).sum(axis=(1, 2))
    variance = (nb**2 * rows + na**2 * columns - cells) / (na * nb * (na - 1) * (nb - 1))
    variance = np.maximum(variance, (1 - delta**2) / (na * nb - 1))
    t2s2 = stats.t.isf(0.5 * ALPHA, na + nb - 2) ** 2 * variance
    half = np.sqrt(t2s2 * ((1 - delta**2) ** 2 + t2s2))
    with np.errstate(invalid="ignore"):
        low, high = ((delta - delta**3 + side * half) / (1 - delta**2 + t2s2) for side in (-1, 1))
    n, z2 = min(na, nb), stats.norm.isf(0.5 * ALPHA) ** 2
    inner = (n - z2) / (n + z2)
    low = np.select([delta == 1, delta == -1], [inner, -1.0], low)
    high = np.select([delta == 1, delta == -1], [1.0, -inner], high)
    return delta, low, high


def power(noncentrality, df, alpha):
    """The power of two-sided t tests."""
    noncentrality = np.abs(noncentrality)
    critical = stats.t.isf(0.5 * alpha, df)
    # SciPy gives NaN for some tails on the far side, below 1e-16; `special.nctdtr` does so on the near side as well.
    far_side = np.nan_to_num(stats.nct.cdf(-critical, df, noncentrality))
    return far_side + stats.nct.sf(critical, df, noncentrality)


def blocks_needed(effect, alpha, wanted):
    """The smallest numbers of pairs that show these effects with that power, by bisection of all at once."""
    low, high = np.full(effect.shape, 2), np.full(effect.shape, 2)
    short = power(effect * np.sqrt(high), high - 1, alpha) < wanted
    while short.any():
        low = np.where(short, high + 1, low)
        high = np.where(short, np.minimum(2 * high, LARGEST_SAMPLE), high)
        short[short] = power(effect[short] * np.sqrt(high[short]), high[short] - 1, alpha[short]) < wanted
    while (open_ := low < high).any():
        middle = (low + high) // 2
        reached = np.zeros_like(open_)
        m = middle[open_]
        reached[open_] = power(effect[open_] * np.sqrt(m), m - 1, alpha[open_]) >= wanted
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle + 1, low)
    return high


def main():
    """Compares the run and writes one row for each comparison."""
    folder, out, *options = sys.argv[1:]
    began = time.perf_counter()
    medians = sample_medians(Path(folder))
    read = time.perf_counter()
    index, own, others = paired_values(Path(folder), medians)
    paired = time.perf_counter()
    found, bootstrap = compare(index, own, others, "--no-bootstrap" not in options)
    judged = time.perf_counter()
    found.to_parquet(out, index=False)
    stages = {
        "samples to medians": read - began,
        "pairing": paired - read,
        "intervals, tests, effect sizes": judged - paired - bootstrap,
        "bootstrap": bootstrap,
        "writing": time.perf_counter() - judged,
    }
    print(json.dumps(stages))


if __name__ == "__main__":
    main()
