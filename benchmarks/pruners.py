"""What every pruner costs: seconds and memory on the same synthetic data, one process each.

    python -m benchmarks.pruners                         all pruners, 50,000 x 512, 10 classes, 5,000 picks
    python -m benchmarks.pruners d2 herding              only these
    python -m benchmarks.pruners --n 5000 --budget 500   smaller
    OMP_NUM_THREADS=1 python -m benchmarks.pruners --pace    CPU seconds at 1,000 and 8,000 items, half kept, for cards

Pruners come from the registry, with their default parameters and everything their cards ask for given: the neighbour
graph, probabilities, second opinion, recorded run and scores are made beforehand and not counted. Memory is the most a
process held while selecting, above what it held with the data loaded and the libraries warm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.k_center import Peak
from curation.data.results import Dynamics, Neighbours
from curation.data.view import View
from curation.engine.pace import SIZES
from curation.engine.registry import methods
from curation.training import nets
from curation.training.checkpoints import Network

EPOCHS, K = 10, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="pruners to measure; all when none is named")
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--budget", type=int, default=5_000)
    parser.add_argument("--limit", type=int, default=600, help="seconds after which a pruner is given up")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, for pruners that ask for one")
    parser.add_argument("--pace", action="store_true", help="CPU seconds at the two sizes of a card's `seconds`")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the process of one pruner: the folder with the data
    args = parser.parse_args()
    if args.one:
        clock = time.process_time if args.pace else time.perf_counter
        print(json.dumps(measure(args.names[0], Path(args.one), args.budget, args.device, clock)))
        return
    names = args.names or list(methods("pruners"))
    for n, budget in [(n, n // 2) for n in SIZES] if args.pace else [(args.n, args.budget)]:
        table(names, n, budget, args)


def table(names: list[str], n: int, budget: int, args: argparse.Namespace) -> None:
    """Print what each pruner costs on n items."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), n, args.d, args.classes)
        print(f"{n:,} x {args.d}, {args.classes} classes, {budget:,} picks, {os.cpu_count()} cores")
        print(f"{'pruner':<20}{'seconds':>9}{'extra MB':>10}  load before", flush=True)
        for name in names:
            command = [sys.executable, "-m", "benchmarks.pruners", name, "--one", folder]
            command += ["--budget", str(budget), "--device", args.device, *["--pace"] * args.pace]
            print(f"{name:<20}{row(command, args.limit)}", flush=True)


def row(command: list[str], limit: int) -> str:
    load = os.getloadavg()[0]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit, cwd=Path(__file__).parents[1])
    except subprocess.TimeoutExpired:
        return f"{'over ' + str(limit):>9}{'':>10}  {load:.1f}"
    if ran.returncode:
        return f"   failed: {ran.stderr.strip().splitlines()[-1]}"
    made = json.loads(ran.stdout.splitlines()[-1])
    return f"{made['seconds']:>9.3g}{made['extra_mb']:>10.0f}  {load:.1f}"


def measure(name: str, folder: Path, budget: int, device: str, clock: Callable[[], float]) -> dict:
    """Seconds and memory of one pruner, after a small call that loads its libraries."""
    method, whole = methods("pruners")[name], load(folder)
    params = method.validated({}, name)

    def select(view: View, budget: int):
        offer = {"rng": np.random.default_rng(0), "seed": 0, "device": device, "progress": lambda *a, **k: None}
        return method.call(view, budget, **params, **{key: offer[key] for key in method.injected})

    select(whole.subset(np.arange(0, len(whole), max(1, len(whole) // 500))), min(50, budget))
    with Peak() as peak:
        started = clock()
        made = select(whole, budget)
        seconds = clock() - started
    rows = np.asarray(getattr(made, "rows", made))
    assert len(np.unique(rows)) == budget
    return {"seconds": seconds, "extra_mb": max(peak.extra_mb, 0.0)}


def make(folder: Path, n: int, d: int, classes: int) -> None:
    """100 clusters in 32 latent dimensions, lifted to d with noise; each cluster is of one class, 5 % mislabelled."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(100, size=n)
    latent = rng.normal(size=(100, 32))[cluster] + 0.5 * rng.normal(size=(n, 32))
    x = latent @ rng.normal(size=(32, d)) + 0.3 * rng.normal(size=(n, d))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    truth = cluster % classes
    labels = np.where(rng.random(n) < 0.05, rng.integers(classes, size=n), truth)
    hard = rng.random(n)[:, None]
    lean = (4 - 4 * hard) * np.eye(classes)[truth] + rng.normal(size=(n, classes))
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float16, (EPOCHS, n, classes))
    for epoch, learnt in enumerate(np.linspace(0.2, 1.5, EPOCHS)):
        logits[epoch] = learnt * lean + 0.3 * rng.normal(size=(n, classes))
    e = np.exp(lean - lean.max(axis=1, keepdims=True))
    graph, _ = methods("evidence")["neighbours"].call(View.of(embeddings=x), rng=rng, k=K)
    head = np.stack([x[truth == code].mean(axis=0) for code in range(classes)])
    arrays = {
        "embeddings": x,
        "labels": labels,
        "probabilities": (e / e.sum(axis=1, keepdims=True)).astype(np.float32),
        "indices": graph.indices,
        "distances": graph.distances,
        "hard": hard[:, 0],
        "head": 10 * (head - head.mean(axis=0)),
    }
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)


def load(folder: Path) -> View:
    """A View of the arrays `make` wrote, in memory, with every score there is."""
    have = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    x, hard, labels = have["embeddings"], have["hard"], have["labels"]
    scores = {
        name: hard + 0.1 * np.random.default_rng(i).random(len(x)) for i, name in enumerate(sorted(methods("scores")))
    }
    scores["forgetting"] = np.floor(5 * hard**2)  # counts: many are equal
    students = {name: partial(method.call, device="cpu") for name, method in methods("students").items()}
    return View.of(
        scores=scores,
        students=students,
        classes=[str(code) for code in range(len(have["head"]))],
        embeddings=x,
        features=x,
        labels=labels,
        groups=np.arange(len(x)),
        copies=np.arange(len(x)),
        neighbours=Neighbours(have["indices"], have["distances"]),
        probabilities=have["probabilities"],
        in_fold=have["probabilities"],
        second_opinion=have["probabilities"],
        dynamics=Dynamics(have["logits"], "train", x.copy()),
        network=student(x, have["head"]),
    )


def student(x: np.ndarray, head: np.ndarray) -> Network:
    """Softmax regression on x by the class means."""
    classes, d = head.shape

    def load(positions: np.ndarray, device: str):
        import torch

        return torch.tensor(x[positions], device=device)

    def build(device: str):
        return nets.mlp(np.zeros(d), np.ones(d), 0, classes, seed=0).to(device)

    weights = np.concatenate([np.zeros(d), np.ones(d), head.ravel(), np.zeros(classes)])  # nets.mlp's state, in order
    return Network(build, load, weights[None].astype(np.float32), np.array([0]), np.arange(len(x)))


if __name__ == "__main__":
    main()
