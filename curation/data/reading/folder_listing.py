"""The files below a folder that are items, and what is passed over: hidden files, others, links, what Winnow wrote.

Exports and workspaces below the source are results, not data: read as data, the copies of train rows would land in
the next hold-out. A folder is known as ours by the file Winnow leaves in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from curation.data.reading.folder_layout import is_image_name
from curation.data.remote import listings
from curation.data.remote.location import Remote
from curation.data.safe_open import shown
from curation.data.writing.atomic import MARKER

WORKSPACE = "winnow.json"
OURS = {MARKER, WORKSPACE}


@dataclass
class Listing:
    """Posix paths below a folder, as text. items: the files that were looked for, images or texts by their name.

    problems: their path -> why it cannot be used, known without opening it. others: all other files. linked, closed,
    ours: folders that were not entered. part: whether there may be more, since it was made at a glance.
    """

    items: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    part: bool = False

    def notes(self) -> list[str]:
        """What a person should know of the folders that were not entered."""
        parts = {
            "linked folders were not followed": self.linked,
            "folders could not be opened": self.closed,
            "folders that Winnow wrote were passed over": self.ours,
        }
        return [f"{len(names):,} {words}, such as {min(names)}." for words, names in parts.items() if names]


def listing(top: Path | Remote, wanted: Callable[[str], bool] = is_image_name) -> Listing:
    """Look through a folder and all folders below it, in no order. wanted: whether a file of that name is an item.

    Below a URL the objects are listed; raises OSError where that fails.
    """
    if isinstance(top, Remote):
        return _listing_of_objects(top, wanted)
    found, inside = Listing(), top.resolve()
    for path, entry in _files(top, found):
        if not wanted(entry.name):
            found.others.append(path)
            continue
        found.items.append(path)
        # os.path, since a Path raises on links that go in circles
        if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(inside):
            found.problems[path] = "a link that leads out of the folder"
    return found


def fingerprint(top: Path | Remote, wanted: Callable[[str], bool] = is_image_name) -> str:
    """Changes when an item below a folder is added, removed, resized or touched, and with nothing else."""
    if isinstance(top, Remote):
        digest = hashlib.sha256()
        for mark in listings.marks(str(top), listing(top, wanted).items):
            digest.update(mark.encode())
        return digest.hexdigest()
    lines = []
    for path, entry in _files(top, Listing()):
        if wanted(entry.name):
            about = entry.stat(follow_symlinks=False)
            lines.append(f"{path}:{about.st_size}:{about.st_mtime_ns}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _files(top: Path, found: Listing) -> Iterator[tuple[str, os.DirEntry]]:
    """(path below `top`, entry) of every file that is not hidden; folders that are not entered go to `found`."""
    queue = [("", os.fspath(top))]
    while queue:
        above, folder = queue.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            found.closed.append(f"{above or shown(folder)} ({error.strerror.lower()})")
            continue
        if above and not OURS.isdisjoint(entry.name for entry in entries):
            found.ours.append(above.rstrip("/"))
            continue
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            path = above + shown(entry.name)
            if entry.is_dir(follow_symlinks=False):
                queue.append((path + "/", entry.path))
            elif entry.is_symlink() and Path(entry.path).is_dir():
                found.linked.append(path)
            else:
                yield path, entry


def _listing_of_objects(top: Remote, wanted: Callable[[str], bool]) -> Listing:
    table = listings.listed(str(top))
    found = Listing(part=listings.is_part(table))
    folders = {path.rpartition("/")[0] for path in _texts(table["path"]) if path.rpartition("/")[2] in OURS} - {""}
    found.ours = sorted(folders)
    inside = tuple(folder + "/" for folder in folders)
    for path in _texts(table["path"]):
        if not any(map(_is_hidden, path.split("/"))) and not path.startswith(inside):
            (found.items if wanted(path.rpartition("/")[2]) else found.others).append(path)
    return found


def _texts(column: pa.ChunkedArray) -> Iterator[str]:
    """The texts of a column, without a Python object for each at a time."""
    for start in range(0, len(column), 10_000):
        yield from column.slice(start, 10_000).to_pylist()


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
