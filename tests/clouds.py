"""Emulators of Azure and Google on this machine: what is checked by hand, since CI has neither.

    npx azurite-blob --inMemoryPersistence --skipApiVersionCheck
    AZURE_STORAGE_CONNECTION_STRING="..." python -m tests.clouds az

    gcp-storage-emulator start --port=9023 --in-memory
    STORAGE_EMULATOR_HOST=http://127.0.0.1:9023 GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false \\
        FSSPEC_GS='{"token": "anon"}' python -m tests.clouds gs

The connection string of Azurite is in its documentation. Without the third variable gcsfs asks a server that an
emulator does not have, for a minute each time.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.data.items import Items
from curation.data.remote import listings, store
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import SourceError
from tests.remote_sets import png, shard


def main(scheme: str) -> None:
    root = f"{scheme}://winnow"
    with contextlib.suppress(Exception):  # it is there already
        store.filesystem(root).mkdir("winnow")
    names = [f"pets/{('cat', 'dog')[i % 2]}/{i:04d}.png" for i in range(20)]
    for i, name in enumerate(names):
        _put(f"{root}/{name}", png(i))
    _put(f"{root}/shards/train-000000.tar", shard(range(12), side=32))
    rows = [f"{name},{i % 2}" for i, name in enumerate([*names, "pets/cat/none.png"])]
    _put(f"{root}/pets.csv", "\n".join(["path,label", *rows]).encode())
    out = io.BytesIO()
    pq.write_table(pa.table({"image": [png(i) for i in range(6)], "label": ["a", "b"] * 3}), out, row_group_size=2)
    _put(f"{root}/pets.parquet", out.getvalue())
    with tempfile.TemporaryDirectory() as top:
        os.environ["WINNOW_CACHE"] = f"{top}/cache"
        for number, (source, usable, there) in enumerate(
            (
                ({"use": "folder", "path": f"{root}/pets"}, 20, 20),
                ({"use": "folder", "path": f"{root}/pets", "cache": True}, 20, 20),
                ({"use": "webdataset", "path": f"{root}/shards"}, 12, 12),
                ({"use": "table", "path": f"{root}/pets.csv", "root": root}, 20, 21),
                ({"use": "table", "path": f"{root}/pets.parquet", "image": "image"}, 6, 6),
            )
        ):
            space = Path(top, str(number))
            export = {"use": "webdataset", "path": f"{root}/out/{number}"}
            run(parse_recipe({"source": source, "prune": [{"use": "random", "keep": 0.5}], "export": [export]}), space)
            items = Items.load(next((space / "source").glob("[!.]*")))
            assert (int(items.ok.sum()), len(items)) == (usable, there), items.column("status")
            assert set(items.column("status")) <= {"ok", "the file is missing"}
            assert items.image(0).size in ((8, 8), (32, 32))
            assert listings.listed(f"{root}/out/{number}", fresh=True).num_rows >= 3
            assert run(parse_recipe({"source": source}), space).steps[0]["cached"]
            if source["use"] == "folder":
                _put(f"{root}/{names[0]}", png(100 + number))
                assert not run(parse_recipe({"source": source}), space).steps[0]["cached"]
            print(source, "ok", flush=True)
    with contextlib.suppress(SourceError):
        run(parse_recipe({"source": {"use": "folder", "path": f"{root}/none"}}), Path(tempfile.mkdtemp()))
        raise AssertionError("a folder that is not there was read")


def _put(url: str, data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        store.put(url, Path(file.name))


if __name__ == "__main__":
    main(sys.argv[1])
