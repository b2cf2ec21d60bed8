"""JSON objects of a file one by one, each with its own letters: an array or JSON lines, whatever the file is called.

Which of the two is told by the first letter that is no blank. A file is read a piece at a time, so its size costs no
memory. A line that cannot be read is handed on with the reason, and so is every other record that is no object; an
array that breaks off is an error, since nobody knows where the next record begins.

Bray, The JavaScript Object Notation Data Interchange Format, RFC 8259, 2017; Ward, JSON Lines, jsonlines.org, 2013.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from curation.data.reading.text_encoding import MARKS
from curation.errors import SourceError

MAX_RECORD = 4 * 1024**2  # characters
_PIECE = 1 << 18  # characters read at a time
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class JsonRecord:
    """number: 1 for the first. text: as it stands in the file. value: the object, None where `problem` says why not."""

    number: int
    text: str
    value: dict[str, Any] | None
    problem: str = ""


def is_array(path: Path) -> bool:
    """Whether the file is one JSON array. Raises SourceError."""
    with _opened(path) as handle:
        return _first(handle, path) == "["


def json_records(path: Path) -> Iterator[JsonRecord]:
    """The records of a file, in order. Raises SourceError, also halfway.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = file.write_text('[{"a": 1.0},\\n {"b": "x"}]')
    >>> [record.text for record in json_records(file)]
    ['{"a": 1.0}', '{"b": "x"}']
    """
    try:
        with _opened(path) as handle:
            first = _first(handle, path)
            if first not in "[{":
                raise SourceError(f"{path} starts with {first!r}; expected a JSON array, or an object on every line")
            handle.seek(0)
            yield from _array(handle, path) if first == "[" else _lines(handle, path)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not text in UTF-8 ({error.reason}); save it in that encoding") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({(error.strerror or str(error)).lower()})") from None


def _lines(handle: TextIO, path: Path) -> Iterator[JsonRecord]:
    number, sound, waiting = 0, False, []
    while line := handle.readline(MAX_RECORD + 1):
        number += 1
        text = line.strip()
        if len(line) > MAX_RECORD and not line.endswith("\n"):
            while (rest := handle.readline(_PIECE)) and not rest.endswith("\n"):
                pass
            record = JsonRecord(number, "", None, f"too long: over {MAX_RECORD:,} characters")
        elif text:
            record = _record(number, text)
        else:
            continue
        sound = sound or "not JSON" not in record.problem
        waiting.append(record)
        if not sound and len(waiting) == 2:  # one object over many lines, or no JSON at all
            raise SourceError(
                f"line {waiting[0].number} of {path} is {waiting[0].problem}; write one object per line, or an array"
            )
        if sound:
            yield from waiting
            waiting = []
    yield from waiting


def _record(number: int, text: str) -> JsonRecord:
    try:
        value = json.loads(text)
    except RecursionError:
        return JsonRecord(number, text, None, "nested too deep")
    except json.JSONDecodeError as error:
        return JsonRecord(number, text, None, f"not JSON ({error.msg.lower()} at character {error.pos + 1:,})")
    except ValueError as error:  # a number of a million digits
        return JsonRecord(number, text, None, f"not read ({str(error).split(';')[0].lower()})")
    return _object(number, text, value)


def _object(number: int, text: str, value: Any) -> JsonRecord:
    if isinstance(value, dict):
        return JsonRecord(number, text, value)
    return JsonRecord(number, text, None, f"a {type(value).__name__}; expected an object")


def _array(handle: TextIO, path: Path) -> Iterator[JsonRecord]:
    """The buffer begins with the next record; a piece is added while the record has no end in it."""
    buffer, at, number, ended = handle.read(_PIECE), 0, 0, False

    def broken(why: str) -> SourceError:
        return SourceError(
            f"{path} cannot be read behind record {number:,} ({why}); repair the array, or write one object per line"
        )

    at = _BLANK.match(buffer).end() + 1  # behind the [
    comma = False
    while True:
        at = _BLANK.match(buffer, at).end()
        if at == len(buffer) and not ended:
            buffer, at = handle.read(_PIECE), 0
            ended = not buffer
            continue
        if ended and at >= len(buffer):
            raise broken("it breaks off")
        letter = buffer[at]
        if letter == "]":
            return
        if number and not comma:
            if letter != ",":
                raise broken(f"expected a comma, found {letter!r}")
            comma, at = True, at + 1
            continue
        try:
            value, end = _DECODER.raw_decode(buffer, at)
            whole = end < len(buffer) or ended  # a number may go on in the next piece
        except RecursionError:
            raise broken("it is nested too deep") from None
        except json.JSONDecodeError as error:
            value, end, whole = None, at, False
            if ended:
                raise broken(error.msg.lower()) from None
        except ValueError as error:
            raise broken(str(error).split(";")[0].lower()) from None
        if not whole:
            if len(buffer) - at > MAX_RECORD:
                raise broken(f"what follows is no JSON, or a record of over {MAX_RECORD:,} characters")
            # Twice as much each time, so that a long record is not looked through a hundred times.
            piece = handle.read(max(_PIECE, len(buffer) - at))
            ended = not piece
            buffer, at = buffer[at:] + piece, 0
            continue
        number, comma = number + 1, False
        yield _object(number, buffer[at:end], value)
        at = end


def _first(handle: TextIO, path: Path) -> str:
    """The first letter that is no blank."""
    while piece := handle.read(4096):
        if text := piece.strip():
            return text[0]
    raise SourceError(f"{path} is empty; expected a JSON array, or an object on every line")


def _opened(path: Path) -> TextIO:
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
        codec = next((codec for mark, codec in MARKS.items() if start.startswith(mark)), "utf-8")
        return path.open(encoding=codec)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({(error.strerror or str(error)).lower()})") from None
