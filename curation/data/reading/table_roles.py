"""Which column of a foreign table is what: the image or the texts, the label, and the four that may be missing.

A role that several columns play is numbered: "text", "text 2", "label", "label 2".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.data.reading.folder_layout import is_image_name
from curation.errors import SourceError

# Roles that may read the same column as another one: a path tells items apart, a label may be the truth.
SHARED = ({"image", "id"}, {"label", "truth"})
USUAL = {"split": "split", "id": "id"}  # read where a column has this name and nothing else was said
WORDS = {
    "text": (
        "text",
        "sentence",
        "content",
        "review",
        "utterance",
        "question",
        "instruction",
        "document",
        "body",
        "tweet",
        "message",
        "comment",
        "description",
        "title",
    ),
    "image": ("path", "image", "file", "filename", "file_name", "filepath", "image_path", "img", "picture"),
    "label": (
        "label",
        "class",
        "category",
        "intent",
        "sentiment",
        "target",
        "y",
        "species",
        "labels",
        "class_name",
        "label_name",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """columns: role -> column, for those that are read. guessed: roles nobody named, taken since the name fits.

    notes: what a person should know of it.
    """

    columns: Mapping[str, str]
    guessed: frozenset[str]
    notes: tuple[str, ...] = ()


def roles_of(path: Path, columns: Sequence[str], given: Mapping[str, str | None]) -> Roles:
    """Check what a recipe names against the columns that are there. Raises SourceError.

    given: role -> column; None = by its usual name where it is there, "" = none. Only the image or the text has to be
    there.

    >>> roles_of(Path("t.csv"), ["path", "id"], {"image": "path", "label": "label", "id": None}).columns
    {'image': 'path', 'id': 'id'}
    """
    guessed = {role for role, name in USUAL.items() if given.get(role) is None and name in columns}
    named = {role: USUAL[role] if role in guessed else name for role, name in given.items()}
    chosen = {role: name for role, name in named.items() if name}
    notes = []
    if not chosen.get("image") and not chosen.get("text"):
        raise SourceError(f"{path}: name the column of the image's path or bytes with image = ..., or text = ...")
    others = [name for name in columns if name and name not in {v for role, v in chosen.items() if role != "label"}]
    if chosen.get("label") == "label" and not others:
        del chosen["label"]
        notes.append(f"{path.name} has no column of labels, so all items are read as unlabelled.")
    elif "label" in given and not given["label"]:
        notes.append("No column of labels was named, so all items are read as unlabelled.")
    for role, name in chosen.items():
        if columns.count(name) != 1:
            raise SourceError(_no_column(path, role, name, columns))
    for role, name in chosen.items():
        for other, same in chosen.items():
            if role < other and name == same and "group" not in (role, other) and {role, other} not in SHARED:
                raise SourceError(
                    f"{path}: the column {name!r} cannot be both the {role} and the {other}; name another"
                )
    return Roles(chosen, frozenset(guessed), tuple(notes))


def likely(role: str, columns: Sequence[str]) -> str | None:
    """The column that is probably the image or the label, by its name; None where there is none.

    >>> likely("label", ["Filename", "Species"]), likely("image", ["Filename", "Species"]), likely("label", ["a"])
    ('Species', 'Filename', None)
    """
    plain = {name.lower().replace(" ", "_"): name for name in reversed(columns)}
    return next((plain[word] for word in WORDS[role] if word in plain), None)


def numbered(role: str, columns: Sequence[str]) -> dict[str, str]:
    """Roles that several columns play.

    >>> numbered("text", ["title", "body"])
    {'text': 'title', 'text 2': 'body'}
    """
    return {role if i == 1 else f"{role} {i}": name for i, name in enumerate(columns, start=1)}


def _no_column(path: Path, role: str, name: str, columns: Sequence[str]) -> str:
    problem = f"there is no column {name!r} in {path}" if name not in columns else f"{path} has two columns {name!r}"
    role = role.split()[0]
    guess = likely(role, columns) if role in WORDS else None
    shown = [column if len(column) < 80 else f"{column[:80]}..." for column in columns]
    said = f"{problem}; its columns are: {', '.join(shown)}; name the right one with {role} = "
    said += f'"{guess}"' if guess else "..."
    if role.startswith("label"):
        said += ', or write label = "" to read all items as unlabelled'
    if role == "image" and any(is_image_name(column) for column in columns):
        said += " (its first line holds data: write one with the names of the columns above it)"
    elif role == "image" and (text := likely("text", columns)):
        said += f', or, where the items are texts, write text = "{text}"'
    elif role.startswith("text") and any(" " in column.strip() and len(column) > 40 for column in columns):
        said += ' (its first line holds data: name the columns with columns = ["label", "text"])'
    return said
