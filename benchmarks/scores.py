"""All scores that are read off one recorded run: seconds together, beside one softmax over the same logits.

    python -m benchmarks.scores                         30 epochs x 50,000 items x 10 classes, float16

The floor: every score needs each epoch's probabilities (or margins) once, so one pass of softmax over the run is the
least that any single one of them costs.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from curation.data.results import Dynamics
from curation.data.view import View
from curation.engine import registry
from curation.maths.arrays import probabilities


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=10)
    given = parser.parse_args()
    view = recorded(given.epochs, given.items, given.classes)
    shape = f"[{given.epochs}, {given.items:,}, {given.classes}] float16"
    print(f"{shape}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n| score | seconds |\n|---|---|")
    jobs = [
        (name, {})
        for name, method in registry.methods("scores").items()
        if set(method.card.needs) <= {"dynamics", "labels", "probabilities"}
    ]
    jobs += [("cartography", {"measure": "variability"}), ("cartography", {"measure": "correctness"})]
    for name, params in jobs:
        registry.load("scores", name).call(view.subset(np.arange(200)), **params)  # imports are not timed
    seconds = {}
    for name, params in sorted(jobs, key=lambda job: job[0]):
        started = time.perf_counter()
        registry.load("scores", name).call(view, **params)
        seconds[name + "".join(f", {value}" for value in params.values())] = time.perf_counter() - started
    for name, took in sorted(seconds.items(), key=lambda pair: -pair[1]):
        print(f"| {name} | {took:.2f} |")
    started = time.perf_counter()
    for epoch in view.dynamics.logits:
        probabilities(epoch)
    print(f"| **all {len(seconds)} together** | **{sum(seconds.values()):.2f}** |")
    print(f"| one softmax over the run | {time.perf_counter() - started:.2f} |")


def recorded(epochs: int, n: int, c: int) -> View:
    """A run in which items are learnt, each at its own pace."""
    rng = np.random.default_rng(0)
    labels = rng.integers(c, size=n)
    logits = rng.normal(size=(epochs, n, c), scale=1.5).astype(np.float16)
    logits[:, np.arange(n), labels] += (np.linspace(0, 6, epochs)[:, None] * rng.random(n)).astype(np.float16)
    features = rng.normal(size=(n, 512)).astype(np.float32)
    names = [str(i) for i in range(c)]
    p = probabilities(logits[-1])
    return View.of(labels=labels, dynamics=Dynamics(logits, "train", features), probabilities=p, classes=names)


if __name__ == "__main__":
    main()
