"""Work that falls into parts, and who makes them: the caller, one after another, or the workers of a run.

How work is cut never depends on who makes the parts or on how many do, random numbers of a part start from its own
number, and parts are put together in their order. So the result is the same, byte for byte, whoever made them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol


class Spread(Protocol):
    """Makes parts; a method takes one as `spread`."""

    def __call__(self, function: Callable[..., Any], parts: Iterable[tuple], **shared: Any) -> Iterator[Any]:
        """function(*part, **shared) of every part, in the order of the parts.

        function: stands in a module, as workers find it by its name; it changes nothing, and answers with a tuple of
        arrays, or with what JSON holds. Parts are plain JSON as well; what all of them share may be arrays too, and
        other functions of modules.
        """


def here(function: Callable[..., Any], parts: Iterable[tuple], **shared: Any) -> Iterator[Any]:
    """Parts made by the caller itself.

    >>> list(here(divmod, [(7, 2), (9, 4)]))
    [(3, 1), (2, 1)]
    """
    return (function(*part, **shared) for part in parts)
