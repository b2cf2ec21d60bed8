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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curation.errors import RunError

SECONDS = 60  # on one file
MEMORY = 440 * 10**6  # bytes beside what the interpreter needs: 100 megapixels are decoded to 400 MB
START = "from curation.data.reading.decoders import _serve; _serve()"


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def guarded(task: str, root: str, paths: Sequence[str | None], memory: int = 0) -> list[list[Any] | str]:
    """What the function `task` ("module:name") says of (root, path), for each path: a list, or why there is none.

    memory: bytes it may take; by default MEMORY, the most there is.

    Raises RunError when no decoder can be started. Thread-safe; a decoder is kept for the next call.
    """
    found: list[list[Any] | str] = []
    while len(found) < len(paths):
        decoder = _take()
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
                _idle.append(decoder)
    return found


class _Decoder:
    def __init__(self) -> None:
        paths = os.pathsep.join(dict.fromkeys(os.path.abspath(path) for path in sys.path))  # noqa: PTH100 - "" is here
        quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        quiet["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # the others reserve more than they use
        self.process = subprocess.Popen(
            [sys.executable, "-c", START],
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


_idle: list[_Decoder] = []
_lock = threading.Lock()


def _take() -> _Decoder:
    with _lock:
        while _idle:
            if (decoder := _idle.pop()).process.poll() is None:
                return decoder
            decoder.end()
    return _Decoder()


@atexit.register
def _end_all() -> None:
    with _lock:
        while _idle:
            _idle.pop().kill()


def _serve() -> None:
    """The decoder's side: questions on its input, answers on its output, until the input ends with the parent."""
    # Libraries may print; what they say goes nowhere, and never between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    import importlib

    importlib.import_module("curation.data.reading.image_checks")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    alarm: Callable[[float], Any] = lambda seconds: None  # noqa: E731
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends this process, wherever it hangs
        alarm = lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)  # noqa: E731
    _say(answers, "ready")
    for line in sys.stdin:
        task, root, seconds, memory, paths = json.loads(line)
        module, _, name = task.partition(":")
        examine = getattr(importlib.import_module(module), name)
        _limit_memory(memory)
        for path in paths:
            alarm(seconds)
            said = list(examine(Path(root), path))
            alarm(0)
            _say(answers, said)


def _say(answers: Any, said: Any) -> None:
    try:
        answers.write(json.dumps(said) + "\n")
        answers.flush()
    except BrokenPipeError:  # the parent is gone
        os._exit(1)


def _limit_memory(memory: int) -> None:
    """Beside what is taken now. What the system does not limit, the limits of pixels and sizes do."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):
        return
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
