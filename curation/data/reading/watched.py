"""What a source depends on, seen from outside: names, sizes and times of the files it reads, and of no others.

Everything else beside them (recipes, exports, notes) may change without the source being read again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curation.data.reading.folder_listing import fingerprint
from curation.data.reading.folder_texts import is_text_name
from curation.data.reading.image_paths import ObjectPaths
from curation.data.reading.tables import holds_text, read_rows, stamp_of
from curation.data.remote import listings
from curation.data.remote.location import Remote
from curation.errors import SourceError


@dataclass(frozen=True)
class ImagesBelow:
    """The images below the folder `path`."""

    path: Path | Remote

    def look(self) -> str:
        """Changes when an image is added, removed, resized or touched."""
        return fingerprint(self.path)


@dataclass(frozen=True)
class TextsBelow:
    """The text files below the folder `path`."""

    path: Path | Remote

    def look(self) -> str:
        """Changes when a text file is added, removed, resized or touched."""
        return fingerprint(self.path, is_text_name)


@dataclass(frozen=True)
class ImagesNamed:
    """The table `path`, and the image files its column names, relative to `root`."""

    path: Path | Remote
    column: str
    root: Path | Remote

    def look(self) -> str:
        """Changes with the table, and with a file that it names; on a web server, with the table alone."""
        stamp = stamp_of(self.path)
        digest = hashlib.sha256(repr(stamp).encode())
        if isinstance(self.root, Remote):
            found = map(ObjectPaths(self.root).find, _names(self.path, self.column, stamp))
            for mark in listings.marks(str(self.root), (place.path for place in found if not place.problem)):
                digest.update(mark.encode())
            return digest.hexdigest()
        for name in _names(self.path, self.column, stamp):
            try:
                about = os.stat(os.path.join(self.root, name))  # noqa: PTH116, PTH118 - a Path triples the time
            except (OSError, ValueError):  # missing; what is wrong with it is said when it is read
                continue
            digest.update(f"{name}:{about.st_size}:{about.st_mtime_ns}\n".encode("utf-8", "replace"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Files:
    """Some files below the folder `path`, or beside it."""

    path: Path | Remote
    files: tuple[Path | Remote, ...]

    def look(self) -> str:
        """Changes when one of them is written; one that is missing is said when it is read."""
        stamps = [_stamp(file) for file in self.files]
        return hashlib.sha256(repr(list(zip(map(str, self.files), stamps, strict=True))).encode()).hexdigest()


Watched = ImagesBelow | TextsBelow | ImagesNamed | Files


def _stamp(file: Path | Remote) -> tuple[int, ...] | None:
    """None of a file that is missing."""
    try:
        return stamp_of(file) if isinstance(file, Remote) else stamp_of(file)[1:] if file.is_file() else None
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)
def _names(path: Path, column: str, stamp: tuple[int, ...]) -> tuple[str, ...]:
    """The paths in a column; none where it holds images, or cannot be read: then reading will say why."""
    try:
        if not holds_text(path, column):
            return ()
        cells = (cell for batch in read_rows(path, [column]) for cell in batch[column])
        return tuple(dict.fromkeys(cell for cell in cells if isinstance(cell, str) and cell))
    except SourceError:
        return ()
