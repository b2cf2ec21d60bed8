"""Which URLs are read through the copies on this machine: those of a source that says `cache = true`.

That is part of no key. So that a page, an encoder or a worker that opens the items of a result knows it too, it stands
in a file beside the result, as the last run's recipe said it.
"""

from __future__ import annotations

from pathlib import Path

from curation.data.remote import cache
from curation.data.remote.location import Remote


class Kept(Remote):
    """A URL below which what is read stays on this machine for the next time."""

    def read_range(self, offset: int, length: int) -> bytes:
        return cache.read(str(self), offset, length)


def kept(root: Path | Remote, keep: bool) -> Path | Remote:
    """The same place, with its originals kept or not; a path of this machine as it is.

    >>> kept(Remote("s3://bucket/pets"), True) / "cat", kept(Path("pets"), True)
    (Kept('s3://bucket/pets/cat'), PosixPath('pets'))
    """
    return (Kept if keep else Remote)(root) if isinstance(root, Remote) else root


def remember(folder: Path, keep: bool) -> None:
    """Have whoever opens the items of a result folder keep what is fetched, or not. Raises OSError."""
    if keep:
        folder.parent.mkdir(exist_ok=True)
        _mark(folder).touch()
    else:
        _mark(folder).unlink(missing_ok=True)


def is_remembered(folder: Path) -> bool:
    return _mark(folder).exists()


def _mark(folder: Path) -> Path:
    return folder.with_name(f".kept-{folder.name}")
