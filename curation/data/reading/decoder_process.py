"""The decoder's side of `decoders`: questions on its input, answers on its output, until the input ends.

    python -m curation.data.reading.decoder_process MODULE

MODULE is imported before the process says "ready", so that its first file is not charged with what an import takes.
A question is [task, root, seconds, memory, paths]; task is "module:name", a function of (root, path)
that gives a tuple.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(preloaded: str) -> None:
    """Answer until the parent closes the input, or has died."""
    # Libraries may print; what they say goes nowhere, and never between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    importlib.import_module(preloaded)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    alarm: Callable[[float], Any] = lambda seconds: None  # noqa: E731
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends this process, wherever it hangs
        alarm = lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)  # noqa: E731
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        _say(answers, "ready")
        for line in sys.stdin:
            task, root, seconds, memory, paths = json.loads(line)
            module, _, name = task.partition(":")
            examine = getattr(importlib.import_module(module), name)
            _limit_memory(memory)
            for path in paths:
                alarm(seconds)
                said = list(examine(_located(root), path))
                alarm(0)
                _say(answers, said)
        return
    os._exit(1)  # what is still in the pipe would raise once more while Python ends


def _located(root: str) -> Any:
    if "://" not in root:
        return Path(root)
    from curation.data.remote.location import location  # of a table elsewhere; images are fetched by the parent

    return location(root)


def _say(answers: Any, said: Any) -> None:
    answers.write(json.dumps(said) + "\n")
    answers.flush()


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


if __name__ == "__main__":
    serve(sys.argv[1])
