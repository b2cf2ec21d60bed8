"""How well every mislabel flag finds mistakes: average precision, AUROC, and precision, recall, F1 of what it flags.

    python -m benchmarks.mislabels                                        digits with planted mistakes
    python -m benchmarks.mislabels --banking train.csv                    Banking77 as TF-IDF features, planted mistakes
    python -m benchmarks.mislabels --unseen                               sets nothing was tuned on
    python -m benchmarks.mislabels --cifar cifar10.zip --human labels.csv CIFAR-10, mistakes people made

Through the public run(), one encoder for all methods of a data set; cleanlab's Datalab is given the same features, and
cleanlab's label qualities the same out-of-fold probabilities. `labels.csv` has the columns path, label, clean_label.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curation.engine import results
from curation.engine.recipe import parse_recipe
from curation.engine.run import run

FLAGS = (
    {"use": "consensus"},
    {"use": "confident_learning"},
    {"use": "confident_learning", "name": "confident_learning, both", "filter_by": "both"},
    {"use": "confident_learning", "name": "confident_learning, margin", "quality": "normalized_margin"},
    {"use": "knn_vote"},
    {"use": "simifeat"},
    {"use": "simifeat", "name": "simifeat, vote", "method": "vote"},
    {"use": "aum_threshold"},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs")
    parser.add_argument("--human", type=Path, help="a csv with path (in the zip), label and clean_label")
    parser.add_argument("--banking", type=Path, help="Banking77's train.csv, text and category")
    parser.add_argument("--unseen", action="store_true", help="sets nothing was tuned on, instead of the others")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    print("| data | method | AP | AUROC | precision | recall | F1 | flagged | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for name, raw, truth in _sets(given, Path(scratch)):
            for seed in range(given.seeds):
                _report(name, raw, truth, Path(scratch) / f"{name} {seed}", seed)


def _sets(given: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, dict, dict[str, str]]]:
    """(name, source and encoder of a recipe, true label by id)."""
    from sklearn.datasets import load_digits

    if given.unseen:
        yield from _unseen(scratch)
        return

    digits = load_digits()
    truth, x = digits.target, digits.data.astype(np.float32)
    yield "digits, 5 % at random", *_planted(x, truth, 0.05, scratch / "digits5.npz")
    yield "digits, 20 % to the next class", *_planted(x, truth, 0.2, scratch / "digits20.npz", to_next=True)
    if given.banking:
        x, truth = _tfidf(given.banking)
        yield "Banking77, 5 % at random", *_planted(x, truth, 0.05, scratch / "banking5.npz")
        yield "Banking77, 15 % at random", *_planted(x, truth, 0.15, scratch / "banking15.npz")
    if given.cifar and given.human:
        with zipfile.ZipFile(given.cifar) as archive:
            archive.extractall(scratch / "cifar")
        rows = list(csv.DictReader(given.human.open()))
        source = {"use": "table", "path": str(given.human), "root": str(scratch / "cifar"), "holdout": 0.0}
        truth_by_path = {row["path"]: row["clean_label"] for row in rows}
        yield "CIFAR-10, human labels", {"source": source, "encode": {"use": "patches"}}, truth_by_path


def _unseen(scratch: Path) -> Iterator[tuple[str, dict, dict[str, str]]]:
    """Other rates and kinds of mistakes, classes of unequal size, tables instead of images."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
    from sklearn.preprocessing import StandardScaler

    x, truth = load_digits(return_X_y=True)
    few = np.concatenate([np.flatnonzero(truth == c)[: 180 if c < 5 else 25] for c in range(10)])
    made = {"n_informative": 20, "n_redundant": 10, "n_classes": 5, "class_sep": 1.5, "random_state": 0}
    drawn = make_classification(4000, 64, **made)
    cancer, wine = (
        (StandardScaler().fit_transform(table), label)
        for table, label in (load_breast_cancer(return_X_y=True), load_wine(return_X_y=True))
    )
    sets = {
        "digits, 10 % at random": (x, truth, 0.1),
        "digits, 30 % at random": (x, truth, 0.3),
        "digits, 40 % at random": (x, truth, 0.4),
        "digits, five classes of 25, 10 % at random": (x[few], truth[few], 0.1),
        "breast cancer, 10 %": (*cancer, 0.1),
        "breast cancer, 25 %": (*cancer, 0.25),
        "wine, 15 % at random": (*wine, 0.15),
        "synthetic, 20 % at random": (*drawn, 0.2),
    }
    for number, (name, (features, right, share)) in enumerate(sets.items()):
        yield name, *_planted(features.astype(np.float32), right, share, scratch / f"unseen{number}.npz", seed=1)
    yield (
        "synthetic, 35 % to the next class",
        *_planted(drawn[0].astype(np.float32), drawn[1], 0.35, scratch / "next.npz", to_next=True, seed=1),
    )


def _planted(
    x: np.ndarray, truth: np.ndarray, share: float, file: Path, to_next: bool = False, seed: int = 0
) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    classes, labels = int(truth.max()) + 1, truth.copy()
    wrong = rng.random(len(truth)) < share
    shift = 1 if to_next else rng.integers(1, classes, wrong.sum())
    labels[wrong] = (truth[wrong] + shift) % classes
    names, ids = [f"{c:03d}" for c in range(classes)], [str(i) for i in range(len(truth))]
    np.savez(file, features=x, labels=[names[c] for c in labels], ids=ids, class_names=names)
    source = {"use": "arrays", "path": str(file), "holdout": 0.0}
    return {"source": source, "encode": {"use": "precomputed"}}, dict(zip(ids, (names[c] for c in truth), strict=True))


def _tfidf(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = list(csv.reader(path.open()))[1:]
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit_transform(row[0] for row in rows)
    x = TruncatedSVD(256, random_state=0).fit_transform(words).astype(np.float32)
    return x, np.unique([row[1] for row in rows], return_inverse=True)[1]


def _report(name: str, raw: dict, truth: dict[str, str], workspace: Path, seed: int) -> None:
    recipe = parse_recipe({**raw, "flag": [{**flag, "seed": seed} for flag in FLAGS]})
    report = run(recipe, workspace)
    folder = {step["name"]: workspace / step["stage"] / step["key"] for step in report.steps}
    from curation.data.items import Items

    items = Items.load(next(f for f in folder.values() if f.parent.name == "source"))
    seconds = {step["name"]: step["seconds"] for step in report.steps}
    wrong = np.array([truth.get(i) != la for i, la in zip(items.column("id"), items.column("label"), strict=True)])
    for flag in FLAGS:
        found = folder[flag.get("name", flag["use"])]
        rows = results.load(found, "rows")
        _row(name, flag.get("name", flag["use"]), wrong[rows], results.load(found, "score"),
             results.load(found, "flagged"), seconds[flag.get("name", flag["use"])])  # fmt: skip
    from cleanlab import Datalab

    encode = next(f for f in folder.values() if f.parent.name == "encode")
    x, rows = np.load(encode / "embeddings.npy").astype(np.float32), np.load(encode / "rows.npy")
    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"label": list(items.column("label")[rows])}, label_name="label")
        lab.find_issues(features=x, issue_types={"label": {}})
    issues = lab.get_issues("label")
    _row(name, "Datalab from features", wrong[rows], 1 - issues.label_score, issues.is_label_issue.to_numpy(), 0)


def _row(data: str, method: str, wrong: np.ndarray, score: np.ndarray, flagged: np.ndarray, seconds: float) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    right = int((wrong & flagged).sum())
    precision, recall = right / max(flagged.sum(), 1), right / wrong.sum()
    f1 = 2 * right / (flagged.sum() + wrong.sum())
    ranked = f"{average_precision_score(wrong, score):.3f} | {roc_auc_score(wrong, score):.3f}"
    print(f"| {data} | {method} | {ranked} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {int(flagged.sum()):,} "
          f"({wrong.mean():.1%} of {len(wrong):,} are wrong) | {seconds:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
