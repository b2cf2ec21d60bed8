"""Images of a table on their way to the items: paths that are looked for, bytes that are written to the workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.data.parts import Spread
from curation.data.reading.archives import MAX_RATIO, MAX_TOTAL, RATIO_FROM
from curation.data.reading.image_checks import Facts, as_columns, examine, store_image
from curation.data.reading.image_paths import ImagePaths, ObjectPaths
from curation.data.reading.tables import Batch
from curation.data.remote.location import Remote
from curation.errors import SourceError


@dataclass(frozen=True)
class _Row:
    """path: posix, below the folder the images are in. problem: why it cannot be used, if that is known already."""

    path: str | None
    problem: str = ""
    stored: bool = False


class TableImages:
    """Where the images of the table are: under `root` already, or written to `files` since they came as bytes.

    spread: as `examine` takes it.
    """

    def __init__(self, table: Path | Remote, column: str, root: Path | Remote, files: Path, spread: Spread):
        self.spread, self.column, self.root, self.files, self.any_stored = spread, column, root, files, False
        self.paths = ImagePaths(root, table) if isinstance(root, Path) else ObjectPaths(root)
        self.rows: list[_Row] = []
        self._table, self._packed, self._total = table, table.stat().st_size, 0

    def add(self, batch: Batch) -> None:
        for cell in batch[self.column]:
            self.rows.append(self._put(cell, len(self.rows)))

    def close(self) -> None:
        """Nothing is open."""

    def columns(self, progress: Callable[..., None]) -> dict[str, Any]:
        """What `make_items` takes of them."""
        facts = self._facts(progress)
        root = self.files if self.any_stored else self.root
        return {**as_columns(facts), "paths": [row.path for row in self.rows], "root": root}

    def notes(self) -> list[str]:
        return self.paths.notes()

    def advice(self) -> str:
        """What may help where none can be used."""
        return self.paths.advice()

    def _put(self, cell: Any, number: int) -> _Row:
        if isinstance(cell, dict):
            cell = cell.get("bytes") or cell.get("path")
        if cell is None or cell == "":
            return _Row(None)
        if isinstance(cell, bytes):
            self.any_stored = True
            self._total += len(cell)
            if self._total > max(RATIO_FROM, MAX_RATIO * self._packed) or self._total > MAX_TOTAL:
                raise SourceError(
                    f"{self._table} unpacks to more than {MAX_RATIO} times its size or {MAX_TOTAL / 1e9:g} GB of "
                    "images, as files made to fill a disk do"
                )
            return _Row(store_image(self.files, number, cell), stored=True)
        if not isinstance(cell, str):
            where = f"the column {self.column!r} of {self._table}"
            raise SourceError(
                f"{where} holds {cell!r}, no path and no image bytes; name another column with image = ..."
            )
        return _Row(*self.paths.find(cell))

    def _facts(self, progress: Callable[..., None]) -> list[Facts]:
        problems = [row.problem for row in self.rows]
        if self.any_stored:  # the items have one root: a path beside stored images would have none
            mixed = "a path, in a table that holds image bytes"
            pairs = zip(problems, self.rows, strict=True)
            problems = [p or (mixed if row.path and not row.stored else "") for p, row in pairs]
        sound = [row.path for row, problem in zip(self.rows, problems, strict=True) if not problem]
        found = iter(examine(self.files if self.any_stored else self.root, sound, progress, spread=self.spread))
        return [Facts(status=problem) if problem else next(found) for problem in problems]
