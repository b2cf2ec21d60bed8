"""Confident learning: labels that out-of-fold probabilities speak against, class by class.

Each class gets its own bar, the mean probability of the items that carry its label; who clears another class's bar
counts as probably that class. The counts say how many labels of each kind are wrong, `filter_by` says which items
those are, and `quality` ranks them. Blind to mistakes the model behind the probabilities makes as well, and to
mistakes that are as common as the right label. Time n * C, memory n * C.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 2021; by the
cleanlab package. Quality scores: Kuan & Mueller, Model-agnostic Label Quality Scoring to Detect Real-world Label
Errors, ICML DataPerf Workshop 2022.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.errors import InputError

CARD = Card(
    title="Confident learning",
    cost="n * C time and memory",
    blind_to="mistakes the model behind the probabilities makes too",
    needs=("probabilities", "labels"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("mislabel",),
    version=2,
    requires=("cleanlab",),
    rows="labelled",
    stochastic=False,
)


def flag(
    view: View,
    *,
    filter_by: Annotated[
        Literal[
            "prune_by_noise_rate",
            "prune_by_class",
            "both",
            "confident_learning",
            "predicted_neq_given",
            "low_normalized_margin",
            "low_self_confidence",
        ],
        Field(
            description="Which items are flagged: most likely of each kind of mistake, least likely of each class, "
            "both at once, those counted as mistakes, all the model disagrees with, or the lowest in quality."
        ),
    ] = "prune_by_noise_rate",
    quality: Annotated[
        Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"],
        Field(description="How well a label fits: its probability, its lead over the next, or that with entropy."),
    ] = "self_confidence",
    adjust: Annotated[
        bool,
        Field(
            description="Measure quality relative to the threshold of each class; for classes of very different size."
        ),
    ] = False,
    frac_noise: Annotated[
        float,
        Field(
            gt=0, le=1, description="Share of the estimated mistakes that the prune rules flag, the most certain first."
        ),
    ] = 1.0,
    min_examples_per_class: Annotated[
        int,
        Field(
            ge=0, le=1_000_000, description="Smallest number of items per class that the prune rules leave unflagged."
        ),
    ] = 1,
) -> Flags:
    """score float64 [m] in [0, 1], 1 - label quality; suggested = the most probable label of a flagged item.

    Raises InputError when there is only one class, when `adjust` meets a quality that cannot be adjusted, or when a
    limit of the prune rules (both is one of them) is set for another rule.

    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95]])
    >>> flag(View.of(probabilities=p, labels=np.array([0, 0, 1, 1, 1, 1]))).suggested.tolist()
    [-1, -1, 0, -1, -1, -1]
    """
    labels, probabilities = view.labels, np.asarray(view.probabilities, dtype=np.float64)
    if len(np.unique(labels)) < 2:
        raise InputError("confident learning compares classes, and every item here carries the same label")
    if adjust and quality == "confidence_weighted_entropy":
        raise InputError(
            "adjust = true cannot be combined with quality = 'confidence_weighted_entropy': "
            "choose self_confidence or normalized_margin"
        )
    limits = {"frac_noise": frac_noise, "min_examples_per_class": min_examples_per_class}
    if filter_by not in ("prune_by_noise_rate", "prune_by_class", "both"):
        for name, neutral in (("frac_noise", 1), ("min_examples_per_class", 1)):
            if limits.pop(name) != neutral:
                raise InputError(
                    f"{name} limits the prune rules only, and filter_by = {filter_by!r}: "
                    "choose prune_by_noise_rate, prune_by_class or both"
                )
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # One process: the work is a few passes over an array, starting others would take longer.
    flagged = find_label_issues(labels, probabilities, filter_by=filter_by, n_jobs=1, **limits)
    fits = get_label_quality_scores(labels, probabilities, method=quality, adjust_pred_probs=adjust)
    best = probabilities.argmax(axis=1)
    return Flags(
        score=np.clip(1.0 - fits, 0.0, 1.0),
        flagged=np.asarray(flagged, dtype=bool),
        suggested=np.where(flagged & (best != labels), best, -1),
    )
