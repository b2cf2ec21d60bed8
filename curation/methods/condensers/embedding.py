"""Embedding prototypes: a few vectors of every class in the space of the embeddings, with soft labels, in seconds.

    centres   k-means of every class
    ridge     then moved until ridge regression on them predicts the real items (kernel inducing points), seen through
              random ReLU features that change every step

Each is labelled with what a linear head trained on everything thinks of it, so that a cluster of wrong labels is called
by what it is: under 40 % human noise that is the difference between 45 % and 75 % right. For students on embeddings,
such as `head`. Blind to whatever the embeddings leave out.

Nguyen, Chen & Lee, Dataset Meta-Learning from Kernel Ridge-Regression, ICLR 2021 (inducing points). Loo, Hasani, Amini
& Rus, Efficient Dataset Distillation Using Random Feature Approximation, NeurIPS 2022 (random features).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.clusters import means
from curation.maths.threads import one_torch_thread
from curation.training import nets
from curation.training.condensing import Watch, optimise
from curation.training.real_images import quota, rows_by_class, some_rows
from curation.training.soft_labels import linear_expert
from curation.training.synthetic import seed_of

CARD = Card(
    title="Embedding prototypes",
    cost="rounds * n * per_class * d time, memory of the largest class",
    blind_to="whatever the embeddings leave out",
    needs=("embeddings", "labels"),
    paper="https://arxiv.org/abs/2210.12067",
    tags=("embeddings", "fast"),
    requires=("torch",),
)

FEATURES = 128  # random ReLUs of a step
PENALTY = 1e-2  # of the ridge regression, times the mean of the kernel's diagonal


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str = "cpu",
    watch: Watch | None = None,
    progress=None,
    method: Annotated[
        Literal["centres", "ridge"], Field(description="k-means centres, or moved on for ridge regression.")
    ] = "centres",
    soft: Annotated[
        bool, Field(description="Label with the probabilities of an expert trained on everything, not with the class.")
    ] = True,
    iterations: Annotated[int, Field(ge=1, le=100_000, description="Steps of ridge.")] = 200,
    batch: Annotated[int, Field(ge=1, le=4096, description="Real items of every class per step of ridge.")] = 32,
    lr: Annotated[
        float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the embeddings.")
    ] = 0.02,
) -> Condensed:
    """per_class vectors of every class, class by class; fewer where items coincide.

    >>> x = np.array([[0.0, 0.1], [0.0, 0.3], [1.0, 0.0], [3.0, 0.0]], np.float32)
    >>> made = condense(View.of(embeddings=x, labels=np.array([0, 0, 1, 1])), 1, seed=0)
    >>> made.values.round(1).astype(str).tolist(), made.soft.argmax(axis=1).tolist()
    ([['0.0', '0.2'], ['2.0', '0.0']], [0, 1])
    """
    quotas, notes = quota(view, per_class)
    values, labels = [], []
    for code, rows in rows_by_class(view.labels).items():
        x = np.asarray(view.embeddings[rows], np.float32)
        centres = means(x, quotas[code], np.random.default_rng([seed, code])).centres
        values.append(centres)
        labels.append(np.full(len(centres), code))
        if progress is not None:
            progress(len(values), len(quotas), "k-means")
    values, labels, watch = np.concatenate(values), np.concatenate(labels), watch or Watch()
    targets = linear_expert(view, seed=seed, device=device)(values) if soft else None
    history = {}
    if method == "ridge":
        wanted = np.eye(len(view.classes), dtype=np.float32)[labels] if targets is None else targets
        settings = {"iterations": iterations, "batch": batch, "lr": lr}
        values, history = _ridge(view, values, wanted, settings, seed, device, watch, progress)
    notes = (*notes, *(["soft labels by a linear head trained on everything"] if soft else []), *watch.notes)
    return Condensed(values, labels, targets, history=history, notes=notes)


def _ridge(view, values, wanted, settings, seed, device, watch, progress) -> tuple[np.ndarray, dict]:
    """The vectors, moved, and the loss: the squared error of ridge regression on them at real items."""
    import torch

    some = np.asarray(view.embeddings[:: max(1, len(view) // 10_000)], np.float32)
    mean, scale = (x.to(device) for x in nets.statistics(torch.from_numpy(some)))
    rows_of = rows_by_class(view.labels)
    truth = torch.eye(len(view.classes), device=device)
    wanted = torch.from_numpy(wanted).to(device)
    moved = ((torch.from_numpy(values).to(device) - mean) / scale).contiguous()

    def loss(t: int, tensors):
        rng = np.random.default_rng([seed, t])
        rows = np.concatenate([some_rows(own, settings["batch"], rng) for own in rows_of.values()])
        real = (torch.from_numpy(np.asarray(view.embeddings[rows], np.float32)).to(device) - mean) / scale
        generator = torch.Generator().manual_seed(seed_of(seed, t))
        weights = torch.randn(real.shape[1], FEATURES, generator=generator).to(device) / real.shape[1] ** 0.5
        bias = torch.randn(FEATURES, generator=generator).to(device)
        made, seen = ((x @ weights + bias).relu() for x in (tensors["values"], real))
        kernel = made @ made.T
        penalty = PENALTY * kernel.diagonal().mean().detach() * torch.eye(len(kernel), device=device)
        found = seen @ (made.T @ torch.linalg.solve(kernel + penalty, wanted))
        return (found - truth[view.labels[rows]]).square().sum(dim=1).mean()

    with one_torch_thread():
        history = optimise(
            {"values": moved},
            {"values": settings["lr"]},
            loss,
            iterations=settings["iterations"],
            watch=watch,
            progress=progress,
            values=lambda tensors: (tensors["values"] * scale + mean).cpu().numpy(),
        )
    return (moved * scale + mean).cpu().numpy(), history
