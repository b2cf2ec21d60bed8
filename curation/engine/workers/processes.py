"""Workers that are processes on this machine: `python -m curation.engine.workers.processes`.

Each is a fresh interpreter that carries out one line after another, with one thread for arithmetic, so as many as
there are cores share the machine evenly. They end when their standard input does, with the run that started them.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from curation.data.reading.decoders import cores
from curation.engine.beside import ROOT
from curation.engine.workers.base import ATTEMPTS, carried_out, name_of, opened
from curation.errors import RunError


class Processes:
    """`count` processes, started when they are first needed. Those that use the device all share it."""

    def __init__(self, count: int | None = None, device: str = "cpu"):
        self.count, self.device = count or cores(), device
        self._threads = ThreadPoolExecutor(self.count)  # each waits for one process
        self._idle: queue.SimpleQueue[subprocess.Popen] = queue.SimpleQueue()
        self._all: list[subprocess.Popen] = []
        self._closed = False

    def submit(self, function: Callable[..., Any], *arguments: Any, device: bool = False) -> Future:
        line = json.dumps([name_of(function), json.dumps(arguments)]) + "\n"
        return self._threads.submit(self._carried_out, line)

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._all:
            process.kill()
            process.wait()
        self._threads.shutdown()

    def _carried_out(self, line: str) -> Any:
        for _ in range(ATTEMPTS):
            process = self._take()
            try:
                process.stdin.write(line)
                process.stdin.flush()
                answer = process.stdout.readline()
            except OSError:
                answer = ""
            if answer.endswith("\n"):
                self._idle.put(process)
                return opened(answer)
            if self._closed:
                break
        code = process.wait()
        raise RunError(f"{ATTEMPTS} processes died of it, the last with code {code} (out of memory?)")

    def _take(self) -> subprocess.Popen:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            process = _started()
            self._all.append(process)
            if self._closed:
                process.kill()
            return process


def environment() -> dict[str, str]:
    """What a worker needs of the environment, wherever it is: Winnow, and the number of threads.

    One, unless OMP_NUM_THREADS says otherwise here: the order in which threads add up is part of the last bits.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    threads = os.environ.get("OMP_NUM_THREADS") or "1"
    # Threads that wait by spinning would take other workers their cores away.
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}


def _started() -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", "curation.engine.workers.processes"]
    env = {**os.environ, **environment()}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def main() -> None:
    """What a worker does: a line in, a line out."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    for line in sys.stdin:
        answers.write(carried_out(*json.loads(line)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
