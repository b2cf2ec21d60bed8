"""Hugging Face data set of images or of texts: from the hub, or from a folder on this machine.

`name` is what `datasets.load_dataset` takes ("cifar10", "user/flowers", or a folder), or a folder written by
`save_to_disk`. Splits called train, validation, test and so on become Winnow's; others are left out and named in the
notes. Columns nobody names are guessed as for a table, and the notes say which were taken: of images one of the type
Image, of texts one called text, sentence, content and so on, of labels one of the type ClassLabel. Encoded images are
read where they lie, in the .arrow files of the folder or of the cache of `datasets`, and nothing of them is written;
only where the rows name files are those copied to the workspace, as they are. Texts as in the source `table`.

Lhoest et al., Datasets: A Community Library for Natural Language Processing, EMNLP 2021 (system demonstrations).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.chat.dialects import dialect_of
from curation.data.grouping import column_named
from curation.data.items import Items, make_items
from curation.data.parts import Spread, here
from curation.data.reading.arrow_places import Places, image_places
from curation.data.reading.cells import as_label
from curation.data.reading.folder_layout import some
from curation.data.reading.hub_roles import Roles, first_cells, roles_of
from curation.data.reading.hub_sets import load, outlook, roots_of
from curation.data.reading.image_checks import Facts, as_columns, examine, store_image
from curation.data.reading.label_cells import by_column, in_cell, is_on, labels_of
from curation.data.reading.preview import Guess
from curation.data.reading.split_names import SPLIT_NAMES
from curation.data.reading.table_texts import TableTexts
from curation.data.reading.tables import Batch
from curation.data.safe_open import open_inside
from curation.errors import SourceError

CARD = Card(
    title="Hugging Face data set",
    cost="a download, once; images are decoded once and stay where they are, texts are copied to the workspace",
    blind_to="columns other than the image or the text, and the label",
    paper="https://arxiv.org/abs/2109.02846",
    tags=("images", "texts", "download"),
    version=3,
    requires=("datasets",),
)

BATCH = 500  # rows held in memory


def read(
    *,
    name: Annotated[str, Field(min_length=1, description="Name on the hub, or a folder on this machine.")],
    config: Annotated[str | None, Field(description="Configuration, where the data set has several.")] = None,
    revision: Annotated[str | None, Field(description="Branch, tag or commit; a commit pins the data.")] = None,
    image: Annotated[str | None, Field(description="Column with the image; guessed where nothing is named.")] = None,
    text: Annotated[
        str | tuple[str, ...],
        Field(description="Column with the text, where items are texts; several are joined with a line end between."),
    ] = "",
    label: Annotated[
        str | tuple[str, ...] | None,
        Field(description='Column with the label, or one of 1 and 0 for every class; guessed, and "" reads no labels.'),
    ] = None,
    group: str = "",
    into: Path,
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order train, validation, test and of the rows; ids "train/0000000", ... Raises SourceError.

    `group` of [source] may name a column.

    Raises UnavailableError when the hub cannot be reached and the data set is not in the local cache.

    >>> read(name="cifar10", into=into, progress=progress)  # doctest: +SKIP
    """
    if group and column_named(group) is None:
        raise SourceError(f"group = {group!r}: the items of {name} are not separate files; name a column instead")
    name = os.path.expanduser(name)  # noqa: PTH111 - it need not be a path
    parts = load(name, config, revision)
    known = {part: SPLIT_NAMES[part.lower()] for part in parts if part.lower() in SPLIT_NAMES}
    left_out = sorted(set(parts) - set(known))
    if not known:
        raise SourceError(f"{name} has no split of a known name; it has: {', '.join(left_out)}")
    said = {"image": image, "text": text} | ({} if label is None else {"label": label})
    rows = next((parts[part] for part in known if len(parts[part])), parts[next(iter(known))])
    roles = _roles(rows.features, first_cells(rows), name, said)
    found = (
        TableTexts(roles.texts, into)
        if roles.texts
        else _images(roles.image, [parts[p] for p in known], into, name, spread)
    )
    columns = [*([] if isinstance(found, _ImagesInPlace) else roles.content), *roles.labels]
    ids: list[str] = []
    splits: list[str] = []
    labels: list[list[str] | None] = []
    groups: list[str | None] = []
    total = sum(len(parts[part]) for part in known)
    try:
        for part, split in known.items():
            rows = _with_columns(parts[part], name, [*columns, *([column_named(group)] if group else [])])
            for start in range(0, len(parts[part]), BATCH):
                upto = min(start + BATCH, len(parts[part]))
                batch = Batch(rows[start:upto] if rows.column_names else {})
                found.add(batch)
                where = f"{name}, from row {start:,} of {part}"
                labels += _labels(batch, roles.labels, rows.features, where) or [None] * (upto - start)
                groups.extend(as_label(cell) for cell in (batch[column_named(group)] if group else ()))
                ids += [f"{part}/{row:07d}" for row in range(start, upto)]
                splits += [split] * (upto - start)
                progress(len(ids), total, "reading texts" if roles.texts else "reading the rows")
    finally:
        found.close()
    if not ids:
        raise SourceError(f"{name} has no rows")
    read_as = labels_of(labels)
    names = _class_names(rows.features, roles.labels)
    notes = [*roles.notes, *found.notes(), *read_as.notes]
    if left_out:
        notes.append(f"Splits of other names were left out: {', '.join(left_out)}.")
    return make_items(
        ids=ids,
        labels=read_as.single,
        several=read_as.several,
        splits=splits,
        groups=groups if group else None,
        classes=[known_name for known_name in names if known_name in set(read_as.single)] if names else None,
        notes=notes,
        **found.columns(progress),
    )


def preview(*, name: str, config: str | None = None, revision: str | None = None, **params: Any) -> Guess:
    """How its columns would be read, as far as that is known before it is downloaded. Raises SourceError."""
    kinds, first = outlook(os.path.expanduser(name), config, revision)  # noqa: PTH111 - it need not be a path
    try:
        found = _roles(kinds, first, name, {"image": None, "text": ""})
    except SourceError as question:
        looked = any(first.values())  # without a look at the cells they may yet say what is in doubt
        return Guess("huggingface", columns=[*kinds], rows=_kinds(kinds, {}), question=str(question) if looked else "")
    texts, labels = tuple(found.texts), tuple(found.labels)
    said = {"image": found.image} if found.image else {"text": texts[0] if len(texts) == 1 else texts}
    said["label"] = labels[0] if len(labels) == 1 else labels or ""
    roles = {**dict.fromkeys(texts, "the text"), **dict.fromkeys(labels, "the label"), found.image: "the image"}
    return Guess("huggingface", said, columns=list(kinds), rows=_kinds(kinds, roles))


def watches(*, name: str, **params: Any) -> list[Path]:
    """What the result depends on, where the set is a folder on this machine."""
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    return [folder] if folder.is_dir() else []


class _ImagesInPlace:
    """The images where they lie, in .arrow files."""

    def __init__(self, column: str, places: Places, spread: Spread):
        self.column, self.places, self.spread = column, places, spread

    def add(self, batch: Batch) -> None:
        """Nothing: all places are known."""

    def close(self) -> None:
        """Nothing is open."""

    def notes(self) -> list[str]:
        return [f"The images are read from the files in {self.places.root}, where they stay: keep them there."]

    def columns(self, progress: Callable[..., None]) -> dict[str, Any]:
        """What `make_items` takes of them."""
        facts = as_columns(examine(self.places.root, self.places.parts, progress, spread=self.spread))
        return {**facts, **self.places._asdict(), "column": self.column}


class _Images:
    """The images on their way to the items: written to `files`, and examined there at last."""

    def __init__(self, column: str, files: Path, roots: Sequence[str], spread: Spread):
        self.column, self.files, self.roots, self.spread = column, files, roots, spread
        self._paths: list[str | None] = []
        self._problems: dict[int, str] = {}  # row -> why its image cannot be read, known before it is examined

    def add(self, batch: Batch) -> None:
        for cell in batch[self.column]:
            data, problem = _encoded(cell, self.roots)
            if problem:
                self._problems[len(self._paths)] = problem
            self._paths.append(store_image(self.files, len(self._paths), data) if data else None)

    def close(self) -> None:
        """Nothing is open."""

    def notes(self) -> list[str]:
        return []

    def columns(self, progress: Callable[..., None]) -> dict[str, Any]:
        """What `make_items` takes of them."""
        facts = examine(self.files, self._paths, progress, spread=self.spread)
        for row, problem in self._problems.items():
            facts[row] = Facts(status=problem)
        return {**as_columns(facts), "paths": self._paths, "root": self.files}


def _images(column: str, sets: list[Any], into: Path, name: str, spread: Spread) -> _ImagesInPlace | _Images:
    places = image_places(sets, column)
    if places:
        return _ImagesInPlace(column, places, spread)
    return _Images(column, into / "files", roots_of(name), spread)


def _roles(kinds: Mapping[str, Any], first: Mapping[str, list[Any]], name: str, said: Mapping[str, Any]) -> Roles:
    """Which column is what. Raises SourceError."""
    dialect = dialect_of({column: cells[0] for column, cells in first.items() if cells})
    return roles_of(kinds, first, name, said, dialect)


def _kinds(kinds: Mapping[str, Any], roles: Mapping[str, str]) -> list[dict[str, str]]:
    """The columns as rows of a table: their names, what they hold, and what they are read as."""
    import datasets

    def holds(kind: Any) -> str:
        if isinstance(kind, datasets.ClassLabel):
            return some(kind.names)
        return kind.dtype if isinstance(kind, datasets.Value) else type(kind).__name__

    return [{"column": c, "holds": holds(kind), "read as": roles.get(c, "")} for c, kind in kinds.items()]


def _with_columns(rows: Any, name: str, columns: Sequence[str]) -> Any:
    """These columns alone, images still encoded. Raises SourceError."""
    import datasets

    for column in columns:
        if column not in rows.column_names:
            raise SourceError(f"{name} has no column {column!r}; its columns are: {', '.join(rows.column_names)}")
    rows = rows.select_columns(list(dict.fromkeys(columns)))
    for column, kind in rows.features.items():
        if isinstance(kind, datasets.Image):
            rows = rows.cast_column(column, datasets.Image(decode=False))
    return rows


def _labels(batch: Batch, columns: Sequence[str], kinds: Mapping[str, Any], where: str) -> list[list[str] | None]:
    """All labels of each row; [] where there is no column of them. Raises SourceError."""
    try:
        if len(columns) > 1:
            return by_column(columns, [[is_on(cell) for cell in batch[column]] for column in columns])
        names = _class_names(kinds, columns)
        return [in_cell(cell, names, "") for column in columns for cell in batch[column]]
    except SourceError as error:
        raise SourceError(f"{where}: {error}") from None


def _class_names(kinds: Mapping[str, Any], columns: Sequence[str]) -> list[str] | None:
    """The names behind the integers of one column of labels, or of a column of lists of them."""
    if len(columns) != 1:
        return None
    kind = kinds[columns[0]]
    return getattr(getattr(kind, "feature", kind), "names", None)


def _encoded(cell: dict[str, Any] | None, roots: Sequence[str]) -> tuple[bytes | None, str]:
    """The bytes of an image, or why there are none, in words; those of folder data sets lie in a file.

    Raises SourceError where it lies elsewhere.
    """
    if cell is None or cell["bytes"] is not None or cell["path"] is None:
        return (cell or {}).get("bytes"), ""
    real = os.path.realpath(cell["path"])
    root = next((root for root in roots if Path(real).is_relative_to(root)), None)
    if root is None:
        raise SourceError(f"a row names the file {cell['path'][:200]!r}, which is not part of the data set")
    try:
        with open_inside(Path(root), os.path.relpath(real, root)) as handle:
            return handle.read(), ""
    except SourceError as problem:
        return None, f"{os.path.relpath(real, root)}: {problem}"
