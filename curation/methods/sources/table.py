"""Table of images or of texts: a csv, tsv, jsonl, txt or parquet file with one row per item.

A folder may hold several of one kind, named after their splits, as train.csv and test.csv, or as the parquet files of
a Hugging Face repository. They are one data set; a table of another split than train may lack the labels.

Of images, a column holds paths, image bytes, or `{bytes, path}` as Hugging Face parquet files do. Paths are relative to
the table's folder or to `root`, and must stay under it; a row whose path leads elsewhere, or whose image cannot be
read, stays an item with the reason as its status. Blanks around a path and a missing ending do no harm. A path that
stands on several rows gives ids "path", "path#2", ... Image bytes are read where they stand in a parquet file; of row
groups that hold over 128 MB of them, they are written to the workspace once.

Of texts, `text` names the column, or several that are joined with a line end between them; a list of words is joined
with blanks. An empty text, or one of over 1 MB, stays an item with the reason as its status. A .txt file has one text
per line, with fastText's `__label__` before it or without.

Rows keep their order. An empty label means unlabelled, an empty split means train. Several labels of one item are read
from a list, from a text with `label_separator` between them, or from a column for every class; they are kept and shown,
and methods that need one label per item say that they cannot use them. A csv may be separated by commas, semicolons,
tabs or bars; one that Winnow exported is read back letter for letter. Integer labels of Hugging Face parquet files get
the class names the file carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.items import OK, TRAIN, Items, make_items
from curation.data.parts import Spread, here
from curation.data.reading.cells import as_class, as_label, as_split
from curation.data.reading.images_in_tables import ImagesInTables
from curation.data.reading.label_cells import by_column, in_cell, is_on, labels_of
from curation.data.reading.split_tables import TableFile, files_of, split_tables
from curation.data.reading.table_cells import Cells
from curation.data.reading.table_images import TableImages
from curation.data.reading.table_roles import UNLABELLED, Roles, numbered, roles_of
from curation.data.reading.table_texts import TableTexts
from curation.data.reading.tables import (
    can_be_read_one_by_one,
    class_names,
    columns_of,
    is_manifest,
    notes_on,
    read_rows,
)
from curation.data.reading.watched import Files, ImagesNamed
from curation.data.remote.location import Remote, told
from curation.data.remote.parameter import Location
from curation.errors import SourceError

CARD = Card(
    title="Table of images or texts",
    cost="every image is read and decoded once, in worker processes; texts are copied to the workspace",
    blind_to="columns that are not named",
    tags=("images", "texts"),
    version=4,
    opens=(".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".parquet", ".pq", "/"),
)


def read(
    *,
    path: Annotated[
        Location,
        Field(
            description="The table or its URL: .csv, .tsv, .jsonl, .txt or .parquet; or a folder of some named after "
            "splits."
        ),
    ],
    image: Annotated[str, Field(description="Column with the image's path or bytes, where items are images.")] = "path",
    text: Annotated[
        str | tuple[str, ...],
        Field(description="Column with the text, where items are texts; several are joined with a line end between."),
    ] = "",
    label: Annotated[
        str | tuple[str, ...],
        Field(description='Column with the label, or a column of 1 and 0 for every class; "" reads no labels.'),
    ] = "label",
    split: Annotated[
        str | None, Field(description='Column with the split; by default `split` if present, "" for none.')
    ] = None,
    id: Annotated[
        str | None, Field(description='Column with unique names; by default `id` if it is one, "" for the paths.')
    ] = None,
    truth: Annotated[str | None, Field(description="Column with the right label, where it is known.")] = None,
    root: Annotated[
        Location | None, Field(description="Folder or URL the paths are relative to; by default the table's.")
    ] = None,
    columns: Annotated[
        tuple[str, ...], Field(description="Names of the columns, where a .csv or .tsv has no line of them.")
    ] = (),
    label_separator: Annotated[
        str, Field(description='What stands between several labels of one item, such as ";"; "" reads one label.')
    ] = "",
    group: str = "",
    into: Path,
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order of the rows; `group` of [source] may name a column. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> Image.new("L", (4, 4)).save(top / "1.png")
    >>> _ = (top / "pets.csv").write_text("path,label\\n1.png,cat\\n2.png,dog\\n")
    >>> read(path=top / "pets.csv", into=top, progress=lambda *_: None).column("status").tolist()
    ['ok', 'the file is missing']
    >>> read(path=top / "pets.csv", text="path", into=top, progress=lambda *_: None).texts([1, 0])
    ['2.png', '1.png']
    """
    with told(path):
        if not path.exists():
            raise SourceError(f"the table {path} does not exist")
        if not path.is_file() and not path.is_dir():  # reading a pipe would wait for ever
            raise SourceError(f"{path} is neither a file nor a folder")
        files = files_of(path)
    root = _root(path) if root is None else root
    if isinstance(root, Path) and not root.is_dir():
        raise SourceError(f"root = {str(root)!r} is not a folder; paths in the table are relative to it")

    texts, classes = _names(text), _names(label)
    contents = numbered("text", texts) if texts else {"image": image}
    given = {"split": split, "id": id, "truth": truth, "group": column_named(group)}
    tables = [file.path for file in files]
    found = TableTexts(texts, into) if texts else _images(tables, image, root, into / "files", spread)
    parts: list[_Part] = []
    try:
        for file in files:
            named = columns_of(file.path, columns)
            bare = file.split not in ("", TRAIN) and not {*classes} <= {*named}
            labels = {"label": ""} if bare else numbered("label", classes) or {"label": ""}
            roles = roles_of(file.path, named, {**contents, **labels, **given})
            part = _Part(file, Cells(file.path, roles.columns, is_manifest(named)), roles)
            parts.append(part)
            wanted = list(dict.fromkeys(roles.columns.values()))
            for batch in read_rows(file.path, wanted, told=columns, long=texts, lists=(*texts, *classes)):
                part.cells.add(batch)
                found.add(batch)
                progress(sum(len(part.cells.lines) for part in parts), 0, "reading the table")
            if not part.cells.lines:
                raise SourceError(f"the table {file.path} has no rows below its header")
    finally:
        found.close()
    if group and any("group" not in part.roles.columns for part in parts) and found.any_stored:
        raise SourceError(f"group = {group!r}: the items of {path} are not separate files; name a column instead")

    labels = labels_of([labels for part in parts for labels in _labels(part, classes, label_separator)])
    notes = [*dict.fromkeys(note for part in parts for note in part.notes(classes)), *found.notes(), *labels.notes]
    columns_found = found.columns(progress)
    n = len(labels.single)
    paths, status = columns_found.get("paths") or [None] * n, columns_found["status"]
    if all(said != OK for said in status):
        why = f"the first, {paths[0] or parts[0].cells.place(0)}: {status[0]}{found.advice()}"
        what = "texts" if texts else "images"
        raise SourceError(f"none of the {n:,} {what} in {path} can be used; {why}")
    names = next(filter(None, (part.class_names for part in parts)), None)
    return make_items(
        ids=_ids(parts, paths, notes),
        labels=labels.single,
        several=labels.several,
        splits=[split for part in parts for split in _splits(part)],
        truth=_read(parts, "truth", lambda part: lambda cell: as_class(cell, part.class_names)),
        groups=_read(parts, "group", lambda part: as_label),
        classes=[name for name in names if name in set(labels.single)] if names else None,
        notes=notes,
        **columns_found,
    )


def watches(
    *, path: Path | Remote, image: str, text: str | tuple[str, ...], root: Path | Remote | None, **params: Any
) -> list[ImagesNamed | Files | Path | Remote]:
    """What the result depends on: the table and the images it names, not all that lies below `root`."""
    tables = [file.path for file in split_tables(path)] if path.is_dir() else [path]
    if text:
        return [Files(path, tuple(tables))] if path.is_dir() else [path]
    return [ImagesNamed(table, image, _root(path) if root is None else root) for table in tables]


def recognises(path: Path | Remote) -> bool:
    """Whether it is a file, or a folder of tables named after their splits."""
    return not path.is_dir() or bool(split_tables(path))


@dataclass(frozen=True)
class _Part:
    """One of the tables."""

    file: TableFile
    cells: Cells
    roles: Roles

    @cached_property
    def class_names(self) -> list[str] | None:
        return class_names(self.file.path, self.roles.columns.get("label", ""))

    def notes(self, labels: Sequence[str]) -> list[str]:
        """What a person should know of how this table was read; labels: the columns that were asked for."""
        said = [*notes_on(self.file.path), *self.roles.notes]
        if not self.file.split:
            return said
        said.append(f"{self.file.path.name} is the split {self.file.split}: {len(self.cells.lines):,} rows.")
        if labels and "label" not in self.roles.columns:
            said.remove(UNLABELLED)
            said.append(f"{self.file.path.name} has no column of labels; its rows are read as unlabelled.")
        return said


def _root(path: Path | Remote) -> Path | Remote:
    return path if path.is_dir() else path.parent


def _images(
    tables: list[Path | Remote], column: str, root: Path | Remote, files: Path, spread: Spread
) -> ImagesInTables | TableImages:
    if all(can_be_read_one_by_one(table, column) for table in tables):
        return ImagesInTables(tables, column)
    return TableImages(tables[0], column, root, files, spread)


def _names(said: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names of columns; one may be given alone, and "" stands for none."""
    return tuple(name for name in ((said,) if isinstance(said, str) else said) if name)


def _labels(part: _Part, columns: Sequence[str], separator: str) -> list[list[str] | None]:
    """All labels of each row."""
    if "label 2" in part.roles.columns:
        return by_column(columns, [part.cells.read(role, is_on) for role in numbered("label", columns)])
    found = part.cells.read("label", lambda cell: in_cell(cell, part.class_names, separator))
    return [None] * len(part.cells.lines) if found is None else found


def _splits(part: _Part) -> list[str]:
    return part.cells.read("split", as_split) or [part.file.split or TRAIN] * len(part.cells.lines)


def _read(parts: Sequence[_Part], role: str, meaning: Callable[[_Part], Callable[[Any], Any]]) -> list[Any] | None:
    """What the cells of a role mean, one table after the other; None where no table has such a column."""
    if not any(role in part.roles.columns for part in parts):
        return None
    read = ((part.cells.read(role, meaning(part)), len(part.cells.lines)) for part in parts)
    return [cell for found, n in read for cell in ([None] * n if found is None else found)]


def _ids(parts: Sequence[_Part], paths: Sequence[str | None], notes: list[str]) -> list[str]:
    """Ids of the tables, else the paths, else places. Those of several tables start with the name of theirs, since two
    may count alike."""
    found = [part.cells.ids("id" in part.roles.guessed, notes) for part in parts]
    if len(parts) == 1:
        return found[0] or _unique([path or f"row {i}" for i, path in enumerate(paths, start=1)])
    if not all(found) and any(paths):
        return _unique([path or f"row {i}" for i, path in enumerate(paths, start=1)])
    return [
        f"{part.file.path.stem}/{name}"
        for part, ids in zip(parts, found, strict=True)
        for name in ids or [f"row {i}" for i in range(1, len(part.cells.lines) + 1)]
    ]


def _unique(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal name numbered: a, a#2, a#3."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
