"""The embedding loop for texts: texts in, a memory-mapped `[n, dim]` array out. Every encoder of texts runs through it.

Texts of alike length go through together, so that little of a batch is padding; the batch shrinks until it fits into
memory. The array grows shard by shard, and a killed run called again on the same folder goes on at the first missing
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from curation.data.contents import TextRows
from curation.errors import RunError
from curation.training.device import is_out_of_memory
from curation.training.embedding_store import Elsewhere, EmbeddingStore

READ = 20_000  # characters of a text that an encoder reads, at most: some pages


@dataclass(frozen=True)
class TextEncoder:
    """An encoder that is ready to run, or to embed a query.

    dim: d, numbers per text. forward: b texts -> float32 `[b, d]`. batch: texts that go through together.
    read: characters of a text it reads, at most. notes: what the card of the result should say beside the parameters.
    """

    dim: int
    forward: Callable[[list[str]], np.ndarray]
    batch: int = 256
    read: int = READ
    notes: dict[str, Any] = field(default_factory=dict)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [b, d] of a few texts."""
        return self.forward([text[: self.read] for text in texts]).astype(np.float32)


def embed_texts(
    encoder: TextEncoder,
    texts: TextRows,
    folder: Path,
    *,
    progress: Callable[..., None],
    name: str = "embeddings",
    shard: int = 4096,
    dtype: Literal["float16", "float32"] = "float16",
    elsewhere: Elsewhere | None = None,
) -> np.ndarray:
    """Write `folder/<name>.npy` [len(texts), dim] and return it, memory-mapped and read-only.

    elsewhere: makes the shards instead of `encoded_texts`.
    Raises RunError where not even one text fits into memory or the encoder returns values that are not finite.
    """
    store = EmbeddingStore(folder, (len(texts), encoder.dim), dtype, shard, name)
    if store.finished:
        return store.array()
    here = partial(encoded_texts, encoder, texts, batch=store.batch or encoder.batch, progress=progress)
    return store.filled((elsewhere or here)(store.missing()), progress)


def encoded_texts(
    encoder: TextEncoder,
    texts: TextRows,
    shards: list[range],
    batch: int,
    progress: Callable[..., None] = lambda *_: None,
) -> Iterator[tuple[np.ndarray, int]]:
    """Of each shard its embeddings, float32 [m, d], and the batch that fitted into memory."""
    step = min(batch, encoder.batch)
    for shard in shards:
        part = list(texts.take(np.arange(shard.start, shard.stop)))
        # The longest first: whether memory is enough is seen at once.
        order = np.argsort([-len(text) for text in part], kind="stable")
        rows, at = np.empty((len(part), encoder.dim), np.float32), 0
        while at < len(part):
            chosen = order[at : at + step]
            try:
                rows[chosen] = encoder([part[i] for i in chosen])
                at += len(chosen)
                progress(shard.start + at, len(texts), "encoding")
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if len(chosen) == 1:  # outside the handler: the error holds on to every tensor of the pass that failed
                raise RunError(
                    "the memory is too small for this encoder and a single text: choose a smaller model, free some "
                    "memory or run with --device cpu"
                )
            step = len(chosen) // 2
        yield rows, step
