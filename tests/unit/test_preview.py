"""How a path would be read, shown before it is: first rows, classes, splits, and what is asked."""

import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.reading import tables
from curation.data.reading.preview import preview
from curation.errors import SourceError
from curation.methods.sources import archive, folder, table


def pictures(top, *names):
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(top / name)
    return top


@pytest.fixture
def pets(tmp_path):
    names = [f"pets/{s}/{c}/{n}.png" for s in ("train", "test") for c in ("cats", "dogs") for n in (1, 2, 3)]
    return pictures(tmp_path, *names) / "pets"


def test_what_is_shown_of_a_folder_is_what_is_read(pets):
    guess = preview(pets)
    assert (guess.source, guess.question, guess.whole, guess.counted) == ("folder", "", True, 12)
    assert guess.classes == {"cats": 6, "dogs": 6}
    assert guess.splits == {"test": 6, "train": 6}
    assert {"file": "train/cats/1.png", "class": "cats", "split": "train"} in guess.rows
    items = folder.read(path=pets, progress=lambda *_: None)
    assert list(items.classes) == list(guess.classes)
    assert all(note in items.notes for note in guess.notes)


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "xztar"])
def test_an_archive_is_looked_into_without_unpacking_it(pets, tmp_path, form):
    packed = shutil.make_archive(str(tmp_path / "packed"), form, tmp_path, "pets")
    before = sorted(tmp_path.rglob("*"))
    guess = preview(tmp_path / packed)
    assert sorted(tmp_path.rglob("*")) == before
    assert guess.source == "archive"
    assert guess.classes == {"cats": 6, "dogs": 6}
    (tmp_path / "into").mkdir()
    items = archive.read(path=tmp_path / packed, into=tmp_path / "into", progress=lambda *_: None)
    assert all(note in items.notes for note in guess.notes)


def test_of_a_long_tar_the_first_members_are_looked_at_and_that_is_said(pets, tmp_path, monkeypatch):
    monkeypatch.setattr("curation.data.reading.preview.MOST", 9)
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        out.add(pets, "pets")
    guess = preview(tmp_path / "a.tar")
    assert not guess.whole
    assert 0 < guess.counted < 9


def test_a_doubtful_folder_asks_and_says_what_each_answer_would_give(tmp_path):
    pictures(tmp_path, *(f"d/{c}/{n}.png" for c in ("cats", "dogs", "test") for n in (1, 2)))
    guess = preview(tmp_path / "d")
    assert "the class 'test' is called like a split" in guess.question
    answers = {params["layout"]: words for params, words in guess.choices}
    assert answers["class"] == "train; 3 classes: cats, dogs, test"
    told = preview(tmp_path / "d", {"layout": "class"})
    assert (told.question, told.params) == ("", {"layout": "class"})
    items = folder.read(path=tmp_path / "d", layout="class", progress=lambda *_: None)
    assert items.classes == ("cats", "dogs", "test")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_of_a_table_the_columns_are_guessed_by_name_and_by_what_they_hold(pets, tmp_path, ending):
    rows = [{"no": n, "Photo": f"pets/train/cats/{n}.png", "species": "ab"[n % 2]} for n in (1, 2, 3)]
    path, made = tmp_path / f"t.{ending}", pa.Table.from_pylist(rows)
    if ending == "parquet":
        pq.write_table(made, path)
    elif ending == "csv":
        path.write_text("no;Photo;species\n" + "".join(";".join(map(str, row.values())) + "\n" for row in rows))
    else:
        made.to_pandas().to_json(path, orient="records", lines=True)
    guess = preview(path)
    assert guess.params == {"image": "Photo", "label": "species"}
    assert guess.classes == {"a": 1, "b": 2}
    assert guess.rows[0] == {"no": "1", "Photo": "pets/train/cats/1.png", "species": "b"}
    assert not guess.question
    assert any("semicolon" in note for note in guess.notes) is (ending == "csv")
    items = table.read(path=path, **guess.params, into=tmp_path, progress=lambda *_: None)
    assert items.ok.all()


def test_a_table_that_leaves_the_label_open_asks_for_it(tmp_path):
    (tmp_path / "t.csv").write_text("path,a,b\n1.png,x,y\n")
    guess = preview(tmp_path / "t.csv")
    assert guess.question == "which column holds the label? There are: path, a, b."
    assert [params for params, _ in guess.choices] == [{"label": "a"}, {"label": "b"}]
    assert preview(tmp_path / "t.csv", {"label": "b"}).classes == {"y": 1}
    assert preview(tmp_path / "t.csv", {"label": ""}).question == ""


def test_images_in_a_parquet_are_not_read_to_be_shown(tmp_path, monkeypatch):
    images = [{"bytes": b"x" * 10, "path": None}] * 3
    rows = pa.table({"image": images, "label": ["a", "b", "a"], "split": ["train"] * 3})
    pq.write_table(rows, tmp_path / "t.parquet")
    read, real = [], tables.read_rows
    monkeypatch.setattr(tables, "read_rows", lambda path, names, **how: read.extend(names) or real(path, names, **how))
    guess = preview(tmp_path / "t.parquet")
    assert guess.params == {"image": "image", "label": "label"}
    assert guess.rows[0] == {"image": "(an image)", "label": "a", "split": "train"}
    assert guess.splits == {"train": 3}
    assert read == ["label", "split"]


def test_arrays_are_shown_by_name_shape_and_type(tmp_path):
    np.savez(tmp_path / "x.npz", features=np.zeros((4, 3)), labels=[0, 1, 1, -1])
    guess = preview(tmp_path / "x.npz")
    assert guess.rows == [
        {"array": "features", "shape": "[4, 3]", "type": "float64"},
        {"array": "labels", "shape": "[4]", "type": "int64"},
    ]
    assert guess.classes == {"0": 1, "1": 2}
    np.savez(tmp_path / "y.npz", other=np.zeros(3))
    assert "must hold `images` or `features`" in preview(tmp_path / "y.npz").question


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    (tmp_path / "x.csv").write_text("")
    for path, why in {
        tmp_path / "gone": "does not exist",
        tmp_path / "empty": "no images were found",
        tmp_path / "x.zip": "is not a zip or tar archive",
        tmp_path / "x.csv": "is empty; the first line must name the columns",
    }.items():
        with pytest.raises(SourceError, match=why) as caught:
            preview(path)
        assert "\n" not in str(caught.value)
