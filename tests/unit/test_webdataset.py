"""WebDataset shards in and out: the key rule, items by byte range, damaged and hostile shards, unchanged members."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curation.data.items import Items, make_items
from curation.data.reading import tar_samples
from curation.data.reading.tar_samples import expanded, key_of
from curation.errors import SourceError
from curation.methods.exporters import webdataset as exporter
from curation.methods.sources import webdataset as source

TRAPS = [
    "img.v2.jpg", "img.v3.jpg", "dir/.hidden.jpg", "noext", "__meta__/a.jpg", "a.b/c.jpg", "x.JPG", "x.Seg.PNG",
    "deep/er/y.tar.gz", "2.jpg", "2.txt", "3.jpg", "2.cls",
]  # fmt: skip


def png(value: int, size: tuple[int, int] = (6, 5)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (value, 255 - value, 128)).save(out, "PNG")
    return out.getvalue()


def shard(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 12345
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path: Path, **params) -> Items:
    return source.read(path=path, progress=lambda *_: None, **params)


def write(items: Items, path: Path, dropped: tuple[str, ...] = (), relabelled: dict | None = None, **params) -> Path:
    ids, labels = items.column("id").tolist(), items.column("label").tolist()
    table = pa.table({
        "id": ids,
        "split": items.column("split").tolist(),
        "label": pa.array([(relabelled or {}).get(i, la) for i, la in zip(ids, labels, strict=True)], pa.string()),
        "kept": [bool(ok) and i not in dropped for i, ok in zip(ids, items.ok, strict=True)],
        "rank": pa.array([None] * len(ids), pa.int32()),
    })  # fmt: skip
    exporter.write(table, path=path, items=items, **params)
    return path


def members(path: Path) -> dict[str, bytes]:
    found = {}
    for file in sorted(path.rglob("*.tar")):
        with tarfile.open(file) as archive:
            found |= {f"{file.stem}/{info.name}": archive.extractfile(info).read() for info in archive}
    return found


def three(top: Path) -> Path:
    """Two shards that share a key; 1,000 bytes of another kind of member stand in one sample."""
    shard(top / "00000.tar", {
        "000.png": png(10), "000.txt": b"a dark green square", "000.json": b'{"url": "x"}', "000.npy": bytes(1000),
        "001.png": png(90), "001.txt": "ein grünes Quadrat".encode(), "001.cls": b"7",
    })  # fmt: skip
    shard(top / "00001.tar", {"000.png": png(200), "000.json": b'{"caption": "a red square"}'})
    return top


def test_the_key_rule_is_that_of_the_webdataset_package():
    library = pytest.importorskip("webdataset.tariterators")
    for name in TRAPS:
        theirs = library.base_plus_ext(name)
        theirs = None if theirs[0] is None or library.re.search(r"__[^/]*__($|/)", name) else theirs
        assert key_of(name) == (theirs and (theirs[0], theirs[1].lower())), name


def test_samples_are_grouped_as_the_webdataset_package_groups_them(tmp_path):
    library = pytest.importorskip("webdataset")
    path = shard(tmp_path / "traps.tar", {name: name.encode() for name in TRAPS})
    theirs = [
        {key: value for key, value in sample.items() if not key.startswith("__") or key == "__key__"}
        for sample in library.WebDataset(str(path), shardshuffle=False, empty_check=False)
    ]
    ours = [
        {"__key__": sample.key} | {member.ending: member.name.encode() for member in sample.members}
        for sample in tar_samples.samples_of(path).samples
    ]
    assert ours == theirs


def test_items_are_read_by_their_place_and_keys_that_repeat_across_shards_are_told_apart(tmp_path):
    items = read(three(tmp_path / "set"))
    assert items.column("id").tolist() == ["00000/000", "00000/001", "00001/000"]
    assert items.texts(range(3)) == ["a dark green square", "ein grünes Quadrat", "a red square"]
    assert items.column("label").tolist() == [None, "7", None]
    assert items.column("kind").tolist() == ["pair"] * 3
    assert [items.image(row).getpixel((0, 0)) for row in range(3)] == [
        (10, 245, 128), (90, 165, 128), (200, 55, 128)
    ]  # fmt: skip
    items.save(tmp_path)
    again = Items.load(tmp_path)
    assert np.array_equal(np.asarray(again.image(2)), np.asarray(items.image(2)))
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".png"], "nothing is unpacked"


def test_a_list_in_braces_stands_for_its_shards_and_an_endless_one_is_refused(tmp_path):
    three(tmp_path / "set")
    assert len(read(tmp_path / "set" / "{00000..00001}.tar")) == 3
    assert [path.name for path in expanded(Path("a{08..10}-{0..1}.tar"))] == [
        "a08-0.tar", "a08-1.tar", "a09-0.tar", "a09-1.tar", "a10-0.tar", "a10-1.tar",
    ]  # fmt: skip
    for endless in ("{0..99999999}.tar", "{0..999}{0..999}.tar", "{5..1}.tar"):
        with pytest.raises(SourceError, match="stands for"):
            expanded(Path(endless))
    with pytest.raises(SourceError, match="no such file"):
        read(tmp_path / "set" / "{00000..00002}.tar")


def test_a_packed_shard_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(shard(tmp_path / "b.tar", {"0.png": png(1)}).read_bytes()))
    with pytest.raises(SourceError, match=r"packed \(gz\).*unpack it to a plain \.tar"):
        read(path)


def test_a_shard_that_was_cut_short_gives_what_stands_before_the_cut(tmp_path):
    whole = shard(tmp_path / "a.tar", {"0.png": png(1), "1.png": png(2), "2.png": png(3, (60, 60))}).read_bytes()
    at = whole.index(b"2.png")
    (tmp_path / "a.tar").write_bytes(whole[: at + 600])
    items = read(tmp_path / "a.tar")
    assert items.column("id").tolist() == ["a/0", "a/1"]
    assert any("cut short" in note for note in items.notes)
    (tmp_path / "a.tar").write_bytes(b"nothing of a tar")
    with pytest.raises(SourceError, match="no tar archive"):
        read(tmp_path / "a.tar")


def test_odd_samples_stay_items_and_are_spoken_of(tmp_path):
    items = read(shard(tmp_path / "train-0.tar", [
        ("img.v2.png", png(1)), ("img.v3.png", png(2)), ("7.png", png(3)), ("8.png", b"no image"), ("9.txt", b"words"),
        ("7.txt", b"came late"), ("10.png", png(4)), ("10.json", b"{not json"), ("link", b""),
    ]))  # fmt: skip
    status = dict(zip(items.column("id").tolist(), items.column("status").tolist(), strict=True))
    assert list(status) == [
        "train-0/img", "train-0/7", "train-0/8", "train-0/9", "train-0/7#2", "train-0/10"
    ]  # fmt: skip
    assert status["train-0/9"] == status["train-0/7#2"] == "no image in this sample"
    assert "not an image" in status["train-0/8"]
    said = " ".join(items.notes)
    for words in ("several images", "come back in a shard", "not JSON", "in no sample", "train-0.tar is train"):
        assert words in said, said


def test_a_header_that_asks_for_gigabytes_is_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(SourceError, match="header of"):
        read(tmp_path / "a.tar")


def test_what_was_read_is_written_with_unchanged_members(tmp_path):
    items = read(three(tmp_path / "set"))
    out = write(items, tmp_path / "out")
    theirs, ours = members(tmp_path / "set"), members(out)
    assert sorted(ours.values()) == sorted(theirs.values())
    again = read(out)
    assert sorted(again.texts(range(3))) == sorted(items.texts(range(3)))
    assert sorted(again.column("hash")) == sorted(items.column("hash"))
    assert {name.rpartition(".")[2] for name in ours} == {"png", "txt", "json", "npy", "cls"}


def test_what_was_dropped_is_gone_and_a_new_label_is_written(tmp_path):
    items = read(three(tmp_path / "set"))
    again = read(write(items, tmp_path / "out", dropped=("00000/000",), relabelled={"00000/001": "8"}))
    assert sorted(again.column("label").tolist(), key=str) == ["8", None]
    assert again.texts(range(2)) == ["ein grünes Quadrat", "a red square"]


def test_shards_have_a_size_and_say_nothing_of_when_and_by_whom_they_were_written(tmp_path):
    both = [(f"{i}.{ending}", data) for i in range(5) for ending, data in (("png", png(i)), ("cls", b"3"))]
    items = read(shard(tmp_path / "a.tar", both))
    out = write(items, tmp_path / "out", samples=2)
    assert [path.name for path in sorted(out.glob("*.tar"))] == [f"train-00000{i}.tar" for i in range(3)]
    with tarfile.open(out / "train-000000.tar") as archive:
        assert {(info.mtime, info.uid, info.uname, info.mode) for info in archive} == {(0, 0, "", 0o644)}


def test_items_that_are_files_or_arrays_become_samples(tmp_path):
    pixels = (np.arange(4, dtype=np.uint8) * 60)[:, None, None].repeat(4, 1).repeat(3, 2)
    items = make_items(
        ids=["a.b", "../c", "A.b", "d"], labels=["cat", "dog", "cat", None], splits=["train", "train", "test", "train"],
        images=pixels, written=["one", "two", "three", "four"],
    )  # fmt: skip
    again = read(write(items, tmp_path / "out"))
    assert len(again) == 4
    assert sorted(again.texts(range(4))) == ["four", "one", "three", "two"]
    assert sorted(again.column("label").tolist(), key=str) == ["0", "0", "1", None]
    assert (tmp_path / "out" / "classes.txt").read_text() == "cat\ndog\n"
    assert set(again.column("split")) == {"train", "test", "unlabeled"}


def test_shards_are_recognised_and_other_tars_are_left_to_the_source_archive(tmp_path):
    assert source.recognises(three(tmp_path / "set"))
    assert source.recognises(tmp_path / "set" / "00000.tar")
    assert not source.recognises(shard(tmp_path / "pets.tar", {"cat/1.png": png(1), "dog/2.png": png(2)}))
