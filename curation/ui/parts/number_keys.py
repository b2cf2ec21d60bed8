"""Buttons for up to ten labels, each with a number key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from curation.ui.parts.theme import plain

CSS = "[class*='_numbers_own'] kbd { display: none; }"


def draw(names: Sequence[str], give: Callable[[str], None], *, key: str) -> None:
    """A button for each label; `give` is called with the one that is chosen, by click or by its number key."""
    digits = numbered(names)
    own = all(name == digit for name, digit in digits.items())  # the label says the key already
    with st.container(horizontal=True, gap="xxsmall", key=f"{key}_numbers{'_own' if own else ''}"):
        for name, digit in digits.items():
            st.button(
                plain(name), key=f"{key}_to_{digit}", shortcut=digit, on_click=give, args=(name,), width="content"
            )


def numbered(names: Sequence[str]) -> dict[str, str]:
    """The digit that stands for each of up to ten labels: the label itself where all are digits, else 1 to 9 and 0.

    >>> numbered(("0", "7")), numbered(("cat", "dog"))
    ({'0': '0', '7': '7'}, {'cat': '1', 'dog': '2'})
    """
    own = all(len(name) == 1 and name in "0123456789" for name in names)
    return {name: name if own else str((i + 1) % 10) for i, name in enumerate(names)}
