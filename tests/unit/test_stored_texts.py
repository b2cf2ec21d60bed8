"""Texts beside the items: written in order, read by row, in bounded memory."""

import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest

from curation.data import texts as storage
from curation.data.contents import TextRows
from curation.data.items import Items, make_items
from curation.data.texts import Texts, write_texts
from curation.errors import SourceError

TEXTS = ["one", None, "", "zwei\r\nlines\0", "漢字 🙂", "مرحبا", "half \ud83d pair", "x" * 3_000]


def made(texts, **more):
    n = len(texts)
    return make_items(ids=[str(i) for i in range(n)], labels=["a"] * n, splits=["train"] * n, written=texts, **more)


def test_texts_come_back_from_the_disk_by_row_in_any_order(tmp_path):
    items = made(TEXTS)
    assert items.column("kind").tolist() == ["text"] * len(TEXTS)
    assert items.has_texts
    assert not items.has_images
    items.save(tmp_path)
    loaded = Items.load(tmp_path)
    said = [text or "" for text in TEXTS]
    said[6] = "half ? pair"  # no file holds half a surrogate pair
    assert loaded.texts(range(len(said))) == said
    assert loaded.texts([5, 3, 3, 0]) == [said[5], said[3], said[3], said[0]]
    assert loaded.text(4) == "漢字 🙂"
    assert list(TextRows(pickle.loads(pickle.dumps(loaded)), np.array([4, 0])).take(np.array([1]))) == ["one"]


def test_row_groups_are_bounded_by_rows_and_by_letters(tmp_path):
    many = write_texts(tmp_path, (str(i) for i in range(25_001)))
    assert pq.read_metadata(many.file).num_row_groups == 3
    assert many.take([25_000, 9_999, 10_000]) == ["25000", "9999", "10000"]
    assert list(many) == [str(i) for i in range(25_001)]
    (tmp_path / "long").mkdir()
    long = write_texts(tmp_path / "long", ("a" * 1_000_000 for _ in range(20)))
    assert pq.read_metadata(long.file).num_row_groups == 3
    assert len(long) == 20


def test_a_file_that_is_written_again_is_read_again(tmp_path):
    assert write_texts(tmp_path, ["before"]).take([0]) == ["before"]
    assert write_texts(tmp_path, ["after", "more"]).take([0, 1]) == ["after", "more"]


def test_rows_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(IndexError, match="2 texts"):
        write_texts(tmp_path, ["a", "b"]).take([2])
    nothing = make_items(ids=["a"], labels=["x"], splits=["train"], features=np.zeros((1, 2)))
    with pytest.raises(SourceError, match="no text"):
        nothing.text(0)


def test_a_write_that_fails_leaves_no_open_file(tmp_path):
    writer = storage.TextWriter(tmp_path)
    with pytest.raises(AttributeError), writer:
        writer.add(7)
    assert not writer._file.is_open
    assert isinstance(writer.texts, Texts)
