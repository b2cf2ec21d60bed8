"""Look through a foreign text file before it is read: its encoding, and whether it keeps to the limits.

UTF-8 and UTF-16 are known by their marks or by decoding without an error; what is neither is read as Windows-1252,
which holds Latin-1's letters, and that is said. (charset-normalizer 3.5 was tried on tables of 5 to 1,000 rows: it
knows Cyrillic, Greek and Japanese, but takes French for Windows-1250 and Chinese for Korean.) The whole file is looked
at, in pieces, so that what is wrong with it is said at once.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from pathlib import Path

from curation.data.reading.cells import MAX_ROWS
from curation.errors import SourceError

MAX_LINE = 16 * 1024**2  # characters
SAMPLE = 4096
CHUNK = 1024**2
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(path: Path) -> str:
    """The name of the codec that reads the file. Raises SourceError for what is no text or passes a limit, OSError.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.csv"
    >>> for text, codec in (("é", "utf-8"), ("é", "utf-16"), ("é", "latin-1")):
    ...     _ = file.write_bytes(text.encode(codec))
    ...     print(encoding_of(file))
    utf-8
    utf-16
    cp1252
    """
    about = path.stat()
    return _encoding(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=8)
def _encoding(path: Path, *which: int) -> str:
    with path.open("rb") as handle:
        start = handle.read(SAMPLE)
    marked, codecs_tried = _candidates(start, str(path))
    for codec in codecs_tried:
        try:
            _look_through(path, codec)
        except UnicodeDecodeError as error:
            if marked:
                raise SourceError(
                    f"{path} is not text in {marked.upper()} ({error.reason}); save it as UTF-8"
                ) from None
            continue
        return codec
    raise AssertionError("Latin-1 decodes everything")


def decoded(data: bytes) -> str:
    """The text of a whole small file. Raises SourceError for what is no text.

    >>> decoded("é".encode("utf-16")), decoded("é".encode("latin-1"))
    ('é', 'é')
    """
    for codec in _candidates(data[:SAMPLE], "the file")[1]:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SourceError("the file is not text; save it as UTF-8")


def _candidates(start: bytes, name: str) -> tuple[str | None, tuple[str, ...]]:
    """The codec a mark or zero bytes speak for, if any, and the codecs to try. Raises SourceError."""
    marked = next((codec for mark, codec in MARKS.items() if start.startswith(mark)), None)
    if marked is None and b"\0" in start:
        even, odd = any(start[::2]), any(start[1::2])
        marked = {(True, False): "utf-16-le", (False, True): "utf-16-be"}.get((even, odd))
        # Beside letters of other scripts, half of the bytes of UTF-16 are no zeros: those need the mark.
        if marked is None:
            raise SourceError(f"{name} holds zero bytes: it is not text; save it as UTF-8")
    return marked, (marked,) if marked else ("utf-8", "cp1252", "latin-1")


def _look_through(path: Path, codec: str) -> None:
    decoder = codecs.getincrementaldecoder(codec)()
    lines, length = 0, 0
    with path.open("rb") as handle:
        while True:
            data = handle.read(CHUNK)
            text = decoder.decode(data, final=not data)
            if "\0" in text:
                raise SourceError(f"{path} holds zero bytes: it is not text; save it as UTF-8")
            first, *rest = text.replace("\r", "\n").split("\n")
            length += len(first)
            longest = max(length, max(map(len, rest), default=0))
            if longest > MAX_LINE:
                raise SourceError(f"{path} has a line of over {MAX_LINE:,} characters, the limit")
            if rest:
                length = len(rest[-1])
            lines += len(rest)
            if lines > 2 * MAX_ROWS + 2:  # \r\n counts twice
                raise SourceError(f"{path} has over {MAX_ROWS:,} lines, the limit; split it")
            if not data:
                return
