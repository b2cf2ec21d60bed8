"""The part of the training loop that a sampler takes over: which rows come, what they count, and what it is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from curation.training.sampler import Sampler

STEPS = 32  # an epoch on everything has at least so many, so that a part of it is still several


def turns(sampler: Sampler, batch: int, look: Callable, device) -> Iterator[Iterator[tuple[float, object]]]:
    """Every epoch's batches until the budget is used up, each with the share of the passes used before it.

    batch: the most rows a step, fewer for sets under 32 batches; an epoch is split evenly, so that no step is left with
    a handful of rows. look: rows -> (logits [f, C], labels [f]) of rows that go forward only.
    """
    import torch

    batch = min(batch, max(1, sampler.rule.n // STEPS))
    while not sampler.finished:
        if len(ahead := sampler.forward_rows):
            logits, labels = look(torch.from_numpy(ahead).to(device))
            sampler.update(ahead, _losses(logits, labels.cpu().numpy()), logits, forward_only=True)
        order = torch.tensor(list(sampler), device=device)
        yield ((sampler.progress, rows) for rows in order.tensor_split(math.ceil(len(order) / batch)))
        sampler.end_epoch()


def loss(sampler: Sampler, rows, logits, labels, smoothing: float):
    """The weighted mean loss of a batch, to go backward from. The sampler is told the losses without the smoothing."""
    import torch
    from torch.nn.functional import cross_entropy

    losses = cross_entropy(logits, labels, reduction="none")
    counted = cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing) if smoothing else losses
    weights = torch.from_numpy(sampler.weights(rows)).to(losses.device)
    sampler.update(rows, losses, logits)
    return (weights * counted).mean()


def _losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float32 [b], the cross-entropy of logits [b, C]."""
    from scipy.special import log_softmax

    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
