"""How data of a person's own is understood, shown before it is read, with a way to say otherwise.

Every function returns what [source] says once the data may be read, None before, and raises SourceError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from curation.engine import registry
from curation.ui.parts import theme
from curation.ui.parts.forms import form
from curation.ui.server import allowed_paths
from curation.ui.start import source_kind
from curation.ui.start.guess_panel import guess_panel, table_panel

JOINED = "Several columns are joined, each on a line of its own, as a title and a body."
EACH = "\0each"  # no column has this name


def asked(path: Path, key: str) -> dict[str, Any] | None:
    """Show how a path is understood. Returns the source once it may be read. Raises SourceError."""
    kinds = source_kind.kinds_of(path)
    title = {kind: registry.get("sources", kind).card.title for kind in kinds}
    kind = kinds[0]
    if len(kinds) > 1:
        kind = st.selectbox("Read as", kinds, format_func=title.get, key=f"{key}_as")
    elif kind != "table":
        st.caption(theme.plain(f"{title[kind]}: {path.name}"))
    return {"table": _columns, "folder": _folders, "archive": _folders, "arrays": _folders}.get(
        kind, partial(_as_it_is, kind)
    )(path, key)


def _as_it_is(kind: str, path: Path, key: str) -> dict[str, Any] | None:
    """A source that needs to know nothing more; what it can be told besides is offered."""
    method = registry.get("sources", kind)
    st.caption(theme.plain(method.summary))
    with st.expander("How it is read", key=f"{key}_how"):
        params = form(method, {"path": path}, key=f"{key}_{kind}", exclude=["path"])
    if st.button("Read the data", key=f"{key}_read", icon=":material/arrow_forward:", disabled=params is None):
        allowed_paths.check_paths(params)
        return {"use": kind, **given(params), "path": str(path)}
    return None


def _folders(path: Path, key: str) -> dict[str, Any] | None:
    """Show how a folder, archive or .npz is understood. Returns the source once it may be read. Raises SourceError."""
    guess = guess_panel(path, key)
    ready = guess is not None
    if st.button("Read the data", key=f"{key}_read", icon=":material/arrow_forward:", disabled=not ready) and ready:
        return {"use": guess.source, "path": str(path), **guess.params}
    return None


def _columns(path: Path, key: str) -> dict[str, Any] | None:
    """Show what the columns of a table are taken for. Returns the source once it may be read. Raises SourceError."""
    guess = table_panel(path, key)
    columns, texts = guess.columns, _names(guess.params.get("text"))
    kinds = ["An image", "A text"]
    kind = st.segmented_control("Every row is", kinds, default=kinds[bool(texts)], required=True, key=f"{key}_kind")
    content, label = st.columns(2)
    if kind == "A text":
        names = content.multiselect("Text", columns, texts, key=f"{key}_text", help=JOINED)
        role = {"text": names[0] if len(names) == 1 else names}
    else:
        names = [content.selectbox("Image", columns, _at(columns, guess.params.get("image")), key=f"{key}_image")]
        role = {"image": names[0]}
    chosen = _label(label, [column for column in columns if column not in names], guess.params.get("label"), key)
    ready = all(names) and bool(names) and chosen is not None
    if st.button("Read the data", key=f"{key}_read_table", icon=":material/arrow_forward:", disabled=not ready):
        told = {name: guess.params[name] for name in ("columns", "label_separator") if name in guess.params}
        return {"use": "table", "path": str(path), **role, "label": chosen, **told}
    return None


def _label(place, columns: Sequence[str], guess: str | Sequence[str] | None, key: str) -> str | Sequence[str] | None:
    """The column of the label, "" for none; or the columns of 1 and 0 that were recognised, one for every class."""
    words = {column: column for column in columns} | {"": "(no labels)"}
    if guess and not isinstance(guess, str):
        words[EACH] = f"One column per class: {', '.join(guess)}"
    first = guess if isinstance(guess, str) else EACH if guess else None
    chosen = place.selectbox("Label", list(words), _at(list(words), first), format_func=words.get, key=f"{key}_label")
    return list(guess) if chosen == EACH else chosen


def _names(said: str | Sequence[str] | None) -> list[str]:
    return [said] if isinstance(said, str) else list(said or ())


def _at(options: Sequence[str], name: str | None) -> int | None:
    return options.index(name) if name in options else None


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: str(value) if isinstance(value, PurePath) else value for key, value in params.items() if value is not None
    }
