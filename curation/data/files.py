"""Small files and folders that are there as a whole or not at all: written beside their place, synced, renamed."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from filelock import FileLock

from curation.errors import WorkspaceError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; when the block ends without an error, that file takes its place.

    No two calls share a name, whether in one process or in several. Raises OSError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        yield beside
        sync(beside)
        beside.replace(path)
        sync(path.parent)
        _clear(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a small file as a whole. Raises WorkspaceError."""
    try:
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def update_text(path: Path, change: Callable[[str], str]) -> str:
    """Replace a small file by `change` of what it holds ("" where there is none), and return that.

    One caller at a time, over all threads and processes: no change is lost. The lock lies beside the file and is
    released by the system when its process dies. Raises WorkspaceError.
    """
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            text = change(path.read_text(encoding="utf-8") if path.exists() else "")
            write_text(path, text)
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    return text


def make_folder(folder: Path) -> None:
    """A folder and those above it, each there for good: an entry is on the disk when the folder it is in is synced."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def sync_tree(folder: Path) -> None:
    """Force a folder's own files to the disk. Files further down are covered by one `sync` of the file system."""
    files = [entry for entry in folder.iterdir() if entry.is_file()]
    if any(entry.is_dir() for entry in folder.iterdir()):
        os.sync()  # extracted images: tens of thousands of single fsyncs would take minutes
    for path in files:
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clear(path: Path) -> None:
    """Remove what processes left beside `path` that were killed while they wrote it."""
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        found = re.fullmatch(r"(\d+)(\.[0-9a-f]{8})?(\.partial)?", other.name.removeprefix(f".{path.name}."))
        if found and not psutil.pid_exists(int(found[1])):
            other.unlink(missing_ok=True)
