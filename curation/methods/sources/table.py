"""Table of images: a csv, tsv, jsonl or parquet file with one row per image.

The image column holds paths, image bytes, or `{bytes, path}` as Hugging Face parquet files do. Paths are relative to
the table's folder or to `root`, and must stay under it; a row whose path leads elsewhere, or whose image cannot be
read, stays an item with the reason as its status. Blanks around a path and a missing ending do no harm. Image bytes
are written to the workspace once. Rows keep their order. An empty label means unlabelled, an empty split means train.
A csv may be separated by commas, semicolons, tabs or bars; one that Winnow exported is read back letter for letter.
Integer labels of Hugging Face parquet files get the class names the file carries. A path that stands on several rows
gives ids "path", "path#2", ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.items import OK, Items, make_items
from curation.data.reading.archives import MAX_RATIO, MAX_TOTAL, RATIO_FROM
from curation.data.reading.cells import as_class, as_label, as_split
from curation.data.reading.image_checks import Facts, as_columns, examine, store_image
from curation.data.reading.image_paths import ImagePaths
from curation.data.reading.table_roles import roles_of
from curation.data.reading.tables import (
    Batch,
    class_names,
    columns_of,
    has_quotes,
    is_manifest,
    notes_on,
    place,
    read_rows,
)
from curation.data.reading.watched import ImagesNamed
from curation.errors import SourceError

CARD = Card(
    title="Table of images",
    cost="every image is read and decoded once, in worker processes",
    blind_to="columns that are not named, and text: a table needs a column of paths or of image bytes",
    tags=("images",),
    version=3,
    opens=(".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq"),
)


def read(
    *,
    path: Annotated[Path, Field(description="The table: .csv, .tsv, .jsonl or .parquet.")],
    image: Annotated[str, Field(description="Column with the image's path or bytes.")] = "path",
    label: Annotated[str, Field(description='Column with the label; "" reads all items as unlabelled.')] = "label",
    split: Annotated[
        str | None, Field(description='Column with the split; by default `split` if present, "" for none.')
    ] = None,
    id: Annotated[
        str | None, Field(description='Column with unique names; by default `id` if it is one, "" for the paths.')
    ] = None,
    truth: Annotated[str | None, Field(description="Column with the right label, where it is known.")] = None,
    root: Annotated[Path | None, Field(description="Folder the paths are relative to; by default the table's.")] = None,
    group: str = "",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items in the order of the rows; `group` of [source] may name a column. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> Image.new("L", (4, 4)).save(top / "1.png")
    >>> _ = (top / "pets.csv").write_text("path,label\\n1.png,cat\\n2.png,dog\\n")
    >>> read(path=top / "pets.csv", into=top, progress=lambda *_: None).column("status").tolist()
    ['ok', 'the file is missing']
    """
    if not path.exists():
        raise SourceError(f"the table {path} does not exist")
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a table; use the source folder")
    if not path.is_file():  # reading a pipe would wait for ever
        raise SourceError(f"{path} is neither a file nor a folder")
    root = path.parent if root is None else root
    if not root.is_dir():
        raise SourceError(f"root = {str(root)!r} is not a folder; paths in the table are relative to it")

    columns = columns_of(path)
    given = {"image": image, "label": label, "split": split, "id": id, "truth": truth, "group": column_named(group)}
    roles = roles_of(path, columns, given)
    table = _Cells(path, roles.columns, is_manifest(columns))
    images, names = _Images(root, into / "files", path), class_names(path, roles.columns.get("label", ""))
    rows: list[_Row] = []
    for batch in read_rows(path, list(dict.fromkeys(roles.columns.values()))):
        table.add(batch)
        for cell in batch[image]:
            rows.append(images.put(cell, len(rows), image))
        progress(len(rows), 0, "reading the table")
    if not rows:
        raise SourceError(f"the table {path} has no rows below its header")
    if group and "group" not in roles.columns and images.any_stored:
        raise SourceError(f"group = {group!r}: the images of {path} are not separate files; name a column instead")

    labels = table.read("label", lambda cell: as_class(cell, names)) or [None] * len(rows)
    paths, notes = [row.path for row in rows], [*notes_on(path), *roles.notes, *images.paths.notes()]
    facts = _facts(images, rows, progress)
    if all(fact.status != OK for fact in facts):
        why = f"the first, {paths[0] or table.place(0)}: {facts[0].status}{images.paths.advice()}"
        raise SourceError(f"none of the {len(rows):,} images in {path} can be used; {why}")
    return make_items(
        ids=table.ids("id" in roles.guessed, notes) or _numbered([p or f"row {i + 1}" for i, p in enumerate(paths)]),
        paths=paths,
        labels=labels,
        splits=table.read("split", as_split) or ["train"] * len(rows),
        truth=table.read("truth", lambda cell: as_class(cell, names)),
        groups=table.read("group", as_label),
        **as_columns(facts),
        classes=[name for name in names if name in set(labels)] if names else None,
        root=images.folder,
        notes=notes,
    )


def watches(*, path: Path, image: str, root: Path | None, **params: Any) -> list[ImagesNamed]:
    """What the result depends on: the table and the files it names, not all that lies below `root`."""
    return [ImagesNamed(path, image, path.parent if root is None else root)]


class _Cells:
    """The cells of the columns that are read, but for the images, and the line each row starts on."""

    def __init__(self, path: Path, columns: Mapping[str, str], ours: bool):
        """columns: role -> column. ours: written by Winnow, so that texts are what they were, blanks included."""
        self.path, self.columns, self.ours = path, columns, ours
        self.quoted = has_quotes(path) and not ours
        self.cells: dict[str, list[Any]] = {name: [] for role, name in columns.items() if role != "image"}
        self.lines: list[int] = []

    def add(self, batch: Batch) -> None:
        """Raises SourceError where a quote that nobody closed has taken lines into a cell."""
        for role, name in self.columns.items() if self.quoted else ():
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


@dataclass(frozen=True)
class _Row:
    """path: posix, below the folder the images are in. problem: why it cannot be used, if that is known already."""

    path: str | None
    problem: str = ""
    stored: bool = False


class _Images:
    """Where the images of the table are: under `root` already, or written to `files` since they came as bytes."""

    def __init__(self, root: Path, files: Path, table: Path):
        self.root, self.files, self.any_stored = root, files, False
        self.paths = ImagePaths(root, table)
        self._table, self._packed, self._total = table, table.stat().st_size, 0

    @property
    def folder(self) -> Path:
        return self.files if self.any_stored else self.root

    def put(self, cell: Any, number: int, column: str) -> _Row:
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
            where = f"the column {column!r} of {self._table}"
            raise SourceError(
                f"{where} holds {cell!r}, no path and no image bytes; name another column with image = ..."
            )
        return _Row(*self.paths.find(cell))


def _facts(images: _Images, rows: Sequence[_Row], progress: Callable[..., None]) -> list[Facts]:
    problems = [row.problem for row in rows]
    if images.any_stored:  # the items have one root: a path beside stored images would have none
        mixed = "a path, in a table that holds image bytes"
        problems = [p or (mixed if row.path and not row.stored else "") for p, row in zip(problems, rows, strict=True)]
    sound = [row.path for row, problem in zip(rows, problems, strict=True) if not problem]
    found = iter(examine(images.folder, sound, progress))
    return [Facts(status=problem) if problem else next(found) for problem in problems]


def _numbered(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal name numbered: a, a#2, a#3."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
