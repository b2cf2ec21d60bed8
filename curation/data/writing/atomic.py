"""Write what a person asked for outside the workspace: whole or not at all, and never over somebody's files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from curation.data.files import replacing, sync
from curation.data.remote.location import Remote
from curation.data.writing.uploads import foreign_object, uploaded, uploaded_folder
from curation.errors import InputError

MARKER = ".winnow-export"  # in every folder Winnow exported; lists the files it wrote there
HEAD = "Written by Winnow, which may replace these files:"  # its first line
# Direction overrides, embeddings and isolates: they show another text than the one that is there (Trojan Source,
# CVE-2021-42574). For a class of a regular expression.
TURNING = "\u202a-\u202e\u2066-\u2069"
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names Windows cannot use

# What starts a formula, also in its full width; OWASP, CSV Injection. Apostrophes before it, so that it can be undone.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@contextlib.contextmanager
def atomic(path: Path | Remote) -> Iterator[Path]:
    """A temporary file beside `path`; when the block ends without an error it is synced and takes its place.

    For a URL it lies on this machine and is uploaded. Parent folders are created. Raises InputError when the place
    cannot be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "new" / "a.txt"
    >>> with atomic(target) as beside:
    ...     _ = beside.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    if isinstance(path, Remote):
        with _writing(path), uploaded(path) as file:
            yield file
        return
    path = Path(path).resolve()
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            yield beside


@contextlib.contextmanager
def atomic_folder(path: Path | Remote) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends without an error.

    `path` may be missing, empty, or an earlier export with nothing else in it, which is replaced; anything else
    raises InputError. The files are synced all at once: one by one, tens of thousands would take minutes.
    """
    if isinstance(path, Remote):
        with _writing(path), uploaded_folder(path, MARKER, HEAD) as folder:
            yield folder
        return
    path = Path(path).resolve()
    beside, before = (path.with_name(f".{path.name}.{word}") for word in ("partial", "before"))
    with _writing(path):
        if before.exists() and not path.exists():  # a run was killed between its last two renames
            before.rename(path)
        refuse_foreign_folder(path)
        for left_over in (beside, before):  # of a run that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        try:
            beside.mkdir(parents=True)
            yield beside
            written = sorted(file.relative_to(beside).as_posix() for file in beside.rglob("*") if file.is_file())
            (beside / MARKER).write_text("\n".join([HEAD, *written]))
            os.sync()
            if path.exists():
                path.rename(before)
            beside.rename(path)
            sync(path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
            shutil.rmtree(before, ignore_errors=True)


def refuse_foreign_folder(path: Path | Remote) -> None:
    """Raise InputError unless a folder export may be written here: the place is free, empty, or an earlier export."""
    if isinstance(path, Remote):
        with _writing(path):
            why = foreign_object(path, MARKER)
        if why:
            raise InputError(why)
        return
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file, and the export is a folder; choose another path")
    if not (path / MARKER).is_file():
        raise InputError(f"{path} is not empty and was not written by Winnow; choose another folder")
    ours = {MARKER, *(path / MARKER).read_text().splitlines()[1:]}
    for file in sorted(path.rglob("*")):
        if (name := file.relative_to(path).as_posix()) not in ours and not (file.is_dir() and not file.is_symlink()):
            raise InputError(f"{path} holds {name}, which Winnow did not write; move it, or choose another folder")


def safe_name(text: str) -> str:
    """Text as one file or folder name that works everywhere and leads nowhere else.

    >>> safe_name("../x"), safe_name("T-shirt/top"), safe_name(".."), safe_name("aux.png")
    ('__x', 'T-shirt_top', '_', '_aux.png')
    """
    name = unicodedata.normalize("NFC", text)
    name = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in name)
    name = re.sub(r"^\.+", "_", name).rstrip(". ")
    if RESERVED.fullmatch(name):
        name = "_" + name
    stem, dot, suffix = name.rpartition(".") if len(name.rpartition(".")[2]) <= 10 else (name, "", "")
    room = 200 - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + suffix or "_"


def inert(text: str) -> str:
    """Text as a spreadsheet shows it instead of running it: what would start a formula gets an apostrophe before it.

    Plain numbers stay as they are. `active` takes the apostrophe away again.

    >>> inert("=1+1"), inert("-1.5"), inert("-a"), inert("cat"), inert("'=x")
    ("'=1+1", '-1.5', "'-a", 'cat', "''=x")
    """
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def active(text: str) -> str:
    """What `inert` was given.

    >>> active("'=1+1"), active("-1.5"), active("'tis")
    ('=1+1', '-1.5', "'tis")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def free_name(name: str, taken: set[str]) -> str:
    """`name`, numbered if it is taken, also in other letter case; it is taken from now on.

    >>> taken = set()
    >>> [free_name(name, taken) for name in ("a.png", "A.png", "a.png")]
    ['a.png', 'A~2.png', 'a~3.png']
    """
    stem, dot, suffix = name.rpartition(".")
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}~{number}{dot}{suffix}" if dot else f"{suffix}~{number}"
    taken.add(free.casefold())
    return free


@contextlib.contextmanager
def _writing(path: Path | Remote) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
