"""The columns of items: what is known of each, under which name."""

from __future__ import annotations

import pyarrow as pa

TRAIN, VAL, TEST, UNLABELED = "train", "val", "test", "unlabeled"
SPLITS = (TRAIN, VAL, TEST, UNLABELED)
OK = "ok"  # the status of an item that can be used

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # unique, stable from run to run
        ("path", pa.string()),  # as a person would name the file; null where there is none
        ("label", pa.string()),  # as given; null where there is none
        ("split", pa.string()),  # one of SPLITS
        ("width", pa.int32()),  # pixels, after EXIF rotation; null for non-images
        ("height", pa.int32()),
        ("bytes", pa.int64()),  # size of the stored item
        ("hash", pa.string()),  # of the stored bytes; equal hash = exact duplicate
        ("status", pa.string()),  # "ok", or why this item cannot be used, in words
        ("truth", pa.string()),  # the right label where the source knows it (planted mistakes); else null
        # Since format 1 was first written; a workspace without them is read as if they were null.
        ("kind", pa.string()),  # image, text, pair, chat or box; null where the source brings features only
        ("group", pa.string()),  # name of what must stay together, such as a patient; null where it stands alone
        ("parent", pa.string()),  # id of what the item is a part of, such as the image of a box; null where of none
        ("container", pa.string()),  # file that holds the item's bytes, where it is no file of its own; below the root
        ("offset", pa.int64()),  # of the item's first byte in the container; without a length, the row of a table
        ("length", pa.int64()),  # bytes
        ("record", pa.int64()),  # row of its record in records.parquet; null where there is none
        ("turns", pa.int32()),  # how many turns of it the item is; null for all of them
        ("labels", pa.list_(pa.string())),  # all labels of an item, where items have several; `label` is null then
        ("column", pa.string()),  # of the container, where that is a table; null where it is a tar
    ]
)
REPEATED = (
    "label",
    "split",
    "status",
    "truth",
    "kind",
    "group",
    "column",
)  # few values: a dictionary
IN_MEMORY = pa.schema(
    [(f.name, pa.dictionary(pa.int32(), pa.string()) if f.name in REPEATED else f.type) for f in SCHEMA]
)
