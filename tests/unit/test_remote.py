"""Data where it lies, against a real S3 server on loopback (moto)."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.items import OK
from curation.data.remote import listings
from curation.errors import InputError, SourceError
from tests.remote_sets import members, pets, png, ran, read_items, shard
from tests.stores import KEY, SECRET


def test_a_thousand_images_are_read_and_what_goes_wrong_on_the_way_costs_one_item_at_most(bucket, tmp_path):
    pets(bucket, 1000)
    bucket.spoilt["pets/dog/0001.png"] = [500, 503]
    bucket.spoilt["pets/cat/0002.png"] = [lambda: bucket.remove("pets/cat/0002.png")]
    bucket.spoilt["pets/dog/0003.png"] = [lambda: bucket.put("pets/dog/0003.png", png(5000))]
    bucket.put("pets/cat/empty.png", b"")
    bucket.put("pets/cat/notes.txt", b"no image")
    ran(tmp_path, {"use": "folder", "path": "s3://winnow/pets"})
    items = read_items(tmp_path)
    status = dict(zip(items.column("id"), items.column("status"), strict=True))
    assert len(items) == 1001
    assert {id_: said for id_, said in status.items() if said != OK} == {
        "cat/0002.png": "the file is missing",
        "dog/0003.png": "it changed while it was read; run the source again",
        "cat/empty.png": "the file is empty (0 bytes)",
    }
    assert bucket.requests["GET pets/dog/0001.png"] == 3
    assert max(n for asked, n in bucket.requests.items() if "GET pets/cat" in asked) == 1
    assert sum(n for asked, n in bucket.requests.items() if asked == "GET ") <= 10  # listings, in pages of 1,000
    row = items.row_of["dog/0001.png"]
    assert np.array_equal(np.asarray(items.image(row)), np.asarray(Image.open(io.BytesIO(png(1)))))


def test_a_second_run_reads_nothing_and_a_changed_object_is_read_again(bucket, tmp_path):
    pets(bucket, 20)
    source = {"use": "folder", "path": "s3://winnow/pets"}
    assert not ran(tmp_path, source).steps[0]["cached"]
    bucket.requests.clear()
    assert ran(tmp_path, source).steps[0]["cached"]
    assert not any("GET pets/" in asked for asked in bucket.requests)
    bucket.put("pets/cat/0000.png", png(99))
    assert not ran(tmp_path, source).steps[0]["cached"]


def test_a_listing_comes_in_pages_and_says_how_far_it_is(bucket, monkeypatch):
    pets(bucket, 25)
    said = []
    listings.forget_listings(said.append)
    pages = listings._pages
    monkeypatch.setattr(listings, "_pages", lambda url, most=10: pages(url, 10))
    assert listings.listed("s3://winnow/pets").num_rows == 25
    assert [words.split(": ")[1] for words in said] == ["10 objects so far", "20 objects so far", "25 objects so far"]


def test_shards_are_read_by_range_and_written_back_to_a_url_with_the_same_bytes(bucket, tmp_path):
    bucket.put("shards/train-000000.tar", shard(range(12), side=64))
    bucket.put("shards/train-000001.tar", shard(range(12, 24), side=64))
    export = {"use": "webdataset", "path": "s3://winnow/kept", "samples": 12, "prune": "full"}
    outcome = ran(tmp_path, {"use": "webdataset", "path": "s3://winnow/shards", "holdout": 0.0}, export)
    assert "s3://winnow/kept" in outcome.exports
    assert bucket.keys("kept") == [
        "kept.recipe.toml",
        "kept.summary.json",
        "kept/.winnow-export",
        "kept/train-000000.tar",
        "kept/train-000001.tar",
    ]
    for number in range(2):
        was, now = (members(bucket.get(f"{folder}/train-00000{number}.tar")) for folder in ("shards", "kept"))
        assert list(was) == list(now)
        assert was == now
    items = read_items(tmp_path)
    bucket.sent = 0
    assert np.asarray(items.image(3)).shape == (64, 64, 3)
    assert bucket.sent == items.column("length")[3]  # a picture on a page is one range


def test_a_cut_shard_and_two_shards_with_the_same_keys_are_read_as_far_as_they_go(bucket, tmp_path):
    whole = shard(range(10))
    bucket.put("shards/a.tar", whole)
    bucket.put("shards/b.tar", whole[: whole.index(png(5)) + 100])
    outcome = ran(tmp_path, {"use": "webdataset", "path": "s3://winnow/shards/{a,b}.tar"})
    items = read_items(tmp_path)
    assert {id_.partition("/")[0] for id_ in items.column("id")} == {"a", "b"}
    assert len(items) == len(set(items.column("id"))) > 10
    assert any("shards end early" in note and "b.tar" in note for note in outcome.notes), outcome.notes


def test_tables_and_archives_are_read_where_they_lie(bucket, tmp_path):
    pets(bucket, 6)
    rows = [{"path": f"pets/{('cat', 'dog')[i % 2]}/{i:04d}.png", "label": ("cat", "dog")[i % 2]} for i in range(6)]
    rows += [{"path": path, "label": "cat"} for path in ("../secret.png", "%2e%2e/secret.png", "pets/cat/none.png")]
    bucket.put("pets.csv", "\n".join(["path,label", *(f"{r['path']},{r['label']}" for r in rows)]).encode())
    out = io.BytesIO()
    pq.write_table(pa.table({"image": [png(i) for i in range(6)], "label": ["a", "b"] * 3}), out, row_group_size=2)
    bucket.put("pets.parquet", out.getvalue())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(6):
            archive.writestr(f"{('cat', 'dog')[i % 2]}/{i}.png", png(i))
    bucket.put("pets.zip", out.getvalue())
    found = {}
    for name, source in {
        "csv": {"use": "table", "path": "s3://winnow/pets.csv"},
        "parquet": {"use": "table", "path": "s3://winnow/pets.parquet", "image": "image"},
        "zip": {"use": "archive", "path": "s3://winnow/pets.zip"},
    }.items():
        ran(tmp_path / name, source)
        found[name] = read_items(tmp_path / name)
    outside = "its path leads out of s3://winnow"
    assert found["csv"].column("status").tolist()[6:] == [outside, outside, "the file is missing"]
    assert [int(items.ok.sum()) for items in found.values()] == [6, 6, 6]
    assert found["csv"].image(0).size == (8, 8)


def test_of_a_bucket_only_the_pages_are_asked_for_on_which_the_rows_of_a_table_stand(bucket, tmp_path):
    for i in range(2500):
        bucket.put(f"other/{i:05d}.png", b"")
    pets(bucket, 150)
    rows = [f"pets/{('cat', 'dog')[i % 2]}/{i:04d}.png,{i % 2}" for i in range(0, 150, 10)]
    bucket.put("pets.csv", "\n".join(["path,label", *rows, "pets/none.png,1", "zebra.png,0"]).encode())
    outcome = ran(tmp_path, {"use": "table", "path": "s3://winnow/pets.csv", "root": "s3://winnow"})
    assert read_items(tmp_path).ok.tolist() == [True] * 15 + [False] * 2
    assert outcome.steps[0]["cached"] is False
    looks = 3  # for the key, and before and after the images are read; each two pages, and each missing object one
    assert sum(n for asked, n in bucket.requests.items() if asked == "GET ") <= 4 * looks


def test_named_objects_are_found_wherever_they_stand_in_the_listing(bucket, monkeypatch):
    keys = sorted({f"{a}/{b}{c}" for a in ("x", "x y", "é") for b in range(12) for c in (".png", "", "/z.png")})
    for key in keys:
        bucket.put(f"pets/{key}", key.encode())
    monkeypatch.setattr(listings, "PAGE", 5)
    for wanted in (keys[::7], keys, keys[40:42], ["a", "zz", *keys[:3]], [], ["x/", "x//1", "../x"]):
        found = listings.named("s3://winnow/pets", wanted)
        assert found["path"].to_pylist() == sorted({*wanted} & {*keys})
        assert [len(path.encode()) for path in found["path"].to_pylist()] == found["size"].to_pylist()


def test_every_kind_of_export_goes_to_a_url_and_never_over_what_somebody_else_put_there(bucket, tmp_path):
    pets(bucket, 8)
    source = {"use": "folder", "path": "s3://winnow/pets", "holdout": 0.25}
    exports = [{"use": use, "path": f"s3://winnow/out/{use}"} for use in ("folder", "huggingface", "csv", "parquet")]
    ran(tmp_path, source, *exports)
    first = bucket.keys("out/folder/")
    assert len(first) == 6  # three of six train rows, two test rows, and the mark
    bucket.put("pets/cat/0000.png", png(77))  # another result: written again, and nothing of the first stays
    ran(tmp_path, source, *exports)
    assert len(bucket.keys("out/folder/")) == 6
    bucket.put("out/folder/mine.txt", b"not Winnow's")
    bucket.put("pets/cat/0000.png", png(78))
    with pytest.raises(InputError, match=r"mine[.]txt, which Winnow did not write"):
        ran(tmp_path, source, *exports)
    bucket.put("theirs.csv", b"a")
    with pytest.raises(InputError, match="Winnow did not write it"):
        ran(tmp_path, source, {"use": "csv", "path": "s3://winnow/theirs.csv"})


def test_wrong_credentials_are_said_in_one_sentence_without_the_secret(bucket, tmp_path):
    pets(bucket, 2)
    bucket.locked = True
    with pytest.raises(SourceError, match="access was refused; check the credentials in the environment") as told:
        ran(tmp_path, {"use": "folder", "path": "s3://winnow/pets"})
    assert SECRET not in str(told.value) + str(told.value.__cause__)
    assert told.value.__suppress_context__


def test_nothing_that_is_written_holds_a_credential(bucket, tmp_path):
    pets(bucket, 8)
    ran(tmp_path, {"use": "folder", "path": "s3://winnow/pets"}, {"use": "csv", "path": str(tmp_path / "kept.csv")})
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 8
    assert not [file for file in files if KEY.encode() in file.read_bytes() or SECRET.encode() in file.read_bytes()]


def test_a_bucket_that_is_not_there_and_one_that_is_empty_are_refused_before_the_run(bucket, tmp_path):
    for path in ("s3://no-such-bucket/pets", "s3://winnow/nothing"):
        with pytest.raises(SourceError, match=r"does not exist|is missing"):
            ran(tmp_path, {"use": "folder", "path": path})
