"""A small SQLite table in a workspace: written durably by any number of processes, readable even where nothing can be
written. Every error of the disk or of SQLite is a WorkspaceError, one sentence.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from curation.errors import WorkspaceError

WAIT = 10.0  # seconds for somebody else's transaction to end


@contextlib.contextmanager
def writing(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    """One transaction, whole or not at all, and on the disk when the block has ended (WAL, synchronous=FULL).

    table: name and columns, made when they are not there yet.
    """
    with _in_words(path, "written"), contextlib.closing(_patiently(_begun, path)) as db:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        yield db
        db.execute("COMMIT")  # a connection that is closed before takes everything back


def rows(path: Path, query: str, values: Sequence[object] = ()) -> list[tuple]:
    """What a query finds; nothing where the file is not there."""
    if not path.exists():
        return []
    with _in_words(path, "read"):
        try:
            return _patiently(_found, path, query, values)
        except sqlite3.OperationalError as error:
            if str(error).startswith("no such table"):
                return []  # killed, or about to write for the first time
            if os.access(path.parent, os.W_OK):
                raise
            return _aside(path, query, values)


def _begun(path: Path) -> sqlite3.Connection:
    """A connection that holds the right to write."""
    db = _connected(path)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")
    except BaseException:
        db.close()
        raise
    return db


def _found(path: Path, query: str, values: Sequence[object]) -> list[tuple]:
    with contextlib.closing(_connected(path)) as db:
        return db.execute(query, values).fetchall()


def _patiently(do: Callable[..., Any], *values: Any) -> Any:
    """Again while the file is busy. SQLite itself waits for a transaction to end, but not while another connection
    makes the files of its log or, being the last to close, takes them away."""
    deadline = time.monotonic() + WAIT
    while True:
        try:
            return do(*values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=WAIT, isolation_level=None)


def _aside(path: Path, query: str, values: Sequence[object]) -> list[tuple]:
    """On a read-only disk SQLite cannot make the files it reads a log with; a copy has them, log included."""
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        for name in (path.name, f"{path.name}-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path.with_name(name), folder)
        return _found(Path(folder) / path.name, query, values)


@contextlib.contextmanager
def _in_words(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        gone = "" if path.parent.is_dir() else ", its folder is gone"
        raise WorkspaceError(f"{path} cannot be {what}: {error}{gone}") from error
