"""Data where it lies: what a listing of a million keys takes, and how fast images come from a store.

    python -m benchmarks.remote listing      1,000,000 keys, from a fake S3 client that makes up its pages of 1,000
    python -m benchmarks.remote images       4,000 images of 32 x 32 and a shard of them: S3 on this machine, and local
    python -m benchmarks.remote tables       6,000 images of 500 x 375 as files, in parquet and .arrow: read, and some
                                             opened at random, with the memory and what the workspace takes

The S3 server is moto, in Python, in a process of its own: it answers some hundred requests a second on one core, so
the images show what Winnow asks for and how often, and not what a store can give. Memory is what the process grew by.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.__main__ import machine
from curation.data.reading.folder_listing import listing
from curation.data.remote import listings, store
from curation.data.remote.location import Remote
from curation.methods.sources import folder, huggingface, table, webdataset

KEYS, IMAGES, TABLED = 1_000_000, 4_000, 6_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["listing", "images", "tables"])
    asked = parser.parse_args()
    print(machine())
    {"listing": _listing, "images": _images, "tables": _tables}[asked.what]()


def _listing() -> None:
    def call_s3(method: str, **query) -> dict:
        start = int(query.get("ContinuationToken", 0))
        found = [
            {"Key": f"pets/{i % 100:03d}/{i:08d}.jpg", "Size": 10_000 + i, "ETag": f'"{i:032x}"'}
            for i in range(start, start + listings.PAGE)
        ]
        after, more = start + listings.PAGE, query["Bucket"] == "bucket"
        return {"Contents": found, "IsTruncated": more and after < KEYS, "NextContinuationToken": after}

    store.filesystem = lambda url: SimpleNamespace(call_s3=call_s3)
    listings.listed("s3://warm/up")  # what is imported once
    listings.forget_listings()
    for what, ask in (
        ("listed, as columns", lambda: listings.listed("s3://bucket/pets")),
        ("names of the images, as texts", lambda: listing(Remote("s3://bucket/pets"))),
    ):
        before, start = psutil.Process().memory_info().rss, time.perf_counter()
        kept = ask()
        grown = psutil.Process().memory_info().rss - before
        print(f"{what:32} {time.perf_counter() - start:6.1f} s {grown / 1e6:8.0f} MB more, {KEYS:,} keys", flush=True)
    del kept


def _images() -> None:
    pictures = [_jpeg(i) for i in range(IMAGES)]
    tar = _tar(pictures)
    ready, address = multiprocessing.Event(), multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(pictures, tar, ready, address), daemon=True)
    server.start()
    ready.wait()
    os.environ |= {
        "AWS_ENDPOINT_URL": address.get(),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    read, counted = store.read, [0, 0]

    def counting(url: str, offset: int, length: int) -> bytes:
        data = read(url, offset, length)
        counted[0] += 1
        counted[1] += len(data)
        return data

    store.read = counting
    with tempfile.TemporaryDirectory() as top:
        for i, data in enumerate(pictures):
            (Path(top) / "pets" / str(i % 10)).mkdir(parents=True, exist_ok=True)
            (Path(top) / "pets" / str(i % 10) / f"{i}.jpg").write_bytes(data)
        (Path(top) / "shards").mkdir()
        (Path(top) / "shards" / "0.tar").write_bytes(tar)
        size = sum(map(len, pictures))
        print(f"{IMAGES:,} images of {size / IMAGES:,.0f} bytes; the shard has {len(tar):,} bytes")
        for what, source, local, far in (
            ("folder", folder, Path(top, "pets"), Remote("s3://winnow/pets")),
            ("webdataset", webdataset, Path(top, "shards"), Remote("s3://winnow/shards")),
        ):
            _timed(f"{what}, local", lambda source=source, local=local: _read(source, local))
            counted[:] = 0, 0
            _timed(f"{what}, s3 on loopback", lambda source=source, far=far: _read(source, far))
            print(f"{'':28} {counted[0]:,} requests, {counted[1]:,} bytes")
    server.terminate()


def _tables() -> None:
    import datasets

    images = [_jpeg(i, (375, 500)) for i in range(TABLED)]
    labels = [str(i % 10) for i in range(TABLED)]
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        for i, data in enumerate(images):
            (top / "pets" / labels[i]).mkdir(parents=True, exist_ok=True)
            (top / "pets" / labels[i] / f"{i}.jpg").write_bytes(data)
        cells = [{"bytes": data, "path": None} for data in images]
        pq.write_table(pa.table({"image": cells, "label": labels}), top / "by_100.parquet", row_group_size=100)
        pq.write_table(pa.table({"image": cells, "label": labels}), top / "one_group.parquet")
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
        datasets.Dataset.from_dict({"image": cells, "label": labels}, features=features).save_to_disk(top / "saved")
        size = sum(map(len, images))
        print(f"{TABLED:,} images of {size / TABLED:,.0f} bytes, {size / 1e6:,.0f} MB", flush=True)
        del images, cells
        for asked in (
            ("folder", folder.read, {"path": top / "pets"}),
            ("parquet, row groups of 100", table.read, {"path": top / "by_100.parquet", "image": "image"}),
            ("parquet, one row group: copied", table.read, {"path": top / "one_group.parquet", "image": "image"}),
            (".arrow of save_to_disk", huggingface.read, {"name": str(top / "saved")}),
        ):
            process = multiprocessing.get_context("spawn").Process(target=_in_table, args=(*asked, top / "into"))
            process.start()
            process.join()


def _in_table(what: str, ask: Callable, where: dict, into: Path) -> None:
    """In a process of its own, so that its memory is its own."""
    into.mkdir()
    start, used = time.perf_counter(), _used()
    given = {} if ask is folder.read else {"into": into}
    items = ask(**where, **given, progress=lambda *_: None)
    read, used, held = time.perf_counter() - start, _used() - used, _peak()
    assert items.ok.all()
    rows = np.random.default_rng(0).permutation(len(items))[:500]
    start = time.perf_counter()
    for row in rows.tolist():
        items.open(row).read()
    opened = (time.perf_counter() - start) / len(rows)
    written = sum(file.stat().st_size for file in into.rglob("*") if file.is_file())
    grown = _peak() - held
    print(
        f"{what:32} {len(items) / read:6,.0f} images a second, {len(items) / used:6,.0f} a processor second; "
        f"at most {held / 1e6:,.0f} MB; "
        f"{written / 1e6:,.0f} MB written; {1000 * opened:.1f} ms to open one at random, {grown / 1e6:,.0f} MB more",
        flush=True,
    )
    shutil.rmtree(into)


def _used() -> float:
    """Processor seconds of this process and of its decoders so far."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _peak() -> int:
    """Bytes of memory this process held at most."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _read(source, path) -> None:
    items = source.read(path=path, progress=lambda *_: None)
    assert len(items) == IMAGES
    assert items.ok.all()


def _timed(what: str, ask: Callable[[], None]) -> None:
    start = time.perf_counter()
    ask()
    seconds = time.perf_counter() - start
    print(f"{what:28} {seconds:6.1f} s  {IMAGES / seconds:8,.0f} images a second", flush=True)


def _serve(pictures, tar, ready, address) -> None:
    from tests.stores import BUCKET, s3_bucket

    with s3_bucket() as bucket:
        for i, data in enumerate(pictures):
            bucket.backend.put_object(BUCKET, f"pets/{i % 10}/{i}.jpg", data)
        bucket.backend.put_object(BUCKET, "shards/0.tar", tar)
        address.put(os.environ["AWS_ENDPOINT_URL"])
        ready.set()
        time.sleep(3600)


def _jpeg(seed: int, shape: tuple[int, int] = (32, 32)) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(shape[::-1]).save(out, "JPEG")
    return out.getvalue()


def _tar(pictures) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as shard:
        for i, data in enumerate(pictures):
            for ending, content in (("jpg", data), ("cls", str(i % 10).encode())):
                info = tarfile.TarInfo(f"{i:06d}.{ending}")
                info.size = len(content)
                shard.addfile(info, io.BytesIO(content))
    return out.getvalue()


if __name__ == "__main__":
    main()
