"""Data where it lies, against a real S3 server on loopback (moto) and a web server with ranges."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation import packages
from curation.data.items import OK, Items
from curation.data.reading.tar_samples import expanded
from curation.data.remote import cache, listings, store
from curation.data.remote.kept import kept
from curation.data.remote.location import Remote, location
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import InputError, RecipeError, SourceError, WinnowError
from curation.ui.server import access, allowed_paths
from tests.stores import BUCKET, KEY, SECRET, s3_bucket, web_site

QUIET = {"progress": lambda *_: None}


@pytest.fixture(scope="module")
def server():
    with s3_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server, monkeypatch):
    monkeypatch.setattr(store, "PAUSE", 0.01)
    listings.forget_listings()
    for key in list(server.keys("")):
        server.remove(key)
    server.spoilt, server.locked, server.sent = {}, False, 0
    server.requests.clear()
    return server


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(store, "PAUSE", 0.01)
    with web_site() as site:
        yield site


@pytest.fixture
def inside(monkeypatch):
    """Servers of this machine may be read."""
    monkeypatch.setenv(store.PRIVATE, "1")


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


# -- object stores ---------------------------------------------------------------------------------------------------


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


# -- originals that are kept -----------------------------------------------------------------------------------------


@pytest.fixture
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "BLOCK", 1000)
    return lambda: sorted(file for file in (tmp_path / "cache").rglob("*") if file.is_file() and file.name != ".lock")


def test_what_is_kept_is_fetched_once_and_changes_no_key(bucket, kept_here, tmp_path):
    pets(bucket, 10)
    bucket.put("shards/a.tar", shard(range(10), side=32))
    for source in ({"use": "folder", "path": "s3://winnow/pets"}, {"use": "webdataset", "path": "s3://winnow/shards"}):
        there = tmp_path / source["use"]
        first = ran(there, {**source, "cache": True})
        assert kept_here()
        items, shown = read_items(there), bucket.requests.copy()
        found = [np.asarray(items.image(row)).tobytes() for row in range(10)]
        assert not [asked for asked in bucket.requests - shown if asked.startswith("GET ")]
        again = ran(there, source)
        assert [step["key"] for step in first.steps] == [step["key"] for step in again.steps]
        assert again.steps[0]["cached"]
        items, shown = read_items(there), bucket.requests.copy()
        assert [np.asarray(items.image(row)).tobytes() for row in range(10)] == found
        assert [asked for asked in bucket.requests - shown if asked.startswith("GET ")]


def test_a_block_that_is_damaged_short_or_of_another_state_of_the_object_is_fetched_anew(bucket, kept_here):
    data = np.random.default_rng(0).integers(0, 256, 3500, dtype=np.uint8).tobytes()
    bucket.put("a.bin", data)
    where = kept(Remote("s3://winnow/a.bin"), True)
    assert where.read_range(900, 1200) == data[900:2100]
    assert [file.stat().st_size for file in kept_here()] == [1016] * 3
    damaged, short, *_ = kept_here()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    short.write_bytes(short.read_bytes()[:500])
    bucket.requests.clear()
    with ThreadPoolExecutor(8) as pool:  # in any order, and in several at once
        parts = list(pool.map(lambda at: where.read_range(at, 1500), range(0, 3600, 100)))
    assert parts == [data[at : at + 1500] for at in range(0, 3600, 100)]
    assert bucket.requests["GET a.bin"] > 0
    bucket.requests.clear()
    assert where.read_bytes() == data
    assert bucket.requests["GET a.bin"] == 0
    bucket.put("a.bin", data[::-1])
    cache.forget()
    assert where.read_bytes() == data[::-1]


def test_an_object_that_changes_while_it_is_fetched_is_not_kept(bucket, kept_here):
    bucket.put("a.bin", b"old" * 1000)
    where = kept(Remote("s3://winnow/a.bin"), True)
    where.read_range(0, 10)
    bucket.put("a.bin", b"new" * 1000)
    before = kept_here()
    assert where.read_range(1500, 6) == b"newnew"
    assert kept_here() == before


def test_what_was_not_used_for_longest_goes_first_where_there_is_too_much(bucket, kept_here, monkeypatch):
    for name in "abcdef":
        bucket.put(name, name.encode() * 3000)
    monkeypatch.setenv("WINNOW_CACHE_GB", "1.4e-5")  # 14 kB, where a block takes 1
    for at, name in enumerate("abcda"):
        kept(Remote(f"s3://winnow/{name}"), True).read_range(0, 3000)
        for file in kept_here():  # a clock ticks slower than a test
            os.utime(file, (at, min(file.stat().st_mtime, at)))
    for name in "ef":
        kept(Remote(f"s3://winnow/{name}"), True).read_range(0, 3000)
    assert sum(file.stat().st_size for file in kept_here()) <= 14_000
    there = {file.read_bytes()[-1:].decode() for file in kept_here()}
    assert there >= {"a", "e", "f"}
    assert "b" not in there


# -- web servers -----------------------------------------------------------------------------------------------------


def test_a_signed_url_is_read_from_the_environment_and_nothing_written_holds_its_signature(
    site, inside, tmp_path, monkeypatch
):
    site.files["/pets.tar"] = shard(range(10))
    site.pause = 0.05  # a slow answer is an answer
    monkeypatch.setenv(store.SIGNED, f"{site.url}/pets.tar?X-Amz-Signature={SECRET}")
    ran(tmp_path, {"use": "webdataset", "path": f"{site.url}/pets.tar"})
    assert read_items(tmp_path).ok.all()
    assert all(path == f"/pets.tar?X-Amz-Signature={SECRET}" for path in site.asked)
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and SECRET.encode() in f.read_bytes()]


def test_shards_of_a_web_server_are_read_by_a_list_and_nothing_is_written_to_one(site, inside, tmp_path):
    site.files |= {"/set/a.tar": shard(range(5)), "/set/b.tar": shard(range(5, 10))}
    source = {"use": "webdataset", "path": f"{site.url}/set/{{a,b}}.tar"}
    ran(tmp_path, source)
    assert read_items(tmp_path).ok.tolist() == [True] * 10
    with pytest.raises(InputError, match="a web server can only be read"):
        ran(tmp_path, source, {"use": "csv", "path": f"{site.url}/out.csv"})


@pytest.mark.parametrize("text", ["https://host/a.tar?sig=s3cr3t", "https://me:s3cr3t@host/a.tar"])
def test_a_url_with_a_secret_is_refused_in_a_sentence_without_it(text):
    with pytest.raises(RecipeError, match="carries a query or a password") as told:
        parse_recipe({"source": {"use": "webdataset", "path": text}})
    assert "s3cr3t" not in str(told.value)


def test_a_server_without_ranges_is_said_to_have_none(site, inside, tmp_path):
    site.files["/pets.tar"], site.ranges = shard(range(40), side=64), False
    items = None
    with pytest.raises(WinnowError, match="sends no ranges"):
        ran(tmp_path, {"use": "webdataset", "path": f"{site.url}/pets.tar"})
    assert items is None


def test_an_archive_of_a_web_server_is_read_by_ranges(site, inside, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(8):
            archive.writestr(f"{('cat', 'dog')[i % 2]}/{i}.png", png(i, 32))
        archive.writestr("film.mp4", b"\0" * 3_000_000)
    site.files["/pets.zip"] = out.getvalue()
    ran(tmp_path, {"use": "archive", "path": f"{site.url}/pets.zip"})
    assert read_items(tmp_path).ok.all()
    assert site.sent < 2_000_000  # and not the film


def test_addresses_that_are_not_public_are_refused_also_behind_a_redirect(site, monkeypatch):
    with pytest.raises(ValueError, match="expected a URL that starts with one of: s3://, gs://, az://, https://"):
        location(site.url)
    for url in (
        site.url,
        "https://localhost/a.tar",
        "https://10.0.0.1/a",
        "https://[::1]/a",
        "https://169.254.169.254/",
    ):
        with pytest.raises(OSError, match="not public"):
            store.about(url)
    site.files["/a"], site.moved["/b"] = b"inside", site.url.replace("127.0.0.1", "localhost") + "/a"
    once = iter([True])  # the first address is public, what it leads to is not
    is_global = store._is_public
    monkeypatch.setattr(store, "_is_public", lambda address: next(once, None) or is_global(address))
    with pytest.raises(OSError, match="not public"):
        store.read(f"{site.url}/b", 0, 6)


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "memory://x",
        "simplecache::s3://b/x",
        "zip://a.zip::s3://b/x",
        "s3://b/../other",
        "https://h/a/%2e%2e/b",
        "ftp://h/x",
    ],
)
def test_no_other_protocols_no_chains_and_no_way_up(text):
    with pytest.raises(RecipeError):
        parse_recipe({"source": {"use": "folder", "path": text}})


def test_a_list_of_shards_leads_nowhere_else():
    with pytest.raises(SourceError, match="may not hold"):
        expanded(Remote("https://host/allowed/{..,x}/a.tar"))


@pytest.mark.parametrize("name", ["status_code", "code", "status"])
def test_a_missing_object_is_called_missing_whichever_library_says_so(name, monkeypatch):
    said = type("ResourceNotFoundError", (Exception,), {name: 404})

    def ask(fs, path):
        raise said("https://host/x?sig=s3cr3t is not there")

    monkeypatch.setattr(store, "filesystem", lambda url: None)
    with pytest.raises(FileNotFoundError, match="the file is missing"):
        store.asked("az://bucket/x", ask)


def test_a_missing_package_is_one_sentence_with_the_command(monkeypatch):
    monkeypatch.setattr(packages, "missing", lambda names: list(names))
    with pytest.raises(InputError, match=r"gs:// needs the packages fsspec, gcsfs: pip install fsspec gcsfs"):
        store.about("gs://bucket/x")


# -- the app ---------------------------------------------------------------------------------------------------------


def test_the_app_reads_below_the_prefixes_it_was_given_and_no_others(bucket, monkeypatch):
    pets(bucket, 2)
    assert allowed_paths.allowed("s3://winnow/pets") == Remote("s3://winnow/pets")
    monkeypatch.setenv("WINNOW_ROOTS", "/data:https://host:8080/a:s3://winnow/pets")
    assert allowed_paths.roots()[0] == Path("/data")
    assert allowed_paths.allowed("s3://winnow/pets/cat") == Remote("s3://winnow/pets/cat")
    for text in ("s3://winnow", "s3://winnow/pets2", "s3://other/pets", "https://example.com/pets.tar"):
        with pytest.raises(InputError, match="outside the URLs this app may read"):
            allowed_paths.allowed(text)
        with pytest.raises(InputError, match="outside the URLs this app may read"):
            allowed_paths.check_paths({"path": Remote(text)})
    monkeypatch.delenv("WINNOW_ROOTS")
    monkeypatch.setattr(access, "visitor", lambda: "ann")
    with pytest.raises(InputError, match="outside the URLs"):
        allowed_paths.allowed("s3://winnow/pets")
    with pytest.raises(InputError, match="exports go to their own projects only"):
        allowed_paths.target(f"s3://{BUCKET}/out")
