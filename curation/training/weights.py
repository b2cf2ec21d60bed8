"""Are pretrained weights within reach? Asked before a run starts, and answered without loading torch.

Left to themselves, model libraries try an unreachable hub again and again for half a minute before they fail.
Here the local cache is looked at first, then the hub gets two seconds, and the answer is remembered for a minute.
"""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from curation.errors import UnavailableError

PATIENCE = 2.0  # seconds for one answer of the hub
MEMORY = 60.0  # seconds an answer holds

_answers: dict[str, tuple[float, bool]] = {}  # address -> when it was tried, whether it answered


def require(repo: str, files: Sequence[str], *, what: str, size: str) -> None:
    """Raise UnavailableError unless one of a hub repository's `files` is cached or can be fetched now.

    what: the encoder as a person would name it. size: of the download, in words.
    """
    if cached(repo, files) or within_reach(repo):
        return
    raise UnavailableError(
        f"{what} needs the weights {repo} ({size}), which are not on this machine, and {_endpoint()} cannot be "
        f"reached or does not offer them: run `hf download {repo} {files[0]}` where there is a network, "
        "or give the path of a local file as `checkpoint`"
    )


def cached(repo: str, files: Sequence[str]) -> bool:
    """Whether one of a hub repository's `files` lies in the local cache."""
    from huggingface_hub import constants, try_to_load_from_cache

    found = (try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE) for name in files)
    return any(isinstance(path, str) for path in found)


def within_reach(repo: str) -> bool:
    """Whether the hub answers for this repository. Takes `PATIENCE` at most, and no time within a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    hub, address = _endpoint(), f"{_endpoint()}/api/models/{repo}"
    now = time.monotonic()
    for known in (address, hub):  # the hub itself is only ever remembered as silent
        tried, answer = _answers.get(known, (-MEMORY, False))
        if now - tried < MEMORY:
            return answer
    status = _status(address)
    if status is None:
        _answers[hub] = (now, False)
        return False
    _answers[address] = (now, status < 400)
    return status < 400


@contextmanager
def from_cache(there: bool) -> Iterator[None]:
    """Within, the hub's client reads the cache and asks nobody, if the weights are `there`."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or there
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def megabytes(parameters: int) -> str:
    """The size of that many 32-bit parameters in words.

    >>> megabytes(22_000_000)
    'about 88 MB'
    """
    return f"about {4 * parameters / 1e6:,.0f} MB"


def _endpoint() -> str:
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _status(address: str) -> int | None:
    """HTTP status of an address, None when nothing answers in time. Proxies of the environment are used."""
    found: list[int] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                found.append(answer.status)
        except urllib.error.HTTPError as error:
            found.append(error.code)
        except (OSError, ValueError):  # no name, no route, refused, timed out, not an address
            return

    # In a thread of its own, because looking up a name knows no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else None
