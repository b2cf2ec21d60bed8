"""Many small images in tar shards, read by their place: what reading and encoding take, and that nothing is unpacked.

    python -m benchmarks.shards                     1,000,000 JPEGs of 32 x 32 in shards of 10,000, about 2.5 GB
    python -m benchmarks.shards --images 100000 --folder /data/shards

Each image is a random picture of 4 x 4 colours made larger, so no two are copies, with its class beside it. The
recipe is `webdataset` and `pixels`, run by the command line in a process of its own; memory as in benchmarks.scale.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import tomli_w
from PIL import Image

from benchmarks.__main__ import machine
from benchmarks.scale import gib, watched
from curation.data.items import Items

SHARD, CLASSES, BROWSED = 10_000, 100, 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where shards and workspace are kept; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = given.folder or Path(scratch)
        make(home / "shards", given.images)
        recipe = {
            "source": {"use": "webdataset", "path": str(home / "shards")},
            "encode": {"use": "pixels", "size": 8, "colour": "grey"},
        }
        (home / "recipe.toml").write_text(tomli_w.dumps(recipe), "utf-8")
        browsed(measured(home, given.images))


def make(folder: Path, images: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, images, SHARD)):
        if (path := folder / f"{number:05}.tar").exists():
            continue
        rng = np.random.default_rng(number)
        with tarfile.open(part := path.with_suffix(".part"), "w", format=tarfile.USTAR_FORMAT) as shard:
            for i in range(first, min(first + SHARD, images)):
                small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
                small.resize((32, 32), Image.Resampling.BICUBIC).save(jpeg := io.BytesIO(), "JPEG")
                for name, data in ((f"{i:08}.jpg", jpeg.getvalue()), (f"{i:08}.cls", b"%d" % (i % CLASSES))):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    shard.addfile(member, io.BytesIO(data))
        part.rename(path)


def measured(home: Path, images: int) -> Items:
    """Run the recipe and say what its two steps took. Returns what was read."""
    samples, answer = watched(home)
    size = sum(path.stat().st_size for path in (home / "shards").iterdir())
    print(f"{images:,} images, {size / 1e9:.2f} GB of shards, on {machine()}")
    for step in answer["steps"]:
        card = json.loads((home / "workspace" / step["stage"] / step["key"] / "card.json").read_text())
        seconds = card["seconds"]
        print(f"{step['stage']:8} {seconds:8.1f} s {images / seconds:8,.0f} images a second")
    whole = samples[-1].at - samples[0].at
    print(f"{'run':8} {whole:8.1f} s, {samples[-1].family:.0f} of the processors", end="; ")
    print(f"peak {gib(max(s.resident for s in samples))} GiB, own {gib(max(s.own for s in samples))} GiB")
    files = [path for path in (home / "workspace").rglob("*") if path.is_file()]
    print(f"{len(files)} files in the workspace, {sum(path.stat().st_size for path in files) / 1e6:,.0f} MB")
    return Items.load(home / "workspace" / "source" / answer["steps"][0]["key"])


def browsed(items: Items) -> None:
    """How fast single images come, in an order that jumps from shard to shard, as a gallery asks for them."""
    rows = np.random.default_rng(0).choice(len(items), min(BROWSED, len(items)), replace=False)
    start = time.perf_counter()
    for row in rows:
        items.image(int(row))
    print(f"browse   {len(rows) / (time.perf_counter() - start):,.0f} images a second, in one thread, in random order")


if __name__ == "__main__":
    main()
