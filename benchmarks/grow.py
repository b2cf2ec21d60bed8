"""Growing a labelled set, measured: a rare concept with SEALS, a cold start, and one round over a million rows.

    python -m benchmarks.grow rare --cifar data/cifar10.zip -w workspaces/cifar10
    python -m benchmarks.grow cold
    python -m benchmarks.grow scale --rows 1000000 --dim 256 [--index faiss]

Prints Markdown. Every table comes from one run, so that its rows may be compared. `rare` encodes the images with
`patches` into the workspace first, and keeps every cell there, so that it can be stopped and taken up again.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from curation.data.items import TEST, TRAIN, Items
from curation.data.view import View
from curation.data.workspace import Workspace
from curation.engine import registry
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.maths.similarity.exact import nearest
from curation.maths.similarity.index import Exact, Inverted, build, recall
from curation.training import simulation
from curation.training.active_learning import OTHERS, Learner, Reach, as_concept, next_batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rare", "cold", "scale"))
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as an archive, train/<class>/*, test/<class>/*")
    parser.add_argument("-w", "--workspace", type=Path, help="where the embeddings are kept; default: thrown away")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--concepts", type=int, default=10, help="rare: the first so many classes, one after the other")
    parser.add_argument("--share", type=float, default=0.005, help="rare: the concept's share of the pool")
    parser.add_argument("--rows", type=int, default=1_000_000, help="scale")
    parser.add_argument("--dim", type=int, default=256, help="scale")
    parser.add_argument("--index", choices=("exact", "faiss"), default="exact", help="scale")
    parser.add_argument("--full", action="store_true", help="scale: a round over the whole pool instead, beside which")
    given = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OMP_NUM_THREADS {threads}\n")
    with tempfile.TemporaryDirectory() as folder:
        given.workspace = given.workspace or Path(folder)
        {"rare": rare, "cold": cold, "scale": scale}[given.what](given)


# -- a rare concept ---------------------------------------------------------------------------------------------------


def rare(given: argparse.Namespace) -> None:
    """Each class in turn, thinned to a share of the train rows: 5 examples and 95 others, then 19 batches of 100."""
    x, labels, split, classes = encoded({"use": "archive", "path": str(given.cifar)}, given.workspace)
    train, test = split == TRAIN, split == TEST
    pool = View.of(embeddings=x[train], classes=classes)
    test_view = View.of(embeddings=x[test], classes=classes)
    # For all cells at once; the seconds of a round are without it.
    graph = functools.cache(lambda: nearest(x[train], 100).indices)
    names = [("entropy", False), ("entropy", True), ("most_likely_positive", False), ("most_likely_positive", True)]
    names.append(("random", False))
    cells: dict[tuple[str, bool], list[dict]] = {name: [] for name in names}
    fit = student(balanced=True)
    kept = given.workspace / f"rare-{given.share}.jsonl"  # cells that are done, so that a run can be taken up again
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    with kept.open("a") as log:
        for concept, seed, (name, seals) in itertools.product(range(given.concepts), range(given.seeds), names):
            mark = {"concept": concept, "seed": seed, "name": name, "seals": seals}
            cell = next((d for d in done if mark.items() <= d.items()), None)
            if cell is None:
                setting = simulation.setting(
                    labels[train], classes, concept=concept, start=5, others=95, rare=given.share, seed=seed
                )
                _, history = simulation.grow(
                    pool, setting, (OTHERS, classes[concept]), strategy(name, seed),
                    needs=registry.get("queries", name).card.needs, train=fit, batch=100, rounds=19, seed=seed,
                    reach=_Gathered(pool, graph()) if seals else None,
                    test=test_view, test_codes=as_concept(labels[test], concept),
                )  # fmt: skip
                cell = mark | history[-1] | {"seconds": clock(history)}
                print(json.dumps(cell), file=log, flush=True)
            cells[name, seals].append(cell)
    there = round(given.share / (1 - given.share) * (train.sum() * 0.9))
    print(f"{given.concepts} concepts x {given.seeds} seeds, about {there} positives in a pool of {train.sum():,}, "
          f"2,000 labels\n")  # fmt: skip
    print("| strategy | candidates | mAP | sd over seeds | positives found | considered | scored | seconds a round |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, seals), found in cells.items():
        of_seed = [np.mean([f["average_precision"] for f in found if f["seed"] == s]) for s in range(given.seeds)]
        share = f"{100 * np.mean([f['fraction_considered'] for f in found]):.1f} %"
        print(
            f"| {name} | {'seals, k = 100' if seals else 'all'} | {np.mean(of_seed):.3f} | {spread(of_seed):.3f} "
            f"| {np.mean([f['positives'] for f in found]):.0f} | {share} "
            f"| {np.mean([f['score_ops'] for f in found]):,.0f} | {np.mean([f['seconds'] for f in found]):.2f} |"
        )


class _Gathered(Reach):
    """SEALS candidates from neighbours gathered beforehand."""

    def __init__(self, pool: View, graph: np.ndarray):
        super().__init__(pool, None, graph.shape[1])
        self.graph = graph

    def extend(self, labelled: np.ndarray) -> None:
        self.inside[self.graph[labelled]] = True


# -- a cold start -----------------------------------------------------------------------------------------------------


def cold(given: argparse.Namespace) -> None:
    """Digits: no label at all, ten at a time to 10 a class; then from 2 a class in batches of 40 to 500."""
    x, labels, split, classes = encoded({"use": "sample"}, given.workspace)
    train, test = split == TRAIN, split == TEST
    pool, test_view = View.of(embeddings=x[train], classes=classes), View.of(embeddings=x[test], classes=classes)

    def curves(name: str, start: int, batch: int, rounds: int) -> np.ndarray:
        made = []
        for seed in range(given.seeds):
            setting = simulation.setting(labels[train], classes, start=start, seed=seed)
            _, history = simulation.grow(
                pool, setting, classes, strategy(name, seed), needs=registry.get("queries", name).card.needs,
                train=student(), batch=batch, rounds=rounds, seed=seed, test=test_view, test_codes=labels[test],
            )  # fmt: skip
            made.append([line.get("accuracy", np.nan) for line in history])
        return 100 * np.array(made)

    print(f"accuracy in %, {given.seeds} seeds, mean (sd)\n")
    print("| cold start | 10 labels | 20 | 50 | 100 |\n|---|---|---|---|---|")
    for name in ("random", "typiclust", "probcover", "k_center"):
        made = curves(name, 0, 10, 10)
        print(f"| {name} | " + " | ".join(told(made[:, at]) for at in (1, 2, 5, 10)) + " |")
    print("\n| 2 labels a class to begin with | 100 labels | 220 | 500 |\n|---|---|---|---|")
    for name in ("random", "margin", "badge", "entropy", "least_confidence"):
        made = curves(name, 2, 40, 12)
        print(f"| {name} | " + " | ".join(told(made[:, at]) for at in (2, 5, 12)) + " |")


# -- a million rows ---------------------------------------------------------------------------------------------------


def scale(given: argparse.Namespace) -> None:
    """One round (fit, score, pick 100) with 2,000 labels, on float16 that lies on disk."""
    n, d = given.rows, given.dim
    path = given.workspace / f"pool-{n}-{d}.npy"
    given.workspace.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        planted(path, n, d)
    x = np.load(path, mmap_mode="r")
    rng = np.random.default_rng(1)
    positive = np.arange(n) < n // 200  # the first groups of the mixture are the concept
    known = np.full(n, -1)
    first = np.concatenate([rng.choice(n // 200, 400, replace=False), rng.integers(n // 200, n, 1600)])
    known[first] = positive[first]
    pool = View({"embeddings": lambda rows: np.asarray(x[rows], np.float32)}, np.arange(n), (OTHERS, "concept"))
    open_ = known < 0
    method = registry.get("queries", "entropy")
    reach = None
    if not given.full:
        index, took, found = Exact(x), 0.0, 1.0
        if given.index == "faiss":
            stored = given.workspace / f"index-{n}-{d}.npy"
            if not stored.exists():
                started = time.perf_counter()
                np.save(stored, build(x, seed=0))
                took = time.perf_counter() - started
            index = Inverted(np.load(stored, mmap_mode="r"), probes=32)
            rows = np.sort(rng.choice(n, 1000, replace=False))
            found = recall(index, x, 100, rows)
        reach = Reach(pool, index, 100)
        started = time.perf_counter()
        old = np.flatnonzero(known >= 0)[:-100]
        reach.extend(old)
        print(f"index {given.index}: built in {took:.0f} s, recall@100 {found:.4f} on 1,000 rows; "
              f"neighbours of the first {len(old):,} labels in {time.perf_counter() - started:.2f} s\n")  # fmt: skip
    student()(View.of(embeddings=np.eye(4, dtype=np.float32), labels=np.arange(4) % 2), seed=0)  # imports
    learner = Learner(pool, known, pool.classes, student(balanced=True), 0)
    started, worked = time.perf_counter(), time.process_time()
    ask = partial(method.call, rng=rng)
    made = next_batch(pool, known, open_, learner, ask, method.card.needs, 100, rng, reach=reach)
    took, worked = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print("| rows | candidates | seconds | CPU seconds | of the seconds, the fit | rows scored | peak memory |")
    print("|---|---|---|---|---|---|---|")
    print(f"| {n:,} x {d} | {'all' if given.full else 'seals, k = 100, ' + given.index} | {took:.2f} | {worked:.2f} | "
          f"{learner.seconds:.2f} | {made.considered:,} | {peak:.2f} GiB |")  # fmt: skip


def planted(path: Path, n: int, d: int, groups: int = 1000) -> None:
    """float16 [n, d] in an .npy file: equal groups around random directions, in order."""
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, "w+", np.float16, (n, d))
    centres = rng.normal(size=(groups, d)).astype(np.float32)
    for at in range(0, n, 1 << 16):
        rows = np.arange(at, min(at + (1 << 16), n))
        out[rows] = centres[rows * groups // n] + 0.8 * rng.normal(size=(len(rows), d)).astype(np.float32)
    out.flush()


# -- what they share --------------------------------------------------------------------------------------------------


def encoded(source: dict, workspace: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """(embeddings float32, labels as codes, split, classes) of the usable rows, by the encoder `patches`."""
    recipe = parse_recipe({"source": source, "encode": {"use": "patches"}})
    run(recipe, workspace, keep_recipe=False)
    made = plan(recipe, Workspace(workspace))
    items = Items.load(made.workspace.path("source", made.find("source").key))
    folder = made.workspace.path("encode", made.find("encode").key)
    rows = np.load(folder / "rows.npy")
    x = np.load(folder / "embeddings.npy").astype(np.float32)
    return x, items.codes[rows], items.column("split")[rows], items.classes


def strategy(name: str, seed: int) -> Callable:
    method = registry.get("queries", name)
    return partial(method.call, rng=np.random.default_rng(seed), **method.validated({}, name))


def student(**params) -> Callable:
    method = registry.get("students", "logistic")
    return lambda view, seed: method.call(view, **method.validated(params, "logistic"))


def clock(history: list[dict]) -> float:
    return float(np.mean([line["fit_seconds"] + line["pick_seconds"] for line in history[1:]]))


def spread(values) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def told(values: np.ndarray) -> str:
    return f"{values.mean():.1f} ({spread(values):.1f})"


if __name__ == "__main__":
    main()
