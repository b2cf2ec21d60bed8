"""Read csv and tsv by the letter: what separates the cells is seen, and what is wrong with a line is said of that line.

Quotes follow RFC 4180: a cell that starts with one ends with one, and may hold separators and line ends between them.
A quote that is never closed, or closed in the middle of a cell, is refused where it stands: it would swallow rows.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from curation.data.reading.cells import MAX_COLUMNS
from curation.data.reading.text_encoding import MAX_LINE, encoding_of
from curation.errors import SourceError

SEPARATORS = {"csv": ",;\t|", "tsv": "\t,;|"}  # the usual one first
NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
SAMPLE = 20  # rows looked at to see what separates the cells

csv.field_size_limit(MAX_LINE)  # of the whole process; a column that is not read may hold long texts


@dataclass(frozen=True)
class Header:
    """names: of the columns, without blanks around them. separator: between cells. lines: to pass over before rows.

    told: the names were told, so the first line is a row.
    """

    names: list[str]
    separator: str
    lines: int
    told: bool = False


def header_of(path: Path, kind: str, told: Sequence[str] = ()) -> Header:
    """The first line that is a row, and what separates its cells. Raises SourceError, OSError, UnicodeError.

    told: the names of the columns, where the file has no line of them.
    """
    with _opened(path) as lines:
        first = lines.readline(MAX_LINE)
    excel = re.fullmatch(r"sep=(.)\s*", first)
    passed = int(excel is not None)
    candidates = [excel[1]] if excel else list(SEPARATORS[kind])
    sampled = [_sample(path, separator, passed) for separator in candidates]
    # One that divides every line into equally many cells; without any, the usual one, and the rows will say it.
    fits = [len(rows) > 0 and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1 for rows in sampled]
    at = fits.index(True) if any(fits) else 0
    names = [name.strip() for name in sampled[at][0]] if sampled[at] else []
    while len(names) > 1 and not names[-1]:  # a separator at the end of the line
        names.pop()
    if not any(names):
        raise SourceError(f"{path} is empty; the first line must name the columns, such as path,label")
    if len(names) > MAX_COLUMNS:
        raise SourceError(f"{path} has {len(names):,} columns, over the limit of {MAX_COLUMNS:,}")
    if told and len(told) != len(names):
        raise SourceError(f"columns names {len(told):,} columns and the first line of {path} has {len(names):,} cells")
    return Header(list(told) or names, candidates[at], passed, bool(told))


def rows_of(path: Path, header: Header, exact: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(number of the line it starts on, cells) of every row below the header. Raises as `header_of` does.

    exact: keep blanks behind a separator; people write them for their eyes, programs mean them.
    """
    width = len(header.names)
    rows = _rows(path, header.separator, header.lines, exact)
    if not header.told:
        next(rows, None)
    for number, cells in rows:
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) != width:
            raise SourceError(
                f"line {number:,} of {path} has {len(cells):,} cells and the header {width:,}; put a text that holds "
                f"{NAMES.get(header.separator, repr(header.separator))} between quotes, or fill the row up"
            )
        yield number, cells


def _sample(path: Path, separator: str, passed: int) -> list[list[str]]:
    """The first rows as this separator divides them; as many as can be read."""
    found: list[list[str]] = []
    with contextlib.suppress(SourceError):
        found.extend(cells for _, cells in islice(_rows(path, separator, passed), SAMPLE))
    return found


def _rows(path: Path, separator: str, passed: int, exact: bool = False) -> Iterator[tuple[int, list[str]]]:
    with _opened(path) as lines:
        for _ in range(passed):
            lines.readline(MAX_LINE)
        reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=not exact)
        while True:
            number = passed + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                several = passed + reader.line_num > number
                raise SourceError(f"line {number:,} of {path}: {_said(str(error), several)}") from None
            if cells:  # else a blank line
                yield number, cells


def _said(error: str, several_lines: bool) -> str:
    if several_lines or "unexpected end" in error or "field larger" in error:
        return 'a quote (") is opened here and not closed on this line; close it, or take it out'
    if "expected after" in error:
        return 'a cell goes on behind its closing quote ("); quote the whole cell, and write a quote in it twice'
    return f"{error}; write it as comma-separated text"


def _opened(path: Path) -> TextIO:
    return path.open(encoding=encoding_of(path), newline="")
