"""What the features of each encoder are worth on CIFAR-10: a linear classifier, and the wrong labels `consensus` finds.

    python -m benchmarks.encoders --cifar cifar10.zip                          linear accuracy
    python -m benchmarks.encoders --cifar cifar10.zip --human labels.csv       and the wrong labels of one person each
    python -m benchmarks.encoders --cifar cifar10.zip --use lite0 -w folder    one encoder; kept, so that it goes on

Accuracy is that of a logistic regression on all train images, on the test images; its strength is chosen on a tenth of
the train images. AP is the average precision of the ranking, F1 that of the flagged set, as in benchmarks/mislabels.py.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from curation.engine import results
from curation.engine.recipe import parse_recipe
from curation.engine.run import Outcome, run

STRENGTHS = (1e-4, 1e-3, 3e-3)  # of the penalty on the squared weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, required=True, help="CIFAR-10 as a zip of JPEGs")
    parser.add_argument("--human", type=Path, help="a csv with path (in the zip), label and clean_label")
    parser.add_argument("--use", nargs="+", default=["patches", "lite0"], help="encoders")
    parser.add_argument("-w", "--workspace", type=Path, help="a folder to keep; else everything is computed anew")
    given = parser.parse_args()
    print("| encoder | seconds | linear accuracy | AP | F1 |\n|---|---|---|---|---|")
    with nullcontext(given.workspace) if given.workspace else tempfile.TemporaryDirectory() as scratch:
        for use in given.use:
            recipe = {"source": {"use": "archive", "path": str(given.cifar)}, "encode": {"use": use}}
            report = run(parse_recipe(recipe), Path(scratch, use))
            seconds = next(step["seconds"] for step in report.steps if step["stage"] == "encode")
            cells = [use, f"{seconds:.0f}", f"{linear_accuracy(Path(scratch, use)):.1f} %"]
            if given.human:
                cells += [f"{value:.3f}" for value in wrong_labels(given, use, Path(scratch))]
            print("|", " | ".join(cells), "|", flush=True)


def linear_accuracy(workspace: Path) -> float:
    """Test accuracy in % of a logistic regression on the one set of embeddings in a workspace."""
    import torch

    (folder,) = (p for p in (workspace / "encode").iterdir() if not p.name.startswith("."))
    (source,) = (p for p in (workspace / "source").iterdir() if not p.name.startswith("."))
    items = pq.read_table(source / "items.parquet")
    rows = np.load(folder / "rows.npy")
    x = torch.tensor(np.load(folder / "embeddings.npy").astype(np.float32))
    y = torch.tensor(np.unique(items["label"].to_numpy(zero_copy_only=False)[rows], return_inverse=True)[1])
    train = torch.tensor(items["split"].to_numpy(zero_copy_only=False)[rows] == "train")
    x = (x - x[train].mean(0)) / x[train].std(0).clamp(min=1e-6)
    held = train & (torch.rand(len(train), generator=torch.Generator().manual_seed(0)) < 0.1)
    strength = max(STRENGTHS, key=lambda strength: _fitted(x, y, train & ~held, held, strength))
    return 100 * _fitted(x, y, train, ~train, strength)


def _fitted(x, y, train, test, strength: float) -> float:
    """Accuracy on `test` of the classifier fitted on `train`; both bool [n]."""
    import torch

    layer = torch.nn.Linear(x.shape[1], int(y.max()) + 1)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    step = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")
    inputs, targets = x[train], y[train]

    def loss():
        step.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(inputs), targets) + strength * (layer.weight**2).sum()
        value.backward()
        return value

    step.step(loss)
    with torch.no_grad():
        return float((layer(x[test]).argmax(1) == y[test]).float().mean())


def wrong_labels(given: argparse.Namespace, use: str, scratch: Path) -> tuple[float, float]:
    """Average precision and F1 of `consensus` on labels that people gave."""
    from sklearn.metrics import average_precision_score, f1_score

    if not (scratch / "images").exists():
        with zipfile.ZipFile(given.cifar) as archive:
            archive.extractall(scratch / "images")
    source = {"use": "table", "path": str(given.human), "root": str(scratch / "images"), "holdout": 0.0}
    workspace = scratch / f"{use} human"
    report = run(parse_recipe({"source": source, "encode": {"use": use}, "flag": [{"use": "consensus"}]}), workspace)
    flag = _folder(report, workspace, "flag")
    items = pq.read_table(_folder(report, workspace, "source") / "items.parquet")
    truth = {row["path"]: row["clean_label"] for row in csv.DictReader(given.human.open())}
    ids, labels = (items[name].to_pylist() for name in ("id", "label"))
    wrong = np.array([truth[id_] != label for id_, label in zip(ids, labels, strict=True)])[results.load(flag, "rows")]
    score, flagged = results.load(flag, "score"), results.load(flag, "flagged")
    return float(average_precision_score(wrong, score)), float(f1_score(wrong, flagged))


def _folder(report: Outcome, workspace: Path, stage: str) -> Path:
    return next(workspace / stage / step["key"] for step in report.steps if step["stage"] == stage)


if __name__ == "__main__":
    main()
