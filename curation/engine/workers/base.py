"""What all workers have in common: functions are sent to them by name, and come back as futures.

A function that is sent stands in a module of Winnow, and its arguments and its answer are plain JSON: results are
files in the workspace, and only what names them travels. It may be called twice, when the worker that was at it died,
so it has to end in the same files, published by one rename. How work is cut into parts never depends on how many
workers there are, and parts are put together in their order: that is why any workers give the same bytes.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol

from curation import errors
from curation.errors import RunError, WinnowError, in_words

log = logging.getLogger("winnow")

ATTEMPTS = 4  # a function that takes its worker with it, out of memory say, is given to this many
SHOWS = 90.0  # seconds a shared folder may take to show a new file; NFS keeps what it knows of a folder for 60


class Workers(Protocol):
    """Somebody who computes. `close` stops all work that is going on, and ends what was started here.

    device: where what asks for a device computes: "cpu", "cuda" or "mps".
    """

    device: str

    @property
    def count(self) -> int:
        """How many functions are at work at a time; of a cluster, it may change."""

    def submit(self, function: Callable[..., Any], *arguments: Any, device: bool = False) -> Future:
        """device: the function uses a GPU where there is one. The future raises what the function raised: a
        WinnowError as itself, anything else as a RunError that says it in one sentence."""

    def close(self) -> None: ...


def in_order(workers: Workers, function: Callable, parts: Iterable[tuple], device: bool = False) -> Iterator[Any]:
    """function(*part) of every part, in the order of the parts. A few more than can be worked on are handed out at a
    time, so that finished parts do not pile up behind a slow one."""
    waiting: deque[Future] = deque()
    for part in parts:
        waiting.append(workers.submit(function, *part, device=device))
        if len(waiting) >= 2 * workers.count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def wait_for(there: Callable[[], bool]) -> None:
    """Wait until what a worker published can be seen here: a shared folder may take a while to show it."""
    until = time.monotonic() + SHOWS
    while not there():
        if time.monotonic() > until:
            raise RunError("it was computed and is not in the workspace here; is that one folder for all machines?")
        time.sleep(0.2)


def name_of(function: Callable) -> str:
    return f"{function.__module__}:{function.__name__}"


def named(name: str) -> Callable:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def carried_out(name: str, arguments: str) -> str:
    """What a worker does with what it was sent: call the function, and put its answer or its error into JSON."""
    try:
        value = named(name)(*json.loads(arguments))
        return json.dumps({"value": value})
    except Exception as error:
        kind = type(error).__name__ if isinstance(error, WinnowError) else ""
        return json.dumps({"kind": kind, "said": in_words(error), "trace": traceback.format_exc()})


def opened(answer: str) -> Any:
    """The value in an answer; raises the error that is in it."""
    said = json.loads(answer)
    if "value" in said:
        return said["value"]
    log.error("on a worker: %s", said["trace"])
    raise getattr(errors, said["kind"] or "RunError", RunError)(said["said"])
