"""A gallery of items that is selected in the browser: one component, nothing sent until the choice rests.

Click or Space adds or removes a tile, Shift takes the range, Ctrl/Cmd+A all that are shown, Escape none; arrows walk,
Enter or a double click opens. Only the ids chosen travel back, 150 ms after the last change. While its tiles stay as
they are, nothing is sent again or rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from curation.ui.parts.theme import STATUS

WORDS = 165  # pixels; words on a narrower tile are hard to read


@dataclass(frozen=True)
class Tile:
    """One item. Everything is text: nothing in here is read as markup.

    src: data URI of the picture, "" for none. note: second line, a suggested label or a score. badge: a key of
    `theme.STATUS`. title: shown on hover. colour: of the dot before the label, to match a map. said: words the item
    shows, each with whose they are, as `item_kinds.content.Said`.
    """

    id: str
    src: str
    label: str
    note: str = ""
    badge: str | None = None
    title: str = ""
    colour: str = ""
    said: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Choice:
    """What the person did. selected: ids. opened: the id of a tile that was opened in this run, else None."""

    selected: frozenset[str]
    opened: str | None = None


def gallery(
    tiles: Sequence[Tile],
    *,
    key: str,
    selected: Collection[str] | None = None,
    size: int = 104,
    height: int | None = None,
    name: str = "Images",
) -> Choice:
    """Draw the tiles and return what is chosen.

    selected: the choice as the page keeps it. A change made by the page is shown in the gallery and a change made
    in the gallery comes back in `Choice.selected`, so keep that; None leaves it all to the gallery.
    Ids that are not among the tiles stay chosen: they may be on another page of a list.
    size: smallest width of a tile in pixels; tiles fill the row, and those with words are at least `WORDS` wide.
    height: pixels before it scrolls; None never does.
    """
    if any(tile.said for tile in tiles):
        size = max(size, WORDS)
    state = st.session_state.setdefault(f"{key}:gallery", {"shown": frozenset(), "seen": None, "push": None})
    reported = (st.session_state.get(key) or {}).get("chosen")
    shown = merge(state, reported, None if selected is None else frozenset(selected))
    rows = [asdict(tile) for tile in tiles]
    content = json.dumps(rows).encode()
    result = _component()(
        key=key,
        data={
            "key": key,
            "name": name,
            "tiles": rows,
            "content": hashlib.blake2s(content, digest_size=8).hexdigest(),
            "size": size,
            "height": height,
            "push": state["push"],
        },
        on_chosen_change=_nothing,
        on_opened_change=_nothing,
    )
    return Choice(shown, result.get("opened"))


def merge(state: dict, reported: dict | None, selected: frozenset[str] | None) -> frozenset[str]:
    """What is chosen now: did the person in the gallery change it since the last run, or the page?

    state: shown = the choice after the last run; seen = time of the last report that was handled; push = what the
    browser was last told to show, {"token", "ids"}, or None. reported: {"ids", "at", "after"} from the browser, where
    `after` is the token of the last push it had obeyed; None before any report and after the page was left.
    The browser is told only of changes the page made, so a click does not bring the thumbnails a second time.
    """
    push, shown = state["push"], state["shown"]
    if reported is not None and reported["at"] != state["seen"]:
        was, shown = shown, frozenset(reported["ids"])
        if selected is not None and selected not in (was, shown):
            shown = selected  # both changed: the page knew why
    elif selected is not None:
        shown = selected

    left = reported is None and state["seen"] is not None  # the page was left: the browser may show anything
    if reported is not None and (push is None or reported["after"] == push["token"]):
        there = frozenset(reported["ids"])
    else:
        there = frozenset(push["ids"] if push else ())
    if left or shown != there:
        state["push"] = {"token": secrets.token_hex(4), "ids": sorted(shown)}
    state["shown"], state["seen"] = shown, None if reported is None else reported["at"]
    return shown


def _nothing() -> None:
    """Streamlit lists a component's state only where a callback stands for it."""


@cache
def _component():
    here = Path(__file__).parents[1] / "static"
    icons = json.dumps({name: status.icon for name, status in STATUS.items()})
    script = (here / "gallery.js").read_text("utf-8").replace("__ICONS__", icons)
    looks = "".join(
        f".{name} {{ --status: light-dark({s.light}, {s.dark}); --line: {s.outline}; }}" for name, s in STATUS.items()
    )
    return st.components.v2.component(
        "winnow_gallery",
        html='<div class="grid"></div>',
        css=(here / "gallery.css").read_text("utf-8") + looks,
        js=script,
    )


# -- pages of a long list: the part to draw is known before the numbers below it are drawn ------------------------


def part(key: str, n: int, size: int) -> slice:
    """The part of n things that the page chosen in `pager` holds."""
    page = min(st.session_state.get(key, 1), max(pages(n, size), 1))
    return slice((page - 1) * size, page * size)


def pager(key: str, n: int, size: int) -> None:
    """The page numbers, where there is more than one page."""
    if pages(n, size) > 1:
        st.pagination(pages(n, size), key=key)


def pages(n: int, size: int) -> int:
    """
    >>> pages(0, 60), pages(60, 60), pages(61, 60)
    (0, 1, 2)
    """
    return -(-n // size)
