"""Language: texts in another language than the data set's usual ones.

A language is usual where at least `share` of the texts that can be told are in it, so a set in two languages has two.
The score is how sure the classifier is of another language, 0 where its best guess is a usual one.
Blind to mixed languages within one text, to dialects, and to languages it does not know (it knows 97). Texts of fewer
than `letters` letters are never flagged: on those every classifier guesses. Names, code and addresses look like odd
languages; look before dropping.

Lui & Baldwin, langid.py: An Off-the-shelf Language Identification Tool, ACL 2012 (system demonstrations), as
py3langid, Barbaresi, 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Other language",
    cost="n * length time",
    blind_to="mixed languages, dialects, and short texts",
    needs=("texts",),
    paper="https://aclanthology.org/P12-3005/",
    tags=("outlier", "texts", "label-free"),
    requires=("py3langid",),
    rows="all",
    fits_on_train=True,
    stochastic=False,
)

READ = 2000  # characters of a text that are looked at


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    share: Annotated[
        float, Field(gt=0, le=1, description="A language is usual that at least this share of the texts is in.")
    ] = 0.05,
    letters: Annotated[int, Field(ge=1, le=1000, description="Letters a text has at least to be judged.")] = 20,
    sure: Annotated[
        float, Field(ge=0.5, lt=1, description="Flagged where the probability of another language is above this.")
    ] = 0.95,
) -> Flags:
    """score float64 [m] in [0, 1], above `sure` exactly where flagged; 0 for short texts and usual languages.

    >>> texts = ["Where is the card that I ordered last week?", "Wo ist denn nun meine neue Karte geblieben?", "ok"]
    >>> flag(View.of(texts=[texts[0]] * 30 + texts)).flagged[-3:].tolist()
    [False, True, False]
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    known = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    language, certain = np.full(len(view), "", object), np.zeros(len(view))
    for i, text in enumerate(view.texts):
        if sum(map(str.isalpha, text[:READ])) >= letters:
            language[i], certain[i] = known.classify(text[:READ])
        if i % 2000 == 0:
            progress(i, len(view), "telling languages")
    told = language[view.pool][language[view.pool] != ""]
    names, count = np.unique(told.astype(str), return_counts=True)
    score = np.where(np.isin(language.astype(str), ["", *names[count >= share * len(told)]]), 0.0, certain)
    return Flags(score=score, flagged=score > sure)
