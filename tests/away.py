"""What tests have workers do; workers import it by name."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np

from curation.errors import SourceError


def square(number: int, seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return number * number


def refuse(name: str) -> None:
    raise SourceError(f"{name} cannot be read")


def break_down() -> None:
    return 1 / 0


def die_once(folder: str) -> str:
    """Take the worker along the first time, as the kernel does that is out of memory."""
    mark = Path(folder) / "died"
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stay(folder: str, name: str, seconds: float) -> str:
    """Say in a file who is at it, and then take a while."""
    (Path(folder) / f"{name}.{os.getpid()}").write_text("")
    time.sleep(seconds)
    return name


def multiply(start: int, stop: int, *, x: np.ndarray, by: int, marks: str) -> tuple[np.ndarray, int]:
    """A part of x times a number; leaves a mark for every time it is called."""
    with tempfile.NamedTemporaryFile(dir=marks, prefix="made-", delete=False):
        return x[start:stop] * by, stop - start
