"""Pairs: a few image and text embeddings, made together, to train two-tower retrieval on.

Both halves of a pair are vectors in the place of a frozen encoder's. They begin as centres of k-means over both halves
at once. "trajectory" then moves them so that a few training steps of two linear projections lead where many steps on
all pairs did; "centres" leaves them, and "medoids" takes the real pairs next to them. With `soft`, every image is told
how well each text suits it by towers trained on everything: the stronger way from some ninety pairs on, at M x M
numbers. From Python only: a recipe's stage judges sets by classes. Blind to whatever the embeddings leave out.

Wu, Zhang, Deng & Russakovsky, Vision-Language Dataset Distillation, TMLR 2024. Differs: images are embeddings too,
trajectories are of projections alone, equal texts are no negatives of each other, and Adam on the pairs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.errors import InputError
from curation.maths.clusters import means
from curation.maths.threads import one_torch_thread
from curation.training import trajectories, two_towers
from curation.training.condensing import Watch, optimise
from curation.training.synthetic import seed_of

CARD = Card(
    title="Pairs of embeddings",
    cost="(n * M + networks * stops * batch) * d time, n * d memory",
    blind_to="whatever the embeddings leave out",
    needs=("embeddings", "text_embeddings"),
    paper="https://arxiv.org/abs/2308.07545",
    tags=("embeddings", "pairs", "label-free"),
    requires=("torch",),
)

BETWEEN, EXPERT_LR = 20, 0.3  # of an expert: steps between two stops, rate. On 1,000 pairs of digits it takes 10 stops


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str = "cpu",
    watch: Watch | None = None,
    progress=None,
    method: Annotated[
        Literal["trajectory", "centres", "medoids"],
        Field(description="Centres moved by trajectory matching, centres as they are, or the real pairs next to them."),
    ] = "trajectory",
    soft: Annotated[
        bool, Field(description="Give every image and text the similarity that towers trained on everything see.")
    ] = False,
    iterations: Annotated[int, Field(ge=1, le=100_000, description="Steps of trajectory matching.")] = 200,
    unroll: Annotated[int, Field(ge=1, le=100, description="Training steps that are differentiated at once.")] = 8,
    networks: Annotated[int, Field(ge=1, le=1000, description="Experts whose ways are matched.")] = 5,
    stops: Annotated[int, Field(ge=1, le=1000, description="Stops on the way of each, 20 steps apart.")] = 6,
    lr: Annotated[
        float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the embeddings.")
    ] = 0.05,
) -> Condensed:
    """per_class pairs in all, as there are no classes: values and texts [M, d] and [M, e], soft [M, M].

    >>> images, texts = np.repeat(np.eye(3), 4, axis=0), np.repeat(np.eye(3)[::-1], 4, axis=0)
    >>> made = condense(View.of(embeddings=images, text_embeddings=texts), 3, seed=0, method="centres")
    >>> sorted(zip(made.values.argmax(axis=1).tolist(), made.texts.argmax(axis=1).tolist()))
    [(0, 2), (1, 1), (2, 0)]
    """
    if not 1 <= per_class <= len(view):
        raise InputError(f"{per_class} pairs of {len(view):,}: ask for at least one and at most as many as there are")
    images, texts = (np.ascontiguousarray(x, np.float32) for x in (view.embeddings, view.text_embeddings))
    both = np.concatenate([x / (x.std() or 1.0) for x in (images, texts)], axis=1)
    found = means(both, per_class, np.random.default_rng(seed))
    watch, history, rows = watch or Watch(), {}, None
    with one_torch_thread():
        if method == "medoids":
            rows, values, captions = found.nearest, images[found.nearest], texts[found.nearest]
        else:
            size = np.bincount(found.label).astype(np.float32)[:, None]
            values, captions = (_summed(x, found.label) / size for x in (images, texts))
        if method == "trajectory":
            ways = _ways(images, texts, seed, device, networks, stops, progress)
            values, captions, history = _matched(
                values, captions, ways, seed, iterations, unroll, lr, device, watch, progress
            )
        similar = _similar(images, texts, values, captions, seed, device) if soft else None
    short = len(values) < per_class
    return Condensed(
        values,
        np.zeros(len(values), np.int64),
        soft=similar,
        rows=rows,
        texts=captions,
        history=history,
        notes=(*([f"{len(values)} pairs, as no more are different"] if short else []), *watch.notes),
    )


def _ways(images, texts, seed: int, device: str, networks: int, stops: int, progress) -> list[list[dict]]:
    real, ways = two_towers.pairs(images, texts, device), []
    for number in range(networks):
        ways.append(two_towers.way(real, seed=seed_of(seed, number), stops=stops, between=BETWEEN, lr=EXPERT_LR))
        if progress is not None:
            progress(0, 1000, f"expert {number + 1} of {networks}")
    return ways


def _matched(values, captions, ways, seed, iterations, unroll, lr, device, watch, progress) -> tuple:
    """Values and captions, moved, and the history."""
    import torch

    begun = two_towers.pairs(values, captions, device)
    units = [(x.mean(axis=0), float(x.var(axis=0).mean() ** 0.5) or 1.0) for x in (values, captions)]
    tensors = {"images": begun.images, "texts": begun.texts}
    tensors["rate"] = torch.tensor(float(np.log(EXPERT_LR)), device=device)

    def loss(t: int, now):
        rng = np.random.default_rng([seed, t])
        way = ways[int(rng.integers(len(ways)))]
        at = int(rng.integers(len(way) - 1))
        some = two_towers.Pairs(now["images"], now["texts"], torch.arange(len(begun.same), device=device))
        return trajectories.distance(
            way[at], way[at + 1], lambda weights, _: two_towers.loss(weights, some), unroll, now["rate"]
        )

    def unscaled(name: str, mean, scale) -> np.ndarray:
        return (tensors[name].detach().cpu().numpy() * scale + mean).astype(np.float32)

    history = optimise(
        tensors,
        {"images": lr, "texts": lr, "rate": trajectories.RATE_LR},
        loss,
        iterations=iterations,
        watch=watch,
        progress=progress,
        values=lambda _: unscaled("images", *units[0]),
    )
    return unscaled("images", *units[0]), unscaled("texts", *units[1]), history


def _similar(images, texts, values, captions, seed: int, device: str) -> np.ndarray:
    """float32 [M, M], rows sum to 1: how well every text suits an image, to towers trained on all pairs."""
    import torch

    weights = two_towers.fit(two_towers.pairs(images, texts, device), seed=seed)
    made = two_towers.pairs(values, captions, device)
    with torch.no_grad():
        return two_towers.similarity(weights, made.images, made.texts).softmax(dim=1).cpu().numpy()


def _summed(x: np.ndarray, label: np.ndarray) -> np.ndarray:
    total = np.zeros((label.max() + 1, x.shape[1]), np.float32)
    np.add.at(total, label, x)
    return total
