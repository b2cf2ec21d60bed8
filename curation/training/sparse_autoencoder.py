"""A TopK sparse autoencoder: embeddings as sums of a few factors of a learnt dictionary.

    z = TopK_k(ReLU(W x + c)),  x^ = D z + b        loss: |x - x^|^2, plus the same for what is left by idle factors

The encoder starts as the transpose of the dictionary; factors that have not fired for 10,000 items get a part in
explaining what is left over, so that few of them stay dead. Decoding gathers the k factors of an item and multiplies
nothing by zero, which is most of the cost of the usual dense form.

Gao et al., Scaling and Evaluating Sparse Autoencoders, ICLR 2025 (TopK, and the auxiliary loss).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from curation.data.results import Factors
from curation.maths.threads import one_torch_thread
from curation.training.loop import SMALL

BATCH, LR = 1024, 1e-3
IDLE_AFTER = 10_000  # items without firing, after which a factor counts as dead
AUXILIARY = 1 / 32  # weight of the dead factors' loss
BLOCK = 8192  # items encoded at once, at the end


def size_for(n: int, d: int) -> tuple[int, int]:
    """(m, k): 4 d factors, 256 to 4,096 and at most a quarter of the items; 32 of them active, 16 up to 64 numbers.

    >>> size_for(50_000, 512), size_for(1_437, 64), size_for(8, 64)
    ((2048, 32), (256, 16), (2, 2))
    """
    m = max(1, min(int(np.clip(4 * d, 256, 4096)), n // 4))
    return m, min(16 if d <= 64 else 32, m)


def fit(
    x: np.ndarray,
    *,
    m: int,
    k: int,
    steps: int,
    seed: int,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[Factors, int]:
    """The factors of x float [n, d], rows centred and brought to length 1, and how many of the m never fire.

    Time about 6 * steps * batch * d * m, memory n * d. Deterministic for a seed on one thread of a CPU.
    """
    import torch
    from torch.nn.functional import embedding_bag, normalize

    generator = torch.Generator().manual_seed(seed)
    with one_torch_thread(2 * min(BATCH, len(x)) * x.shape[1] * m < SMALL):
        rows = np.asarray(x, np.float32) - x.mean(axis=0, dtype=np.float64).astype(np.float32)
        inputs = normalize(torch.from_numpy(rows), dim=1).to(device)
        dictionary = normalize(torch.randn(m, x.shape[1], generator=generator), dim=1).to(device)
        encoder, threshold = dictionary.clone().requires_grad_(), torch.zeros(m, device=device, requires_grad=True)
        base = inputs.mean(dim=0).requires_grad_()
        dictionary.requires_grad_()
        optimiser = torch.optim.Adam([dictionary, encoder, threshold, base], lr=LR)
        idle = torch.zeros(m, device=device)  # items since a factor last fired

        def decode(at, values):
            return embedding_bag(at, dictionary, per_sample_weights=values, mode="sum")

        for step, rows in zip(range(steps), _batches(len(x), seed), strict=False):
            batch = inputs[torch.from_numpy(rows).to(device)]
            before = (batch - base) @ encoder.T + threshold
            values, at = before.topk(k, dim=1)
            values = values.relu()
            left = batch - base - decode(at, values)
            loss = left.square().sum(dim=1).mean()
            idle += len(batch)
            idle[at[values > 0]] = 0
            if int((dead := idle > IDLE_AFTER).sum()):
                many = min(2 * k, int(dead.sum()))
                spare, where = before.masked_fill(~dead, -torch.inf).topk(many, dim=1)
                loss = loss + AUXILIARY * (left.detach() - decode(where, spare.relu())).square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                dictionary.copy_(normalize(dictionary, dim=1))
            progress(step + 1, steps)

        with torch.inference_mode():
            found, weights, wrong = [], [], 0.0
            for start in range(0, len(x), BLOCK):
                part = inputs[start : start + BLOCK]
                values, at = ((part - base) @ encoder.T + threshold).topk(k, dim=1)
                values = values.relu()
                wrong += float((part - base - decode(at, values)).square().sum())
                found.append(at.to(torch.int16).cpu().numpy())
                weights.append(values.half().cpu().numpy())
            spread = float((inputs - inputs.mean(dim=0)).square().sum())
    indices, activity = np.concatenate(found), np.concatenate(weights)
    fires = np.bincount(indices[activity > 0], minlength=m) > 0
    return Factors(indices, activity, m, 1.0 - wrong / spread if spread > 0 else 1.0), int((~fires).sum())


def _batches(n: int, seed: int) -> Iterator[np.ndarray]:
    """int64 [b], without end: all rows in turn, in a new order each time around; a remainder is left out."""
    for epoch in count():
        order = np.random.default_rng([seed, epoch]).permutation(n)
        for start in range(0, max(n - BATCH, 0) + 1, BATCH):
            yield order[start : start + BATCH]
