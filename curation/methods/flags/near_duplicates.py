"""Near duplicates of texts: pairs that share most of their letters, whatever an encoder thinks of them.

The same sentence with a typo, another name, a missing blank or a changed full stop. Case, blanks and Unicode's
compatible forms do not count. Two texts are near duplicates where their sets of 5-letter pieces have a Jaccard
similarity of at least `jaccard`; copies of copies form one group; kept is its lowest row with the group's most common
label, a train row where there is one, the others are flagged. Blind to paraphrases, and to a short text within a long
one; taken in by templates that differ in a number or a name, so look at the pairs before dropping them.

Broder, On the Resemblance and Containment of Documents, SEQUENCES 1997; Lee, Ippolito, Nystrom et al., Deduplicating
Training Data Makes Language Models Better, ACL 2022 (near duplicates in text corpora). Candidates by MinHash, each
verified exactly: `maths/minhash.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.duplicate_groups import groups_of, kept_of
from curation.maths.minhash import near_pairs

CARD = Card(
    title="Near duplicates",
    cost="n * length time, n memory; 100,000 short texts take seconds",
    blind_to="paraphrases; taken in by templates",
    needs=("texts", "labels", "copies"),
    paper="https://arxiv.org/abs/2107.06499",
    tags=("duplicate", "texts"),
    rows="all",
    stochastic=False,
    exceptions=(("row order does not matter", "of copies that agree the first row is kept"),),
)


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    jaccard: Annotated[
        float, Field(ge=0.5, le=1, description="Smallest share of common 5-letter pieces, of all that either has.")
    ] = 0.8,
) -> Flags:
    """score float64 [m]: the similarity to the most similar other text, 0 where none reaches `jaccard`. duplicate_of:
    the text kept instead.

    >>> texts = ["where is my new card?", "refund, please", "Where  is my new card"]
    >>> flag(View.of(texts=texts, labels=np.zeros(3, int), copies=np.arange(3))).duplicate_of.tolist()
    [-1, -1, 0]
    """
    copies, m = view.copies, len(view)
    _, first, size = np.unique(copies, return_index=True, return_counts=True)
    a, b, alike = near_pairs(view.subset(first).texts, jaccard, progress)  # one of each exact copy
    a, b = first[a], first[b]
    group = groups_of(a, b, copies)
    kept = kept_of(group, view.labels, view.train)
    nearest = np.zeros(m)
    np.maximum.at(nearest, a, alike)
    np.maximum.at(nearest, b, alike)
    nearest[first[size > 1]] = 1.0
    score = nearest[first][np.searchsorted(copies[first], copies)]
    flagged = kept != np.arange(m)
    return Flags(score=score, flagged=flagged, duplicate_of=np.where(flagged, kept, -1))
