"""How fast is facility location, beside the libraries people use, at the same objective?

    python -m benchmarks.facility_location                      10,000 x 512, 1,000 picks; 50,000 x 512, 5,000 picks
    python -m benchmarks.facility_location --features x.npy     the first on your own [n, d] array

s = max(0, cosine). Every way runs in a process of its own, warmed up on a small problem, in turn for several rounds;
seconds (the median) run from the [n, d] array to the picks, memory is what the process held above its start. f is the
objective over all pairs, computed again in float64. The large row, on each item's 64 nearest, has the graph apart.

Prints a Markdown table. The floor is what any way to the same picks has to spend: all pairs compared once, at the
speed torch multiplies matrices at in the same round; for the large row, all gains read once per pick.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.k_center import Peak, mixture, timed

INSTALL = {"apricot": "apricot-select", "submodlib": "submodlib-py"}
NEIGHBOURS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--picks", type=int, default=1_000)
    parser.add_argument("--large-rows", type=int, default=50_000, help="of the sparse form; 0 leaves it out")
    parser.add_argument("--large-picks", type=int, default=5_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--features", help="an .npy file to use instead of the mixture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # this process is one way
    given = parser.parse_args()
    if given.one:
        x = np.load(given.features)
        print(json.dumps(WAYS[given.one](x, given.picks)))
        return
    x = np.load(given.features).astype(np.float32) if given.features else mixture(given.rows, given.dims)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.rounds} rounds\n")
    print("| what | seconds | against winnow | extra memory | f |")
    print("|---|---|---|---|---|")
    for line in [*dense(x, given.picks, given.rounds), *large(given)]:
        print("| " + " | ".join(line) + " |")


def dense(x: np.ndarray, picks: int, rounds: int) -> list[tuple[str, ...]]:
    runs: dict[str, list[dict]] = {name: [] for name in ("floor", "winnow", *INSTALL)}
    for _ in range(rounds):
        for name, made in runs.items():
            if name not in INSTALL or importlib.util.find_spec(name):
                made.append(apart(name, x, picks))
    ours, lines = _median(runs["winnow"]), []
    for name, made in runs.items():
        if not made:
            lines.append((name, f"not here: pip install {INSTALL[name]}", "", "", ""))
            continue
        took = _median(made)
        memory = f"{made[0]['memory']:.0f} MB" if "memory" in made[0] else ""
        f = f"{value(x, made[0]['picks']):.4f}" if "picks" in made[0] else ""
        label = f"{name}, {len(x):,} x {x.shape[1]}, {picks:,} picks"
        lines.append((label, f"{took:.2f}", f"{took / ours:.1f} x", memory, f))
    return lines


def large(given: argparse.Namespace) -> list[tuple[str, ...]]:
    if not given.large_rows:
        return []
    x = mixture(given.large_rows, given.dims)
    made = apart("sparse", x, given.large_picks)
    label = f"{len(x):,} x {x.shape[1]}, {given.large_picks:,} picks, {NEIGHBOURS} nearest"
    return [
        (f"floor, {label}", f"{made['floor']:.2f}", f"{made['floor'] / made['seconds']:.1f} x", "", ""),
        (
            f"winnow, {label}",
            f"{made['seconds']:.2f} (graph {made['graph']:.1f} before)",
            "1.0 x",
            f"{made['memory']:.0f} MB (graph {made['graph_memory']:.0f} MB)",
            f"{value(x, made['picks']):.4f}",
        ),
    ]


def apart(name: str, x: np.ndarray, picks: int) -> dict:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        np.save(path := Path(scratch) / "x.npy", x)
        command = [sys.executable, "-m", "benchmarks.facility_location", "--one", name]
        command += ["--features", str(path), "--picks", str(picks)]
        root = Path(__file__).resolve().parents[1]
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def winnow(x: np.ndarray, picks: int) -> dict:
    from curation.data.view import View
    from curation.methods.pruners.facility_location import select

    return _measured(lambda x, picks: select(View.of(embeddings=x), picks, dense_up_to=len(x)), x, picks)


def apricot(x: np.ndarray, picks: int) -> dict:
    from apricot import FacilityLocationSelection

    def select(x, picks):
        return FacilityLocationSelection(picks, metric="precomputed", optimizer="lazy").fit(_all_pairs(x)).ranking

    return _measured(select, x, picks)


def submodlib(x: np.ndarray, picks: int) -> dict:
    from submodlib import FacilityLocationFunction

    def select(x, picks):
        f = FacilityLocationFunction(n=len(x), mode="dense", sijs=_all_pairs(x), separate_rep=False)
        return [row for row, _ in f.maximize(budget=picks, optimizer="LazyGreedy", show_progress=False)]

    return _measured(select, x, picks)


def floor(x: np.ndarray, picks: int) -> dict:
    import torch

    t = torch.from_numpy(x)
    out = torch.zeros(len(x), len(x))
    return {"seconds": min(timed(lambda: torch.mm(t, t.T, out=out))[1] for _ in range(2))}


def sparse(x: np.ndarray, picks: int) -> dict:
    from curation.maths.selection.facility_location import cover_lists
    from curation.methods.pruners.facility_location import _nearest

    def quiet(*_, **__):
        return None

    cover_lists(_nearest(x[:500], NEIGHBOURS, 0.0, "cpu", quiet), 50)
    with Peak() as graph_peak:
        lists, graph = timed(lambda: _nearest(x, NEIGHBOURS, 0.0, "cpu", quiet))
    with Peak() as peak:
        cover, seconds = timed(lambda: cover_lists(lists, picks))
    gains = np.zeros(len(x))
    _, reading = timed(lambda: [gains.max() for _ in range(picks)])
    return {
        "seconds": seconds,
        "graph": graph,
        "floor": reading,
        "memory": peak.extra_mb,
        "graph_memory": graph_peak.extra_mb,
        "picks": cover.picks,
    }


def value(x: np.ndarray, picks: list[int]) -> float:
    """f over all pairs, in float64."""
    x = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return sum(np.maximum(part @ x[picks].T, 0).max(axis=1).sum() for part in np.array_split(x, 50))


def _measured(select, x: np.ndarray, picks: int) -> dict:
    select(x[:500], 50)  # what is compiled or started the first time is
    with Peak() as peak:
        rows, seconds = timed(lambda: select(x, picks))
    return {"seconds": seconds, "memory": peak.extra_mb, "picks": [int(row) for row in rows]}


def _all_pairs(x: np.ndarray) -> np.ndarray:
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    s = x @ x.T
    return np.maximum(s, 0, out=s)


def _median(runs: list[dict]) -> float:
    return float(np.median([run["seconds"] for run in runs]))


WAYS = {"winnow": winnow, "apricot": apricot, "submodlib": submodlib, "floor": floor, "sparse": sparse}

if __name__ == "__main__":
    main()
