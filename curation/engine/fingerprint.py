"""Whether a file or folder that a recipe names has changed, seen from outside."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from curation.data.reading.watched import Watched
from curation.data.remote.location import Remote
from curation.errors import SourceError


def fingerprint(path: Path | Remote | Watched, where: str) -> str:
    """Changes when a file, or any file below a folder, is added, removed, resized or touched. Contents are not read.

    path: or a part of what lies there, which looks by itself. where: the section of the recipe that names it. Raises
    SourceError.
    """
    there = path.path if isinstance(path, Watched) else path
    try:
        if not there.exists():
            raise SourceError(f"{where}: path = {str(there)!r} does not exist; give an existing file or folder")
        if isinstance(path, Watched):
            return path.look()
    except OSError as error:
        raise SourceError(f"{where}: {there} cannot be read ({error.strerror or error})") from None
    if path.is_file():
        stat = path.stat()
        return f"{stat.st_size}:{stat.st_mtime_ns}"
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            stat = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - Path objects triple the time here
            digest.update(
                f"{os.path.relpath(folder, path)}/{name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode(
                    errors="surrogateescape"
                )
            )
    return digest.hexdigest()
