"""Which columns of a table hold images, texts and labels: guessed from names and cells, and shown before it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.data.reading import tables
from curation.data.reading.folder_layout import is_image_name
from curation.data.reading.label_cells import NO, YES, in_cell
from curation.data.reading.table_roles import likely
from curation.data.reading.table_texts import in_words
from curation.errors import SourceError

MOST = 5_000  # rows that are looked at
LETTERS = 20_000_000  # characters of them, about
SHOWN = 8  # rows
SENTENCE = 25  # mean characters a column of texts has at least, where its name does not say it
BODIES = ("body", "description", "content", "text", "document")
PAIRS = (
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("sentence1", "sentence2"),
    ("sentence_a", "sentence_b"),
)


@dataclass(frozen=True)
class TableGuess:
    """params: of [source] beside `path`: image or text, label, columns. columns: their names. rows: what was looked at,
    column -> cells. whole: whether these are all rows. labels: every row's, None where it has none. notes: sentences.
    question: what a person has to answer first, "" where nothing is in doubt.
    """

    params: dict[str, Any]
    columns: list[str]
    rows: dict[str, list[Any]]
    whole: bool
    labels: list[list[str] | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    question: str = ""


def guess_table(path: Path, params: Mapping[str, Any]) -> TableGuess:
    """params: what a person said already; it is not guessed. Raises SourceError."""
    columns, told = tables.columns_of(path), tuple(params.get("columns", ()))
    if not told and _is_data(columns):
        told = tuple(_invented(path, columns))
    columns = list(told) or columns
    pictures = [name for name in dict.fromkeys(columns) if columns.count(name) == 1 and tables.holds_images(path, name)]
    rows, whole = _looked_at(path, [name for name in dict.fromkeys(columns) if name not in pictures], told)
    image, texts = params.get("image"), _listed(params.get("text", ()))
    if not image and not texts:
        image = next(iter(pictures), None) or _images(rows)
        texts = [] if image else _texts(rows)
        image = image or (None if texts else ("path" if "path" in columns else likely("image", columns)))
    taken = {image, *texts, params.get("split", "split"), "id"}
    label = params["label"] if "label" in params else _label(rows, columns, taken, bool(texts))
    asked = []
    if not image and not texts:
        asked.append("image or the text")
    if label is None:
        asked.append("label")
    notes = tables.notes_on(path)
    if told and "columns" not in params:
        notes.append(f"The first line of {path.name} holds data, so the columns were called {', '.join(told)}.")
    if len(texts) > 1:
        notes.append(f"{' and '.join(texts)} are joined into one text, with a line end between.")
    found: dict[str, Any] = {"text": texts if len(texts) > 1 else texts[0]} if texts else {"image": image or ""}
    found |= {"label": label or "", **({"columns": list(told)} if told else {})}
    return TableGuess(
        params={**params, **found},
        columns=columns,
        rows=rows,
        whole=whole,
        labels=_labels(rows, label, str(params.get("label_separator", ""))),
        notes=notes,
        question=_question(asked, columns),
    )


def _question(asked: Sequence[str], columns: Sequence[str]) -> str:
    if not asked:
        return ""
    return f"which column holds the {' and which the '.join(asked)}? There are: {', '.join(columns)}."


def _looked_at(path: Path, names: list[str], told: Sequence[str]) -> tuple[dict[str, list[Any]], bool]:
    rows: dict[str, list[Any]] = {name: [] for name in names}
    letters, n = 0, 0
    for batch in tables.read_rows(path, names, told=told, long=names, lists=names):
        for name in names:
            rows[name].extend(batch[name])
            letters += sum(len(cell) for cell in batch[name] if isinstance(cell, str))
        n += len(batch.lines)
        if n >= MOST or letters >= LETTERS:
            return {name: cells[:MOST] for name, cells in rows.items()}, False
    return rows, True


def _images(rows: Mapping[str, Sequence[Any]]) -> str | None:
    """The first column whose cells are names of images."""
    for name, cells in rows.items():
        first = [cell for cell in cells[:SHOWN] if cell not in (None, "")]
        if first and all(isinstance(cell, str) and is_image_name(cell.strip()) for cell in first):
            return name
    return None


def _texts(rows: Mapping[str, Sequence[Any]]) -> list[str]:
    """The columns of the text: by their names, else the one of the longest cells, where those are sentences."""
    plain = {name.lower(): name for name in reversed(list(rows))}
    for pair in PAIRS:
        if all(name in plain for name in pair):
            return [plain[name] for name in pair]
    body = next((plain[name] for name in BODIES if name in plain), None)
    if body and "title" in plain:
        return [plain["title"], body]
    if (named := likely("text", list(rows))) is not None:
        return [named]
    lengths = {name: _mean_length(cells) for name, cells in rows.items()}
    longest = max(lengths, key=lengths.get, default=None)
    return [longest] if longest is not None and lengths[longest] >= SENTENCE else []


def _label(
    rows: Mapping[str, Sequence[Any]], columns: Sequence[str], taken: set[str | None], texts: bool
) -> str | list[str] | None:
    free = [name for name in columns if name and name not in taken]
    if (named := likely("label", free)) is not None:
        return named
    if len(free) == 1:
        return free[0]
    on = [name for name in free if name in rows and _is_on_or_off(rows[name])]
    if texts and len(on) > 1:
        return on
    return None if free or not texts else ""  # texts alone are a set without labels


def _is_on_or_off(cells: Sequence[Any]) -> bool:
    return bool(cells) and {"" if cell is None else str(cell).strip().lower() for cell in cells} <= YES | NO


def _labels(rows: Mapping[str, Sequence[Any]], label: str | list[str] | None, separator: str) -> list[list[str] | None]:
    """All labels of each row; [] where they cannot be read: reading will say why."""
    if not label or not set(_listed(label)) <= rows.keys():
        return []
    try:
        if isinstance(label, str):
            return [in_cell(cell, None, separator) for cell in rows[label]]
        return [
            [name for name, cell in zip(label, cells, strict=True) if str(cell).strip().lower() in YES]
            for cells in zip(*(rows[name] for name in label), strict=True)
        ]
    except SourceError:
        return []


def _is_data(columns: Sequence[str]) -> bool:
    """Whether the first line looks like a row: a number, or a sentence, where names should be."""
    return any(name.strip().isdigit() or (len(name) > 40 and " " in name.strip()) for name in columns)


def _invented(path: Path, columns: Sequence[str]) -> list[str]:
    """Names for the columns of a file without a line of them: label, text, and title where two hold words."""
    names = [f"column {i}" for i in range(1, len(columns) + 1)]
    rows, _ = _looked_at(path, names, names)
    by_length = sorted(names, key=lambda name: _mean_length(rows[name]))
    called = dict(zip(by_length[-1:], ["text"], strict=True)) | dict(zip(by_length[:1], ["label"], strict=True))
    if len(names) == 3 and all(" " in in_words(cell).strip() for cell in rows[by_length[1]][:SHOWN]):
        called[by_length[1]] = "title"
    return [called.get(name, name) for name in names]


def _mean_length(cells: Sequence[Any]) -> float:
    return sum(len(in_words(cell)) for cell in cells[:200]) / max(len(cells[:200]), 1)


def _listed(names: str | Sequence[str]) -> list[str]:
    return [name for name in ([names] if isinstance(names, str) else names) if name]
