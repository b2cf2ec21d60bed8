"""Small sets for tests of data that lies elsewhere, and runs that read them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from curation.data.items import Items
from curation.engine.recipe import parse_recipe
from curation.engine.run import run

QUIET = {"progress": lambda *_: None}


def png(seed: int, side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def shard(keys, captions: bool = True, side: int = 8) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for key in keys:
            members = {"png": png(key, side), "cls": b"cat" if key % 2 else b"dog", "json": b'{"seen": 1}'}
            for ending, data in (members | ({"txt": f"pet {key}".encode()} if captions else {})).items():
                info = tarfile.TarInfo(f"{key:04d}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as shard:
        return {name: shard.extractfile(name).read() for name in shard.getnames()}


def pets(bucket, count: int) -> None:
    for i in range(count):
        bucket.put(f"pets/{('cat', 'dog')[i % 2]}/{i:04d}.png", png(i))


def ran(tmp_path: Path, source: dict, *exports: dict):
    sections = {"source": source, "prune": [{"use": "random", "keep": 0.5}], "export": list(exports)}
    return run(parse_recipe(sections), tmp_path / "project")


def read_items(tmp_path: Path) -> Items:
    return Items.load(next((tmp_path / "project" / "source").glob("[!.]*")))
