"""PyTorch index: the rows of the kept train items as a tensor file, and a snippet that makes them a `Subset`.

The file holds a dict for `torch.load(path, weights_only=True)`: `rows` int64 [k] (item rows, in the order taken),
`weights` float32 [k] (1 where the method gave none), `labels` int64 [k] (labels in force, positions in `classes`),
`classes` and `ids` (lists of text). Beside it lies `<name>.pt.snippet.py`, which loads it.

Paszke et al., PyTorch: An Imperative Style, High-Performance Deep Learning Library, NeurIPS 2019.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.items import TRAIN, Items, encode_labels
from curation.data.remote.parameter import Location
from curation.data.safe_open import real_name
from curation.data.writing.atomic import atomic
from curation.data.writing.export_helpers import class_list, kept_rows
from curation.data.writing.owned import SNIPPET, sidecar

CARD = Card(
    title="PyTorch index",
    cost="n time",
    blind_to="images: the data stays where it is",
    paper="https://arxiv.org/abs/1912.01703",
    tags=("index",),
    requires=("torch",),
    stochastic=False,
    ending=".pt",
)

# For items that are rows of an array, in the order of the data set they came from.
BY_ROW = '''"""The {count:,} train items Winnow kept, out of a data set of {n:,} items."""

from pathlib import Path

import torch
from torch.utils.data import Subset

index = torch.load(Path(__file__).with_name({name!r}), weights_only=True)  # rows, weights, labels, classes, ids


def kept(dataset):
    """The kept part of `dataset`, whose items must be in the order Winnow read them.

    The labels in force are index["labels"]; those of `dataset` may be others.
    """
    return Subset(dataset, index["rows"].tolist())
'''

# For items that are files: torchvision sorts them in its own way, so they are found by path.
BY_PATH = '''"""The {count:,} train items Winnow kept, out of a data set of {n:,} items."""

from pathlib import Path

import torch
from torch.utils.data import Subset

root = Path({root!r})  # the folder that holds the images; change it when they have moved
index = torch.load(Path(__file__).with_name({name!r}), weights_only=True)  # rows, weights, labels, classes, ids


def kept(dataset):
    """The kept part of a torchvision `ImageFolder` over `root` or a folder in it, in the order taken.

    The labels in force are index["labels"]; those of `dataset` may be others.
    """
    at = {{Path(path).resolve(): number for number, (path, _) in enumerate(dataset.samples)}}
    return Subset(dataset, [at[(root / path).resolve()] for path in index["paths"]])
'''


def write(
    manifest: pa.Table,
    *,
    path: Annotated[Location, Field(description="The file to write, such as out/kept.pt.")],
    items: Items,
) -> list[Path]:
    """Write the index and its snippet; returns both files. Raises InputError where they cannot be written."""
    import torch

    rows = kept_rows(manifest, TRAIN)
    chosen = manifest.take(rows)
    classes = class_list(manifest, items)
    weights = chosen["weight"].fill_null(1.0).to_numpy()
    index = {
        "rows": torch.from_numpy(rows.astype(np.int64)),
        "weights": torch.from_numpy(weights.astype(np.float32)),
        "labels": torch.from_numpy(encode_labels(chosen["label"].to_pylist(), classes)),
        "classes": classes,
        "ids": chosen["id"].to_pylist(),
    }
    files = items.table["container"].null_count == len(items)  # and not parts of larger ones
    by_path = isinstance(items.root, Path) and items.images is None and files
    if by_path:
        index["paths"] = [
            os.path.relpath(real_name(items.root, path), items.root) for path in chosen["path"].to_pylist()
        ]
    snippet = sidecar(path, SNIPPET)
    text = (BY_PATH if by_path else BY_ROW).format(
        count=len(rows), n=len(items), name=path.name, root=str(items.root.resolve()) if by_path else ""
    )
    out = io.BytesIO()  # into a file, the file's temporary name would become part of its content
    torch.save(index, out)
    with atomic(path) as beside:
        beside.write_bytes(out.getvalue())
    with atomic(snippet) as beside:
        beside.write_text(text, encoding="utf-8")
    return [path, snippet]
