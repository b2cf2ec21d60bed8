"""Write to an object store: first into a folder of this machine, then object by object to where it was asked for.

A store has no renames. A single object is replaced as a whole; of a folder, the mark goes first and names all that is
about to be there, so that what a killed run leaves is known as Winnow's, and the objects of an earlier export that
are not written again go last.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from curation.data.remote import listings, store
from curation.data.remote.location import Remote
from curation.data.remote.ranges import POOL
from curation.errors import InputError


@contextlib.contextmanager
def uploaded(target: Remote) -> Iterator[Path]:
    """A file to write to; when the block ends without an error it is uploaded. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        yield (file := Path(folder, target.name))
        store.put(str(target), file)


@contextlib.contextmanager
def uploaded_folder(target: Remote, mark: str, head: str) -> Iterator[Path]:
    """A folder to write to; when the block ends without an error its files are uploaded, and earlier ones removed.

    mark: name of the object that lists what Winnow wrote, below `head`. Raises OSError, and InputError as
    `foreign_object` says.
    """
    if why := foreign_object(target, mark):
        raise InputError(why)
    with tempfile.TemporaryDirectory(prefix="winnow-") as name:
        yield (folder := Path(name))
        written = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        there = listings.listed(str(target), fresh=True)["path"].to_pylist()
        before = set(_marked(target, mark)).intersection(there)  # a mark may say anything
        _put_mark(target, mark, head, sorted(before.union(written)))
        with ThreadPoolExecutor(POOL) as pool:
            list(pool.map(lambda path: store.put(str(target / path), folder / path), written))
            list(pool.map(lambda path: store.remove(str(target / path)), before.difference(written)))
        _put_mark(target, mark, head, written)


def foreign_object(target: Remote, mark: str) -> str:
    """Why a folder export may not be written below a URL; "" where nothing is there, or an earlier export alone."""
    there = listings.listed(str(target), fresh=True)["path"].to_pylist()
    if not there:
        return f"{target} is an object, and the export is a folder; choose another path" if target.is_file() else ""
    if mark not in there:
        return f"{target} is not empty and was not written by Winnow; choose another folder"
    others = set(there) - {mark, *_marked(target, mark)}
    return f"{target} holds {min(others)}, which Winnow did not write; choose another folder" if others else ""


def _marked(target: Remote, mark: str) -> list[str]:
    """What an earlier export wrote below a URL."""
    with contextlib.suppress(FileNotFoundError):
        return (target / mark).read_bytes().decode().splitlines()[1:]
    return []


def _put_mark(target: Remote, mark: str, head: str, names: list[str]) -> None:
    with uploaded(target / mark) as file:
        file.write_text("\n".join([head, *names]))
