"""A whole recipe on a generated set of any size: what every stage takes in seconds, processor seconds and memory.

    python -m benchmarks.scale                                   1,000,000 x 64, every stage
    python -m benchmarks.scale --dim 512 --stages el2n consensus umap ccs export
    python -m benchmarks.scale --exponents                       how each stage grows, from 10,000 to 1,000,000
    python -m benchmarks.scale --shards 6100                    coverage of one class in shards, of the exact coverage

The set: 100 classes of five kinds each, of uneven size, close enough that some of them overlap, in directions whose
variance falls as 1, 1/2, 1/3, ..., as that of embeddings does; 1 % of the items are
near copies of others, and 5 % of the labels are replaced by another class at random. What is true stays with the
benchmark, so the average precision (AP) of the planted mistakes in the order of `consensus` can be told.

The run is the command line in a process of its own, the map in another beside it. Every half second both are looked
at: memory is resident (RSS), of all processes together; "own" is the part that is not pages of files, which the
system takes back when it needs them. A stage's figures are those between its start and its end, so the map's seconds
run beside the others', and a peak may be another stage's where the map ran beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import tomli_w

from benchmarks.__main__ import ROOT, machine

CLASSES, KINDS, MISTAKES, COPIES = 100, 5, 0.05, 0.01
SIGNAL = 32  # directions in which classes differ, however many numbers there are
APART = 0.8  # spread of the classes' centres in each of these, in spreads of a kind
SECTIONS = {
    "el2n": {"score": [{"use": "el2n"}]},
    "consensus": {"flag": [{"use": "consensus"}]},
    "duplicates": {"flag": [{"use": "duplicates"}]},
    "outliers": {"flag": [{"use": "outliers"}]},
    "umap": {"map": {"use": "umap"}},
    "ccs": {"prune": [{"name": "ccs", "use": "ccs", "by": "el2n", "cut_by": "el2n", "keep": 0.5, "balance": True}]},
    "trusted": {"prune": [{"name": "trusted", "use": "trusted_coverage", "keep": 0.5}]},
    "verify": {"verify": {"use": "head", "seeds": 2}},
    "export": {"export": [{"use": "parquet", "path": "kept.parquet"}]},
}


class Sample(NamedTuple):
    """One look at the run: seconds since 1970, processor seconds so far of the run and of all, bytes."""

    at: float
    run: float
    family: float
    resident: int
    own: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=64, help=f"numbers per item, at least {SIGNAL}")
    parser.add_argument("--stages", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--folder", type=Path, help="where data and workspace are kept; default: a temporary folder")
    parser.add_argument("--exponents", action="store_true", help="10,000, 100,000 and --rows rows, and how time grows")
    parser.add_argument(
        "--shards", type=int, help="only compare coverage in shards with exact coverage, at so many rows"
    )
    given = parser.parse_args()
    if given.shards:
        print("\n".join(covered(given.shards, given.dim)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        sizes = [n for n in (10_000, 100_000) if n < given.rows] if given.exponents else []
        tables = [measured(n, given.dim, given.stages, folder) for n in [*sizes, given.rows]]
    if given.exponents:
        print(growth([*sizes, given.rows], tables))


def measured(n: int, dim: int, wanted: Sequence[str], folder: Path) -> dict[str, float]:
    """Run the recipe and print its table. Returns the processor seconds of every stage."""
    home = folder / f"{n}x{dim}"
    home.mkdir(parents=True, exist_ok=True)
    make(home, n, dim)
    recipe = {"source": {"use": "arrays", "path": str(home / "set.npz")}, "encode": {"use": "precomputed"}}
    for stage in wanted:
        for section, content in SECTIONS[stage].items():
            recipe[section] = [*recipe.get(section, []), *content] if isinstance(content, list) else content
    (home / "recipe.toml").write_text(tomli_w.dumps(recipe), "utf-8")
    samples, answer = watched(home)
    started = samples[0].at
    lines, seconds = [], {}
    for step in answer["steps"]:
        card = json.loads((home / "workspace" / step["stage"] / step["key"] / "card.json").read_text())
        end = datetime.fromisoformat(card["created"]).timestamp()
        beside = step["stage"] == "map"
        if step["cached"] or end < started:
            continue
        name = f"{step['stage']} {step['name']}"
        within = [s for s in samples if end - card["seconds"] <= s.at <= end] or [nearest(samples, end)]
        used = processor(samples, end, beside) - processor(samples, end - card["seconds"], beside)
        peak, own = max(s.resident for s in within), max(s.own for s in within)
        seconds[name] = seconds.get(name, 0) + used
        notes = ", ".join(f"{key} {card[key]}" for key in ("search", "recall", "accuracy", "placed") if key in card)
        lines.append((end, f"| {name} | {card['seconds']:.0f} | {used:.0f} | {gib(peak)} | {gib(own)} | {notes} |"))
    whole = samples[-1].at - started
    print(f"\n{n:,} x {dim} on {machine()}\n")
    print("| stage | seconds | processor | peak GiB | own GiB | |\n|---|---|---|---|---|---|")
    print("\n".join(line for _, line in sorted(lines)))
    peak, own = max(s.resident for s in samples), max(s.own for s in samples)
    print(f"| all of it | {whole:.0f} | {samples[-1].family:.0f} | {gib(peak)} | {gib(own)} | |\n")
    if "consensus" in wanted:
        print(f"average precision of the planted mistakes {precision(home, answer):.4f}")
    for row in answer.get("verify", []):
        if row["seed"] == 0:
            print(f"head on {row['method']} at {row['keep']:.0%}: {100 * row['accuracy_mean']:.2f} %")
    return seconds


def make(home: Path, n: int, dim: int) -> None:
    """Write set.npz and wrong.npy, bool [n], the labels that are wrong, unless they are there. Always the same."""
    if (home / "wrong.npy").exists():
        return
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES * KINDS, n, p=uneven(rng)).astype(np.int32)
    labels = truth // KINDS
    wrong = rng.random(n) < MISTAKES
    labels[wrong] = (labels[wrong] + rng.integers(1, CLASSES, wrong.sum())) % CLASSES
    centres = np.zeros((CLASSES, KINDS, dim), np.float32)
    centres[..., :SIGNAL] = APART * rng.normal(size=(CLASSES, 1, SIGNAL))
    centres[..., :SIGNAL] += 0.6 * rng.normal(size=(CLASSES, KINDS, SIGNAL))
    centres, spread = centres.reshape(-1, dim), np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    centres[:, :SIGNAL] *= spread[:SIGNAL]
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0].astype(np.float32)
    x = np.lib.format.open_memmap(home / "features.npy", "w+", np.float32, (n, dim))
    for at in range(0, n, 1 << 16):
        part = truth[at : at + (1 << 16)]
        x[at : at + len(part)] = (centres[part] + spread * rng.standard_normal((len(part), dim), np.float32)) @ turn
    copies = rng.permutation(n)[: 2 * int(COPIES * n)].reshape(2, -1)
    x[copies[0]] = x[copies[1]] + 0.01 * rng.standard_normal((copies.shape[1], dim), np.float32)
    labels[copies[0]], wrong[copies[0]] = labels[copies[1]], wrong[copies[1]]
    names = np.array([f"class {k:02}" for k in range(CLASSES)])
    np.savez(home / "set.npz", features=x, labels=labels, class_names=names)
    np.save(home / "wrong.npy", wrong)
    (home / "features.npy").unlink()


def uneven(rng: np.random.Generator) -> np.ndarray:
    """float64 [classes * kinds]: classes of equal share, of kinds whose shares differ up to sixteenfold."""
    share = 2.0 ** rng.uniform(0, 4, (CLASSES, KINDS))
    return (share / share.sum(axis=1, keepdims=True) / CLASSES).ravel()


def watched(home: Path) -> tuple[list[Sample], dict]:
    """Run the recipe as a process; what was seen of it, and what it answered."""
    command = [sys.executable, "-m", "curation", "run", "recipe.toml", "-w", "workspace", "--json"]
    process = subprocess.Popen(
        command, cwd=home, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    samples: list[Sample] = []
    watcher = threading.Thread(target=watch, args=(process, samples))
    watcher.start()
    said = process.stdout.read()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the run ended with exit code {process.returncode}")
    return samples, json.loads(said.strip().splitlines()[-1])


def watch(process: subprocess.Popen, samples: list[Sample]) -> None:
    used: dict[int, float] = {}  # processor seconds of every process, those that have ended too
    while process.poll() is None:
        resident = own = 0
        family = [psutil.Process(process.pid)]
        try:
            family += family[0].children(recursive=True)
        except psutil.Error:
            continue
        for one in family:
            try:
                times, memory = one.cpu_times(), one.memory_info()
            except psutil.Error:
                continue
            used[one.pid] = times.user + times.system
            resident += memory.rss
            own += memory.rss - memory.shared  # on Linux, `shared` is pages of files and shared memory
        samples.append(Sample(time.time(), used.get(process.pid, 0.0), sum(used.values()), resident, own))
        time.sleep(0.5)


def processor(samples: Sequence[Sample], at: float, beside: bool) -> float:
    """Processor seconds used until a moment, by the run itself or by what runs beside it."""
    used = [s.family - s.run if beside else s.run for s in samples]
    return float(np.interp(at, [s.at for s in samples], used))


def nearest(samples: Sequence[Sample], at: float) -> Sample:
    return min(samples, key=lambda s: abs(s.at - at))


def precision(home: Path, answer: dict) -> float:
    from sklearn.metrics import average_precision_score

    wrong = np.load(home / "wrong.npy")
    key = next(s["key"] for s in answer["steps"] if s["stage"] == "flag" and s["use"] == "consensus")
    folder = home / "workspace/flag" / key
    return float(average_precision_score(wrong[np.load(folder / "rows.npy")], np.load(folder / "score.npy")))


def covered(n: int, dim: int) -> list[str]:
    """What an order in shards covers of what the exact order does, at a tenth, a quarter and a half of the rows."""
    from curation.maths.selection import weighted_facility_location as module
    from curation.maths.similarity.exact import unit

    rng = np.random.default_rng(0)
    spread = np.arange(1, dim + 1) ** -0.5
    x = unit((rng.normal(size=(20, dim))[rng.integers(0, 20, n)] + rng.normal(size=(n, dim))) * spread)
    asked, offer, lines = rng.random(n), rng.uniform(0.5, 1, n), []
    orders, most = {}, n // 2
    orders["shards"] = module.weighted_facility_location(x, most, asked, offer)
    module._WHOLE = n
    orders["exact"] = module.weighted_facility_location(x, most, asked, offer)
    orders["random"] = rng.permutation(n)
    for share in (0.1, 0.25, 0.5):
        count = int(share * n)
        reached = {name: asked @ (0.5 + 0.5 * _best(x, order[:count])) for name, order in orders.items()}
        ratio = {name: value / reached["exact"] for name, value in reached.items()}
        above = (reached["shards"] - reached["random"]) / (reached["exact"] - reached["random"])
        lines.append(
            f"{n:,} rows, {share:.0%} taken: shards {ratio['shards']:.4f} of exact, random {ratio['random']:.4f}; "
            f"of the gain over random {above:.3f}"
        )
    return lines


def _best(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """float32 [n]: cosine of every row with the most alike of `rows`."""
    return np.concatenate([(x[at : at + 1024] @ x[rows].T).max(axis=1) for at in range(0, len(x), 1024)])


def growth(sizes: Sequence[int], tables: Sequence[dict[str, float]]) -> str:
    """Processor seconds of every stage at every size, and the power of n they grew with from one to the next."""
    lines = ["| stage | " + " | ".join(f"{n:,}" for n in sizes) + " | power of n |", "|---" * (len(sizes) + 2) + "|"]
    for name in tables[-1]:
        used = [table.get(name, np.nan) for table in tables]
        powers = np.diff(np.log(np.maximum(used, 0.1))) / np.diff(np.log(sizes))
        lines.append(
            f"| {name} | " + " | ".join(f"{s:.1f}" for s in used) + " | " + ", ".join(f"{p:.2f}" for p in powers) + " |"
        )
    return "\n".join(lines)


def gib(count: int) -> str:
    return f"{count / 2**30:.1f}"


if __name__ == "__main__":
    main()
