"""Encode: a vector for every usable item, test rows included. No label is read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.data.view import Images
from curation.engine import registry
from curation.engine.compute import Call
from curation.engine.elsewhere import packed, unpacked
from curation.engine.plan import Ask, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.workers.base import Workers, in_order

if TYPE_CHECKING:
    from curation.training.embed import Encoder

STAGE = Stage(
    kind="encoders",
    section="encode",
    model=Section,
    after=("source",),
    analysis=True,
    device=True,
    resumable=True,
    spreads=True,
)


def steps(section: Section, ask: Ask) -> list[str]:
    return [ask.result("encode")]


def result(name: str, ask: Ask) -> str:
    section = ask.recipe.encode
    method, inputs = registry.get("encoders", section.use), {"source": ask.source}
    files = ask.fingerprints(section.params.values(), "[encode]")
    reads = method.card.needs
    return ask.add(Step("encode", section.use, method, section.params, section.seed, inputs, reads=reads, files=files))


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """embeddings.npy [m, d], and class_embeddings.npy [C, d] of an encoder that reads text."""
    rows = store.usable
    view = store.view(step, rows, as_read=True)
    made = call(view)
    about: dict[str, Any] = {}
    if isinstance(made, np.ndarray):
        np.save(folder / "embeddings.npy", made, allow_pickle=False)
    else:
        from curation.training.embed import embed

        elsewhere = partial(_on_workers, step, store, call.workers, call.device) if call.workers else None
        embed(made, view.images, folder, device=call.device, progress=call.progress, elsewhere=elsewhere)
        if made.text is not None:
            np.save(folder / "class_embeddings.npy", made.text, allow_pickle=False)
        about = dict(made.notes)
    np.save(folder / "rows.npy", rows, allow_pickle=False)
    shape = np.load(folder / "embeddings.npy", mmap_mode="r").shape
    return {"rows": shape[0], "dim": shape[1], **about}


def _on_workers(
    step: Step, store: ResultReader, workers: Workers, device: str, shards: list[range], folder: Path
) -> Iterator[int]:
    """Have each shard written by a worker; see `embed`."""
    device = device if workers.gpu else "cpu"
    ask = packed(step, store.workspace, store.source_key, store.effective, device)
    parts = [(ask, rows.start, rows.stop, str(folder.absolute())) for rows in shards]
    return in_order(workers, write_rows, parts, device=device != "cpu")


def write_rows(ask: str, start: int, stop: int, folder: str) -> int:
    """What a worker does of the packed step."""
    from curation.training.embed import write_shard

    encoder, images, device = _model(ask)
    return write_shard(encoder, images, range(start, stop), Path(folder), device)


@lru_cache(maxsize=1)
def _model(ask: str) -> tuple[Encoder, Images, str]:
    """One model per worker, kept from shard to shard."""
    step, store, call = unpacked(ask)
    view = store.view(step, store.usable, as_read=True)
    return call(view), view.images, call.device
