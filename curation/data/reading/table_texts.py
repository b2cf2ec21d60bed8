"""Texts of a table on their way to the items: joined, examined, and written to the workspace one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curation.data.reading.image_checks import Facts, as_columns
from curation.data.reading.tables import Batch
from curation.data.reading.text_checks import examine_text
from curation.data.texts import TextWriter


class TableTexts:
    """The texts of one or several columns of the table."""

    any_stored = True  # no file of its own that a group could be seen from

    def __init__(self, names: Sequence[str], into: Path):
        self.names, self._writer = list(names), TextWriter(into)
        self._facts: list[Facts] = []

    def add(self, batch: Batch) -> None:
        for cells in zip(*(batch[name] for name in self.names), strict=True):
            said = [in_words(cell) for cell in cells]
            text, fact = examine_text("\n".join(part for part in said if part))
            if said == self.names:  # files that were put together, each with its line of names
                text, fact = None, Facts(status="a line of column names among the rows")
            self._writer.add(text)
            self._facts.append(fact)

    def close(self) -> None:
        self._writer.close()

    def columns(self, progress: Callable[..., None]) -> dict[str, Any]:
        """What `make_items` takes of them."""
        return {**as_columns(self._facts), "written": self._writer.texts}

    def notes(self) -> list[str]:
        joined = " and ".join(repr(name) for name in self.names)
        return [f"The columns {joined} were joined into one text, with a line end between."] * (len(self.names) > 1)

    def advice(self) -> str:
        """What may help where none can be used."""
        return ""


def in_words(cell: Any) -> str:
    """A cell as text: the words of a list with blanks between them, other values as they are written.

    >>> in_words(["a", "b"]), in_words(None), in_words(3), in_words(float("nan"))
    ('a b', '', '3', '')
    """
    if isinstance(cell, list):
        return " ".join(map(in_words, cell))
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return "" if cell is None or cell != cell else str(cell)
