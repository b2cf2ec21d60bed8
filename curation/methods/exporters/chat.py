"""Chat: the conversations that were kept, as they were read or in another dialect.

By default every record is written back letter for letter, in the order of the file, so that keys Winnow does not know
stay: read and written without a decision, the same records come out. A path that ends in .json gets one array, any
other JSON lines. Held-out conversations never mix with the kept ones: they go to a file beside it,
`kept.jsonl.test.jsonl`.

Where items are single answers (`per = "turn"`), a conversation is written up to the first answer that was not kept,
and not at all where that is the first: what a person or a flag spoke against is never trained on, and what was said
after it goes with it. `dialect` writes another dialect, of what all of them can say: the turns, the system prompt and
an id. Of a preference pair that is the chosen answer.

LLaMA-Factory, data/README.md; TRL, Dataset formats and types; OpenAI, Fine-tuning guide.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.chat.rows import is_chat
from curation.data.chat.writing import write_records
from curation.data.items import TEST, TRAIN, VAL, Items
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic
from curation.data.writing.export_helpers import kept_rows
from curation.data.writing.owned import sidecar
from curation.errors import InputError

CARD = Card(
    title="Chat, in the dialect that was read",
    cost="the records that were kept are copied once",
    blind_to="pictures that a conversation names: they are not copied",
    tags=("chat",),
    stochastic=False,
    ending=".jsonl",
)


def write(
    manifest: pa.Table,
    *,
    items: Items,
    path: Annotated[Location, Field(description="The file to write, such as out/kept.jsonl; .json writes one array.")],
    dialect: Annotated[
        Literal["as read", "messages", "sharegpt", "alpaca", "completion"],
        Field(description="As every record was read, or all of them in one dialect."),
    ] = "as read",
) -> list[Path]:
    """Write the kept conversations; returns the files. Raises InputError where the items are none, or where a
    conversation cannot be said in `dialect`: then nothing is written.

    >>> import tempfile
    >>> from curation.data.items import make_items
    >>> said = ['{"instruction": "Hi", "output": "Hello.", "x": 1}', '{"text": "A story."}']
    >>> items = make_items(ids=["a", "b"], labels=[None] * 2, splits=["train"] * 2, labelled=False, record_rows=[0, 1],
    ...     written=["", ""], records=said)
    >>> table = pa.table({"kept": [True, False], "split": ["train"] * 2, "rank": pa.array([None] * 2, pa.int32())})
    >>> write(table, items=items, path=Path(tempfile.mkdtemp()) / "kept.jsonl")[0].read_text()
    '{"instruction": "Hi", "output": "Hello.", "x": 1}\\n'
    """
    if not is_chat(items):
        raise InputError("the chat export writes conversations and these items are none; use csv, jsonl or parquet")
    if manifest.num_rows not in (0, len(items)):
        raise InputError(f"the manifest has {manifest.num_rows:,} rows and there are {len(items):,} items")
    written = []
    for split in (TRAIN, VAL, TEST):
        rows = np.sort(kept_rows(manifest, split))
        if split != TRAIN and not len(rows):
            continue
        target = path if split == TRAIN else sidecar(path, f".{split}{path.suffix or '.jsonl'}")
        with atomic(target) as beside:
            write_records(items, rows, beside, dialect, array=path.suffix.lower() == ".json")
        written.append(target)
    return written
