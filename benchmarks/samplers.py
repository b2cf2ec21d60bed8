"""Which sampler reaches what on the same passes: data sets x wrong labels x samplers x kept shares x seeds.

    python -m benchmarks.samplers                                    digits, right labels and 20 % planted mistakes
    python -m benchmarks.samplers --banking folder --cifar cifar10.zip     and Banking77, and 10,000 images of CIFAR-10
    python -m benchmarks.samplers --samplers orderdp sae_coverage --keeps 0.3
    python -m benchmarks.samplers scale                              seconds and bytes at a million items

The student is `head` with one hidden layer on features: pixels of the digits, TF-IDF of Banking77, `patches` of
CIFAR-10. All samplers of a seed share the network's first weights and the planted mistakes, so differences to rs2 are
paired. Every run is a line of runs.jsonl in the workspace: the same command again only prints, and one that was stopped
goes on.
Accuracy is of the finished student on test items with right labels. Ends with what was promised, kept or not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.__main__ import machine
from benchmarks.grid import banking
from curation.data.results import Factors, Neighbours
from curation.data.view import View
from curation.engine.registry import get, methods
from curation.maths.similarity.exact import nearest
from curation.maths.threads import one_blas_thread, one_torch_thread
from curation.training import sparse_autoencoder
from curation.training.sampler import Sampler
from curation.training.scheduled_run import train_scheduled

RS2, FULL = "rs2", "full"
# Beside every sampler with its defaults: forms that are asked about by name.
FORMS = {
    "infobatch, forced": ("infobatch", {"forced": True}),
    "sae_coverage, beta 0": ("sae_coverage", {"beta": 0.0}),
}
FILTER = "filter + rs2"  # rs2 on what three quarters of the neighbours do not contradict, on the same passes
NOISE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["compare", "scale"], default="compare")
    parser.add_argument("--banking", type=Path, help="the folder of Banking77's train.csv and test.csv")
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs: train/<class>/*, test/<class>/*")
    parser.add_argument("--sets", nargs="*", help="only sets whose name begins with one of these words")
    parser.add_argument("--samplers", nargs="*", help="only these; rs2, full and full_short are always there")
    parser.add_argument("--keeps", nargs="*", type=float, default=[0.3, 0.5])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("-w", "--workspace", type=Path, default=Path("workspaces/samplers"))
    given = parser.parse_args()
    if given.what == "scale":
        return scale(given.samplers)
    given.workspace.mkdir(parents=True, exist_ok=True)
    with one_torch_thread(), one_blas_thread():
        rows = list(_compare(given))
    print(f"\n`python -m benchmarks.samplers {' '.join(sys.argv[1:])}`, {given.seeds} seeds, {machine()}\n")
    print(markdown(rows, given.seeds))


def _compare(given: argparse.Namespace) -> Iterator[dict]:
    file = given.workspace / "runs.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    done = {json.dumps(row["cell"]): row for row in map(json.loads, lines)}
    for name, (x, y, train) in _sets(given):
        if given.sets and not any(name.startswith(word) for word in given.sets):
            continue
        shared: dict = {}
        for noise in (0.0, NOISE):
            for seed in range(given.seeds):
                for form in _forms(given.samplers):
                    for keep in given.keeps if form != FULL else [1.0]:
                        cell = [name, noise, form, keep, seed, given.epochs, given.hidden]
                        if json.dumps(cell) not in done:
                            row = {"cell": cell, **_run(x, y, train, shared, *cell[1:])}
                            print(cell, f"{row['accuracy']:.3f}", file=sys.stderr, flush=True)
                            with file.open("a") as out:
                                out.write(json.dumps(row) + "\n")
                            done[json.dumps(cell)] = row
                        yield done[json.dumps(cell)]


def _forms(wanted: list[str] | None) -> list[str]:
    every = [*methods("samplers"), *FORMS, FILTER]
    return [form for form in every if not wanted or form in wanted or form in (RS2, FULL, "full_short")]


def _run(x, y, train, shared: dict, noise: float, form: str, keep: float, seed: int, epochs: int, hidden: int) -> dict:
    labels, classes = y.copy(), int(y.max()) + 1
    rng = np.random.default_rng(1000 + seed)
    wrong = rng.random(len(train)) < noise
    labels[train[wrong]] = (labels[train[wrong]] + rng.integers(1, classes, int(wrong.sum()))) % classes
    names = [str(c) for c in range(classes)]
    view = View.of(
        embeddings=x[train],
        labels=labels[train],
        neighbours=_once(shared, "neighbours", lambda: nearest(x[train], 20)),
        factors=_once(shared, "factors", lambda: _factors(x[train])),
        classes=names,
    )
    view._scores = lambda name, rows: get("scores", name).call(view, rng=np.random.default_rng(seed))[rows]
    budget = None
    if form == FILTER:
        same = labels[train][view.neighbours.indices[:, :10]] == labels[train][:, None]
        kept = np.flatnonzero(same.mean(axis=1) >= 0.25)
        view, wrong, budget = view.subset(kept), wrong[kept], round(keep * len(train))
    use, params = FORMS.get(form, (RS2 if form == FILTER else form, {}))
    method = get("samplers", use)
    share = keep if budget is None else min(1.0, budget / len(view))
    schedule = Sampler(method.call(view, share, seed=seed, **method.validated(params, use)), epochs, use)
    head = get("students", "head")
    student = partial(head.call, device="cpu", **head.validated({"hidden": hidden}, "head"))
    test = np.setdiff1d(np.arange(len(y)), train)
    tested = View.of(embeddings=x[test], labels=y[test], classes=names)
    made = train_scheduled(student, view, tested, schedule, seed=seed, wrong=wrong)
    return {
        "accuracy": made.accuracy,
        "noise_taken": made.noise_taken,
        "passes": made.passes.tolist(),
        "curve": made.curve.tolist(),
        **made.accounting,
    }


def _once(shared: dict, name: str, make):
    if name not in shared:
        shared[name] = make()
    return shared[name]


def _factors(x: np.ndarray) -> Factors:
    m, k = sparse_autoencoder.size_for(*x.shape)
    return sparse_autoencoder.fit(x, m=m, k=k, steps=500, seed=0)[0]


# -- data -----------------------------------------------------------------------------------------------------


def _sets(given: argparse.Namespace) -> Iterator[tuple[str, tuple]]:
    """(name, (features float32 [n, d], right labels [n], train rows)); mistakes are planted later, by the seed."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    yield "digits", ((digits.data / 16).astype(np.float32), digits.target.astype(np.int64), np.sort(order[:1437]))
    if given.banking:
        x, labels, split = banking(given.banking, 0.0)
        yield "Banking77", (x, labels.astype(np.int64), np.flatnonzero(split == "train"))
    if given.cifar:
        file = given.workspace / "cifar.npz"
        if not file.exists():
            _cifar(given.cifar, file, given.workspace)
        with np.load(file) as found:
            yield "CIFAR-10", (found["x"], found["y"], np.arange(10_000))


def _cifar(source: Path, file: Path, workspace: Path) -> None:
    """`patches` features of the first 1,000 train images of every class, and of all test images."""
    from PIL import Image

    from curation.engine.recipe import parse_recipe
    from curation.engine.run import run

    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[1] for name in names})
        train = [n for c in classes for n in [n for n in names if n.startswith(f"train/{c}/")][:1000]]
        chosen = train + [n for n in names if n.startswith("test/")]
        images = np.stack([np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in chosen])
    labels = [name.split("/")[1] for name in chosen]
    np.savez(workspace / "images.npz", images=images, labels=labels, split=[n.split("/")[0] for n in chosen])
    recipe = {"source": {"use": "arrays", "path": str(workspace / "images.npz")}, "encode": {"use": "patches"}}
    run(parse_recipe(recipe), workspace / "encoded")
    (encoded,) = (workspace / "encoded" / "encode").glob("*/embeddings.npy")
    x = np.load(encoded)[np.argsort(np.load(encoded.with_name("rows.npy")))]
    np.savez(file, x=x.astype(np.float32), y=np.array([classes.index(label) for label in labels]))


# -- what it says ---------------------------------------------------------------------------------------------


def markdown(rows: list[dict], seeds: int) -> str:
    """Per set: rs2's accuracy, everybody's paired difference to it with its standard error, noise taken and Gini."""
    table = {tuple(row["cell"][:5]): row for row in rows}
    sets, keeps = (list(dict.fromkeys(cell[i] for cell in table if cell[2] != FULL)) for i in (0, 3))
    noises, forms = (list(dict.fromkeys(cell[i] for cell in table)) for i in (1, 2))
    lines = []
    for data in sets:
        cells = [(noise, keep) for noise in noises for keep in keeps]
        pick = lambda form, noise, keep, what, data=data: np.array(  # noqa: E731
            [table[data, noise, form, keep, seed][what] for seed in range(seeds)]
        )
        lines += ["", f"**{data}**; everything: " + ", ".join(
            f"{100 * pick(FULL, noise, 1.0, 'accuracy').mean():.1f} at {noise:.0%} wrong" for noise in noises
        ), ""]  # fmt: skip
        head = ["sampler", *(f"{noise:.0%} wrong, {keep:.0%}" for noise, keep in cells), "wrong taken", "Gini", "ms"]
        lines += [_line(head), _line(["---"] * len(head))]
        for form in [RS2, *(form for form in forms if form not in (RS2, FULL))]:
            figures = []
            for noise, keep in cells:
                base, own = pick(RS2, noise, keep, "accuracy"), pick(form, noise, keep, "accuracy")
                gap = 100 * (own - base)
                error = gap.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else float("nan")
                figures.append(f"{100 * base.mean():.1f}" if form == RS2 else f"{gap.mean():+.1f} ± {error:.1f}")
            taken = 100 * pick(form, NOISE, keeps[0], "noise_taken").mean()
            uneven = pick(form, 0.0, keeps[0], "gini").mean()
            choosing = 1000 * pick(form, 0.0, keeps[0], "seconds").mean()
            lines.append(_line([form, *figures, f"{taken:.0f} %", f"{uneven:.2f}", f"{choosing:.0f}"]))
        lines += ["", *promises(pick, keeps[0], forms)]
    return "\n".join(lines)


def promises(pick, keep: float, forms: list[str]) -> list[str]:
    """What was promised of these relations, and what came out, at the smallest share."""

    def gap(form: str, noise: float) -> float:
        return 100 * float((pick(form, noise, keep, "accuracy") - pick(RS2, noise, keep, "accuracy")).mean())

    asked = [
        ("full_short", "everything for fewer epochs within 1 of rs2", lambda: abs(gap("full_short", 0.0)) <= 1),
        ("static", "rs2 - static >= 2, right labels", lambda: gap("static", 0.0) <= -2),
        ("infobatch", "infobatch within 1 of rs2, right labels", lambda: abs(gap("infobatch", 0.0)) <= 1),
        ("hard_mining", "hard mining <= rs2 - 5, wrong labels", lambda: gap("hard_mining", NOISE) <= -5),
        ("gated_rotation", "gated_rotation - rs2 >= 1, wrong labels", lambda: gap("gated_rotation", NOISE) >= 1),
        ("gated_rotation", "gated_rotation - rs2 >= -0.7, right labels", lambda: gap("gated_rotation", 0.0) >= -0.7),
        ("gated_rotation", "wrong labels it takes at most half of rs2's",
         lambda: pick("gated_rotation", NOISE, keep, "noise_taken").mean()
         <= pick(RS2, NOISE, keep, "noise_taken").mean() / 2),
        ("sae_coverage", "Gini of sae_coverage <= 0.25",
         lambda: pick("sae_coverage", 0.0, keep, "gini").mean() <= 0.25),
        ("sae_coverage, beta 0", "and > 0.5 at beta 0",
         lambda: pick("sae_coverage, beta 0", 0.0, keep, "gini").mean() > 0.5),
    ]  # fmt: skip
    return [f"- {sentence}: {'yes' if kept() else '**no**'}" for form, sentence, kept in asked if form in forms]


def scale(wanted: list[str] | None, n: int = 1_000_000, k: int = 10) -> None:
    """CPU seconds to choose an epoch and to be told it in 100 batches, and bytes held per item, at keep = 0.5."""
    from sklearn.datasets import make_blobs

    x, labels = make_blobs(n, 16, centers=k, random_state=0)
    x, rng = x.astype(np.float32), np.random.default_rng(0)
    graph = rng.integers(0, n, (n, 10)).astype(np.int32)
    codes = Factors(rng.integers(0, 64, (n, 8)).astype(np.int16), rng.random((n, 8)).astype(np.float16), 64, 1.0)
    view = View.of(
        embeddings=x, labels=labels, neighbours=Neighbours(graph, np.ones(graph.shape, np.float32)), factors=codes
    )
    view._scores = lambda name, rows: x[rows, 0].astype(np.float64)
    losses, logits = rng.random(n, np.float32), rng.normal(size=(n, k)).astype(np.float32)
    print(_line(["sampler", "making it, s", "an epoch, s", "bytes an item"]))
    print(_line(["---"] * 4))
    for name, method in methods("samplers").items():
        if wanted and name not in wanted:
            continue
        begin = time.process_time()
        s = Sampler(method.call(view, 0.5, seed=0, **method.validated({}, name)), 12, name)
        made = time.process_time() - begin
        epochs = []
        for _ in range(3):
            begin = time.process_time()
            if len(ahead := s.forward_rows):
                s.update(ahead, losses[ahead], logits[ahead], forward_only=True)
            rows = s._begun()
            s.weights(rows)
            for part in np.array_split(rows, 100):
                s.update(part, losses[part], logits[part])
            s.end_epoch()
            epochs.append(time.process_time() - begin)
        if not len(s.forward_rows):
            s._begun()
        held = sum(array.nbytes for array in s.state_dict().values())
        print(_line([name, f"{made:.1f}", f"{max(epochs[1:]):.2f}", f"{held / n:.0f}"]), flush=True)


def _line(cells: list) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
