"""Encode: a vector for every usable item, test rows included. No label is read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.data.contents import TextRows
from curation.data.parts import here
from curation.engine import registry
from curation.engine.compute import Call
from curation.engine.elsewhere import packed, sent, unpacked
from curation.engine.plan import Ask, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.workers.spread import ByWorkers
from curation.training.embed_texts import TextEncoder, embed_texts, encoded_texts

if TYPE_CHECKING:
    from curation.data.view import View
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
    """embeddings.npy [m, d]; of an encoder that reads text class_embeddings.npy [C, d], and of pairs
    text_embeddings.npy [m, d], their captions."""
    rows = store.usable
    view = store.view(step, rows, as_read=True)
    made = call(view, into=folder)
    about: dict[str, Any] = {}
    spread = None if call.spread is here else call.spread
    elsewhere = partial(_on_workers, step, store, spread, folder) if spread else None
    if isinstance(made, np.ndarray):
        np.save(folder / "embeddings.npy", made, allow_pickle=False)
    elif isinstance(made, TextEncoder):
        embed_texts(made, view.texts, folder, progress=call.progress, elsewhere=elsewhere)
        longer = sum(len(text) > made.read for text in view.texts)
        about = {**made.notes, **({f"read to {made.read:,} characters": longer} if longer else {})}
    else:
        from curation.training.embed import embed

        embed(made, view.images, folder, device=call.device, progress=call.progress, elsewhere=elsewhere)
        if made.text is not None:
            np.save(folder / "class_embeddings.npy", made.text, allow_pickle=False)
        about = dict(made.notes)
        if made.captions is not None and store.items.has_texts:
            about["notes"] = _captions(made, TextRows(store.items, rows), folder, call)
    np.save(folder / "rows.npy", rows, allow_pickle=False)
    shape = np.load(folder / "embeddings.npy", mmap_mode="r").shape
    if spread and not isinstance(made, np.ndarray):
        about["device"] = spread.device
    return {"rows": shape[0], "dim": shape[1], **about}


def _on_workers(
    step: Step, store: ResultReader, spread: ByWorkers, folder: Path, shards: list[range]
) -> Iterator[tuple[np.ndarray, int]]:
    """Of each shard its embeddings and the batch that fitted into memory."""
    ask = packed(step, sent(store.workspace, store.source_key, store.effective), spread.device)
    return spread(rows_of, [(rows.start, rows.stop) for rows in shards], ask=ask, folder=str(folder.absolute()))


def rows_of(start: int, stop: int, *, ask: str, folder: str) -> tuple[np.ndarray, int]:
    """What a worker does of the packed step. One process, one model: images are decoded where they are encoded."""
    from curation.training.embed import encoded

    made, view, device = _model(ask, folder)
    rows = range(start, stop)
    if isinstance(made, TextEncoder):
        shards = encoded_texts(made, view.texts, [rows], made.batch)
    else:
        shards = encoded(made, view.images, [rows], made.batch, device, workers=0)
    (made_rows,) = shards  # to its end, which closes what it holds
    return made_rows


@lru_cache(maxsize=1)
def _model(ask: str, folder: str) -> tuple[Encoder | TextEncoder, View, str]:
    """Kept from shard to shard. folder: where it may lie, fitted by the run itself."""
    step, store, call = unpacked(ask)
    view = store.view(step, store.usable, as_read=True)
    return call(view, into=Path(folder)), view, call.device


def _captions(made: Encoder, texts: TextRows, folder: Path, call: Call) -> list[str]:
    """text_embeddings.npy, and what to say of captions that the encoder cannot read at once."""
    reader = TextEncoder(made.dim, made.captions, made.batch)
    embed_texts(reader, texts, folder, progress=call.progress, name="text_embeddings")
    step = TextRows.BLOCK
    blocks = (texts.take(np.arange(at, min(at + step, len(texts)))) for at in range(0, len(texts), step))
    longer = sum(made.captions.longer(list(block)) for block in blocks)
    if not longer:
        return []
    return [
        f"{longer:,} of {len(texts):,} captions are longer than the {made.captions.window} tokens the encoder reads at "
        "once: each of them is encoded as the mean of its first sentences."
    ]
