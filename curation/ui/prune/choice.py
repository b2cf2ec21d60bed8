"""The choice of a pruner: a short list of cards that say what each suits, what it is blind to and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

import humanize
import streamlit as st

from curation.engine import pace, registry
from curation.engine.registry import Method
from curation.ui.parts import theme
from curation.ui.parts.which_one import reads, stands_on
from curation.ui.start.presets import lacking
from curation.ui.state.project import Project

# One of each kind: the hybrid, coverage, the mean, difficulty with and without its easy half, and what all must beat.
SHORT = ("trusted_coverage", "facility_location", "herding", "ccs", "by_score", "random")
PAIRS = ("instructiongpt4", "by_score", "facility_location", "random")  # where items are image-text pairs
TEXTS = ("quota_by_score", "by_score", "facility_location", "random")  # where items are texts without labels
OTHER = ""
AT_ONCE = "at once"  # under a second


def choose(project: Project, side: str, *, cards: bool, random: bool = False) -> Method:
    """The pruner a person chooses. cards: as a list of cards, else a menu, which starts with random choice where
    `random` is set."""
    n, items = len(project.store.candidates), project.items
    lack = _lacking(project)
    # A score a pruner refers to can be exchanged, so only what it reads itself decides.
    pruners = {name: m for name, m in registry.methods("pruners").items() if not reads(m) & {*lack}}
    usual = PAIRS if "text_embeddings" not in lack else TEXTS if "labels" in lack and items.has_texts else SHORT
    short = [name for name in usual if name in pruners]
    first = "random" if random else short[0]
    if cards:
        name = st.radio(
            "Method",
            [*short, OTHER],
            index=short.index(first),
            format_func=lambda m: _title(pruners[m], n) if m else "Another method",
            captions=[*(about(pruners[m]) for m in short), f"{len(pruners) - len(short)} more"],
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
    st.caption(f"{about(pruners[name])} Here: {duration(pruners[name], n)}.")
    return pruners[name]


def scores(project: Project) -> list[str]:
    """Scores a pruner may be told to use: those of the recipe, then all that read nothing the items lack."""
    lack, known = {*_lacking(project)}, registry.methods("scores")
    others = [name for name, m in known.items() if not stands_on(m) & lack and "brought" not in m.card.tags]
    return list(dict.fromkeys([*(section.name for section in project.recipe.score), *others]))


def _lacking(project: Project) -> list[str]:
    encode = project.recipe.encode
    return lacking(project.items, None if encode is None else encode.use)


def unknown(method: Method, known: Sequence[str]) -> list[str]:
    """Its parameters that name by default a score which is none of the known ones."""
    named = [name for name, ref in method.refs.items() if ref.kind == "scores"]
    usual = {name: method.params.model_fields[name].default for name in named}
    return [name for name, score in usual.items() if score is not None and score not in known]


def start(method: Method, known: Sequence[str]) -> dict[str, str]:
    """The first of the known scores, for a parameter that names a score which is none of them."""
    return dict.fromkeys(unknown(method, known), known[0]) if known else {}


def about(method: Method) -> str:
    """What a card says under its title: what it suits and what it is blind to."""
    suits, blind_to = method.card.suits, method.card.blind_to
    said = f"**Suits** {theme.plain(suits)}." if suits else theme.plain(method.summary)
    return f"{said} **Blind to** {theme.plain(blind_to)}."


def duration(method: Method, n: int) -> str:
    """How long it takes here to choose from n items, in words."""
    seconds = pace.selection_seconds(method.card, n)
    if seconds is None:
        return "not timed"
    return AT_ONCE if seconds < 1 else f"about {humanize.naturaldelta(seconds)}"


def _title(method: Method, n: int) -> str:
    return f"{theme.plain(method.card.title)} :small[:gray[{duration(method, n)}]]"


STYLE = """<style>
[class*="st-key-prune_card_"] [data-testid="stCaptionContainer"] p { font-size: 0.8rem; line-height: 1.4; }
</style>"""
