"""Read the records of a JSON file: one array of objects, or JSON lines, whatever the file's ending says.

The first character tells: "[" begins an array. It is read in pieces, one object in memory at a time, so that a file
larger than the memory is no matter. The file is foreign: records have a limit of size, and what is wrong with one is
said with its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from curation.data.reading.cells import MAX_ROWS
from curation.errors import SourceError

PIECE = 1 << 20  # characters read at a time
MAX_RECORD = 16 << 20  # characters of one record
MAX_WHOLE = 512 << 20  # bytes of a file that is a single object, which is read as a whole


def records(path: Path, key: str = "") -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, or of JSON lines, in their order; `key`: of the array under it in a single object.

    Raises SourceError, also halfway.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.json"
    >>> for text in ('[{"a": 1}, {"a": 2}]', '{"a": 1}\\n{"a": 2}\\n'):
    ...     _ = file.write_text(text)
    ...     print(list(records(file)))
    [{'a': 1}, {'a': 2}]
    [{'a': 1}, {'a': 2}]
    """
    try:
        found = _under(path, key) if key else _one_by_one(path)
        for number, record in enumerate(found, start=1):
            if not isinstance(record, dict):
                raise SourceError(f"record {number:,} of {path} is {_kind(record)}; expected an object in braces")
            if number > MAX_ROWS:
                raise SourceError(f"{path} has over {MAX_ROWS:,} records, the limit; split it")
            yield record
    except UnicodeError:
        raise SourceError(f"{path} is not text in UTF-8; save it in that encoding") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({(error.strerror or str(error)).lower()})") from None


def keys(path: Path) -> list[str]:
    """The keys of the first object of the file. Raises SourceError."""
    first = next(records(path), None)
    return list(first or ())


def _one_by_one(path: Path) -> Iterator[Any]:
    with path.open(encoding=_encoding(path)) as handle:
        text = _Text(path, handle)
        array = text.skip("") == "["
        if array:
            text.at += 1
        while (found := text.skip("," if array else "")) and not (array and found == "]"):
            yield text.value()
        if array and not found:
            raise SourceError(f"{path} ends within its list, after {text.done:,} records: it was cut short")


def _encoding(path: Path) -> str:
    """UTF-8 as the standard asks, or UTF-16 or 32, which its first bytes tell."""
    with path.open("rb") as handle:
        return json.detect_encoding(handle.read(4))


def _under(path: Path, key: str) -> list[Any]:
    if path.stat().st_size > MAX_WHOLE:
        raise SourceError(f"{path} is larger than {MAX_WHOLE >> 20:,} MB, the limit for one object; write JSON lines")
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON ({str(error)[:100]})") from None
    found = whole.get(key) if isinstance(whole, dict) else None
    if not isinstance(found, list):
        raise SourceError(f"{path} has no list under {key!r}; expected {{{key!r}: [...]}}")
    return found


class _Text:
    """A file's text, of which a piece is held: what is not read yet begins at `at`."""

    def __init__(self, path: Path, handle: TextIO):
        self.path, self.handle, self.held, self.at, self.done = path, handle, "", 0, 0
        self.decoder = json.JSONDecoder()

    def skip(self, separator: str) -> str:
        """Pass over blanks and separators; the character that follows, "" at the end."""
        while True:
            while self.at < len(self.held) and (self.held[self.at].isspace() or self.held[self.at] == separator):
                self.at += 1
            if self.at < len(self.held):
                return self.held[self.at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """The JSON value that begins here. Raises SourceError."""
        while True:
            try:
                value, end = self.decoder.raw_decode(self.held, self.at)
            except RecursionError:
                raise SourceError(f"record {self.done + 1:,} of {self.path} is nested too deep") from None
            except ValueError as error:
                waiting = len(self.held) - self.at
                if waiting > MAX_RECORD:
                    said = f"record {self.done + 1:,} of {self.path} has over {MAX_RECORD:,} characters, the limit"
                    raise SourceError(said) from None
                if self._more():
                    continue
                said = getattr(error, "msg", str(error))
                raise SourceError(f"record {self.done + 1:,} of {self.path} is not JSON ({said})") from None
            # A number or a word may go on in the next piece; objects and lists end with their bracket.
            if end == len(self.held) and self.held[end - 1] not in "}]" and self._more():
                continue
            self.at, self.done = end, self.done + 1
            return value

    def _more(self) -> bool:
        """Read on, twice as much where little was enough before; whether there was anything."""
        piece = self.handle.read(max(PIECE, len(self.held) - self.at))
        self.held, self.at = self.held[self.at :] + piece, 0
        return bool(piece)


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
