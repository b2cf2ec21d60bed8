"""Decoder processes: what a hostile image can do ends with the process that decodes it, and costs that one file.

A decoder is a fresh Python that examines one file after another under a limit of memory and a limit of time per file.
When it crashes, hangs or runs out of memory, the file it was at gets that as its status and a new decoder goes on
behind it. It answers in JSON, so a decoder that was taken over cannot make the parent load objects. It is no sandbox:
it can read what the parent can. The limits are the kernel's, on Linux (time: on every Unix).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from curation.errors import RunError

SECONDS = 60  # on one file
MEMORY = 440 * 10**6  # bytes beside what the interpreter needs: 100 megapixels are decoded to 400 MB
CHILD = "curation.data.reading.decoder_process"  # by name: it stands for itself, in a fresh Python


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def guarded(task: str, root: str, paths: Sequence[Any], memory: int = 0) -> list[list[Any] | str]:
    """What the function `task` ("module:name") says of (root, path), for each path: a list, or why there is none.

    memory: bytes it may take; by default MEMORY, the most there is.

    Raises RunError when no decoder can be started. Thread-safe; a decoder is kept for the next call.
    """
    found: list[list[Any] | str] = []
    while len(found) < len(paths):
        decoder = _take(task.partition(":")[0])
        try:
            decoder.ask([task, root, SECONDS, memory or MEMORY, list(paths[len(found) :])])
            while len(found) < len(paths) and (answer := decoder.answer()) is not None:
                found.append(answer)
        except BaseException:  # a person cancelled: its further answers belong to nobody
            decoder.kill()
            raise
        if len(found) < len(paths):
            found.append(decoder.end())
        else:
            with _lock:
                _idle.setdefault(decoder.module, []).append(decoder)
    return found


class _Decoder:
    def __init__(self, module: str) -> None:
        """module: imported before the first question is taken."""
        self.module = module
        paths = os.pathsep.join(dict.fromkeys(os.path.abspath(path) for path in sys.path))  # noqa: PTH100 - "" is here
        quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        quiet["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # the others reserve more than they use
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **quiet, "PYTHONPATH": paths},
            text=True,
            encoding="ascii",
        )
        if self.answer() != "ready":
            raise RunError(f"a process that decodes images could not be started: {self.end()}; see the log above")

    def ask(self, question: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died: the missing answer will say so
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()

    def answer(self) -> Any:
        """None when it has died."""
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def end(self) -> str:
        """Why it died, in words."""
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        code = self.process.wait()
        if code == -getattr(signal, "SIGALRM", 0):
            return f"took longer than {SECONDS:g} s to decode"
        if code < 0:
            return f"its decoder crashed ({signal.Signals(-code).name})"
        return f"its decoder ended with code {code}"

    def kill(self) -> None:
        self.process.kill()
        self.end()


_idle: dict[str, list[_Decoder]] = {}  # by the module they have imported
_lock = threading.Lock()


def _take(module: str) -> _Decoder:
    with _lock:
        idle = _idle.get(module, [])
        while idle:
            if (decoder := idle.pop()).process.poll() is None:
                return decoder
            decoder.end()
    return _Decoder(module)


@atexit.register
def end_idle() -> None:
    """End the decoders that wait for work; those started from now on have the environment of now."""
    with _lock:
        for idle in _idle.values():
            while idle:
                idle.pop().kill()
