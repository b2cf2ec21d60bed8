"""What an order made in two rounds reaches, of what the exact order reaches.

    python -m benchmarks.rounds                        50,000 x 64: every pruner that works in rounds
    python -m benchmarks.rounds herding --shard 500    only this one, in shards of 500 rows

The rows are those of `benchmarks.scale`. Every method puts them in order twice, as one shard and in shards, and a
random order stands beside. "of exact" is the method's own objective over that of the exact order (the other way round
for a distance, of which less is better); "of the gain" is what is gained over the random order, of what the exact order
gains. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import scale
from benchmarks.__main__ import machine
from curation.data.view import View
from curation.engine.registry import methods
from curation.maths.selection import rounds
from curation.maths.similarity.exact import unit

SHARES = (0.01, 0.1, 0.25, 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="pruners to compare; all when none is named")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--shard", type=int, default=rounds.SHARD, help="rows of a shard")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scale.make(Path(folder), given.rows, given.dim)
        x = np.load(Path(folder) / "set.npz")["features"]
    print(f"{given.rows:,} x {given.dim}, shards of {given.shard:,}, on {machine()}\n")
    print("| pruner | taken | of exact | of the gain | random of exact | exact s | rounds s |\n" + "|---" * 7 + "|")
    for name in given.names or OBJECTIVES:
        for line in compared(name, x, given.shard):
            print(line, flush=True)


def compared(name: str, x: np.ndarray, shard: int) -> list[str]:
    """Lines of the table for one pruner."""
    objective, lines = OBJECTIVES[name], []
    rounds.SHARD = shard
    most = int(max(SHARES) * len(x))
    exact, exact_seconds = ordered(name, x, most, whole=len(x))
    dealt, dealt_seconds = ordered(name, x, most, whole=0)
    chance = np.random.default_rng(0).permutation(len(x))
    for share in SHARES:
        count = int(share * len(x))
        best, made, least = (objective(x, order[:count]) for order in (exact, dealt, chance))
        gain = (made - least) / (best - least)
        of_exact, of_random = (min(value / best, best / value) if best < 0 else value / best for value in (made, least))
        lines.append(
            f"| {name} | {share:.0%} | {of_exact:.4f} | {gain:.4f} | {of_random:.4f} "
            f"| {exact_seconds:.1f} | {dealt_seconds:.1f} |"
        )
    return lines


def ordered(name: str, x: np.ndarray, budget: int, whole: int) -> tuple[np.ndarray, float]:
    """The order of a pruner that holds up to `whole` rows together, and the processor seconds it took."""
    method, rounds.WHOLE = methods("pruners")[name], whole
    offer = {"rng": np.random.default_rng(0), "seed": 0, "device": "cpu", "progress": lambda *a, **k: None}
    started = time.process_time()
    made = method.call(View.of(embeddings=x), budget, **{key: offer[key] for key in method.injected})
    return np.asarray(made), time.process_time() - started


def mean_distance(x: np.ndarray, rows: np.ndarray) -> float:
    phi = unit(x)
    return -float(np.linalg.norm(phi[rows].mean(axis=0, dtype=np.float64) - phi.mean(axis=0, dtype=np.float64)))


def coverage(x: np.ndarray, rows: np.ndarray) -> float:
    phi = unit(x)
    return float(sum((phi[at : at + 1024] @ phi[rows].T).max(axis=1).clip(0).sum() for at in range(0, len(x), 1024)))


def cut(x: np.ndarray, rows: np.ndarray) -> float:
    phi = unit(x)
    within, of_all = phi[rows].sum(axis=0, dtype=np.float64), phi.sum(axis=0, dtype=np.float64)
    return float(of_all @ within - within @ within)


OBJECTIVES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "herding": mean_distance,
    "facility_location": coverage,
    "graph_cut": cut,
}

if __name__ == "__main__":
    main()
