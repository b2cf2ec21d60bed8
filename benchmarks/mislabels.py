"""How well every mislabel flag finds mistakes: average precision, AUROC, and precision, recall, F1 of what it flags;
and what it flags of the same items under the right labels, where every flag is a false alarm.

    python -m benchmarks.mislabels                                        digits with planted mistakes
    python -m benchmarks.mislabels --banking train.csv                    Banking77 as TF-IDF features, planted mistakes
    python -m benchmarks.mislabels --unseen                               sets nothing was tuned on
    python -m benchmarks.mislabels --cifar cifar10.zip --human labels.csv CIFAR-10, mistakes people made

Through the public run(), one encoder for all methods of a data set; cleanlab's Datalab is given the same features, and
cleanlab's label qualities the same out-of-fold probabilities. `labels.csv` has the columns path, label, clean_label.
The workspace remembers every result, so a benchmark that was stopped goes on from where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curation.data.items import Items
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
    parser.add_argument("-w", "--workspace", type=Path, default=Path("workspaces/mislabels"))
    given = parser.parse_args()
    head = ("data (wrong)", "method", "AP", "AUROC", "precision", "recall", "F1", "flagged", "sum of scores / mistakes")
    print(f"| {' | '.join((*head, 'clean: flagged'))} |\n{'|---' * 10}|")
    (made := given.workspace / "data").mkdir(parents=True, exist_ok=True)
    for name, raw, clean, truth in _sets(given, made):
        for seed in range(given.seeds):
            _report(name, raw, clean, truth, given.workspace, seed)


def _sets(given: argparse.Namespace, made: Path) -> Iterator[tuple[str, dict, dict, dict[str, str]]]:
    """(name, source and encoder of a recipe, the same under the right labels, true label by id)."""
    from sklearn.datasets import load_digits

    if given.unseen:
        yield from _unseen(made)
        return

    digits = load_digits()
    truth, x = digits.target, digits.data.astype(np.float32)
    yield "digits, 5 % at random", *_planted(x, truth, 0.05, made / "digits5.npz")
    yield "digits, 20 % to the next class", *_planted(x, truth, 0.2, made / "digits20.npz", to_next=True)
    if given.banking:
        x, truth = _tfidf(given.banking)
        yield "Banking77, 5 % at random", *_planted(x, truth, 0.05, made / "banking5.npz")
        yield "Banking77, 15 % at random", *_planted(x, truth, 0.15, made / "banking15.npz")
    if given.cifar and given.human:
        if not (images := made / "cifar").exists():
            with zipfile.ZipFile(given.cifar) as archive:
                archive.extractall(images)
        rows = list(csv.DictReader(given.human.open()))
        with (right := made / "cifar_clean.csv").open("w", newline="") as out:
            write = csv.writer(out)
            write.writerow(["path", "label"])
            write.writerows([row["path"], row["clean_label"]] for row in rows)
        raw, clean = (
            {
                "source": {"use": "table", "path": str(file), "root": str(images), "holdout": 0.0},
                "encode": {"use": "patches"},
            }
            for file in (given.human, right)
        )
        yield "CIFAR-10, human labels", raw, clean, {row["path"]: row["clean_label"] for row in rows}


def _unseen(made: Path) -> Iterator[tuple[str, dict, dict, dict[str, str]]]:
    """Other rates and kinds of mistakes, classes of unequal size, tables instead of images."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
    from sklearn.preprocessing import StandardScaler

    x, truth = load_digits(return_X_y=True)
    few = np.concatenate([np.flatnonzero(truth == c)[: 180 if c < 5 else 25] for c in range(10)])
    shape = {"n_informative": 20, "n_redundant": 10, "n_classes": 5, "class_sep": 1.5, "random_state": 0}
    drawn = make_classification(4000, 64, **shape)  # itself one in a hundred wrong: flip_y
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
        yield name, *_planted(features.astype(np.float32), right, share, made / f"unseen{number}.npz", seed=1)
    yield (
        "synthetic, 35 % to the next class",
        *_planted(drawn[0].astype(np.float32), drawn[1], 0.35, made / "next.npz", to_next=True, seed=1),
    )


def _planted(
    x: np.ndarray, truth: np.ndarray, share: float, file: Path, to_next: bool = False, seed: int = 0
) -> tuple[dict, dict, dict[str, str]]:
    rng = np.random.default_rng(seed)
    classes, labels = int(truth.max()) + 1, truth.copy()
    wrong = rng.random(len(truth)) < share
    shift = 1 if to_next else rng.integers(1, classes, wrong.sum())
    labels[wrong] = (truth[wrong] + shift) % classes
    names, ids = [f"{c:03d}" for c in range(classes)], [str(i) for i in range(len(truth))]
    sources = []
    for path, given in ((file, labels), (file.with_stem(f"{file.stem}_clean"), truth)):
        if not path.exists():  # a file written again is another source, and everything is computed again
            np.savez(path, features=x, labels=[names[c] for c in given], ids=ids, class_names=names)
        source = {"use": "arrays", "path": str(path), "holdout": 0.0}
        sources.append({"source": source, "encode": {"use": "precomputed"}})
    return (*sources, dict(zip(ids, (names[c] for c in truth), strict=True)))


def _tfidf(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = list(csv.reader(path.open()))[1:]
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit_transform(row[0] for row in rows)
    x = TruncatedSVD(256, random_state=0).fit_transform(words).astype(np.float32)
    return x, np.unique([row[1] for row in rows], return_inverse=True)[1]


def _report(name: str, raw: dict, clean: dict, truth: dict[str, str], workspace: Path, seed: int) -> None:
    labels, found = _found(raw, workspace, seed)
    _, alarms = _found(clean, workspace, seed)
    for method, (ids, score, flagged) in found.items():
        wrong = np.array([truth.get(id_) != label for id_, label in zip(ids, labels[method], strict=True)])
        _row(name, method, wrong, score, flagged, alarms[method][2].mean())


def _found(raw: dict, workspace: Path, seed: int) -> tuple[dict[str, np.ndarray], dict[str, tuple]]:
    """By method: the given labels, and (ids, score, flagged)."""
    from cleanlab import Datalab

    recipe = parse_recipe({**raw, "flag": [{**flag, "seed": seed} for flag in FLAGS]})
    report = run(recipe, workspace)
    folder = {step["name"]: workspace / step["stage"] / step["key"] for step in report.steps}
    items = Items.load(next(f for f in folder.values() if f.parent.name == "source"))
    labels, found = {}, {}
    for name in [flag.get("name", flag["use"]) for flag in FLAGS]:
        rows = results.load(folder[name], "rows")
        labels[name] = items.column("label")[rows]
        found[name] = (
            items.column("id")[rows],
            results.load(folder[name], "score"),
            results.load(folder[name], "flagged"),
        )
    encode = next(f for f in folder.values() if f.parent.name == "encode")
    x, rows = np.load(encode / "embeddings.npy").astype(np.float32), np.load(encode / "rows.npy")
    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"label": list(items.column("label")[rows])}, label_name="label")
        lab.find_issues(features=x, issue_types={"label": {}})
    issues = lab.get_issues("label")
    labels["Datalab from features"] = items.column("label")[rows]
    found["Datalab from features"] = (
        items.column("id")[rows],
        1 - issues.label_score.to_numpy(),
        issues.is_label_issue.to_numpy(),
    )
    return labels, found


def _row(data: str, method: str, wrong: np.ndarray, score: np.ndarray, flagged: np.ndarray, alarms: float) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    right = int((wrong & flagged).sum())
    precision, recall = right / max(flagged.sum(), 1), right / wrong.sum()
    f1 = 2 * right / (flagged.sum() + wrong.sum())
    ranked = f"{average_precision_score(wrong, score):.3f} | {roc_auc_score(wrong, score):.3f}"
    adds_up = f"{score.sum() / wrong.sum():.2f}" if method == "consensus" else ""  # the others' are no probabilities
    print(f"| {data} ({wrong.mean():.1%}) | {method} | {ranked} | {precision:.3f} | {recall:.3f} | {f1:.3f} "
          f"| {int(flagged.sum()):,} | {adds_up} | {alarms:.2%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
