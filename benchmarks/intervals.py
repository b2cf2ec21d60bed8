"""How often 95 % intervals hold the true accuracy, and the true difference of two: ours, and resampling.

    python -m benchmarks.intervals [--repeats 400]

Simulated students: test items are hard or easy, seeds lucky or not, the rest is chance. Resampling draws items and
seeds with replacement, the same for both of a pair, 1,000 times, and takes the middle 95 % (Owen, The pigeonhole
bootstrap, Annals of Applied Statistics 2007). Prints a Markdown table; ms: of one pair, for each way.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import norm

from curation.maths.uncertainty import accuracy, difference

CASES = [  # test items, seeds, mean, spread of the seeds; the mean on a normal scale where items spread by 1
    *((359, 1, 1.5, 0.0), (359, 3, 1.5, 0.0), (359, 3, 1.5, 0.3), (359, 3, 3.4, 0.1)),
    *((2000, 3, 1.5, 0.1), (2000, 3, 1.5, 0.3), (2000, 5, 1.5, 0.3)),
]
LEAD, REST, DRAWS = 0.2, 0.5, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    head = ["test items", "seeds", "accuracy", "sd of seeds", "ours: accuracy", "difference"]
    print(f"| {' | '.join([*head, 'resampling: accuracy', 'difference', 'ms'])} |")
    print("|" + "---|" * 9)
    for items, seeds, mean, spread in CASES:
        inside, spent, of_seeds = np.zeros((2, 2)), np.zeros(2), []
        for _ in range(repeats):
            hard = rng.normal(size=items)
            a, truth = answers(rng, seeds, mean, spread, hard)
            b, other = answers(rng, seeds, mean - LEAD, spread, hard)
            of_seeds.append(a.mean(axis=1).std(ddof=1) if seeds > 1 else 0.0)
            for i, way in enumerate((closed, resampled)):
                started = time.perf_counter()
                found = way(rng, a, b)
                spent[i] += time.perf_counter() - started
                inside[i] += [low <= t <= high for (low, high), t in zip(found, (truth, truth - other), strict=True)]
        cover = [f"{value:.3f}" for value in (inside / repeats).ravel()]
        ms = " / ".join(f"{1000 * s / repeats:.1f}" for s in spent)
        figures = [f"{items:,}", str(seeds), f"{100 * truth:.1f} %", f"{100 * np.mean(of_seeds):.1f}", *cover, ms]
        print(f"| {' | '.join(figures)} |", flush=True)


def answers(rng, seeds: int, mean: float, spread: float, hard: np.ndarray) -> tuple[np.ndarray, float]:
    """bool [seeds, items], and the accuracy such a student has on all items there could be."""
    x = mean + hard + spread * rng.normal(size=(seeds, 1)) + REST * rng.normal(size=(seeds, len(hard)))
    return x > 0, float(norm.cdf(mean / np.sqrt(1 + spread**2 + REST**2)))


def closed(_, a: np.ndarray, b: np.ndarray) -> list[tuple[float, float]]:
    return [accuracy(a).interval(), difference(a, b).interval()]


def resampled(rng, a: np.ndarray, b: np.ndarray) -> list[tuple[float, float]]:
    return [_resampled(rng, x) for x in (a, a.astype(float) - b)]


def _resampled(rng, x: np.ndarray) -> tuple[float, float]:
    """Items that are answered alike are drawn together: the same distribution, in less time."""
    kinds, counts = np.unique(x.T, axis=0, return_counts=True)
    by_seed = rng.multinomial(x.shape[1], counts / x.shape[1], DRAWS) @ kinds / x.shape[1]
    weights = rng.multinomial(len(x), np.full(len(x), 1 / len(x)), DRAWS) / len(x)
    return tuple(np.quantile((by_seed * weights).sum(axis=1), [0.025, 0.975]))


if __name__ == "__main__":
    main()
