"""One item from close by: its picture as large as the column allows, its words in a pane that scrolls, or both.

Words are set in the direction they are written in, wrap wherever they must, and are never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from curation.ui.parts import theme
from curation.ui.parts.item_kinds.content import Content
from curation.ui.parts.theme import escaped

LONG = 20_000  # characters a pane shows before it asks; the browser is slow with more


@dataclass(frozen=True)
class Mark:
    """Characters start to end of a text stand out. kind: "for", "against" or "changed". about: said on hovering."""

    start: int
    end: int
    kind: str
    about: str = ""


def close_up(content: Content, alt: str, *, key: str, side: int = 420, marks: Sequence[Mark] = ()) -> None:
    """Draw an item's content. alt: what the picture is called. side: largest side of the picture in pixels.

    marks: in the first of the words, ascending, none across another.
    """
    if content.src:
        theme.picture(content.src, alt, side=side)
    if not content.said:
        return
    length = sum(len(said.text) for said in content.said)
    whole = length <= LONG or st.session_state.get(f"{key}_whole", False)
    left, parts = (length if whole else LONG), []
    for number, (who, text) in enumerate(content.said):
        if left <= 0:
            break
        shown = marked(text[:left], marks if number == 0 else ())
        name = f"<small>{escaped(who)}</small>" if who else ""
        parts.append(f'<section{_role(who)}>{name}<div dir="auto">{shown}</div></section>')
        left -= len(text)
    st.html(f'<article class="wn-read" tabindex="0">{"".join(parts)}</article>')
    if length > LONG:
        st.toggle(f"All {length:,} characters, not the first {LONG:,}", key=f"{key}_whole")


def marked(text: str, marks: Sequence[Mark] = ()) -> str:
    """A text as HTML, its marks as <mark>.

    >>> marked("a <b> c", [Mark(2, 5, "changed")])
    'a <mark class="wn-changed">&lt;b&gt;</mark> c'
    """
    parts, at = [], 0
    for mark in marks:
        if mark.start < at or mark.end > len(text):  # beyond what is shown
            continue
        about = f' title="{escaped(mark.about)}"' if mark.about else ""
        parts.append(escaped(text[at : mark.start]))
        parts.append(f'<mark class="wn-{mark.kind}"{about}>{escaped(text[mark.start : mark.end])}</mark>')
        at = mark.end
    return "".join([*parts, escaped(text[at:])])


def _role(who: str) -> str:
    """Whose words these are, for the looks: what is asked stands out from what is answered."""
    return f' class="wn-{who}"' if who in ("user", "system") else ""


# For pages that show items, with `item_card.STYLE`.
CSS = """
.wn-read { max-height: var(--wn-read, calc(100vh - 16rem)); overflow-y: auto; scrollbar-width: thin; border-radius: 6px;
  padding: 0.85rem 1rem; font-size: 1.08rem; line-height: 1.6;
  background: color-mix(in srgb, currentColor 4%, transparent);
  border: 1px solid color-mix(in srgb, currentColor 12%, transparent); }
.wn-read div, .wn-words { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.wn-read div { max-width: 75ch; }
.wn-read section + section { margin-top: 0.9rem; }
.wn-read small { display: block; font-size: 0.78rem; opacity: 0.65; margin-bottom: 0.1rem; }
.wn-read .wn-system { opacity: 0.75; font-size: 0.92em; }
.wn-read .wn-user { padding-inline-start: 0.75rem; border-inline-start: 3px solid light-dark(#2F74B8, #5A9FE0); }
mark[class^="wn-"] { color: inherit; border-radius: 3px; padding: 0.05em 0.1em; margin: 0 -0.1em;
  text-decoration-thickness: 2px; text-underline-offset: 3px; }
mark.wn-for { background: light-dark(#D6E6F7, #1D4468); text-decoration: underline solid light-dark(#2F74B8, #5A9FE0); }
mark.wn-against { background: light-dark(#FBE6CE, #55360F);
  text-decoration: underline dashed var(--wn-flagged); }
mark.wn-changed { background: light-dark(#FBE6CE, #55360F); font-weight: 600; }
"""
