"""Images that stay in the parquet tables they came in, each read by its file and row when it is needed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curation.data.reading.decoders import cores
from curation.data.reading.image_checks import Facts, as_columns, examine_data, image_name
from curation.data.reading.tables import Batch
from curation.data.remote.location import Remote
from curation.data.safe_open import shown


class ImagesInTables:
    """The images in one column of several tables; batches are examined by decoders while the next are read."""

    any_stored = True  # no file of its own that a group could be seen from

    def __init__(self, tables: Sequence[Path | Remote], column: str):
        self.column = column
        self.root, self._containers = _where(tables)
        self._paths: list[str | None] = []
        self._parts: list[tuple[str, int, None] | None] = []
        self._facts: list[Facts] = []
        self._examined: deque[tuple[list[Facts | None], Future[list[Facts]]]] = deque()
        self._threads = ThreadPoolExecutor(cores())  # they wait for the decoders' answers

    def add(self, batch: Batch) -> None:
        known: list[Facts | None] = []
        images: list[bytes] = []
        for cell, line in zip(batch[self.column], batch.lines, strict=True):
            data = cell.get("bytes") if isinstance(cell, dict) else cell
            known.append(None if data else _without_image(cell))
            self._parts.append((self._containers[batch.table], line - 1, None) if data else None)
            self._paths.append(image_name(len(self._paths), data) if data else None)
            images += [data] if data else []
        if len(self._examined) > 2 * cores():
            self._next()
        self._examined.append((known, self._threads.submit(examine_data, images)))

    def close(self) -> None:
        """Also where reading stopped halfway: what was handed out is waited for."""
        self._threads.shutdown(cancel_futures=False)

    def columns(self, progress: Callable[..., None]) -> dict[str, Any]:
        """What `make_items` takes of them."""
        while self._examined:
            self._next()
        return {
            **as_columns(self._facts),
            "paths": self._paths,
            "parts": self._parts,
            "column": self.column,
            "root": self.root,
        }

    def notes(self) -> list[str]:
        return [f"The images are read from the tables in {self.root}, where they stay: keep them there."]

    def advice(self) -> str:
        """What may help where none can be used."""
        return ""

    def _next(self) -> None:
        known, examined = self._examined.popleft()
        found = iter(examined.result())
        self._facts += [next(found) if fact is None else fact for fact in known]


def _without_image(cell: Any) -> Facts:
    path = cell.get("path") if isinstance(cell, dict) else None
    return Facts(status="a path, in a table that holds image bytes" if path else "no image in this row")


def _where(tables: Sequence[Path | Remote]) -> tuple[Path | Remote, dict[Path | Remote, str]]:
    """The folder that holds the tables, and the path of each below it; links are followed, which may lead anywhere."""
    if isinstance(tables[0], Remote):
        return tables[0].parent, {table: table.name for table in tables}
    real = [os.path.realpath(table) for table in tables]
    top = os.path.commonpath([os.path.dirname(path) for path in real])  # noqa: PTH120
    return Path(top), {t: shown(os.path.relpath(path, top)) for t, path in zip(tables, real, strict=True)}
