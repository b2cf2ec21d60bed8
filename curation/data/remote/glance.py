"""A glance at what lies elsewhere: enough for a page to show what it is, with a few requests.

Within `at_a_glance` a listing holds some of the objects, from all over the folders, and what was asked once is
remembered for a while, errors too: a page of the app is drawn anew at every click. A job that reads the data asks
outside of it, for all of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import chain, zip_longest
from typing import Any, TypeVar

SOME = 1000  # objects a listing holds, about
REQUESTS = 24  # that are made for them, at most
KEPT_FOR = 30  # seconds an answer is remembered
MOST = 256  # answers
T = TypeVar("T")


@contextlib.contextmanager
def at_a_glance() -> Iterator[None]:
    before = _on.set(True)
    try:
        yield
    finally:
        _on.reset(before)


def is_on() -> bool:
    return _on.get()


def remembered(what: str, url: str, ask: Callable[[], T]) -> T:
    """The answer of `ask`, or an earlier one within `at_a_glance`. Raises the OSError it raised."""
    if not is_on():
        return ask()
    now = time.monotonic()
    until, answer = _answers.get((what, url), (0.0, None))
    if until <= now:
        try:
            answer = ask()
        except OSError as error:
            answer = error
        if len(_answers) >= MOST:
            _answers.clear()
        _answers[what, url] = (time.monotonic() + KEPT_FOR, answer)
    if isinstance(answer, OSError):
        raise answer
    return answer


def some(level: Callable[[str, int], tuple[list[T], list[str], bool]]) -> tuple[list[list[T]], bool]:
    """Some of the objects, a folder at a time: those of the top, then of every folder in it, and so on down; and
    whether they are all.

    level: the objects directly in a folder, its folders, and whether there are more. Of folders at one depth those of
    different parents take turns, so that train and test are both seen.
    """
    pages: list[list[T]] = []
    folders, found, whole = [""], 0, True
    while folders:
        inside: list[list[str]] = []
        share = max((SOME - found) // len(folders), SOME // REQUESTS)
        for folder in folders:
            if found >= SOME or len(pages) == REQUESTS:
                return pages, False
            objects, further, more = level(folder, share)
            pages.append(objects)
            inside.append(further)
            found, whole = found + len(objects), whole and not more
        folders = [folder for folder in chain.from_iterable(zip_longest(*inside)) if folder is not None]
    return pages, whole


def forget() -> None:
    """What was remembered."""
    _answers.clear()


_on: ContextVar[bool] = ContextVar("at a glance", default=False)
_answers: dict[tuple[str, str], tuple[float, Any]] = {}  # what was asked -> until when it holds, and the answer
