"""Two linear projections into one space, of images and of texts: the students of pairs.

    loss = cross-entropy of the right text of every image, and of the right image of every text      (InfoNCE)

Equal texts are no negatives of each other: where two pairs say the same, neither is wrong for the other.

Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021 (CLIP).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.training import nets

TEMPERATURE = 0.1
SIZE = 64  # of the space
STEPS, BATCH, LR = 400, 128, 0.01


@dataclass(frozen=True)
class Pairs:
    """Pairs as tensors. images: float32 [n, d], texts: float32 [n, e], each of mean 0 and one common spread 1.

    same: int64 [n], a number for every different text. soft: float32 [n, n], which text suits which image, or None.
    """

    images: object
    texts: object
    same: object
    soft: object | None = None

    def take(self, rows) -> Pairs:
        return Pairs(self.images[rows], self.texts[rows], self.same[rows])


def pairs(images: np.ndarray, texts: np.ndarray, device: str = "cpu", soft: np.ndarray | None = None) -> Pairs:
    """Of embeddings [n, d] and [n, e]."""
    import torch

    same = np.unique(texts, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    found = [(x - mean) / scale for x in _tensors(images, texts, device) for mean, scale in [nets.statistics(x)]]
    return Pairs(*found, torch.from_numpy(same).to(device), None if soft is None else torch.from_numpy(soft).to(device))


def towers(d: int, e: int, seed: int, device: str = "cpu") -> dict[str, object]:
    """Fresh projections: name -> float32 [d or e, SIZE]."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return {
        name: (torch.randn(many, SIZE, generator=generator) / many**0.5).to(device)
        for name, many in (("image", d), ("text", e))
    }


def similarity(weights: dict, images, texts):
    """float [n, m], cosines over the temperature."""
    from torch.nn.functional import normalize

    return normalize(images @ weights["image"], dim=1) @ normalize(texts @ weights["text"], dim=1).T / TEMPERATURE


def loss(weights: dict, some: Pairs):
    """Of all pairs among each other, a scalar."""
    import torch
    from torch.nn.functional import cross_entropy

    found = similarity(weights, some.images, some.texts)
    if some.soft is not None:
        return (cross_entropy(found, some.soft) + cross_entropy(found.T, some.soft.T / some.soft.sum(0)[:, None])) / 2
    wrong = some.same[:, None] != some.same
    wrong.fill_diagonal_(True)
    found = found.masked_fill(~wrong, -torch.inf)
    target = torch.arange(len(found), device=found.device)
    return (cross_entropy(found, target) + cross_entropy(found.T, target)) / 2


def fit(some: Pairs, *, seed: int, steps: int = STEPS) -> dict[str, object]:
    """Trained towers. Deterministic for a seed."""
    import torch

    rng, device = np.random.default_rng(seed), str(some.images.device)
    weights = towers(some.images.shape[1], some.texts.shape[1], seed, device)
    optimiser = torch.optim.Adam([x.requires_grad_() for x in weights.values()], lr=LR, weight_decay=1e-3)
    for step in range(steps):
        part = some
        if some.soft is None and len(some.images) > BATCH:
            part = some.take(torch.from_numpy(rng.permutation(len(some.images))[:BATCH]).to(device))
        for group in optimiser.param_groups:
            group["lr"] = LR * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimiser.zero_grad()
        loss(weights, part).backward()
        optimiser.step()
    return {name: x.detach() for name, x in weights.items()}


def way(some: Pairs, *, seed: int, stops: int, between: int, lr: float) -> list[dict[str, object]]:
    """Fresh towers and where plain gradient descent on random batches takes them: `stops` times `between` steps."""
    import torch

    rng, device = np.random.default_rng(seed), str(some.images.device)
    weights = towers(some.images.shape[1], some.texts.shape[1], seed, device)
    passed = [weights]
    for _ in range(stops):
        for _ in range(between):
            part = some.take(torch.from_numpy(rng.permutation(len(some.images))[:BATCH]).to(device))
            leaves = {name: x.detach().requires_grad_() for name, x in weights.items()}
            gradients = torch.autograd.grad(loss(leaves, part), tuple(leaves.values()))
            weights = {name: x.detach() - lr * g for (name, x), g in zip(leaves.items(), gradients, strict=True)}
        passed.append(weights)
    return passed


def _tensors(images: np.ndarray, texts: np.ndarray, device: str) -> list:
    import torch

    return [torch.from_numpy(np.array(x, np.float32)).to(device) for x in (images, texts)]
