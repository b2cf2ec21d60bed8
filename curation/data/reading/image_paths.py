"""Find the image files that the cells of a foreign table name, where people write them a little differently.

A cell is taken as it is wherever it leads to a file below the root. Where it does not, it is tried without blanks
around it, relative to the table's own folder, and with an image's ending. Whatever is found lies below the root; what
is not found stays as it is written, with what is like it.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from curation.data.reading.folder_layout import is_image_name
from curation.data.remote.location import Remote, is_url, leads_up, redacted
from curation.data.safe_open import hidden, shown

MAX_PATH = 4096  # characters
FOUND = {  # how a cell was read that is no path as it stands
    "blanks": "without the blanks around them",
    "table": "from the folder of the table, not from root",
    "ending": "with the ending that they leave out",
}


class Place(NamedTuple):
    """path: posix, below the root, or as it is written. problem: why it cannot be read, "" where nothing is known."""

    path: str
    problem: str = ""


class ImagePaths:
    """The files a table names. root: the folder they may lie in. table: the table's file."""

    def __init__(self, root: Path, table: Path):
        self.root, self.inside, self.beside = root, os.path.realpath(root), os.path.realpath(table.parent)
        self.read: dict[str, tuple[int, str]] = {}  # how -> number of cells, the first of them
        self._listings: dict[str, dict[str, list[str]]] = {}
        self.outside: set[str] = set()  # folders outside of the root that cells lead to

    def find(self, cell: str) -> Place:
        """Where the image of a cell lies; the file may be missing all the same."""
        name = cell.encode("utf-8", "replace").decode().replace("\\", "/").replace("\0", "")
        if "\\x" in cell and (real := self._below(self.inside, hidden(cell))) and os.path.lexists(real):
            return Place(self._relative(real))
        if len(name) > MAX_PATH:
            return Place(name[:100] + "...", f"its path has {len(name):,} characters, over the limit of {MAX_PATH:,}")
        if re.match(r"[a-z][a-z0-9+]+://", name, re.IGNORECASE):
            return Place(name, "a web address, not a file; download the image and name its path")
        real = self._below(self.inside, name)
        if real and os.path.lexists(real):
            return Place(self._relative(real))
        for how, folder in (("blanks", self.inside), ("table", self.beside)):
            tried = self._below(folder, name.strip())
            if tried and tried != real and os.path.lexists(tried):
                return self._note(how, name, tried)
        if real is None:
            self.outside.add(os.path.dirname(os.path.realpath(os.path.join(self.inside, name))))  # noqa: PTH118, PTH120
            return Place(name, f"its path leads out of {self.root}")
        folder, _, file = real.rpartition("/")
        there = self._listing(folder)
        like = there.get(file.lower(), []) if file else []
        if not is_image_name(file) and len(like) == 1:
            return self._note("ending", name, f"{folder}/{like[0]}")
        like = like or there.get(file.rpartition(".")[0].lower(), [])
        said = f"the file is missing; there is {like[0]}" if like else ""
        return Place(self._relative(real), said)

    def notes(self) -> list[str]:
        """What a person should know of how the cells were read."""
        found = self.read.items()
        return [f"{count:,} paths, such as {first!r}, were found {FOUND[how]}." for how, (count, first) in found]

    def advice(self) -> str:
        """What to do where none of the files was found; "" where that is not known."""
        if not self.outside:
            return f"; paths are looked up below {self.root}: name another folder with root = ..."
        common = os.path.commonpath([self.inside, *self.outside])
        return f'; write root = "{common}", the folder that holds them all' if common != "/" else ""

    def _note(self, how: str, name: str, real: str) -> Place:
        count, first = self.read.get(how, (0, name))
        self.read[how] = (count + 1, first)
        return Place(self._relative(real))

    def _below(self, folder: str, name: str) -> str | None:
        """The path with every link followed, so that what is opened is what was checked; None outside the root."""
        real = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118
        return real if real == self.inside or real.startswith(self.inside.rstrip("/") + "/") else None

    def _relative(self, real: str) -> str:
        return shown(os.path.relpath(real, self.inside))

    def _listing(self, folder: str) -> dict[str, list[str]]:
        """Image files of a folder by their name in lower case, with and without the ending."""
        if folder not in self._listings:
            found: dict[str, list[str]] = {}
            with contextlib.suppress(OSError):  # no such folder: nothing is like it
                for name in sorted(entry.name for entry in os.scandir(folder) if is_image_name(entry.name)):
                    for key in {name.lower(), name.rpartition(".")[0].lower()}:
                        found.setdefault(key, []).append(name)
            self._listings[folder] = found
        return self._listings[folder]


class ObjectPaths:
    """The objects a table names below a URL, as they are written; whether they are there is seen when they are read."""

    def __init__(self, root: Remote):
        self.root = root

    def find(self, cell: str) -> Place:
        """Where the image of a cell lies: a path below the root, or its whole URL."""
        name = cell.strip().replace("\\", "/")
        if len(name) > MAX_PATH:
            return Place(name[:100] + "...", f"its path has {len(name):,} characters, over the limit of {MAX_PATH:,}")
        if redacted(name) != name:
            return Place(redacted(name), "a URL with a query or a password, which is not kept")
        path = posixpath.normpath(name.removeprefix(f"{self.root}/"))
        elsewhere = is_url(name) and path == posixpath.normpath(name)
        if path.startswith("/") or path == "." or leads_up(path) or elsewhere:
            return Place(name, f"its path leads out of {self.root}")
        return Place(path)

    def notes(self) -> list[str]:
        return []

    def advice(self) -> str:
        return f"; paths are looked up below {self.root}: name another with root = ..."
