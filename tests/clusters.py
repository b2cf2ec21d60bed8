"""Runs to compare byte by byte, and a real Ray cluster of two nodes on this machine, started by `ray start`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # of our cluster; nobody else gets in
ENV = {**os.environ, **TOKEN, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
# Only [schedule] loads torch, which costs each process that does five seconds.
RECIPE = """{engine}
[source]
use = "arrays"
path = "blobs.npz"
[encode]
use = "precomputed"
[[prune]]
use = "herding"
keep = 0.5
[verify]
use = "logistic"
seeds = 2
keeps = [0.3, 0.5]
[schedule]
use = "rs2"
keeps = [0.5]
seeds = 1
epochs = 2
[[export]]
use = "csv"
path = "{name}.csv"
"""


def started(place: Path, name: str, *options: str, engine: str = "") -> subprocess.Popen:
    """The command line at work in a workspace of this name."""
    (place / f"{name}.toml").write_text(RECIPE.format(name=name, engine=engine))
    command = [sys.executable, "-P", "-m", "curation", "run", f"{name}.toml", "-w", name, *options]
    return subprocess.Popen(command, cwd=place, env=ENV, start_new_session=True)


def bytes_of(place: Path, name: str) -> dict[str, object]:
    """Every array of a workspace and the export, by their hashes, and every card, but for the clock."""
    results = place / name
    found = {str(path.relative_to(results)): hashed(path) for path in results.glob("[!.]*/*/*.npy")}
    for path in results.glob("[!.]*/*/card.json"):
        if path.parts[-3] != "export":  # where it was written to is part of it
            found[str(path.relative_to(results))] = untimed(json.loads(path.read_text()))
    return found | {"export": hashed(place / f"{name}.csv")}


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def untimed(value: object) -> object:
    if isinstance(value, dict):
        return {key: untimed(kept) for key, kept in value.items() if "seconds" not in key and key != "created"}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def when(condition: Callable[[], object], seconds: float = 60) -> object:
    """Wait for something to become true; what it became."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)
    return found


class Nodes:
    """A cluster of our own: `ray start`, once for each node. Ended by what its processes name, nothing else is."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="wr", dir="/tmp")  # short: sockets live below it
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        head = ("--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false")
        try:
            self._start(*head, f"--temp-dir={self.folder}")
            self.add()
        except BaseException:
            self.stop()
            raise

    def add(self) -> list[psutil.Process]:
        """Another node with one processor; its raylets, the first of whom is the node."""
        before = self._raylets()
        self._start(f"--address={self.address}")
        return [raylet for raylet in self._raylets() if raylet not in before]

    def workers(self) -> list[psutil.Process]:
        """Processes of Ray that are at a task."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [""])[0] == "ray::_there"
        ]

    def stop(self) -> None:
        for _ in range(2):  # what one of them started in between
            for process in psutil.process_iter(["cmdline"]):
                if any(self.folder in part for part in process.info["cmdline"] or ()):
                    with contextlib.suppress(psutil.Error):
                        process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _raylets(self) -> list[psutil.Process]:
        processes = psutil.process_iter(["name", "cmdline"])
        return [
            p
            for p in processes
            if p.info["name"] == "raylet" and any(self.folder in part for part in p.info["cmdline"])
        ]

    def _start(self, *options: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        # Without the monitor of memory, which looks at what everybody takes, tests of others included.
        env = {**ENV, "RAY_memory_monitor_refresh_ms": "0"}
        command = [ray, "start", "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", *options]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
