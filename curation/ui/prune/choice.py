"""The choice of a pruner: a short list of cards that say what each suits, what it is blind to and how long it takes."""

from __future__ import annotations

import humanize
import streamlit as st

from curation.engine import pace, registry
from curation.engine.registry import Method
from curation.ui.parts import theme

# One of each kind: the hybrid, coverage, the mean, difficulty with and without its easy half, and what all must beat.
SHORT = ("trusted_coverage", "facility_location", "herding", "ccs", "by_score", "random")
OTHER = ""


def choose(side: str, first: str, n: int, *, cards: bool) -> Method:
    """The pruner a person chooses. n: items to choose from, for the time. cards: as a list of cards, else a menu."""
    pruners = registry.methods("pruners")
    if cards:
        short = [name for name in SHORT if name in pruners]
        name = st.radio(
            "Method",
            [*short, OTHER],
            index=short.index(first),
            format_func=lambda m: theme.plain(pruners[m].card.title) if m else "Another method",
            captions=[*(about(pruners[m], n) for m in short), f"{len(pruners) - len(short)} more"],
            key=f"prune_card_{side}",
        )
        if name != OTHER:
            return pruners[name]
        options = [name for name in pruners if name not in short]
    else:
        options, first = list(pruners), st.session_state.get(f"prune_card_{side}") or first
    name = st.selectbox(
        "Method",
        options,
        index=options.index(first) if first in options else 0,
        format_func=lambda m: pruners[m].card.title,
        key=f"prune_method_{side}",
        label_visibility="collapsed" if cards else "visible",
    )
    st.caption(about(pruners[name], n))
    return pruners[name]


def about(method: Method, n: int) -> str:
    """What a card says under its title: suits, blind to, seconds here and accuracy on the benchmark."""
    card = method.card
    words = [f"**Suits** {theme.plain(card.suits)}."] if card.suits else [theme.plain(method.summary)]
    words.append(f"**Blind to** {theme.plain(card.blind_to)}.")
    words.append(f"**{duration(pace.selection_seconds(card, n))}**")
    return " ".join(words)


def duration(seconds: float | None) -> str:
    """How long a selection takes here, in words.

    >>> duration(0.2), duration(7.4), duration(130), duration(None)
    ('At once here.', 'About 7 seconds here.', 'About 2 minutes here.', 'Not timed.')
    """
    if seconds is None:
        return "Not timed."
    return "At once here." if seconds < 1 else f"About {humanize.naturaldelta(seconds)} here."


_FAINT = "color-mix(in srgb, currentColor 14%, transparent)"
STYLE = f"""<style>
[class*="st-key-prune_card_"] [role="radiogroup"] {{ gap: 0.35rem; width: 100%; }}
[class*="st-key-prune_card_"] [role="radiogroup"] > label {{ border: 1px solid {_FAINT}; border-radius: 6px;
  padding: 0.35rem 0.7rem; width: 100%; margin: 0; }}
[class*="st-key-prune_card_"] [role="radiogroup"] > label:has(input:checked) {{ border-color: #3A82C4;
  background: color-mix(in srgb, #3A82C4 9%, transparent); }}
</style>"""
