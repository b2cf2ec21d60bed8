"""The cells of a table's columns but for its images or texts, and the line each row starts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from curation.data.reading.cells import as_label
from curation.data.reading.tables import Batch, has_quotes, place
from curation.errors import SourceError


class Cells:
    """What was read of the columns that say something about the items."""

    def __init__(self, path: Path, columns: Mapping[str, str], ours: bool):
        """columns: role -> column. ours: written by Winnow, so that texts are what they were, blanks included."""
        self.path, self.columns, self.ours = path, columns, ours
        short = {role: name for role, name in columns.items() if not role.startswith("text")}
        self.quoted = short if has_quotes(path) and not ours else {}
        self.cells: dict[str, list[Any]] = {name: [] for role, name in short.items() if role != "image"}
        self.lines: list[int] = []

    def add(self, batch: Batch) -> None:
        """Raises SourceError where a quote that nobody closed has taken lines into a cell."""
        for role, name in self.quoted.items():
            for line, cell in zip(batch.lines, batch[name], strict=True):
                if "\n" in cell.strip():
                    spans = cell.strip().count("\n") + 1
                    said = f"{place(self.path, line)}: the {role} {cell.strip()[:30]!r}... spans {spans} lines"
                    raise SourceError(f"{said}; close the quote that it starts with, or take it out")
        self.lines.extend(batch.lines)
        for name, cells in self.cells.items():
            cells.extend(batch[name])

    def place(self, row: int) -> str:
        return place(self.path, self.lines[row])

    def read(self, role: str, meaning: Callable[[Any], Any]) -> list[Any] | None:
        """What each cell of a role means; None where no column has it. Raises SourceError that names the line."""
        if role not in self.columns:
            return None
        name, found = self.columns[role], []
        for row, cell in enumerate(self.cells[name]):
            try:
                found.append(meaning(cell))
            except SourceError as error:
                hint = f'; write {role} = "" to read no {role}' if role == "split" else ""
                raise SourceError(f"{self.place(row)}, column {name!r}: {error}{hint}") from None
        return found

    def ids(self, guessed: bool, notes: list[str]) -> list[str] | None:
        """The ids, None where there are none to be had; a column that was only guessed to hold them need not."""
        ids = self.read("id", str if self.ours else as_label)
        if ids is None:
            return None
        first: dict[str | None, int] = {}
        for row, id_ in enumerate(ids):
            if id_ is not None and id_ not in first:
                first[id_] = row
                continue
            said = "has no id" if id_ is None else f"repeats the id {id_!r} of {self.place(first[id_])}"
            if guessed:
                notes.append(f"The column 'id' was not taken for ids, since {self.place(row)} {said}.")
                return None
            raise SourceError(f"{self.place(row)} {said}; ids must be unique, name another column with id = ...")
        return ids
