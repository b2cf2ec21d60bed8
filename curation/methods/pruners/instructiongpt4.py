"""InstructionGPT-4's selector: indicators of quality, weighed, and the best of every cluster.

Every pair gets indicators: how well image and caption fit, how long the caption is, what a reward model thinks of it,
and a quality somebody brought. Each is standardised and cut at 3 deviations, they are added with weights, and every
cluster of like pairs gives its best in proportion to its size. The weights are yours to set, or learned from
subsets you have trained on and measured (`subsets`). Learning needs that indicators tell good subsets from bad ones:
the error of leaving each subset out is compared with a constant and with shuffled metrics, and where it is no better
the note says so. On the figures the authors released it is not (docs/pairs.md), so let a random and a longest subset
stand beside it. Blind to what no indicator measures, and to redundancy within a cluster.

Wei, Jiang, Huang & Sun, InstructionGPT-4: A 200-Instruction Paradigm for Fine-Tuning MiniGPT-4, arXiv 2308.12067, 2023.
Differs: a ridge on mean indicators instead of attention over subsets; k-means on images and captions unless `spectral`
is asked for; places by Sainte-Lague instead of cutting fractions off; no score of GPT-4 unless it is brought.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.reading.subset_table import subsets_of
from curation.data.results import Selection
from curation.data.view import View
from curation.errors import InputError
from curation.maths import subset_ridge
from curation.maths.arrays import argsort_random_ties
from curation.maths.clusters import spherical
from curation.maths.selection.quota_order import quota_order
from curation.maths.similarity.exact import unit

CARD = Card(
    title="InstructionGPT-4's selector",
    cost="rounds * n * clusters * d time, n * d memory",
    blind_to="what no indicator measures, and redundancy within a cluster",
    suits="image-text pairs with indicators of quality that one trusts",
    seconds=(0.01, 0.06),
    needs=("ids", "embeddings", "text_embeddings"),
    paper="https://arxiv.org/abs/2308.12067",
    tags=("score", "geometry", "pairs", "label-free"),
    nested=True,
)
CUT = 3.0  # deviations from the mean an indicator counts, at most
CHANCE = 0.05  # of shuffled metrics doing as well, up to which learned weights count as better than a constant
MOST = 10_000  # rows of a spectral clustering: its graph is decomposed in memory and time that grow faster than n
Score = Annotated[str | None, Ref("scores")]
Weight = Annotated[float, Field(ge=-3, le=3)]


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    fit: Annotated[Score, Field(description="Score that is low where image and caption fit.")] = "clip_score",
    fit_weight: Annotated[Weight, Field(description="What fitting well counts.")] = 1.0,
    length: Annotated[Score, Field(description="Score that is high where the caption is long.")] = "length",
    length_weight: Annotated[Weight, Field(description="What a long caption counts.")] = 1.0,
    reward: Annotated[Score, Field(description="Score that is low where a reward model is pleased.")] = None,
    reward_weight: Annotated[Weight, Field(description="What a good reward counts.")] = 1.0,
    quality: Annotated[Score, Field(description="Score that is low where a quality you bring is high.")] = None,
    quality_weight: Annotated[Weight, Field(description="What a high quality counts.")] = 1.0,
    subsets: Annotated[
        Path | None,
        Field(description="Table of id, subset and metric of subsets you measured; weights are learned from it."),
    ] = None,
    shrink: Annotated[float, Field(ge=0, le=1e6, description="Ridge of learned weights, in subsets.")] = 10.0,
    clusters: Annotated[int, Field(ge=1, le=10_000, description="Clusters, at most one per 10 pairs.")] = 10,
    by: Annotated[
        Literal["kmeans", "spectral"],
        Field(description="k-means on images and captions, or spectral clustering of the images as in the paper."),
    ] = "kmeans",
) -> Selection:
    """Positions in the order taken, with a note on learned weights. Raises InputError.

    >>> x, long = np.repeat(np.eye(2), [15, 5], axis=0), {"clip_score": np.zeros(20), "length": np.arange(20.0)}
    >>> view = View.of(ids=np.arange(20).astype(str), embeddings=x, text_embeddings=x, scores=long)
    >>> select(view, 4, rng=np.random.default_rng(0), clusters=2).rows.tolist()
    [14, 13, 19, 12]
    """
    if not len(view):
        return Selection(np.empty(0, np.int64))
    # A sign: whether a high score is good.
    asked = {"fit": (fit, -1, fit_weight), "length": (length, 1, length_weight),
             "reward": (reward, -1, reward_weight), "quality": (quality, -1, quality_weight)}  # fmt: skip
    used = {what: its for what, its in asked.items() if its[0] is not None}
    if not used:
        raise InputError("instructiongpt4 has no indicator; name at least one of fit, length, reward and quality")
    indicators = np.stack([sign * standardised(view.score(name)) for name, sign, _ in used.values()], axis=1)
    weights, notes = np.array([weight for *_, weight in used.values()]), ()
    if subsets is not None:
        weights, notes = _learned(view, indicators, list(used), subsets, shrink)
    label = _clusters(view, max(1, min(clusters, len(view) // 10)), by, rng, progress)
    place = np.empty(len(view), np.int64)
    place[argsort_random_ties(indicators @ weights, rng)[::-1]] = np.arange(len(view))
    return Selection(quota_order(label, place)[:budget], notes=notes)


def standardised(values: np.ndarray) -> np.ndarray:
    """Deviations from the mean, cut at 3; 0 everywhere where all are equal.

    >>> standardised(np.array([1.0, 1.0])), standardised(np.array([0.0, 2.0]))
    (array([0., 0.]), array([-1.,  1.]))
    """
    spread = values.std()
    return np.clip((values - values.mean()) / (spread if spread > 1e-12 else 1.0), -CUT, CUT)


def _learned(
    view: View, indicators: np.ndarray, names: list[str], path: Path, shrink: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    members, metric, notes = subsets_of(path, view.ids)
    means = np.stack([indicators[rows].mean(axis=0) for rows in members])
    made = subset_ridge.learn(means, metric, shrink)
    said = ", ".join(f"{name} {weight:+.3g}" for name, weight in zip(names, made.weights, strict=True))
    measured = (
        f"Weights were learned from {len(metric):,} subsets ({said}): left out in turn, a subset's metric is missed by "
        f"{made.error:.3f}, and by {made.constant:.3f} where the mean of the others is said; shuffled metrics are "
        f"missed by as little in {made.chance:.0%} of trials."
    )
    if made.error < made.constant and made.chance <= CHANCE:
        return made.weights, (*notes, measured)
    return made.weights, (
        *notes,
        f"{measured} That is no better than a constant: these indicators do not tell which subsets are good. Set "
        "weights of your own, or take a random subset.",
    )


def _clusters(view: View, k: int, by: str, rng: np.random.Generator, progress: Callable[..., None]) -> np.ndarray:
    """int [m], 0..k-1."""
    if by == "kmeans":
        both = np.concatenate([unit(view.embeddings), unit(view.text_embeddings)], axis=1)
        return spherical(both, k, rng, progress=progress).label
    if len(view) > MOST:
        raise InputError(f'by = "spectral" takes at most {MOST:,} rows, and there are {len(view):,}; use kmeans')
    from sklearn.cluster import SpectralClustering

    near = {"affinity": "nearest_neighbors", "n_neighbors": min(10, len(view)), "assign_labels": "kmeans"}
    made = SpectralClustering(k, random_state=int(rng.integers(2**31)), **near).fit_predict(unit(view.embeddings))
    return np.unique(made, return_inverse=True)[1]
