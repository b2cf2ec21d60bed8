"""How the cost of every pruner grows with the items: processor seconds, memory, and the power of n beside its card.

    python -m benchmarks.exponents                                 10,000, 100,000 and 1,000,000 items of 64 numbers
    python -m benchmarks.exponents herding --sizes 5000 50000      these pruners, these sizes

The items are those of `benchmarks.pruners`, of 100 classes; half of them are taken, with default parameters and one
thread. What pruners read is made beforehand and not counted; neighbours above 60,000 items are approximate. A pruner
that used more than --limit processor seconds at one size is not asked for larger ones. The power is that from the last
size but one to the last. Stages of a recipe: `python -m benchmarks.scale --exponents`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from benchmarks import pruners
from benchmarks.__main__ import ROOT, machine
from curation.engine.registry import methods

LIMIT = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="pruners to measure; all that need no file, when none is named")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--limit", type=int, default=LIMIT, help="processor seconds after which one is given up")
    parser.add_argument("--folder", type=Path, help="where the items are kept; default: a temporary folder")
    given = parser.parse_args()
    names = given.names or [name for name in methods("pruners") if name not in ("rds", "instructiongpt4")]
    seen: dict[str, list[tuple[int, dict]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        for n in sorted(given.sizes):
            home = (given.folder or Path(scratch)) / f"{n}x{given.dim}x{given.classes}"
            if not (home / "head.npy").exists():  # the last that is written
                home.mkdir(parents=True, exist_ok=True)
                pruners.make(home, n, given.dim, given.classes)
            for name in names:
                if len(seen[name]) == sum(size < n for size in given.sizes):
                    made = measured(name, home, n // 2, given.limit)
                    print(f"{n:>9,} {name:<20} {made}", file=sys.stderr, flush=True)
                    if made:
                        seen[name].append((n, made))
    print(f"half of the items, {given.dim} numbers, {given.classes} classes, on {machine()}\n")
    print("\n".join(table(seen, given.sizes, given.limit)))


def measured(name: str, home: Path, budget: int, limit: int) -> dict | None:
    """Processor seconds and megabytes of one pruner in a process of its own; None where it used more than the limit."""
    command = [sys.executable, "-m", "benchmarks.pruners", name, "--one", str(home), "--budget", str(budget), "--pace"]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )  # fmt: skip
    while True:
        try:
            out, err = child.communicate(timeout=1)
            break
        except subprocess.TimeoutExpired:
            times = psutil.Process(child.pid).cpu_times()
            if times.user + times.system > limit:
                child.kill()
                child.communicate()
                return None
    if child.returncode:
        raise SystemExit(f"{name}: {err.strip().splitlines()[-1]}")
    return json.loads(out.splitlines()[-1])


def table(seen: dict[str, list[tuple[int, dict]]], sizes: list[int], limit: int) -> list[str]:
    """One line a pruner: seconds and megabytes at every size, the power of n, and what its card says."""
    lines = ["| pruner | " + " | ".join(f"{n:,}" for n in sizes) + " | power of n | MB at the last | its card says |"]
    lines.append("|---" * (len(sizes) + 4) + "|")
    for name, results in seen.items():
        cells = [f"{made['seconds']:.2g}" if made["seconds"] < 10 else f"{made['seconds']:.0f}" for _, made in results]
        cells += [f"over {limit}"] * (len(results) < len(sizes)) + [""] * (len(sizes) - len(results) - 1)
        power, memory = "", f"{results[-1][1]['extra_mb']:.0f}" if results else ""
        if len(results) > 1:
            (few, quick), (many, slow) = results[-2:]
            power = f"{np.log(max(slow['seconds'], 1e-3) / max(quick['seconds'], 1e-3)) / np.log(many / few):.2f}"
        cost = methods("pruners")[name].card.cost
        lines.append(f"| {name} | " + " | ".join([*cells, power, memory, cost]) + " |")
    return lines


if __name__ == "__main__":
    main()
