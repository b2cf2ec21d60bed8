"""Data on web servers, and what may not be read: secrets, private addresses, other protocols, other folders."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from curation import packages
from curation.data.reading.tar_samples import expanded
from curation.data.remote import store
from curation.data.remote.location import Remote, location
from curation.engine.recipe import parse_recipe
from curation.errors import InputError, RecipeError, SourceError, WinnowError
from curation.ui.server import access, allowed_paths
from tests.remote_sets import pets, png, ran, read_items, shard
from tests.stores import BUCKET, SECRET


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
