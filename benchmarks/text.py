"""Texts, measured: encoders and wrong labels on Banking77, and 100,000 generated texts through every step.

    python -m benchmarks.text --banking FOLDER     the folder holds train.csv and test.csv, text and category
    python -m benchmarks.text --items 100000       generated texts, no files needed

Banking77: the accuracy of a ridge classifier on the test split, pairs of train texts with a cosine above .95, wrong
labels planted among 15 % of the train texts and found by `consensus` (average precision on the train rows), and the
share of the labels as given that it flags. Generated texts are words drawn by Zipf's law, a fifth of them from the
class's own words; seconds of each step and the peak memory of all processes.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.__main__ import machine
from curation.data.items import Items
from curation.engine import results
from curation.engine.recipe import parse_recipe
from curation.engine.run import run

PLANTED = 0.15
CLASSES, WORDS = 50, 30_000  # of generated texts
FLAGS = ("consensus", "conflicting_labels", "near_duplicates", "text_quality", "language")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banking", type=Path, help="folder of Banking77's train.csv and test.csv")
    parser.add_argument("--items", type=int, default=0, help="generated texts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.banking:
            banking(given.banking, Path(scratch))
        if given.items:
            at_size(given.items, Path(scratch))
    print(f"\n{machine()}")


def banking(folder: Path, scratch: Path) -> None:
    rows = [(row["text"], row["category"], s) for s in ("train", "test") for row in csv.DictReader(_open(folder, s))]
    names = sorted({row[1] for row in rows})
    truth = np.array([names.index(row[1]) for row in rows])
    train = np.array([row[2] == "train" for row in rows])
    rng = np.random.default_rng(0)
    wrong = train & (rng.random(len(rows)) < PLANTED)
    noisy = np.where(wrong, (truth + rng.integers(1, len(names), len(rows))) % len(names), truth)
    for file, labels in (("given", truth), ("noisy", noisy)):
        made = [(text, names[label], split) for (text, _, split), label in zip(rows, labels, strict=True)]
        _write(scratch / f"{file}.csv", made)
    print("| encoder | ridge, test | cosine > .95 | consensus, 15 % planted: AP | labels as given: flagged |")
    print("|---|---|---|---|---|")
    for encoder in ("lsa", "static", "sentence_transformer"):
        x, _, given = _run(scratch, "given", encoder)
        near = int((np.triu(x[train] @ x[train].T, 1) > 0.95).sum())
        _, score, _ = _run(scratch, "noisy", encoder)
        print(
            f"| {encoder} | {ridge(x[train], truth[train], x[~train], truth[~train]):.3f} | {near:,} "
            f"| {average_precision(wrong[train], score[train]):.3f} | {given[train].mean():.1%} |",
            flush=True,
        )


def ridge(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, shrink: float = 0.3) -> float:
    """Accuracy of one-hot labels by ridge regression."""
    hot = np.eye(y.max() + 1)[y]
    weights = np.linalg.solve(x.T @ x + shrink * np.eye(x.shape[1]), x.T @ hot)
    return float(((x_test @ weights).argmax(axis=1) == y_test).mean())


def average_precision(wrong: np.ndarray, score: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(wrong, score))


def at_size(n: int, scratch: Path) -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(WORDS)])
    chances = np.cumsum(1 / np.arange(1, WORDS + 1))
    label = rng.integers(0, CLASSES, n)
    made = []
    for c in label:
        length = int(rng.integers(6, 20))
        drawn = np.searchsorted(chances, rng.random(length) * chances[-1])
        own = rng.random(length) < 0.2
        drawn[own] = WORDS - 1 - (c * 40 + rng.integers(0, 40, own.sum()))
        made.append((" ".join(words[drawn]), f"class {c:02d}", ""))
    _write(scratch / "many.csv", made)
    recipe = parse_recipe(
        {
            "source": {"use": "table", "path": str(scratch / "many.csv"), "text": "text", "label": "label"},
            "encode": {"use": "lsa"},
            "score": [{"use": "el2n"}],
            "flag": [{"use": use} for use in FLAGS],
            "map": {"use": "umap"},
            "prune": [{"use": "ccs", "name": "half", "keep": 0.5}],
            "export": [{"use": "csv", "path": str(scratch / "kept.csv"), "prune": "half"}],
        }
    )
    with Peak() as peak:
        started = time.perf_counter()
        report = run(recipe, scratch / "many")
        seconds = time.perf_counter() - started
    for step in report.steps:
        print(f"{step['stage']} {step['use']:<20} {step['seconds']:6.1f} s")
    print(f"{n:,} texts, together {seconds:.0f} s, {peak.bytes / 2**30:.2f} GiB at the peak")


class Peak:
    """The largest resident memory of this process and its children together, looked at five times a second."""

    bytes = 0

    def __enter__(self) -> Peak:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.2):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:  # ended since it was listed
                    continue
            self.bytes = max(self.bytes, total)


def _run(scratch: Path, file: str, encoder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings [n, d], and what `consensus` says of all rows: score and flagged [n]."""
    source = {"use": "table", "path": str(scratch / f"{file}.csv"), "text": "text", "label": "label"}
    recipe = parse_recipe({"source": source, "encode": {"use": encoder}, "flag": [{"use": "consensus"}]})
    report = run(recipe, scratch / f"{file}-{encoder}")
    folder = {step["stage"]: scratch / f"{file}-{encoder}" / step["stage"] / step["key"] for step in report.steps}
    n = len(Items.load(folder["source"]))
    x = np.asarray(results.load(folder["encode"], "embeddings"), np.float32)
    return (x, *(results.spread(folder["flag"], n, name) for name in ("score", "flagged")))


def _open(folder: Path, split: str):
    return (folder / f"{split}.csv").open(newline="", encoding="utf-8")


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("text", "label", "split"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
