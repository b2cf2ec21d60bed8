"""The embedding loop of texts: texts in, a memory-mapped `[n, dim]` array out, as `embed` is for images.

Texts of about one length share a batch, since a batch is as slow as its longest text. The batch shrinks until it fits
into memory. Every shard is on the disk before the next begins, so a killed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curation.errors import RunError
from curation.training.device import autocast, is_out_of_memory
from curation.training.embed import Store

if TYPE_CHECKING:
    import torch


def embed_texts(
    read: Callable[[list[str]], torch.Tensor | np.ndarray],
    texts: Any,
    folder: Path,
    *,
    dim: int,
    device: str,
    progress: Callable[..., None],
    name: str = "embeddings",
    batch: int = 256,
    shard: int = 4096,
    dtype: Literal["float16", "float32"] = "float16",
) -> np.ndarray:
    """Write `folder/<name>.npy` [len(texts), dim] and return it, memory-mapped and read-only.

    read: b texts -> [b, dim]. texts: anything with a length, and `take(positions)` that can be walked over.
    Raises RunError where not even one text fits into memory, or a value is not finite.
    """
    import torch

    store = Store(folder, (len(texts), dim), dtype, shard, name)
    if store.finished:
        return store.array()
    step = min(store.batch or batch, batch)
    with torch.inference_mode(), autocast(device):
        for start in range(store.first * shard, len(texts), shard):
            progress(start, len(texts), "encoding texts")
            part = list(texts.take(np.arange(start, min(start + shard, len(texts)))))
            order = np.argsort([len(text) for text in part], kind="stable")
            made = np.empty((len(part), dim), np.float32)
            at = 0
            while at < len(order):
                chosen = order[at : at + step]
                try:
                    made[chosen] = _numbers(read([part[i] for i in chosen]))
                    at += len(chosen)
                    continue
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                # Outside the handler: the error holds on to every tensor of the pass that failed.
                if len(chosen) == 1:
                    raise RunError(
                        f"the memory of {device} is too small for this encoder and a single text: choose a smaller "
                        "model, free some memory or run with --device cpu"
                    )
                step = len(chosen) // 2
            store.write(made, step)
    progress(len(texts), len(texts), "encoding texts")
    return store.close()


def _numbers(made: torch.Tensor | np.ndarray) -> np.ndarray:
    return made if isinstance(made, np.ndarray) else made.float().cpu().numpy()
