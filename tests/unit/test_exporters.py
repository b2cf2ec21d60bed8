"""Exporters: what is written, that it is written whole, and that nothing of anybody else's is touched."""

import csv as csv_reader
import io
import json
import os
import runpy
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.data.items import make_items
from curation.data.writing.atomic import MARKER, active, inert
from curation.errors import InputError
from curation.methods.exporters import csv, folder, huggingface, jsonl, parquet, torch
from curation.methods.sources import folder as folder_source

TABLES = {"csv": csv, "jsonl": jsonl, "parquet": parquet}


def manifest(ids, splits, labels, kept, rank, paths=None, **more):
    """A manifest as the engine builds it, cut to the columns exporters read."""
    n = len(ids)
    return pa.table(
        {
            "id": ids,
            "path": pa.array(paths or [None] * n, pa.string()),
            "split": splits,
            "label": pa.array(labels, pa.string()),
            "kept": kept,
            "rank": pa.array(rank, pa.int32()),
            "weight": pa.array([1.0 if k else None for k in kept], pa.float64()),
            **more,
        }
    )


# Five items: c before a in the order taken; b pruned, d a test row, e without a label.
IDS, SPLITS = ["a", "b", "c", "d", "e"], ["train", "train", "train", "test", "unlabeled"]
LABELS, KEPT, RANK = ["x", "x", "y", "y", None], [True, False, True, True, False], [2, None, 1, None, None]
PIXELS = (np.arange(5, dtype=np.uint8) * 50)[:, None, None].repeat(4, 1).repeat(3, 2)


@pytest.fixture
def table():
    return manifest(IDS, SPLITS, LABELS, KEPT, RANK, reason=['said "no", twice', "", "=1+1", "line\nbreak", "é"])


@pytest.fixture
def arrays():
    return make_items(ids=IDS, labels=LABELS, splits=SPLITS, images=PIXELS, sizes=[12] * 5)


def png(shade):
    out = io.BytesIO()
    Image.new("L", (4, 3), shade).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def files(tmp_path):
    """Items that are files, read from disk, and a manifest that keeps all but the first."""
    for shade, name in enumerate(("train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "test/dog/1.png")):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(png(shade))
    items = folder_source.read(path=tmp_path / "data", progress=lambda *_: None)
    columns = {name: items.column(name).tolist() for name in ("id", "split", "label", "path")}
    kept, rank = [True, False, True, True], [None, None, 2, 1]
    return items, manifest(columns["id"], columns["split"], columns["label"], kept, rank, columns["path"])


# -- tables ------------------------------------------------------------------------------------------------


def test_csv_reads_back_cell_by_cell(table, tmp_path):
    (path,) = csv.write(table, path=tmp_path / "out.csv")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv_reader.DictReader(lines))
    assert [row["id"] for row in rows] == IDS
    assert [row["kept"] for row in rows] == ["true", "false", "true", "true", "false"]
    assert [row["rank"] for row in rows] == ["2", "", "1", "", ""]
    assert [row["weight"] for row in rows] == ["1.0", "", "1.0", "1.0", ""]
    assert [active(row["reason"]) for row in rows] == table["reason"].to_pylist()
    assert "'=1+1" in [row["reason"] for row in rows]  # shown by a spreadsheet, not run
    assert path.read_bytes().splitlines()[0] == b"id,path,split,label,kept,rank,weight,reason"


@given(st.text(alphabet="'=+-@\t\r\n\uff1da1.,; e\"", max_size=6))
def test_no_text_starts_a_formula_and_every_text_comes_back(text):
    written = inert(text)
    assert active(written) == text
    assert written[:1] not in tuple("=@\t\r\n\uff1d")
    if written[:1] in ("+", "-"):
        assert float(written) == float(text)


@pytest.mark.parametrize("number", ["-1", "+5", "-1.5e-3", "-.5", "0", "1e300"])
def test_numbers_written_as_text_stay_numbers(number):
    assert inert(number) == number


def test_csv_numbers_read_back_as_the_same_numbers(tmp_path):
    values = [0.1, 1 / 3, 1e-300, -2.0, 123456789.123456789]
    (path,) = csv.write(pa.table({"score": values}), path=tmp_path / "out.csv")
    assert [float(line) for line in path.read_text().split()[1:]] == values


def test_parquet_keeps_types_and_values(table, tmp_path):
    (path,) = parquet.write(table, path=tmp_path / "out.parquet")
    assert pq.read_table(path).equals(table)


def test_jsonl_has_one_object_per_item_with_nulls_for_missing_values(table, tmp_path):
    (path,) = jsonl.write(table.append_column("score", [[1.5, np.nan, np.inf, 0.0, 2.0]]), path=tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row.pop("score") for row in rows] == [1.5, None, None, 0.0, 2.0]
    assert rows == table.to_pylist()


@pytest.mark.parametrize("name", TABLES)
def test_the_same_manifest_gives_the_same_bytes_also_from_chunks(table, tmp_path, name):
    (one,) = TABLES[name].write(table, path=tmp_path / "one")
    (two,) = TABLES[name].write(pa.concat_tables([table[:2], table[2:]]).combine_chunks(), path=tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("name", TABLES)
def test_parents_are_made_an_old_file_is_replaced_and_nothing_is_left_beside(table, tmp_path, name):
    path = tmp_path / "new" / "deep" / "out"
    TABLES[name].write(table[:1], path=path)
    assert TABLES[name].write(table, path=path) == [path]
    assert [file.name for file in path.parent.iterdir()] == ["out"]
    assert oct(path.stat().st_mode & 0o777) == oct(0o666 & ~_umask())


@pytest.mark.parametrize("name", TABLES)
def test_a_path_that_cannot_be_written_is_one_sentence(table, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "out", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match=r"^cannot write .*: ") as caught:
            TABLES[name].write(table, path=path)
        assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# -- folder ------------------------------------------------------------------------------------------------


def tree(top):
    return sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file() and p.name != MARKER)


def test_kept_files_are_copied_into_split_and_label_folders_byte_by_byte(files, tmp_path):
    items, table = files
    (out,) = folder.write(table, path=tmp_path / "out", items=items)
    assert tree(out) == ["test/dog/1.png", "train/cat/2.png", "train/dog/1.png"]
    assert (out / "train/cat/2.png").read_bytes() == png(1)
    again = folder_source.read(path=out, progress=lambda *_: None)
    assert again.column("id").tolist() == tree(out)


def test_a_label_in_force_decides_the_folder(files, tmp_path):
    items, table = files
    labels = pa.array(["dog", "cat", "new label", "dog"])
    table = table.set_column(table.column_names.index("label"), "label", labels)
    (out,) = folder.write(table, path=tmp_path / "out", items=items)
    assert tree(out) == ["test/dog/1.png", "train/dog/1.png", "train/new label/2.png"]


def test_links_share_their_content_with_the_original(files, tmp_path):
    items, table = files
    (out,) = folder.write(table, path=tmp_path / "out", how="link", items=items)
    assert (out / "train/cat/2.png").samefile(tmp_path / "data/train/cat/2.png")
    assert not (out / "train/cat/2.png").is_symlink()


def test_a_disk_that_cannot_link_says_what_to_do(files, tmp_path, monkeypatch):
    def other_disk(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    with pytest.raises(InputError, match=r'cannot be linked .*; use how = "copy"'):
        folder.write(files[1], path=tmp_path / "out", how="link", items=files[0])
    assert not (tmp_path / "out").exists()


def test_array_rows_become_png_files_of_the_same_pixels(table, arrays, tmp_path):
    (out,) = folder.write(table, path=tmp_path / "out", items=arrays)
    assert tree(out) == ["test/y/d.png", "train/x/a.png", "train/y/c.png"]
    assert np.array_equal(Image.open(out / "train/y/c.png"), PIXELS[2])
    with pytest.raises(InputError, match='use how = "copy"'):
        folder.write(table, path=tmp_path / "other", how="link", items=arrays)


def test_labels_and_names_that_meet_or_lead_out_stay_apart_and_inside(tmp_path):
    labels = ["../x", "__x", "A", "a", ".."]
    items = make_items(ids=[f"{n}" for n in range(5)], labels=labels, splits=["train"] * 5, images=PIXELS)
    table = manifest(["p/q", "p_q", "r", "r", "../../s"], ["train"] * 5, labels, [True] * 5, [None] * 5)
    (out,) = folder.write(table, path=tmp_path / "out", items=items)
    assert tree(out) == [
        "train/A/r.png",
        "train/_/__.._s.png",
        "train/__x/p_q.png",
        "train/__x~2/p_q.png",
        "train/a~2/r.png",
    ]
    assert {p.name for p in tmp_path.iterdir()} == {"out"}


def test_two_files_of_one_name_in_one_class_are_both_written(tmp_path):
    for name in ("cat/2020/1.png", "cat/2021/1.png"):
        (tmp_path / "data/train" / name).parent.mkdir(parents=True)
        (tmp_path / "data/train" / name).write_bytes(png(len(name)))
    items = folder_source.read(path=tmp_path / "data", progress=lambda *_: None)
    table = manifest(items.column("id").tolist(), ["train"] * 2, ["cat"] * 2, [True] * 2, [1, 2])
    (out,) = folder.write(table, path=tmp_path / "out", items=items)
    assert tree(out) == ["train/cat/1.png", "train/cat/1~2.png"]


def test_an_image_that_is_gone_is_one_sentence_and_leaves_nothing(files, tmp_path):
    items, table = files
    (tmp_path / "data/train/cat/2.png").unlink()
    for exporter in (folder, huggingface):
        with pytest.raises(InputError, match="the file is missing; run the source again"):
            exporter.write(table, path=tmp_path / "out", items=items)
        assert not (tmp_path / "out").exists()


def test_features_alone_cannot_become_a_folder(tmp_path):
    items = make_items(ids=["a"], labels=["x"], splits=["train"], features=np.ones((1, 2)))
    with pytest.raises(InputError, match="writes images and this source has none; use csv or parquet"):
        folder.write(manifest(["a"], ["train"], ["x"], [True], [1]), path=tmp_path / "out", items=items)


# -- torch -------------------------------------------------------------------------------------------------


def test_the_torch_index_holds_the_kept_train_rows_in_the_order_taken(table, arrays, tmp_path):
    import torch as pytorch

    path, _ = torch.write(table, path=tmp_path / "new" / "half.pt", items=arrays)
    index = pytorch.load(path, weights_only=True)
    assert index["rows"].tolist() == [2, 0]
    assert index["rows"].dtype == pytorch.int64
    assert index["labels"].tolist() == [1, 0]
    assert index["classes"] == ["x", "y"]
    assert index["ids"] == ["c", "a"]
    assert index["weights"].tolist() == [1.0, 1.0]
    assert index["weights"].dtype == pytorch.float32


def test_the_same_manifest_gives_the_same_bytes_in_every_export(table, arrays, tmp_path):
    for exporter in (torch, folder, huggingface):
        names = ("one", "two")
        for name in names:
            (tmp_path / name).mkdir(exist_ok=True)
            exporter.write(table, path=tmp_path / name / "out", items=arrays)
        one, two = ({p: (tmp_path / name / p).read_bytes() for p in tree(tmp_path / name)} for name in names)
        assert one == two
        for name in names:
            shutil.rmtree(tmp_path / name)


def test_the_snippet_runs_and_makes_a_subset_of_rows(table, arrays, tmp_path):
    from torch.utils.data import Subset

    _, snippet = torch.write(table, path=tmp_path / "half.pt", items=arrays)
    kept = runpy.run_path(str(snippet))["kept"](list("abcde"))
    assert isinstance(kept, Subset)
    assert [kept[i] for i in range(len(kept))] == ["c", "a"]


def test_the_snippet_finds_files_in_an_image_folder_of_any_part(files, tmp_path):
    from torchvision import datasets

    items, table = files
    _, snippet = torch.write(table, path=tmp_path / "half.pt", items=items)
    for top in (tmp_path / "data/train", tmp_path / "data"):
        loaded = datasets.ImageFolder(top)
        kept = runpy.run_path(str(snippet))["kept"](loaded)
        found = [loaded.samples[i][0] for i in kept.indices]
        assert [os.path.relpath(path, tmp_path / "data") for path in found] == ["train/dog/1.png", "train/cat/2.png"]


def test_a_weight_of_the_method_is_kept_and_a_new_label_gets_a_code(table, arrays, tmp_path):
    import torch as pytorch

    table = table.set_column(6, "weight", pa.array([2.5, None, None, None, None], pa.float64()))
    table = table.set_column(3, "label", pa.array(["new", "x", "y", "y", None]))
    index = pytorch.load(torch.write(table, path=tmp_path / "half.pt", items=arrays)[0], weights_only=True)
    assert index["weights"].tolist() == [1.0, 2.5]
    assert index["classes"] == ["x", "y", "new"]
    assert index["labels"].tolist() == [1, 2]


# -- Hugging Face ------------------------------------------------------------------------------------------


def test_the_hugging_face_folder_is_readable_without_any_package(files, tmp_path):
    items, table = files
    (out,) = huggingface.write(table, path=tmp_path / "out", items=items)
    assert tree(out) == ["README.md", "data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"]
    train = pq.read_table(out / "data/train-00000-of-00001.parquet").to_pylist()
    assert [row["id"] for row in train] == ["train/dog/1.png", "train/cat/2.png"]
    assert [row["label"] for row in train] == [1, 0]
    assert train[1]["image"] == {"bytes": png(1), "path": "train/cat/2.png"}


def test_large_sets_are_cut_into_shards_in_order(table, arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface, "SHARD", 30)  # an image has 12 bytes
    all_kept = manifest(IDS, ["train"] * 5, ["x"] * 5, [True] * 5, [5, 4, 3, 2, 1])
    (out,) = huggingface.write(all_kept, path=tmp_path / "out", items=arrays)
    names = sorted(p.name for p in (out / "data").iterdir())
    assert names == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    found = [row["id"] for name in names for row in pq.read_table(out / "data" / name).to_pylist()]
    assert found == ["e", "d", "c", "b", "a"]


def test_nothing_kept_is_one_sentence(table, arrays, tmp_path):
    nothing = table.set_column(4, "kept", pa.array([False] * 5))
    with pytest.raises(InputError, match="nothing is kept, so there is nothing to export"):
        huggingface.write(nothing, path=tmp_path / "out", items=arrays)
    assert not (tmp_path / "out").exists()


def test_load_dataset_reads_what_was_written(tmp_path):
    import datasets

    labels = ['it\'s: a "label"', "- no", "- no", "yes", "yes"]
    items = make_items(
        ids=IDS, labels=labels, splits=["train"] * 5, images=PIXELS, features=np.eye(5, dtype=np.float32)
    )
    table = manifest(IDS, ["train", "train", "train", "test", "val"], labels, [*KEPT[:4], True], RANK)
    (out,) = huggingface.write(table, path=tmp_path / "out", items=items)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: part["id"] for name, part in loaded.items()} == {
        "train": ["c", "a"],
        "validation": ["e"],
        "test": ["d"],
    }
    row = loaded["train"][0]
    assert np.array_equal(row["image"], PIXELS[2])
    assert row["features"] == [0, 0, 1, 0, 0]
    assert loaded["train"].features["label"].names == list(items.classes)
    assert loaded["train"].features["label"].int2str(row["label"]) == "- no"


def test_names_of_every_kind_stand_in_the_card_as_they_are(tmp_path):
    yaml = pytest.importorskip("yaml")
    names = ['a "b"', "\x9f\n---\n", "\u202e", "😀", "é", "- x: y", "null", "{{ jinja }}", "\u2028"]
    items = make_items(
        ids=list(map(str, range(len(names)))),
        labels=names,
        splits=["train"] * len(names),
        images=np.zeros((len(names), 2, 2), np.uint8),
    )
    ids = list(map(str, range(len(names))))
    made = manifest(ids, ["train"] * len(ids), names, [True] * len(ids), list(range(1, len(ids) + 1)))
    (out,) = huggingface.write(made, path=tmp_path / "hf", items=items)
    front = yaml.safe_load((out / "README.md").read_text(encoding="utf-8").split("\n---\n")[0].removeprefix("---\n"))
    label = next(part for part in front["dataset_info"]["features"] if part["name"] == "label")
    assert list(label["dtype"]["class_label"]["names"].values()) == list(items.classes)


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_link_put_in_an_images_place_is_not_exported(files, tmp_path, how):
    items, table = files
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    path = tmp_path / "data/train/cat/2.png"
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(InputError, match="a link that leads out of the folder; run the source again"):
        folder.write(table, path=tmp_path / "out", how=how, items=items)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_file_whose_name_is_no_utf8_is_exported_all_the_same(tmp_path, how):
    (tmp_path / "d" / "a").mkdir(parents=True)
    Image.new("L", (4, 3), 7).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "d" / "a" / "caf\udce9.png")
    items = folder_source.read(path=tmp_path / "d", progress=lambda *_: None)
    kept = manifest(items.column("id").tolist(), ["train"], ["a"], [True], [1], paths=items.column("path").tolist())
    (top,) = folder.write(kept, path=tmp_path / "kept", how=how, items=items)
    (file,) = top.rglob("*.png")
    assert file.relative_to(top).as_posix() == "train/a/caf_xe9.png"
    assert Image.open(file).getpixel((0, 0)) == 7
