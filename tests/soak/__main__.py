"""The long tests: `make soak`. Each part is bounded, runs on this machine only and prints one line of JSON.

    python -m tests.soak [--kills 100] [--clicks 1000] [--cancels 50] [--hours 12] [--only PART ...]

faults      every write point of a small run broken in turn, by SIGKILL and by a full disk (tests/soak/faults.py)
kills       `python -m curation run` killed at random; the next run gives the byte-identical manifest
clicks      the server killed right after a click's answer; no decision is lost (tests/soak/decisions.py)
cancels     jobs started and stopped at random; no process is left
polling     what an open page asks for, as often as in so many hours; memory, handles, zombies and files do not grow

Exit code 1, with a sentence, when a promise of docs/promises.md is not kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
LIGHT = """
[source]
use = "arrays"
path = "{top}/blobs.npz"
[encode]
use = "precomputed"
[[flag]]
use = "duplicates"
[map]
use = "pca"
[[prune]]
use = "random"
keep = 0.5
[[export]]
use = "csv"
path = "{out}/m.csv"
"""
TRAINED = LIGHT.replace(
    "[map]", '[[flag]]\nuse = "confident_learning"\n[[score]]\nuse = "aum"\n[map]'
)  # trains students: torch, and a recorded run


def faults(top: Path) -> dict:
    data(top)
    (top / "recipe.toml").write_text(LIGHT.replace('[map]\nuse = "pca"\n', "").format(top=top, out="out"))
    made = {}
    for how in ("kill", "full"):
        (top / how).mkdir()
        command = [sys.executable, "-m", "tests.soak.faults", how, str(top / "recipe.toml"), str(top / how)]
        done = subprocess.run(command, cwd=top, env=ENV, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        made[how] = {name: value for name, value in json.loads(done.stdout).items() if name != "said"}
    return made


def kills(top: Path, count: int, seed: int = 0) -> dict:
    """Every fifth run trains students; every second kill takes the run's child processes along."""
    data(top)
    chance = random.Random(seed)
    expected, whole = {}, {}
    for name, text in (("light", LIGHT), ("trained", TRAINED)):
        started = time.perf_counter()
        assert start(top, name, text).wait() == 0
        whole[name] = time.perf_counter() - started
        expected[name] = (top / name / "out" / "m.csv").read_bytes()
    there: list[int] = []  # results that were finished at each kill
    for number in range(count):
        name = "trained" if number % 5 == 4 else "light"
        shutil.rmtree(top / "killed", ignore_errors=True)
        process = start(top, "killed", TRAINED if name == "trained" else LIGHT)
        time.sleep(chance.uniform(0.2, 1.0) * whole[name])
        (os.killpg if number % 2 else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        before = fingerprints(top / "killed" / "w")
        there.append(len(before))
        again = start(top, "killed", TRAINED if name == "trained" else LIGHT)
        assert again.wait() == 0, f"kill {number}: the next run failed: {again.stderr.read()}"
        made = (top / "killed" / "out" / "m.csv").read_bytes()
        assert made == expected[name], f"kill {number}: another manifest"
        after = fingerprints(top / "killed" / "w")
        assert all(after[key] == mark for key, mark in before.items()), f"kill {number}: a finished result changed"
        left = [p for p in (top / "killed").rglob(".*") if p.name != ".locks"]
        assert not left, f"kill {number}: left behind: {left}"
    spread = f"{min(there, default=0)} to {max(there, default=0)}"
    return {"kills": count, "manifests identical": count, "results finished when killed": spread}


def clicks(top: Path, count: int) -> dict:
    data(top)
    assert start(top, "light", LIGHT).wait() == 0
    command = [sys.executable, "-m", "tests.soak.decisions", str(top / "light" / "w"), str(count)]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    made = json.loads(done.stdout.splitlines()[-1])
    assert made["lost"] == made["doubled"] == 0, made
    return made


def cancels(top: Path, count: int, seed: int = 0) -> dict:
    from curation.data.workspace import Workspace
    from curation.engine.jobs import Jobs
    from curation.engine.recipe import parse_recipe

    data(top)
    recipe = parse_recipe(tomllib.loads(TRAINED.format(top=top, out=top / "out")))
    chance, sessions, ended = random.Random(seed), [], []
    for number in range(count):
        folder = top / f"jobs-{number % 5}"
        if number % 5 == 0:
            for old in range(5):
                shutil.rmtree(top / f"jobs-{old}", ignore_errors=True)
        Workspace(folder)
        jobs = Jobs(folder)
        job = jobs.start(recipe, "to be stopped")
        sessions.append(job.pid)
        time.sleep(chance.uniform(0, 6))
        jobs.cancel(job.number)
        ended.append(jobs.get(job.number).state)
    deadline = time.monotonic() + 5  # what lost its parent is waited for by the system, a moment later
    while (left := [pid for pid in psutil.pids() if session(pid) in sessions]) and time.monotonic() < deadline:
        time.sleep(0.1)
        jobs.current()  # as an open page asks: one that was done before it could be stopped is waited for here
    zombies = [p.pid for p in psutil.Process().children() if p.status() == psutil.STATUS_ZOMBIE]
    assert not left, f"processes are left: {[described(pid) for pid in left]}"
    assert not zombies, f"zombies are left: {zombies}"
    return {"jobs": count, "stopped": ended.count("cancelled"), "done before": ended.count("done"), "processes left": 0}


def described(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return f"{pid} {process.name()} of {process.ppid()}, {process.status()}"
    except psutil.NoSuchProcess:
        return f"{pid}, gone by now"


def polling(top: Path, hours: float) -> dict:
    from curation.engine.jobs import Jobs, _born
    from curation.ui.state.project import Project

    data(top)
    assert start(top, "light", LIGHT).wait() == 0
    folder = top / "light" / "w"
    with Jobs(folder)._writing() as db:  # one job at work: this process
        row = ("polled", "running", os.getpid(), _born(os.getpid()), time.time())
        db.execute("INSERT INTO job (title, state, pid, born, created) VALUES (?, ?, ?, ?, ?)", row)
    me, polls = psutil.Process(), int(hours * 3600)
    marks = []
    for number in range(polls):
        job = Jobs(folder).current()
        assert job is not None
        assert job.share == 0
        if number % 10 == 0:  # a person clicks now and then: the whole page reads the project
            project = Project(folder)
            assert len(project.items) == 120
            assert project.effective is not None
            assert project.plan.find("source") is not None
        if number in (polls // 5, polls - 1):
            gc.collect()
            marks.append(state(me, folder))
    early, late = marks
    assert late["files"] == early["files"], f"files grow: {marks}"
    assert late["handles"] <= early["handles"], f"file handles grow: {marks}"
    assert late["zombies"] == 0, marks
    assert late["rss_mb"] - early["rss_mb"] < 5, f"memory grows: {marks}"
    return {"polls": polls, "after a fifth": early, "at the end": late}


# -- what the parts share ------------------------------------------------------------------------------------


def data(top: Path) -> None:
    labels = np.arange(120) % 3
    features = np.eye(3)[labels] * 4 + np.random.default_rng(0).normal(size=(120, 3))
    features[5] = features[2]
    split = np.where(np.arange(120) < 90, "train", "test")
    ids = np.array([f"item-{i:03d}" for i in range(120)])
    names = np.array(["ant", "bee", "cow"])[labels]
    np.savez(top / "blobs.npz", features=features.astype(np.float32), labels=names, split=split, ids=ids)


def start(top: Path, name: str, text: str) -> subprocess.Popen:
    folder = top / name
    folder.mkdir(exist_ok=True)
    (folder / "r.toml").write_text(text.format(top=top, out=folder / "out"))
    command = [sys.executable, "-m", "curation", "run", str(folder / "r.toml"), "-w", str(folder / "w")]
    return subprocess.Popen(
        command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def fingerprints(workspace: Path) -> dict[str, str]:
    from tests.soak.faults import fingerprint

    return fingerprint(workspace)


def session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def state(process: psutil.Process, folder: Path) -> dict:
    return {
        "rss_mb": round(process.memory_info().rss / 1e6, 1),
        "handles": process.num_fds(),
        "zombies": sum(p.status() == psutil.STATUS_ZOMBIE for p in process.children()),
        "files": sum(1 for _ in folder.rglob("*")),
        "temporary": len(list(Path(tempfile.gettempdir()).glob("winnow-*"))),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clicks", type=int, default=1000)
    parser.add_argument("--cancels", type=int, default=50)
    parser.add_argument("--hours", type=float, default=12)
    parser.add_argument("--only", action="append", choices=["faults", "kills", "clicks", "cancels", "polling"])
    asked = parser.parse_args()
    parts: dict[str, Callable[[Path], dict]] = {
        "faults": faults,
        "kills": lambda top: kills(top, asked.kills),
        "clicks": lambda top: clicks(top, asked.clicks),
        "cancels": lambda top: cancels(top, asked.cancels),
        "polling": lambda top: polling(top, asked.hours),
    }
    broken = 0
    for name, part in parts.items():
        if asked.only and name not in asked.only:
            continue
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="soak-") as top:
            try:
                print(json.dumps({name: part(Path(top)), "seconds": round(time.perf_counter() - started)}), flush=True)
            except AssertionError as error:
                print(f"{name}: {error}", flush=True)
                broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
