"""Hugging Face data set: parquet files with the images inside and a data card, ready for `load_dataset(path)`.

    <path>/README.md                                     the card: features, splits, where it came from
    <path>/data/train-00000-of-00003.parquet             image, label, id, weight
    <path>/data/test-00000-of-00001.parquet

Kept train rows come in the order they were taken, with their labels in force; test and validation rows unchanged.
Images are stored as they are (rows of arrays as PNG); a source that brings features gets a column `features`. The
folder can be pushed to the hub as it is. No package is needed to write it.

Lhoest et al., Datasets: A Community Library for Natural Language Processing, EMNLP 2021 (system demonstrations).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from curation.card import Card
from curation.data.items import TEST, TRAIN, VAL, Items, encode_labels
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic_folder
from curation.data.writing.export_helpers import class_list, encoded, in_turn, kept_rows
from curation.errors import InputError

CARD = Card(
    title="Hugging Face data set",
    cost="the bytes of the kept images",
    blind_to="reasons, scores and what was left out, which are in the manifest only",
    paper="https://arxiv.org/abs/2109.02846",
    tags=("images", "features"),
    stochastic=False,
)

SPLITS = {TRAIN: "train", VAL: "validation", TEST: "test"}
SHARD = 400 * 10**6  # bytes of images per file, about
BATCH = 200  # rows in memory at a time


def write(
    manifest: pa.Table,
    *,
    path: Annotated[Location, Field(description="The folder to write; new, empty, or an earlier export.")],
    items: Items,
) -> list[Path]:
    """Write the kept items; returns the folder. Raises InputError.

    >>> import tempfile
    >>> from curation.data.items import make_items
    >>> one = make_items(ids=["a"], labels=["cat"], splits=["train"], images=np.zeros((1, 4, 4), np.uint8))
    >>> row = {"id": "a", "split": "train", "label": "cat", "kept": True, "rank": 1, "weight": 1.0}
    >>> folder, = write(pa.Table.from_pylist([row]), path=Path(tempfile.mkdtemp()) / "kept", items=one)
    >>> pq.read_table(folder / "data" / "train-00000-of-00001.parquet")["label"].to_pylist()
    [0]
    """
    classes = class_list(manifest, items)
    schema = _schema(items, classes)
    counts: dict[str, int] = {}
    with atomic_folder(path) as top:
        (top / "data").mkdir()
        for split, name in SPLITS.items():
            rows = kept_rows(manifest, split)
            if not len(rows):
                continue
            counts[name] = len(rows)
            shards = _shards(items, rows)
            for number, part in enumerate(shards):
                file = top / "data" / f"{name}-{number:05d}-of-{len(shards):05d}.parquet"
                with pq.ParquetWriter(file, schema) as out:
                    for start in range(0, len(part), BATCH):
                        out.write_table(_table(manifest, items, part[start : start + BATCH], classes, schema))
        if not counts:
            raise InputError("nothing is kept, so there is nothing to export")
        (top / "README.md").write_text(_card(items, classes, counts), encoding="utf-8")
    return [path]


def _schema(items: Items, classes: Sequence[str]) -> pa.Schema:
    """Arrow types, and beside them what `datasets` makes of them."""
    types: dict[str, tuple[pa.DataType, dict[str, Any]]] = {}
    if items.has_images:
        types["image"] = pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"_type": "Image"}
    if items.has_texts:
        types["text"] = pa.large_string(), {"dtype": "large_string", "_type": "Value"}
    if items.features is not None:
        inner = {"dtype": "float32", "_type": "Value"}
        types["features"] = pa.list_(pa.float32()), {"feature": inner, "_type": "Sequence"}
    types["label"] = pa.int64(), {"names": list(classes), "_type": "ClassLabel"}
    types["id"] = pa.string(), {"dtype": "string", "_type": "Value"}
    types["weight"] = pa.float64(), {"dtype": "float64", "_type": "Value"}
    about = {"info": {"features": {name: feature for name, (_, feature) in types.items()}}}
    return pa.schema([(name, kind) for name, (kind, _) in types.items()], metadata={"huggingface": json.dumps(about)})


def _table(manifest: pa.Table, items: Items, rows: np.ndarray, classes: Sequence[str], schema: pa.Schema) -> pa.Table:
    part = manifest.take(rows)
    labels = encode_labels(part["label"].to_pylist(), classes)
    columns: dict[str, Any] = {
        "label": pa.array(labels, mask=labels < 0),
        "id": part["id"],
        "weight": part["weight"],
    }
    if items.has_images:
        names = [items.column("path")[row] or f"{items.column('id')[row]}.png" for row in rows]
        pairs = zip(in_turn(items, rows), names, strict=True)
        columns["image"] = [{"bytes": encoded(items, row), "path": name} for row, name in pairs]
    if items.has_texts:
        columns["text"] = pa.array(items.texts(rows), pa.large_string())
    if items.features is not None:
        columns["features"] = list(np.asarray(items.features[rows], np.float32))
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _shards(items: Items, rows: np.ndarray) -> list[np.ndarray]:
    """The rows in runs of about SHARD bytes."""
    ends = np.cumsum(items.column("bytes")[rows].astype(np.float64))
    number = (np.nan_to_num(ends) // SHARD).astype(int)
    return [rows[number == shard] for shard in np.unique(number)]


def _card(items: Items, classes: Sequence[str], counts: dict[str, int]) -> str:
    """README.md: front matter in YAML that the hub and `datasets` read, then words for people."""
    text = ["---", "configs:", "- config_name: default", "  data_files:"]
    for name in counts:
        text += [f"  - split: {name}", f"    path: data/{name}-*"]
    text += ["dataset_info:", "  features:"]
    if items.has_images:
        text += ["  - name: image", "    dtype: image"]
    if items.has_texts:
        text += ["  - name: text", "    dtype: large_string"]
    if items.features is not None:
        text += ["  - name: features", "    sequence: float32"]
    text += ["  - name: label", "    dtype:", "      class_label:", "        names:"]
    text += [f"          '{code}': {_quoted(name)}" for code, name in enumerate(classes)]
    text += ["  - name: id", "    dtype: string", "  - name: weight", "    dtype: float64"]
    text += ["---", "", "# A curated data set", ""]
    text += [f"- {name}: {count:,} items" for name, count in counts.items()]
    text += [
        f"- classes: {len(classes):,}",
        "",
        f"Chosen out of {len(items):,} items with Winnow; the recipe beside this folder repeats the choice.",
        "Train rows come in the order they were taken; `weight` is 1 where the method gave none.",
        "",
    ]
    return "\n".join(text)


def _quoted(name: str) -> str:
    r"""A name as YAML: JSON, but for characters that YAML takes in escaped form only.

    >>> print(_quoted('a "b"\n\x9f'))
    "a \"b\"\n\u009f"
    """
    text = json.dumps(name, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\U{ord(c):08x}" if ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in text
    )
