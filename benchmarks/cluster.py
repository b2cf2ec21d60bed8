"""What workers are worth: encoding, parts of one step and a grid of trials, here, on processes and on a Ray cluster.

    OMP_NUM_THREADS=1 python -m benchmarks.cluster
    OMP_NUM_THREADS=1 python -m benchmarks.cluster --address 10.0.0.1:6379 --workers 1 8 64

Whole recipes through the command line, each in a workspace of its own; seconds are wall time from the command to its
end, so that starting workers and reading the data are in them. Every row has to end in the
same bytes, which is checked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.__main__ import machine

ENCODING = """
[source]
use = "arrays"
path = "images.npz"
[encode]
use = "lite0"
[[export]]
use = "csv"
path = "{name}.csv"
"""
PARTS = """
[source]
use = "arrays"
path = "many.npz"
[encode]
use = "precomputed"
[evidence.neighbours]
[[prune]]
use = "herding"
keep = 0.2
[[export]]
use = "csv"
path = "{name}.csv"
"""
TRIALS = """
[source]
use = "arrays"
path = "features.npz"
[encode]
use = "precomputed"
[[score]]
use = "margin"
[[prune]]
use = "by_score"
by = "margin"
keep = 0.5
[[prune]]
use = "k_center"
keep = 0.5
[verify]
use = "{student}"
seeds = 4
keeps = [0.2, 0.4, 0.6]
[[export]]
use = "csv"
path = "{name}.csv"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16_384, help="of 32 x 32, to be encoded in shards of 4,096")
    parser.add_argument("--rows", type=int, default=20_000, help="of 64 numbers, for the grid of trials")
    parser.add_argument("--many", type=int, default=60_000, help="rows to be compared with each other, and chosen from")
    parser.add_argument("--student", default="head", help="which is trained in each trial")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--address", default="", help="of a Ray cluster; by default one is started here")
    parser.add_argument("--folder", type=Path, help="seen by all machines of the cluster; by default a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        make(Path(folder), asked.images, asked.rows, asked.many)
        print("| what | workers | seconds | speed-up |\n|---|---|---|---|")
        trials = TRIALS.replace("{student}", asked.student)
        for what, recipe in (("encoding", ENCODING), ("parts", PARTS), ("trials", trials)):
            measure(what, recipe, Path(folder), asked.workers, asked.address)
    print(f"\n{asked.images:,} images of 32 x 32, {asked.many:,} and {asked.rows:,} rows of 64 numbers; {machine()}")


def measure(what: str, recipe: str, folder: Path, counts: list[int], address: str) -> None:
    """A line of the table for every kind and number of workers."""
    engines = [("none", "")]
    for use in ("processes", "ray"):
        at = f'address = "{address}"\n' if address and use == "ray" else ""
        engines += [(f"{count} {use}", f'[engine]\nuse = "{use}"\nworkers = {count}\n{at}') for count in counts]
    first: tuple[float, str] | None = None
    for label, engine in engines:
        name = f"{what}-{label}".replace(" ", "-")
        (folder / f"{name}.toml").write_text(engine + recipe.replace("{name}", name))
        seconds, found = timed(folder, name)
        first = first or (seconds, found)
        if found != first[1]:
            raise SystemExit(f"{what} on {label}: the bytes differ from those without workers")
        print(f"| {what} | {label} | {seconds:.1f} | {first[0] / seconds:.2f} |", flush=True)


def timed(folder: Path, name: str) -> tuple[float, str]:
    """Seconds of a run of this recipe, and a hash of every array and the manifest it made."""
    root = Path(__file__).resolve().parents[1]
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-P", "-m", "curation", "run", f"{name}.toml", "-w", name, "--json", "--device", "cpu"]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - began
    if failed := json.loads(done.stdout)["failed"]:
        raise SystemExit(f"{name}: {failed[0]}")
    hashed = hashlib.sha256((folder / f"{name}.csv").read_bytes())
    for path in sorted((folder / name).glob("[!.]*/*/*.npy")):
        hashed.update(path.read_bytes())
    return seconds, hashed.hexdigest()


def make(folder: Path, images: int, rows: int, many: int) -> None:
    """Generated sets of ten classes: small pictures of noise around a colour, and points around ten centres."""
    rng = np.random.default_rng(0)
    labels = np.arange(images) % 10
    pictures = rng.integers(0, 128, (images, 32, 32, 3), dtype=np.uint8)
    pictures += (rng.integers(0, 127, (10, 3), dtype=np.uint8)[labels])[:, None, None]
    np.savez(folder / "images.npz", images=pictures, labels=labels)
    for name, count in (("features", rows), ("many", many)):
        labels = np.arange(count) % 10
        features = (rng.normal(size=(10, 64))[labels] + 2 * rng.normal(size=(count, 64))).astype(np.float32)
        np.savez(folder / f"{name}.npz", features=features, labels=labels)


if __name__ == "__main__":
    main()
