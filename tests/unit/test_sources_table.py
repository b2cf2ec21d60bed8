"""The source `table`: paths or bytes, and rows that cannot be used without the others suffering."""

import io
import json
import os
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from torch import load

from curation.data import parquet_cells
from curation.data.items import Items
from curation.data.reading import table_images, tables
from curation.errors import InputError, SourceError
from curation.methods.exporters import folder, torch, webdataset
from curation.methods.sources import table


def png(shade=0, size=(4, 3)):
    out = io.BytesIO()
    Image.new("L", size, shade).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def here(tmp_path):
    """A folder with images a/1.png ... a/3.png."""
    (tmp_path / "a").mkdir()
    for shade in (1, 2, 3):
        (tmp_path / "a" / f"{shade}.png").write_bytes(png(shade))
    return tmp_path


def read(path, **how):
    into = path.parent / "into"
    into.mkdir(exist_ok=True)
    return table.read(path=path, into=into, progress=lambda *_: None, **how)


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def refused(path, match, **how):
    with pytest.raises(SourceError, match=match) as caught:
        read(path, **how)
    assert "\n" not in str(caught.value)


def test_a_csv_keeps_its_order_and_its_labels_as_they_are_written(here):
    text = 'path,label,split,id\na/3.png,007,train,x\na/1.png,"NA",Test,y\na/2.png,,valid,z\n'
    items = read(written(here / "t.csv", text))
    assert items.column("id").tolist() == ["x", "y", "z"]
    assert items.column("label").tolist() == ["007", "NA", None]
    assert items.column("split").tolist() == ["train", "test", "unlabeled"]
    assert items.column("path").tolist() == ["a/3.png", "a/1.png", "a/2.png"]
    assert items.image(0).getpixel((0, 0))[0] == 3


def test_columns_of_other_names_can_be_given_with_the_truth_and_a_root(here):
    (here / "sub").mkdir()
    path = written(here / "sub" / "t.csv", "file,y,clean\na/1.png,cat,dog\na/2.png,dog,dog\n")
    items = read(path, image="file", label="y", truth="clean", root=here)
    assert items.column("id").tolist() == ["a/1.png", "a/2.png"]
    assert items.column("truth").tolist() == ["dog", "dog"]
    assert items.ok.all()


@pytest.mark.parametrize("kind", ["jsonl", "tsv", "parquet"])
def test_the_other_kinds_of_table_read_alike(here, kind):
    rows = [{"path": "a/1.png", "label": "cat"}, {"path": "a/2.png", "label": None}]
    path = here / f"t.{kind}"
    if kind == "jsonl":
        path.write_text("\n\n".join(json.dumps(row) for row in rows))
    elif kind == "tsv":
        path.write_text("path\tlabel\na/1.png\tcat\na/2.png\t\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    items = read(path)
    assert items.column("label").tolist() == ["cat", None]
    assert items.ok.all()


def test_a_parquet_of_hugging_face_has_bytes_and_class_names(tmp_path):
    rows = [
        {"image": {"bytes": png(7), "path": "x.png"}, "label": 1},
        {"image": {"bytes": png(8), "path": None}, "label": -1},
        {"image": None, "label": 0},
        {"image": {"bytes": b"not an image", "path": None}, "label": 0},
        {"image": {"bytes": png(9), "path": None}, "label": 0},
    ]
    names = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog", "unused"]}}}}
    found = pa.Table.from_pylist(rows).replace_schema_metadata({"huggingface": json.dumps(names)})
    pq.write_table(found, tmp_path / "t.parquet")
    items = read(tmp_path / "t.parquet", image="image")
    assert items.column("label").tolist() == ["dog", None, "cat", "cat", "cat"]
    assert items.classes == ("cat", "dog")
    assert items.column("status").tolist()[1:4] == [
        "ok",
        "no image in this row",
        "not an image in a format that can be read",
    ]
    assert items.image(0).getpixel((0, 0))[0] == 7
    assert not list((tmp_path / "into").rglob("*.png"))  # they stay in the table
    assert items.column("id")[0] == "0000/0000000.png"


def saved_images(n: int) -> list[bytes]:
    return [png(i % 251, (i // 251 + 1, 9)) for i in range(n)]


def test_images_of_several_tables_stay_where_they_are_and_are_found_there_later(tmp_path, monkeypatch):
    images = saved_images(230)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "set").mkdir()
    for name, part in (("train", images[:200]), ("test", images[200:])):
        cells = [{"bytes": data, "path": None} for data in part]
        rows = pa.table({"image": pa.array(cells), "label": ["a", "b"] * (len(part) // 2)})
        pq.write_table(rows, tmp_path / "blobs" / name, row_group_size=30)
        (tmp_path / "set" / f"{name}.parquet").symlink_to(tmp_path / "blobs" / name)  # as in the cache of the hub
    before = read(tmp_path / "set", image="image")
    before.save(tmp_path / "into")
    items = Items.load(tmp_path / "into")
    parquet_cells.forget()
    assert [items.open(row).read() for row in (229, 0, 31, 199, 200)] == [images[i] for i in (229, 0, 31, 199, 200)]
    assert items.place(229) == ("test", "image", 29)
    rows = [
        {"id": id_, "split": "train", "label": "a", "kept": i == 3, "rank": 1}
        for i, id_ in enumerate(items.column("id"))
    ]
    (shards,) = webdataset.write(pa.Table.from_pylist(rows), path=tmp_path / "kept", items=items)
    with tarfile.open(shards / "train-000000.tar") as shard:
        assert shard.extractfile(shard.getmembers()[0]).read() == images[3]
    written = pa.Table.from_pylist([row | {"weight": 1.0} for row in rows])
    torch.write(written, path=tmp_path / "kept.pt", items=items)
    assert "paths" not in load(tmp_path / "kept.pt", weights_only=True)  # there are no files to name
    with pytest.raises(InputError, match=r"the items lie in train and cannot be linked; use how = .copy."):
        folder.write(written, path=tmp_path / "linked", items=items, how="link")
    monkeypatch.setattr(parquet_cells, "MAX_GROUP", 100)  # row groups that are too large for one image
    copied = read(tmp_path / "set", image="image")
    for column in ("id", "path", "label", "split", "width", "bytes", "hash", "status"):
        assert copied.column(column).tolist() == items.column(column).tolist()
    assert [copied.open(row).read() for row in (229, 0)] == [images[229], images[0]]


def test_a_table_that_was_written_anew_is_read_anew_and_one_that_lacks_the_row_says_so(tmp_path):
    file, images = tmp_path / "t.parquet", saved_images(4)
    pq.write_table(pa.table({"path": images, "label": ["a", "b"] * 2}), file)
    items = read(file)
    assert items.open(3).read() == images[3]
    pq.write_table(pa.table({"path": images[::-1], "label": ["a", "b"] * 2}), file)
    assert items.open(3).read() == images[0]
    pq.write_table(pa.table({"path": images[:2]}), file)
    with pytest.raises(SourceError, match="has 2 rows, fewer than when it was read"):
        items.open(3)
    pq.write_table(pa.table({"other": images}), file)
    with pytest.raises(SourceError, match="has no column 'path' any more"):
        items.open(3)
    file.write_bytes(b"PAR1, and then nothing")
    with pytest.raises(SourceError, match="cannot be read as a table"):
        items.open(3)
    file.unlink()
    with pytest.raises(SourceError, match="the file is missing"):
        items.open(3)


def test_a_few_bytes_that_stand_for_many_are_not_kept_in_memory(tmp_path, monkeypatch):
    rows = pa.table({"path": [png(1, (64, 64))] * 400, "label": ["a", "b"] * 200})
    pq.write_table(rows, tmp_path / "t.parquet", use_dictionary=True)
    items = read(tmp_path / "t.parquet")
    parquet_cells.forget()
    monkeypatch.setattr(parquet_cells, "KEPT", 5000)
    assert items.open(399).read() == items.open(0).read() == png(1, (64, 64))
    assert not parquet_cells._groups


def test_a_plain_column_of_bytes_works_and_more_rows_than_a_batch_keep_their_order(tmp_path):
    n = 1203
    column = [png(row % 251) for row in range(n)]
    pq.write_table(pa.table({"image": column, "label": [str(row % 2) for row in range(n)]}), tmp_path / "t.parquet")
    items = read(tmp_path / "t.parquet", image="image")
    assert [items.image(row).getpixel((0, 0))[0] for row in (0, 500, 1202)] == [0, 500 % 251, 1202 % 251]


def test_a_path_beside_bytes_is_that_rows_problem(here):
    rows = [
        {"image": {"bytes": png(), "path": None}, "label": "a"},
        {"image": {"bytes": None, "path": "a/1.png"}, "label": "a"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), here / "t.parquet")
    assert read(here / "t.parquet", image="image").column("status").tolist() == [
        "ok",
        "a path, in a table that holds image bytes",
    ]


def test_paths_that_lead_out_of_the_root_are_that_rows_problem(here):
    top = here / "a"
    (here / "secret.png").write_bytes(png())
    (top / "link.png").symlink_to(here / "secret.png")
    text = (
        f"path,label\n1.png,x\n../secret.png,x\n{here}/secret.png,x\nlink.png,x\n{top}/2.png,x\nsub\\..\\3.png,x\n,x\n"
    )
    items = read(written(top / "t.csv", text))
    assert [status.replace(str(top), "ROOT") for status in items.column("status")] == [
        "ok",
        "its path leads out of ROOT",
        "its path leads out of ROOT",
        "its path leads out of ROOT",
        "ok",
        "ok",
        "no image in this row",
    ]
    assert items.column("path").tolist()[4:] == ["2.png", "3.png", None]


def test_the_same_path_on_two_rows_gives_two_items(here):
    items = read(written(here / "t.csv", "path,label\na/1.png,cat\na/1.png,dog\na/1.png,cat\n"))
    assert items.column("id").tolist() == ["a/1.png", "a/1.png#2", "a/1.png#3"]
    assert len(set(items.column("hash"))) == 1


def test_missing_files_stay_as_rows(here):
    items = read(written(here / "t.csv", "path,label\na/1.png,cat\ngone.png,dog\n"))
    assert items.column("status").tolist() == ["ok", "the file is missing"]


@pytest.mark.parametrize("parameter", ["image", "label", "split", "id", "truth"])
def test_a_named_column_that_is_not_there_lists_those_that_are(here, parameter):
    path = written(here / "t.csv", "path,label,colour\na/1.png,cat,red\n")
    refused(path, f"there is no column 'nope' in .*t.csv; its columns are: path, label, colour; .* {parameter} = ",
            **{parameter: "nope"})  # fmt: skip


def test_a_table_of_text_says_how_it_is_read(tmp_path):
    path = written(tmp_path / "t.csv", "text,label\nhello,greeting\n")
    refused(path, "there is no column 'path' .* where the items are texts, write text = \"text\"")


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("t.csv", "", "is empty; the first line must name the columns"),
        ("t.csv", "path,label\n", "has no rows"),
        ("t.csv", "path,label\na.png,cat,extra\n", "line 2 of .*t.csv has 3 cells and the header 2"),
        ("t.csv", "path,path,label\na,b,c\n", "has two columns 'path'"),
        ("t.csv", "path,label,split\na/1.png,cat,monday\n", "'monday' is not a split; expected one of: train"),
        ("t.jsonl", '{"path": "a"}\n{broken', "line 2 of .* is not JSON"),
        ("t.jsonl", "[1, 2]\n", "line 1 of .* is not a JSON object"),
        ("t.parquet", "text", "cannot be read as a table"),
        ("t.xlsx", "text", "is not a table by its name; expected one of: .csv"),
        (
            "t.csv",
            "path,label\ngone.png,cat\n",
            "none of the 1 images in .* can be used; the first, gone.png: the file is missing; paths are looked up",
        ),
    ],
)
def test_every_bad_table_is_one_sentence(here, name, text, match):
    refused(written(here / name, text), match)


def test_a_number_where_an_image_should_be_is_one_sentence(tmp_path):
    pq.write_table(pa.table({"path": [1, 2], "label": ["a", "b"]}), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", "holds 1, no path and no image bytes")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_in_another_encoding_keeps_its_letters_and_says_how_it_was_read(here, codec, kind):
    text = "path,label\na/1.png,café\n" if kind == "csv" else '{"path": "a/1.png", "label": "café"}\n'
    (here / f"t.{kind}").write_bytes(text.encode(codec))
    items = read(here / f"t.{kind}")
    assert items.column("label").tolist() == ["café"]
    assert any("was read as" in note for note in items.notes) is not codec.startswith("utf-8")


def test_a_file_of_zero_bytes_is_no_text(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"path,label\na.png\0\0\0,cat\0\0\n")
    refused(tmp_path / "t.csv", "holds zero bytes: it is not text")


def test_half_a_surrogate_in_json_does_not_stop_the_table(here):
    items = read(
        written(here / "t.jsonl", '{"path": "a/1.png", "label": "\\ud800x"}\n{"path": "\\ud800", "label": "y"}')
    )
    assert items.column("label").tolist() == ["?x", "y"]
    assert items.column("status").tolist() == ["ok", "the file is missing"]


def test_missing_tables_folders_and_roots_are_one_sentence_each(here):
    for path, match, how in (
        (here / "gone.csv", "the table .* does not exist", {}),
        (here, "is a folder, not a table", {}),
        (written(here / "t.csv", "path,label\n"), "root = .* is not a folder", {"root": here / "nowhere"}),
    ):
        with pytest.raises(SourceError, match=match):
            table.read(path=path, into=here, progress=lambda *_: None, **how)


# -- made to harm ------------------------------------------------------------------------------------------


def test_one_long_value_that_stands_for_many_rows_is_refused_before_it_is_written_out(tmp_path):
    """A dictionary of a single text of 2 MB and 20,000 rows that point to it: 1 kB as a file, 40 GB as a table."""
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 2_000_000])
    where = tmp_path / "t.parquet"
    made = pa.table({"path": long, "label": ["a"] * 20_000})
    pq.write_table(made, where, compression="zstd", dictionary_pagesize_limit=2**30)
    assert where.stat().st_size < 200_000
    refused(where, "takes more memory to unpack than a table may")


def test_images_that_unpack_to_far_more_than_the_table_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table_images, "RATIO_FROM", 1000)
    monkeypatch.setattr(parquet_cells, "MAX_GROUP", 1000)  # so that they are written to the workspace
    cells = [b"\0" * 100_000] * 100
    pq.write_table(pa.table({"path": cells, "label": ["a"] * 100}), tmp_path / "t.parquet", compression="zstd")
    refused(tmp_path / "t.parquet", "unpacks to more than 200 times its size")


@pytest.mark.parametrize("said", ["{broken", "[" * 5000, "[]", '{"info": 3}', '{"info": {"features": {"label": []}}}'])
def test_class_names_that_are_none_are_passed_over_or_refused_in_a_sentence(here, said):
    rows = pa.table({"path": ["a/1.png"], "label": ["cat"]}).replace_schema_metadata({"huggingface": said})
    pq.write_table(rows, here / "t.parquet")
    if said[0] in "{[" and said not in ("{broken", "[" * 5000):
        assert read(here / "t.parquet").column("label").tolist() == ["cat"]
    else:
        refused(here / "t.parquet", "cannot be read as a table")


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("t.jsonl", "[" * 100_000, "line 1 of .* cannot be read|is not JSON"),
        ("t.jsonl", '{"path": "a/1.png", "label": ' + "9" * 5000 + "}", "line 1 of .* cannot be read"),
        ("t.jsonl", '{"path": ["a/1.png"], "label": "x"}', "holds a list where a single text"),
        ("t.jsonl", '{"path": "' + "x" * 17_000_000 + '"}', "has a line of over 16,777,216 characters"),
        (
            "t.jsonl",
            '{"path": "a/1.png", "label": "' + "x" * 40_000 + '"}',
            "text of 40,000 characters, over the limit",
        ),
        ("t.csv", "path,label\na/1.png," + "x" * 1001 + "\n", "has 1,001 characters, over the limit of 1,000"),
        ("t.csv", ",".join(f"c{i}" for i in range(10_001)) + "\n", "has 10,001 columns, over the limit of 10,000"),
        ("t.csv", "path,label\n" + "\n" * 4_000_010, "has over 2,000,000 lines"),
    ],
)
def test_a_text_over_its_limits_is_one_sentence(here, name, text, match):
    refused(written(here / name, text), match)


def test_numbers_that_are_none_are_labels_as_they_are_written(here):
    lines = ['{"path": "a/1.png", "label": NaN}', '{"path": "a/2.png", "label": -Infinity}']
    assert read(written(here / "t.jsonl", "\n".join(lines))).column("label").tolist() == [None, "-inf"]


def test_a_path_too_long_is_that_rows_problem(here):
    items = read(written(here / "t.csv", "path,label\na/1.png,cat\n" + "b" * 5000 + ",dog\n"))
    assert items.column("status").tolist()[1] == "its path has 5,000 characters, over the limit of 4,096"


def test_large_images_in_one_page_are_not_taken_for_a_bomb(tmp_path):
    """pyarrow writes 24 images of 5 MB as one page, which is read as a whole."""
    cells = [os.urandom(5_000_000) for _ in range(24)]
    pq.write_table(pa.table({"path": cells, "label": ["a"] * 24}), tmp_path / "t.parquet")
    batches = list(tables.read_rows(tmp_path / "t.parquet", ["path", "label"]))
    assert [cell for batch in batches for cell in batch["path"]] == cells
    assert max(len(batch["path"]) for batch in batches) < 10  # not all of them in memory at once
