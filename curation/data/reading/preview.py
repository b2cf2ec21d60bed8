"""How a path would be read, before anything is: shown to a person, who may say otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from curation.data.items import SPLITS, UNLABELED, natural_order
from curation.data.reading import archives, npz, tables
from curation.data.reading.cells import as_label, as_split
from curation.data.reading.folder_layout import Layout, arrange, is_image_name, some
from curation.data.reading.folder_listing import listing
from curation.data.reading.table_roles import likely
from curation.errors import SourceError

ROWS = 8  # shown
SAMPLE = 20_000  # names that other layouts are tried on
MOST = 5_000  # rows of a table, or files of an archive, that are looked at
LAYOUTS = ("class", "split/class", "class/split", "split/*/class", "*/class", "*/split/class")


@dataclass(frozen=True)
class Guess:
    """What is understood of a path.

    source, params: what [source] would say: `use`, and parameters beside `path`. rows: the first ones, column -> text.
    classes, splits: how many items each has, among `counted`; `whole` where those are all. columns: names of a table's
    columns or of arrays. notes: sentences. question: what a person has to answer first, "" where nothing is in doubt.
    choices: parameters that say otherwise -> what they would give, in words.
    """

    source: str
    params: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    whole: bool = True
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    question: str = ""
    choices: list[tuple[dict[str, str], str]] = field(default_factory=list)


def preview(path: Path, params: Mapping[str, str] | None = None) -> Guess:
    """How the folder, archive, table or .npz would be read. Opens no image. Raises SourceError.

    params: what a person says otherwise, such as {"layout": "split/class"} or {"label": "species"}.
    """
    params = dict(params or {})
    if not path.exists():
        raise SourceError(f"{path} does not exist; give a folder, an archive, a table or an .npz file")
    if path.is_dir():
        found = listing(path)
        return _of_names("folder", found.images, params, found.notes())
    if path.suffix.lower() in tables.KINDS:
        return _of_table(path, params)
    if path.suffix.lower() == ".npz":
        return _of_arrays(path)
    names, whole = archives.image_names(path, MOST)
    return _of_names("archive", names, params, [], whole)


def _of_names(
    source: str, names: Sequence[str], params: Mapping[str, str], notes: list[str], whole: bool = True
) -> Guess:
    names = sorted(names)
    if not names:
        raise SourceError("; ".join(["no images were found", *(note.rstrip(".") for note in notes)]))
    made = arrange(names, params.get("layout", ""))
    choices, sample = [], names[:: max(len(names) // SAMPLE, 1)]
    for layout in LAYOUTS:
        try:
            other = arrange(sample, layout)
        except SourceError:  # its levels do not fit
            continue
        words = _summary(other)
        if any(other.labels) and words not in [known for _, known in choices]:
            choices.append(({"layout": layout}, words))
    kinds = zip(made.splits, made.labels, strict=True)
    shown = {kind: i for i, kind in reversed(list(enumerate(kinds)))}  # one of every split and class first
    first = [*islice(sorted(shown.values()), ROWS), *range(min(ROWS, len(names)))][:ROWS]
    return Guess(
        source,
        dict(params),
        rows=[{"file": names[i], "class": made.labels[i] or "", "split": made.splits[i]} for i in dict.fromkeys(first)],
        classes=_counts(made.labels),
        splits=_counts([UNLABELED if la is None else s for s, la in zip(made.splits, made.labels, strict=True)]),
        counted=len(names),
        whole=whole,
        notes=[*notes, *made.notes],
        question=made.doubt,
        choices=choices,
    )


def _of_table(path: Path, params: Mapping[str, str]) -> Guess:
    columns = tables.columns_of(path)
    split = params.get("split", "split" if "split" in columns else "")
    pictures = [name for name in dict.fromkeys(columns) if columns.count(name) == 1 and tables.holds_images(path, name)]
    rows: list[dict[str, Any]] = []
    for batch in tables.read_rows(path, [name for name in dict.fromkeys(columns) if name not in pictures]):
        rows += [dict(zip(batch, cells, strict=True)) for cells in zip(*batch.values(), strict=True)]
        if len(rows) >= MOST:
            break
    whole, rows = len(rows) < MOST, rows[:MOST]
    image = params.get("image") or next(iter(pictures), None)
    image = image or ("path" if "path" in columns else likely("image", columns) or _of_images(rows))
    label = params["label"] if "label" in params else likely("label", columns)
    if label is None and len(rest := [c for c in columns if c not in (image, split, "id") and c]) == 1:
        label = rest[0]
    asked = [role for role, name in (("image", image), ("label", label)) if name not in columns and name != ""]
    question = ""
    if asked:
        question = f"which column holds the {' and which the '.join(asked)}? There are: {', '.join(columns)}."
    return Guess(
        "table",
        {"image": image or "", "label": label or "", **({"split": split} if "split" in params else {})},
        rows=[{n: "(an image)" if n in pictures else _text(row[n]) for n in columns} for row in rows[:ROWS]],
        classes=_counts([as_label(row[label]) for row in rows]) if label in columns else {},
        splits=_splits(rows, split) if split in columns else {},
        counted=len(rows),
        whole=whole,
        columns=columns,
        notes=tables.notes_on(path),
        question=question,
        choices=[({"label": name}, f"{name} is the label") for name in columns if name not in (image, label)],
    )


def _of_arrays(path: Path) -> Guess:
    with npz.opened(path) as archive:
        found = npz.names(archive)
        headers = {name: npz.header(path, archive, name) for name in found[:ROWS]}
        labels = npz.read(path, archive, "labels").tolist() if "labels" in found else []
    missing = "labels" not in found or not {"images", "features"} & set(found)
    return Guess(
        "arrays",
        rows=[{"array": n, "shape": str(list(shape)), "type": str(kind)} for n, (shape, _, kind) in headers.items()],
        classes=_counts([None if label == -1 else as_label(label) for label in labels]),
        counted=len(labels),
        columns=found,
        question="it must hold `images` or `features`, and `labels`" if missing else "",
    )


def _of_images(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The first column whose cells are names of images."""
    for name in rows[0] if rows else ():
        cells = [row[name] for row in rows[:ROWS] if row[name] not in (None, "")]
        if cells and all(isinstance(cell, str) and is_image_name(cell.strip()) for cell in cells):
            return name
    return None


def _splits(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, int]:
    try:
        return _counts([as_split(row[column]) for row in rows])
    except SourceError:  # a column of that name that says something else
        return {}


def _counts(names: Sequence[str | None]) -> dict[str, int]:
    counts = Counter(name for name in names if name is not None)
    return {name: counts[name] for name in natural_order(counts)}


def _summary(made: Layout) -> str:
    pairs = {(split, label) for split, label in zip(made.splits, made.labels, strict=True) if label is not None}
    splits = [split for split in SPLITS if split in {split for split, _ in pairs}]
    classes = sorted({label for _, label in pairs})
    return f"{', '.join(splits)}; {len(classes):,} classes: {some(classes)}"


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)[:200]
