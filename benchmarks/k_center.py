"""How fast is farthest-first traversal, beside the plain loop over the same data?

    python benchmarks/k_center.py                      50,000 x 512, 5,000 picks
    python benchmarks/k_center.py --features x.npy     the same on your own [n, d] array

Three ways to the same picks, timed one after the other on the same data:

- winnow: `curation.maths.selection.greedy.farthest_first`, whole run;
- loop: numpy with cached norms, one matrix-vector product per pick, whole run (`--loop-steps` extrapolates);
- recompute: `norm(x - c)` per pick, as published implementations do it, extrapolated from a few steps.

Prints seconds, ratios, the memory winnow adds, and where the picks first differ, with the gap they differ by.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from pathlib import Path

import numpy as np

from curation.maths.selection.greedy import farthest_first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--picks", type=int, default=5_000)
    parser.add_argument("--features", help="an .npy file to use instead of the mixture")
    parser.add_argument("--loop-steps", type=int, default=None, help="stop the loop early and extrapolate")
    args = parser.parse_args()
    x = np.load(args.features).astype(np.float32) if args.features else mixture(args.rows, args.dims)
    picks = min(args.picks, len(x))
    steps = min(args.loop_steps or picks, picks)
    print(f"{len(x):,} x {x.shape[1]}, {picks:,} picks, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    farthest_first(x[:2000], 50, start=0)  # the library threads start

    with Peak() as peak:
        ours, seconds = timed(lambda: farthest_first(x, picks, start=0))
    theirs, loop = timed(lambda: plain_loop(x, steps, start=0))
    loop *= picks / steps
    _, slow = timed(lambda: recompute(x, 10, start=0))
    slow *= picks / 10

    print(f"winnow     {seconds:8.2f} s   {peak.extra_mb:.0f} MB more memory")
    print(f"loop       {loop:8.2f} s   {loop / seconds:.1f} x" + (" (extrapolated)" if steps < picks else ""))
    print(f"recompute  {slow:8.2f} s   {slow / seconds:.1f} x (extrapolated from 10 picks)")
    print(agreement(x, ours[:steps], theirs))


def mixture(n: int, d: int, seed: int = 0) -> np.ndarray:
    """100 clusters in 32 latent dimensions, lifted to d with noise, scaled to length 1."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(100, 32))
    latent = centres[rng.integers(100, size=n)] + 0.5 * rng.normal(size=(n, 32))
    x = (latent @ rng.normal(size=(32, d)) + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain_loop(x: np.ndarray, budget: int, start: int) -> np.ndarray:
    x = x - x.mean(axis=0)
    norms = np.einsum("ij,ij->i", x, x)
    nearest, picks = np.full(len(x), np.inf, np.float32), [start]
    for _ in range(budget - 1):
        last = picks[-1]
        np.minimum(nearest, norms + norms[last] - 2 * (x @ x[last]), out=nearest)
        nearest[last] = -1
        picks.append(int(nearest.argmax()))
    return np.array(picks)


def recompute(x: np.ndarray, budget: int, start: int) -> np.ndarray:
    nearest, picks = np.full(len(x), np.inf, np.float32), [start]
    for _ in range(budget):
        nearest = np.minimum(nearest, np.linalg.norm(x - x[picks[-1]], axis=1))
        picks.append(int(nearest.argmax()))
    return np.array(picks)


def agreement(x: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> str:
    common = len(np.intersect1d(ours, theirs))
    text = f"picks: {common:,} of {len(ours):,} in common"
    if len(different := np.flatnonzero(ours != theirs)):
        at = different[0]
        taken = x[ours[:at]].astype(np.float64)
        gap = [np.sqrt(((taken - x[row]) ** 2).sum(axis=1).min()) for row in (ours[at], theirs[at])]
        text += f"; the orders part at pick {at:,}, over distances {gap[0]:.8f} (winnow) and {gap[1]:.8f} (loop)"
    return text


def timed(call):
    started = time.perf_counter()
    return call(), time.perf_counter() - started


class Peak:
    """The most memory this process held inside the block, above what it held at its start (Linux)."""

    def __enter__(self):
        self.before, self.most, self.over = _resident(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.extra_mb = (self.most - self.before) / 1e6

    def _watch(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
