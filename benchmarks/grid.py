"""Which pruner keeps what a student needs: data sets x pruners x kept shares x seeds, through the public run().

    python -m benchmarks.grid                                              digits, right labels and 15 % mistakes
    python -m benchmarks.grid --banking folder                             and Banking77 as TF-IDF features, 0 and 15 %
    python -m benchmarks.grid --cifar cifar10.zip --human labels.csv       and CIFAR-10: 10,000 images, human labels
    python -m benchmarks.grid --pruners random trusted_coverage --encode pixels --hidden 256

One recipe per data set. The workspace remembers every result, so the same command again only prints, and a grid that
was stopped, or is asked for more, goes on from where it was. `folder` holds train.csv and test.csv (text, category);
`labels.csv` has the columns path (in the zip), label and clean_label. Selection and training see the given labels,
accuracy is on test items with right labels. Writes a parquet with a row per training and prints Markdown tables.
"""

from __future__ import annotations

import argparse
import csv
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.__main__ import machine
from curation.engine.recipe import parse_recipe
from curation.engine.registry import methods
from curation.engine.run import run
from curation.engine.trials import FULL, RANDOM

HYBRID = "trusted_coverage"
# Beside every pruner with its defaults and the same share of every class: forms that are methods of their own.
FORMS = (
    {"name": "by_score, easy", "use": "by_score", "order": "easy", "balance": True},
    {"name": "random, unflagged", "use": "random", "balance": True, "without": ["consensus"]},
    {"name": "facility_location, unflagged", "use": "facility_location", "balance": True, "without": ["consensus"]},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs: train/<class>/*, test/<class>/*")
    parser.add_argument("--human", type=Path, help="a csv with path (in the zip), label and clean_label")
    parser.add_argument("--banking", type=Path, help="the folder of Banking77's train.csv and test.csv")
    parser.add_argument("--sets", nargs="*", help="only sets whose name begins with one of these words")
    parser.add_argument("--pruners", nargs="*", help="only these, by name; random and full are always there")
    parser.add_argument("--keeps", nargs="*", type=float, default=[0.01, 0.03, 0.1, 0.3, 0.5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--student", default="head")
    parser.add_argument("--hidden", type=int, help="units of the hidden layer of `head`")
    parser.add_argument("--encode", help="one encoder for all sets of images, instead of pixels and patches")
    parser.add_argument("-w", "--workspace", type=Path, default=Path("workspaces/grid"))
    parser.add_argument("--out", type=Path, help="the parquet; by default grid.parquet in the workspace")
    given = parser.parse_args()
    rows = []
    for name, raw in _sets(given):
        if not given.sets or any(name.startswith(word) for word in given.sets):
            rows += _run(name, raw, given)
    table = _tidy(rows, given.out or given.workspace / "grid.parquet")
    print(f"\n`python -m benchmarks.grid {' '.join(sys.argv[1:])}`, {given.seeds} seeds, {machine()}\n")
    print(markdown(table))


def _sets(given: argparse.Namespace) -> Iterator[tuple[str, dict]]:
    """(name, source and encoder of a recipe). Files it makes lie in the workspace and are made once."""
    made = given.workspace / "data"
    made.mkdir(parents=True, exist_ok=True)
    digits = {"use": given.encode} if given.encode else {"use": "pixels", "size": 8, "colour": "grey"}
    for share in (0.0, 0.15):
        yield _named("digits", share), {"source": {"use": "sample", "mistakes": share}, "encode": digits}
    if given.banking:
        for share in (0.0, 0.15):
            file = made / f"banking{100 * share:.0f}.npz"
            if not file.exists():
                _write(file, *banking(given.banking, share))
            yield _named("Banking77", share), _table("arrays", file, "precomputed")
    if given.cifar:
        images = made / "cifar"
        if not images.exists():
            with zipfile.ZipFile(given.cifar) as archive:
                archive.extractall(images)
        file = made / "cifar10.csv"
        if not file.exists():
            first = [path for kind in sorted((images / "train").iterdir()) for path in sorted(kind.iterdir())[:1000]]
            _write_csv(file, [(path.relative_to(images), path.parent.name, "") for path in first], images)
        yield "CIFAR-10, 10,000 right labels", _table("table", file, given.encode or "patches", root=str(images))
    if given.cifar and given.human:
        file = made / "human.csv"
        if not file.exists():
            said = [(row["path"], row["label"], row["clean_label"]) for row in csv.DictReader(given.human.open())]
            _write_csv(file, said, images)
        source = {"root": str(images), "truth": "truth"}
        yield "CIFAR-10, human labels", _table("table", file, given.encode or "patches", **source)


def _named(data: str, share: float) -> str:
    return f"{data}, {100 * share:.0f} % mistakes" if share else f"{data}, right labels"


def _table(use: str, file: Path, encoder: str, **source) -> dict:
    return {"source": {"use": use, "path": str(file), **source}, "encode": {"use": encoder}}


def banking(folder: Path, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [n, 256] fitted on the train texts, labels [n] of which a share of the train rows is wrong, split."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, test = (list(csv.reader((folder / name).open(newline="")))[1:] for name in ("train.csv", "test.csv"))
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit([row[0] for row in train])
    shrink = TruncatedSVD(256, random_state=0).fit(words.transform([row[0] for row in train]))
    x = shrink.transform(words.transform([row[0] for row in train + test])).astype(np.float32)
    labels = np.unique([row[1] for row in train + test], return_inverse=True)[1]
    rng, classes = np.random.default_rng(0), labels.max() + 1
    wrong = np.flatnonzero(rng.random(len(train)) < share)
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return x, labels, np.where(np.arange(len(x)) < len(train), "train", "test")


def _write(file: Path, x: np.ndarray, labels: np.ndarray, split: np.ndarray) -> None:
    names = [f"{code:03d}" for code in range(labels.max() + 1)]
    np.savez(file, features=x, labels=[names[code] for code in labels], split=split, class_names=names)


def _write_csv(file: Path, train: list, images: Path) -> None:
    """path, label, truth and split: these train rows, and every test image."""
    test = [(path.relative_to(images), path.parent.name) for path in sorted((images / "test").glob("*/*"))]
    with file.open("w", newline="") as out:
        write = csv.writer(out)
        write.writerow(["path", "label", "truth", "split"])
        write.writerows([path, label, truth, "train"] for path, label, truth in train)
        write.writerows([path, label, label, "test"] for path, label in test)


def _pruners(wanted: list[str] | None) -> list[dict]:
    every = [{"name": name, "use": name, "balance": name != HYBRID} for name in methods("pruners")]  # it sees to that
    return [form for form in [*every, *FORMS] if not wanted or form["name"] in wanted]


def _run(name: str, raw: dict, given: argparse.Namespace) -> list[dict]:
    print(f"{name} ...", file=sys.stderr, flush=True)
    pruners = _pruners([*given.pruners, RANDOM] if given.pruners else None)
    needed = {flag for form in pruners for flag in form.get("without", [])}
    student = {"hidden": given.hidden} if given.hidden is not None else {}
    recipe = parse_recipe(
        {
            **raw,
            "flag": [{"use": flag} for flag in sorted(needed)],
            "prune": [{"keep": max(given.keeps), **form} for form in pruners],
            "verify": {"use": given.student, **student, "seeds": given.seeds, "keeps": given.keeps},
        }
    )
    seen = [""]

    def tell(progress) -> None:
        if progress.label != seen[0]:
            seen[0] = progress.label
            print(f"  {progress.step} of {progress.steps}: {progress.label}", file=sys.stderr, flush=True)

    folder = given.workspace / "".join(c if c.isalnum() else "-" for c in name)
    return [{"set": name, **row} for row in run(recipe, folder, on_progress=tell).verify]


def _tidy(rows: list[dict], out: Path):
    """A row per training, in a table and in a parquet; what failed is there with the reason and without figures."""
    import pandas as pd

    table = pd.DataFrame(rows)
    columns = ["set", "method", "keep", "seed", "student", "accuracy", "worst_class", "passes"]
    columns += ["select_seconds", "train_seconds", "mislabels_kept", "failed"]
    table = table[columns]
    table.to_parquet(out, index=False)
    print(f"{len(table):,} trainings in {out}", file=sys.stderr)
    return table


def markdown(table) -> str:
    """Accuracy in %: means per set and over all cells, the mean sd, and the cells themselves.

    A cell is one set at one kept share; its sd is over seeds. Gap: how far the mean of a cell is below the best
    pruner's in that cell. A method with a failed cell gets no overall mean.
    """
    table = table[table.failed.isna()].assign(accuracy=lambda t: 100 * t.accuracy)
    full = table[table.method == FULL].groupby("set", sort=False).accuracy
    cells = table[table.method != FULL].groupby(["method", "set", "keep"], sort=False).accuracy
    mean, sd = cells.mean().unstack(["set", "keep"]), cells.std(ddof=1).unstack(["set", "keep"])
    gap = mean.max() - mean
    order = mean.mean(axis=1, skipna=False).sort_values(ascending=False).index
    sets = list(dict.fromkeys(mean.columns.get_level_values("set")))
    head = ["pruner", *sets, f"mean of {mean.shape[1]}", "mean sd", "worst gap", "cells > 1 below best"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name in order:
        by_set = [f"{mean.loc[name, data].mean():.1f}" for data in sets]
        overall = [f"{mean.loc[name].mean(skipna=False):.2f}", f"{sd.loc[name].mean():.2f}"]
        lines.append(_line([name, *by_set, *overall, f"{gap.loc[name].max():.1f}", int((gap.loc[name] > 1).sum())]))
    lines.append(_line(["*everything*", *(f"{full.mean()[data]:.1f}" for data in sets), "", "", "", ""]))
    lines += ["", "Every cell, mean ± sd:", ""]
    keeps = [(data, keep) for data in sets for keep in sorted(mean[data].columns)]
    head = ["set", "kept", *order[:8], "best"]
    lines += [_line(head), _line(["---"] * len(head))]
    for cell in keeps:
        best = mean[cell].idxmax()
        figures = [f"{mean.loc[name, cell]:.1f} ± {sd.loc[name, cell]:.1f}" for name in order[:8]]
        lines.append(_line([cell[0], f"{cell[1]:.0%}", *figures, f"{best} {mean.loc[best, cell]:.1f}"]))
    return "\n".join(lines)


def _line(cells: list) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
