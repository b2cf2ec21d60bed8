"""What the README's table says, measured: `make bench`, or `make bench CIFAR=path/to/cifar10.zip` for the large rows.

Whole recipes through the command line, each in a process of its own; seconds are wall time, memory is the largest
single process. Prints a Markdown table and the machine it was measured on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq

from benchmarks.encoders import linear_accuracy
from curation.engine.comparison import ends

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs; adds the large rows")
    given = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        rows += digits(Path(scratch))
        if given.cifar:
            rows += cifar(Path(scratch), given.cifar.resolve())
    print(f"\n{machine()}\n")
    print("| what | measured | reproduce |")
    print("|---|---|---|")
    for what, measured, command in rows:
        print(f"| {what} | {measured} | `{command}` |")


def digits(scratch: Path) -> list[tuple[str, str, str]]:
    line = "make bench"
    first = run("recipes/digits.toml", scratch / "digits", scratch)
    second = run("recipes/digits.toml", scratch / "digits", scratch)
    found, planted = mistakes(scratch / "digits", first["json"])
    verify = first["json"]["verify"]
    rows = [
        ("digits, recipe to manifest with 15 trainings", f"{first['seconds']:.0f} s, {first['memory']:.1f} GiB", line),
        (
            "the same recipe again",
            f"{second['seconds']:.1f} s, no work, manifest {_same(first, second)}",
            line,
        ),
        (
            f"planted mistakes among the {planted} most suspicious",
            f"{found} of {planted} ({found / planted:.0%})",
            line,
        ),
    ]
    for method in ("full", "trusted", "half", "spread", "random"):
        cell = next(row for row in verify if row["method"] == method)
        words = f"{100 * cell['accuracy_mean']:.1f} %{ends(cell, 'accuracy')}"
        if cell["gain"] is not None:
            words += f"; {100 * cell['gain']:+.1f}{ends(cell, 'gain', '+')}{', better' * cell['better']}"
        rows.append((f"digits, head trained on {method} ({cell['keep']:.0%}); against random", words, line))
    return rows


def cifar(scratch: Path, path: Path) -> list[tuple[str, str, str]]:
    line = "make bench CIFAR=cifar10.zip"
    text = (ROOT / "recipes/cifar10.toml").read_text().replace("data/cifar10.zip", str(path))
    recipe = scratch / "cifar10.toml"
    recipe.write_text(text)
    first = run(str(recipe), scratch / "cifar10", scratch)
    second = run(str(recipe), scratch / "cifar10", scratch)
    steps = {f"{s['stage']} {s['name']}": s["seconds"] for s in first["json"]["steps"]}
    slowest = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in sorted(steps.items(), key=lambda s: -s[1])[:5])
    return [
        (
            "CIFAR-10, 60,000 JPEGs in a zip: read, encode, 5 scores, 3 flags, UMAP, CCS at 50 %, export",
            f"{first['seconds'] / 60:.1f} min, {first['memory']:.1f} GiB ({slowest})",
            line,
        ),
        ("the same recipe again", f"{second['seconds']:.1f} s, no work, manifest {_same(first, second)}", line),
        ("linear accuracy of its `patches` features", f"{linear_accuracy(scratch / 'cifar10'):.1f} %", line),
    ]


def run(recipe: str, workspace: Path, folder: Path) -> dict:
    """One recipe in one process, from the repository's root; exports land in `folder`/out."""
    command = [sys.executable, "-m", "curation", "run", str((ROOT / recipe).resolve()), "-w", str(workspace), "--json"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    peak = _peak_memory(process.pid)
    out, _ = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{recipe} failed with exit code {process.returncode}")
    answer = json.loads(out.strip().splitlines()[-1])
    manifest = hashlib.sha256(Path(answer["exports"][0]).read_bytes()).hexdigest()
    return {"seconds": seconds, "memory": peak() / 2**30, "json": answer, "manifest": manifest}


def _peak_memory(pid: int):
    """Watch a process and its children; returns a function that tells the largest sum of their private memory."""
    largest = [0]

    def watch() -> None:
        process = psutil.Process(pid)
        while True:
            try:
                family = [process, *process.children(recursive=True)]
                # uss: what would be free if the process ended; shared and memory-mapped pages are not counted twice.
                largest[0] = max(largest[0], sum(p.memory_full_info().uss for p in family))
            except psutil.Error:
                if not psutil.pid_exists(pid):
                    return
            time.sleep(1.0)

    threading.Thread(target=watch, daemon=True).start()
    return lambda: largest[0]


def mistakes(workspace: Path, answer: dict) -> tuple[int, int]:
    """Planted mistakes among as many of the most suspicious rows as there are mistakes."""
    key = {s["name"]: s["key"] for s in answer["steps"]}
    items = pq.read_table(workspace / "source" / key["sample"] / "items.parquet")
    label, truth = items["label"].to_numpy(zero_copy_only=False), items["truth"].to_numpy(zero_copy_only=False)
    flag = workspace / "flag" / key["consensus"]
    rows, score = np.load(flag / "rows.npy"), np.load(flag / "score.npy")
    wrong = (label != truth)[rows]
    most = np.argsort(-score, kind="stable")[: wrong.sum()]
    return int(wrong[most].sum()), int(wrong.sum())


def _same(first: dict, second: dict) -> str:
    return "byte-identical" if first["manifest"] == second["manifest"] else "DIFFERENT"


def machine() -> str:
    cpu = next((ln.split(":")[1].strip() for ln in _cpuinfo() if ln.startswith("model name")), platform.processor())
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{cpu}, {psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
