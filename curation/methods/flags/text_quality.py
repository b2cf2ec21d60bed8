"""Text quality: texts of an odd length, broken letters, mark-up, repetition, or hardly a letter at all.

Six measures, each with a limit. Short and long: the logarithm of the length is far from the median, in robust standard
deviations. Markup: how much of the text are tags, entities and addresses. Repeated: how much of it are runs of ten
letters that occur again. Symbols: how much of it is neither letter, digit nor blank. Garbled: signs of a text that was
read in the wrong encoding. The score is the worst of the six; to see one of them alone, add the flag again under a
name of its own with `check` set. Blind to what a text says. A set meant to be tags, code, poems or emoji is flagged as
well: move its limit, or switch it off.

Garbled is the badness of ftfy (Speer, ftfy: fixes text for you, Zenodo 2019), with a limit of ours, as are all others;
repetition as in Rae, Borgeaud, Cai et al., Scaling Language Models: Methods, Analysis & Insights from Training Gopher,
2021, by letters, so that it works in any language. Limits were chosen on Banking77, where they
flag 8 of 10,003 texts, all of them long.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Text quality",
    cost="n * length time",
    blind_to="what a text says",
    needs=("texts",),
    paper="https://arxiv.org/abs/2112.11446",
    tags=("outlier", "texts", "label-free"),
    requires=("ftfy",),
    rows="all",
    fits_on_train=True,
    stochastic=False,
)

CHECKS = ("short", "long", "markup", "repeated", "symbols", "garbled")
READ = 50_000  # characters of a text that are looked at, but for its length
NEVER = {"short": 100, "long": 100, "markup": 1, "repeated": 1, "symbols": 1, "garbled": 100}  # limits that say so
RUN = 10  # letters of a run that occurs again
SPREAD = 0.25  # of the logarithms, at least: a set of texts of one length has a few shorter ones
MARKUP = re.compile(r"<[/!]?[a-zA-Z][^<>]{0,300}>|&(?:[a-zA-Z]{2,8}|#\d{1,6});|(?:https?://|www\.)\S{1,2000}")


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    check: Annotated[
        Literal["all", "short", "long", "markup", "repeated", "symbols", "garbled"],
        Field(description="One measure, or all of them."),
    ] = "all",
    length: Annotated[
        float,
        Field(gt=0, le=100, description="Short, long: robust standard deviations of the logarithm; 100 is never."),
    ] = 5.0,
    markup: Annotated[
        float,
        Field(gt=0, le=1, description="Markup: the share of tags, entities and addresses is above this; 1 never."),
    ] = 0.3,
    repeated: Annotated[
        float, Field(gt=0, le=1, description="Repeated: the share of runs that occur again is above this; 1 is never.")
    ] = 0.5,
    symbols: Annotated[
        float,
        Field(gt=0, le=1, description="Symbols: the share of signs, not letters or digits, is above this; 1 is never."),
    ] = 0.4,
    garbled: Annotated[
        float, Field(gt=0, le=100, description="Garbled: signs of a wrong encoding in 100 characters are above this.")
    ] = 0.5,
) -> Flags:
    """score float64 [m] in [0, 1], the worst measure; above 0.5 exactly where flagged, that is beyond its limit.

    >>> texts = ["a usual text of usual words", "<b><i></i></b> <br/>", "ha ha ha ha ha ha ha ha ha ha", "schÃ¶n"]
    >>> flag(View.of(texts=texts)).flagged.tolist()
    [False, True, True, True]
    """
    if not len(view):
        return Flags(score=np.zeros(0), flagged=np.zeros(0, bool))
    sizes, shares = np.empty(len(view)), np.empty((len(view), 4))
    for i, text in enumerate(view.texts):
        sizes[i] = len(text)
        shares[i] = _shares(text[:READ])
        if i % 2000 == 0:
            progress(i, len(view), "looking at texts")
    z = _robust(np.log(np.maximum(sizes, 1)), view.pool if len(view.pool) else np.arange(len(view)))
    measured = {"short": -z, "long": z, **dict(zip(CHECKS[2:], shares.T, strict=True))}
    limits = {
        "short": length,
        "long": length,
        **dict(zip(CHECKS[2:], (markup, repeated, symbols, garbled), strict=True)),
    }
    beyond = {name: np.maximum(measured[name], 0) / limits[name] for name in CHECKS if limits[name] != NEVER[name]}
    wanted = [beyond[name] for name in beyond if check in ("all", name)]
    worst = np.max(wanted, axis=0) if wanted else np.zeros(len(view))  # how far beyond its limit; 1 is at the limit
    return Flags(score=worst / (1 + worst), flagged=worst > 1)


def _robust(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """How far from the median, in standard deviations as the median deviation of the rows `usual` tells them."""
    middle = np.median(values[usual])
    return (values - middle) / max(1.4826 * np.median(np.abs(values[usual] - middle)), SPREAD)


def _shares(text: str) -> Sequence[float]:
    """Markup, repeated, symbols as shares of the text; garbled per 100 characters."""
    if not text:
        return 0.0, 0.0, 0.0, 0.0
    tags = (
        sum(len(found[0]) for found in MARKUP.finditer(text))
        if "<" in text or "&" in text or "ww" in text or "://" in text
        else 0
    )
    odd = sum(count for letter, count in Counter(text).items() if unicodedata.category(letter)[0] not in "LNMZC")
    return tags / len(text), repetition(text), odd / len(text), _garbled(text)


def repetition(text: str) -> float:
    """The share of a text's runs of ten letters that occur more than once in it; 0 for one of fewer than 20 letters.

    >>> repetition("the cat " * 100), repetition("no letter comes twice in here")
    (1.0, 0.0)
    """
    n = len(text) - RUN + 1
    if len(text) < 2 * RUN:
        return 0.0
    runs = Counter(text[i : i + RUN] for i in range(n))
    return sum(count for count in runs.values() if count > 1) / n


def _garbled(text: str) -> float:
    if text.isascii():
        return 0.0
    from ftfy.badness import badness

    return 100 * (badness(text) + text.count("\ufffd")) / len(text)
