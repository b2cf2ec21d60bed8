"""How a path would be read, before anything is: shown to a person, who may say otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from curation.data.items import SPLITS, UNLABELED, natural_order
from curation.data.reading import archives, npz, tables
from curation.data.reading.cells import as_label, as_split
from curation.data.reading.folder_layout import Layout, arrange, is_image_name, some
from curation.data.reading.folder_listing import listing
from curation.data.reading.folder_texts import is_text_file, is_text_name
from curation.data.reading.table_guess import guess_table
from curation.data.reading.table_texts import in_words
from curation.errors import SourceError

ROWS = 8  # shown
SAMPLE = 20_000  # names that other layouts are tried on
MOST = 5_000  # files of an archive that are looked at
LAYOUTS = ("class", "split/class", "class/split", "split/*/class", "*/class", "*/split/class")


@dataclass(frozen=True)
class Guess:
    """What is understood of a path.

    source, params: what [source] would say: `use`, and parameters beside `path`; a `text` among them, or a `content` of
    "texts", says that the items are texts. rows: the first ones, column -> text.
    classes, splits: how many items each has, among `counted`; `whole` where those are all. columns: names of a table's
    columns or of arrays. notes: sentences. question: what a person has to answer first, "" where nothing is in doubt.
    choices: parameters that say otherwise -> what they would give, in words.
    """

    source: str
    params: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    whole: bool = True
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    question: str = ""
    choices: list[tuple[dict[str, Any], str]] = field(default_factory=list)


def preview(path: Path, params: Mapping[str, Any] | None = None, source: str = "") -> Guess:
    """How the folder, archive, table or .npz would be read. Opens no image. Raises SourceError.

    params: what a person says otherwise, such as {"layout": "split/class"} or {"text": "review", "label": "stars"}.
    source: "table" reads a folder as tables named after their splits.
    """
    params = dict(params or {})
    if not path.exists():
        raise SourceError(f"{path} does not exist; give a folder, an archive, a table or an .npz file")
    if path.is_dir() and source != "table":
        return _of_folder(path, params)
    if path.is_dir() or path.suffix.lower() in tables.KINDS:
        return _of_table(path, params)
    if path.suffix.lower() == ".npz":
        return _of_arrays(path)
    return _of_archive(path, params)


def _of_folder(path: Path, params: Mapping[str, Any]) -> Guess:
    found = listing(path, _wanted(params))
    if not found.items and "content" not in params and any(map(is_text_file, found.others)):
        return _of_folder(path, {**params, "content": "texts"})
    glanced = f"A first look at {len(found.items):,} files of all folders; all files are listed when the data is read."
    return _of_names("folder", found.items, params, [*([glanced] * found.part), *found.notes()], not found.part)


def _of_archive(path: Path, params: Mapping[str, Any]) -> Guess:
    names, whole = archives.item_names(path, MOST, _wanted(params))
    if not names and "content" not in params:
        texts, _ = archives.item_names(path, MOST, is_text_name)
        if any(map(is_text_file, texts)):
            return _of_archive(path, {**params, "content": "texts"})
    return _of_names("archive", names, params, [], whole)


def _wanted(params: Mapping[str, Any]) -> Callable[[str], bool]:
    return is_text_name if params.get("content") == "texts" else is_image_name


def _of_names(
    source: str, names: Sequence[str], params: Mapping[str, str], notes: list[str], whole: bool = True
) -> Guess:
    names = sorted(names)
    if not names:
        raise SourceError(
            "; ".join([f"no {params.get('content', 'images')} were found", *(note.rstrip(".") for note in notes)])
        )
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


def _of_table(path: Path, params: Mapping[str, Any]) -> Guess:
    found = guess_table(path, params)
    columns, rows = found.columns, found.rows
    split = params.get("split", "split" if "split" in columns else "")
    said = found.params
    played = {said.get("image"), *_listed(said.get("text", ())), *_listed(said["label"])}
    choices = [({"label": name}, f"{name} is the label") for name in columns if name not in played]
    if said.get("text"):
        choices += [({"text": name}, f"{name} is the text") for name in columns if name not in played]
    n = max(map(len, rows.values()), default=0)
    return Guess(
        "table",
        said,
        rows=[{c: _text(rows[c][i]) if c in rows else "(an image)" for c in columns} for i in range(min(ROWS, n))],
        classes=_counts([label for labels in found.labels for label in labels or ()]),
        splits=_splits(rows[split]) if split in rows else {},
        counted=n,
        whole=found.whole,
        columns=columns,
        notes=found.notes,
        question=found.question,
        choices=choices,
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


def _splits(cells: Sequence[Any]) -> dict[str, int]:
    try:
        return _counts([as_split(cell) for cell in cells])
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
    return ", ".join(map(_text, cell)) if isinstance(cell, list) else in_words(cell)[:200]


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
