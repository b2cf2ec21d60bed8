"""Find texts by the words in them, whatever the case, through all texts in bounded memory."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.data.items import Items

MOST = 1_000  # rows found, unless told
BLOCK = 20_000  # texts looked at together


def containing(items: Items, query: str, rows: np.ndarray, most: int = MOST) -> np.ndarray:
    """int64, the first `most` of `rows` whose text holds every word of the query, as a part of any word.

    Between double quotes words have to stand as they are written, one after the other. Case does not count.

    >>> from curation.data.items import make_items
    >>> texts = ["Where is my card?", "Cards are lost", "my phone"]
    >>> items = make_items(ids=list("abc"), labels=["x"] * 3, splits=["train"] * 3, written=texts)
    >>> containing(items, "card", np.arange(3)).tolist(), containing(items, '"my card"', np.arange(3)).tolist()
    ([0, 1], [0])
    """
    wanted = [quoted or word for quoted, word in re.findall(r'"([^"]+)"|(\S+)', query)]
    found: list[np.ndarray] = []
    for start in range(0, len(rows) if wanted else 0, BLOCK):
        part = np.asarray(rows[start : start + BLOCK])
        texts = pa.array(items.texts(part), pa.large_string())
        hits = np.ones(len(part), bool)
        for word in wanted:
            hits &= pc.match_substring(texts, word, ignore_case=True).to_numpy(zero_copy_only=False)
        found.append(part[hits])
        if sum(map(len, found)) >= most:
            break
    return np.concatenate([np.zeros(0, np.int64), *found])[:most].astype(np.int64)
