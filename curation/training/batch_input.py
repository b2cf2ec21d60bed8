"""What a training loop hands over per batch, arrays or tensors on any device, checked and turned into numpy arrays."""

from __future__ import annotations

import numpy as np

from curation.errors import InputError


def checked_ids(ids, n: int) -> np.ndarray:
    """int64 [b], all in 0..n-1.

    >>> checked_ids([2, 0], 3).tolist()
    [2, 0]
    """
    ids = as_array(ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise InputError(f"ids of shape {ids.shape} and type {ids.dtype}: expected the row numbers of a batch, [b]")
    if len(ids) and not (ids.min() >= 0 and ids.max() < n):
        wrong = ids[(ids < 0) | (ids >= n)][0]
        raise InputError(f"id {wrong} is outside the data: this sampler knows rows 0 to {n - 1:,}")
    return ids.astype(np.int64)


def checked_losses(losses, b: int) -> np.ndarray:
    """float32 [b], NaN and infinity included."""
    losses = as_array(losses).astype(np.float32)
    if losses.shape != (b,):
        raise InputError(f"losses of shape {losses.shape} for {b} ids: give one loss per item, not reduced")
    return losses


def checked_logits(logits, b: int) -> np.ndarray:
    """float [b, C]."""
    logits = as_array(logits)
    if logits.ndim != 2 or len(logits) != b:
        raise InputError(f"logits of shape {logits.shape} for {b} ids: expected [{b}, classes]")
    return logits


def as_array(values) -> np.ndarray:
    """The same as an array: a tensor comes off its device and its graph, and half precision becomes float32."""
    if not hasattr(values, "detach"):
        return np.asarray(values)
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()
