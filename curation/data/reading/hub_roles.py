"""Which column of a data set of Hugging Face is what: as a person says, else by names, types and the first rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.data.reading.table_guess import SENTENCE, guess_roles, mean_length
from curation.errors import SourceError

LOOKED_AT = 200  # rows the columns are guessed from


@dataclass(frozen=True)
class Roles:
    """Which column is what. labels: one, one for every class, or none. notes: what was guessed."""

    image: str | None
    texts: list[str]
    labels: list[str]
    notes: list[str]

    @property
    def content(self) -> list[str]:
        return [self.image] if self.image else self.texts


def first_cells(rows: Any) -> dict[str, list[Any]]:
    """The first cells of the columns of a `datasets.Dataset` that hold no images."""
    import datasets

    pictures = [column for column, kind in rows.features.items() if isinstance(kind, datasets.Image)]
    return rows.select(range(min(len(rows), LOOKED_AT))).remove_columns(pictures).to_dict()


def roles_of(
    kinds: Mapping[str, Any], first: Mapping[str, list[Any]], name: str, said: Mapping[str, Any], dialect: str | None
) -> Roles:
    """The columns somebody named, else those the first rows and the types say. Raises SourceError.

    kinds: the types of the columns, as `datasets` has them. first: cells of those that hold no images, where there are
    some to look at. name: of the data set. said: what a person named, under image, text and label. dialect: the form of
    its conversations, where it holds some.
    """
    import datasets

    pictures = [column for column, kind in kinds.items() if isinstance(kind, datasets.Image)]
    plain = {column: cells for column, cells in first.items() if not any(map(_is_nested, cells))}
    classes = [column for column, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    named = bool(said["image"] or said["text"])
    if not named and not pictures and not classes and dialect not in (None, "text"):
        raise SourceError(
            f'{name} holds conversations ({dialect}): write them to a file with to_json("chat.jsonl") and read that '
            "with the source chat, or name the column of a text with text = ..."
        )
    if "label" not in said and len(classes) == 1:
        said = {**said, "label": classes[0]}
    image, texts, label = guess_roles(plain, list(kinds), pictures, said)
    there = f"its columns are: {', '.join(kinds)}"
    if not image and not texts:
        raise SourceError(f"which column of {name} holds the text? Name it with text = ... or image = ...; {there}")
    if label is None:
        raise SourceError(f'which column of {name} holds the label? Name it with label = ..., or "" for none; {there}')
    labels = [label] if isinstance(label, str) and label else list(label)
    if "label" not in said and image and labels and mean_length(plain.get(labels[0], ())) >= SENTENCE:
        raise SourceError(
            f"{name} holds images with captions: read its parquet files with the source pairs, or name the label with "
            'label = ..., or "" for none'
        )
    for column in (*([image] if image else texts), *labels):
        if column not in kinds:
            raise SourceError(f"{name} has no column {column!r}; {there}")
    if image and image not in pictures:
        raise SourceError(f"the column {image!r} of {name} does not hold images but {kinds[image]}; {there}")
    if nested := [column for column in texts if column not in plain]:
        raise SourceError(f"the column {nested[0]!r} of {name} does not hold texts but {kinds[nested[0]]}; {there}")
    content = f"the image from {image!r}" if image else f"the text from {' and '.join(map(repr, texts))}"
    what = [*([] if named else [content]), *(["the label from " + ", ".join(map(repr, labels))] if labels else [])]
    return Roles(
        image, texts, labels, [f"By names and types of the columns, {' and '.join(what)} was read."] if what else []
    )


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, dict) or (isinstance(cell, list) and any(isinstance(part, (dict, list)) for part in cell))
