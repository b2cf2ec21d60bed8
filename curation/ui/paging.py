"""Pages of a long list: the part to draw is known before the numbers below it are drawn."""

from __future__ import annotations

import streamlit as st


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
