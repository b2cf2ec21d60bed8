"""The embedding loop: images in, a memory-mapped `[n, dim]` array out. Every encoder runs through it.

Decoding happens in worker processes, half precision and channels-last on CUDA, and the batch shrinks until it fits.
The array grows shard by shard; `shards.done` beside it says which shards are safely on disk, so a killed run called
again on the same folder goes on at the first missing one and ends with the same bytes.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from curation.data.contents import Images
from curation.errors import RunError, SourceError
from curation.training.device import autocast, is_out_of_memory
from curation.training.embedding_store import Elsewhere, EmbeddingStore

if TYPE_CHECKING:
    import torch
    from PIL import Image

WORTH_WORKERS = 10.0  # seconds of decoding below which starting worker processes costs more than it saves


class Captions(Protocol):
    """A text tower. window: tokens it reads at once."""

    window: int

    def __call__(self, texts: list[str]) -> np.ndarray:
        """float32 [b, dim] of b texts, in the space of the images."""

    def longer(self, texts: list[str]) -> int:
        """How many of the texts are longer than the window."""


@dataclass(frozen=True)
class Encoder:
    """An encoder that is ready to run.

    dim: d, numbers per image. prepare: `PIL.Image` -> uint8 or float32 array of one fixed shape; runs in worker
    processes, so it must be picklable. forward: a batch `[b, *shape]` that already lies on the device -> `[b, d]`.
    batch: images per forward pass, halved when memory runs out.
    text: float32 `[C, d]`, the classes in the same space, where the encoder can read their names.
    captions: reads any text into the same space, where the encoder has a tower for it; else None.
    notes: what the card of the result should say beside the parameters.
    at_least: a JPEG may come at a half, quarter or eighth of its size, with both sides at least this long.
    """

    dim: int
    prepare: Callable[[Image.Image], np.ndarray]
    forward: Callable[[torch.Tensor], torch.Tensor]
    batch: int = 256
    text: np.ndarray | None = None
    captions: Captions | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    at_least: int | None = None


def embed(
    encoder: Encoder,
    images: Images,
    folder: Path,
    *,
    device: str,
    progress: Callable[..., None],
    shard: int = 4096,
    dtype: Literal["float16", "float32"] = "float16",
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
) -> np.ndarray:
    """Write `folder/embeddings.npy` [len(images), dim] and return it, memory-mapped and read-only.

    shard: rows made durable at a time; what a kill can cost at most. workers: processes that decode; by default
    as many as there are cores, at most 8, and none where the set is so small that they would not pay.
    elsewhere: makes the shards instead of `encoded`.
    Raises SourceError naming an image that cannot be decoded any more, RunError where not even one image fits
    into memory or the encoder returns values that are not finite.
    """
    store = EmbeddingStore(folder, (len(images), encoder.dim), dtype, shard)
    if store.finished:
        return store.array()
    shards, batch = store.missing(), store.batch or encoder.batch
    here = partial(encoded, encoder, images, batch=batch, device=device, progress=progress, workers=workers)
    return store.filled((elsewhere or here)(shards), progress)


def encoded(
    encoder: Encoder,
    images: Images,
    shards: list[range],
    batch: int,
    device: str,
    progress: Callable[..., None] = lambda *_: None,
    workers: int | None = None,
) -> Iterator[tuple[np.ndarray, int]]:
    """Of each shard its embeddings [m, d], and the batch that fitted into memory. No batch crosses a shard's end, so
    what comes out does not depend on where a run began."""
    import torch

    batches = [range(at, min(at + encoder.batch, rows.stop))
               for rows in shards for at in range(rows.start, rows.stop, encoder.batch)]  # fmt: skip
    ends, step, rows = {rows.stop for rows in shards}, min(batch, encoder.batch), []
    with torch.inference_mode(), autocast(device):
        for positions, batch in _loaded(encoder, images, batches, device, workers):
            made, step = _forward(encoder.forward, batch, step, device)
            rows.extend(made)
            if positions.stop in ends:
                yield torch.cat(rows).cpu().numpy(), step
                rows = []
            progress(positions.stop, len(images), "encoding")


def _forward(forward: Callable, batch: torch.Tensor, step: int, device: str) -> tuple[list[torch.Tensor], int]:
    """Embeddings of one batch, `step` images at a time, and the step that fitted into memory."""
    import torch

    made, at = [], 0
    while at < len(batch):
        part = batch[at : at + step]
        try:
            part = part.to(device, non_blocking=True)
            if part.ndim == 4 and part.is_floating_point() and part.is_cuda:
                part = part.contiguous(memory_format=torch.channels_last)
            made.append(forward(part).float())
            at += len(part)
            continue
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: the error holds on to every tensor of the pass that failed.
        if len(part) == 1:
            raise RunError(
                f"the memory of {device} is too small for this encoder and a single image: "
                "choose a smaller model, free some memory or run with --device cpu"
            )
        step = len(part) // 2
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
    return made, step


def decoded(images: Images, position: int, prepare: Callable, at_least: int | None = None) -> np.ndarray:
    """One image, prepared; `at_least` as in `Encoder`. Raises SourceError naming an item that can no longer be read."""
    try:
        return prepare(images.decoded(position, at_least))
    except SourceError as error:
        items, row = images.items, int(images.rows[position])
        name = items.column("path")[row] or items.column("id")[row]
        raise SourceError(f"{name} can no longer be read ({error}): put the file back or read the data again") from None


# -- decoding ------------------------------------------------------------------------------------------------


class _Batches:
    """Batch number -> its images as one array, or the SourceError that stopped it. Lives in worker processes.

    shared: whether workers hand batches over in shared memory, as tensors. Containers often have next to none of it,
    and a worker that runs out is killed; arrays then go through a pipe, which is slower and always works.
    """

    def __init__(self, encoder: Encoder, images: Images, batches: list[range]):
        self.prepare, self.at_least = encoder.prepare, encoder.at_least  # what can be pickled of the encoder
        self.images, self.batches, self.shared = images, batches, True

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> torch.Tensor | np.ndarray | SourceError:
        import torch

        try:
            self.images.fetch(self.batches[number])
            batch = np.stack([self.image(position) for position in self.batches[number]])
        except SourceError as error:  # handed over as a value: a worker's exception arrives as a page of traceback
            return error
        return torch.from_numpy(batch) if self.shared else batch

    def image(self, position: int) -> np.ndarray:
        return decoded(self.images, position, self.prepare, self.at_least)


def _loaded(
    encoder: Encoder, images: Images, batches: list[range], device: str, workers: int | None
) -> Iterator[tuple[range, torch.Tensor]]:
    """Each batch's positions and its prepared images, in order."""
    import torch
    from torch.utils.data import DataLoader

    if not batches:
        return
    source = _Batches(encoder, images, batches)
    seconds, size = _measured(source)
    if workers is None:
        workers = _workers(seconds * sum(map(len, batches)))
    in_flight = size * max(map(len, batches)) * 3 * workers  # two waiting and one in the making, each
    source.shared = 2 * in_flight < _shared_memory()
    loader = DataLoader(
        source,
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=device.startswith("cuda"),
        # Forked workers start at once and share the items' memory; they only decode, so they never touch a GPU.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    for positions, batch in zip(batches, loader, strict=True):
        if isinstance(batch, SourceError):
            raise batch
        yield positions, torch.as_tensor(batch)


def _as_it_is(batch):
    return batch


def _measured(source: _Batches) -> tuple[float, int]:
    """Seconds and bytes one prepared image takes, from the first few."""
    sample, start = source.batches[0][:8], time.perf_counter()
    size = max(source.image(position).nbytes for position in sample)
    return (time.perf_counter() - start) / len(sample), size


def _workers(seconds: float) -> int:
    """How many decode processes pay for `seconds` of decoding: none where it is a matter of moments."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if cores == 1 or seconds < WORTH_WORKERS else min(8, cores)


def _shared_memory() -> float:
    """Bytes of shared memory that are free; where the system does not tell, it has no limit of its own."""
    folder = Path("/dev/shm")
    return shutil.disk_usage(folder).free if folder.is_dir() else float("inf")
