"""Texts from tables, folders and archives: as they are, in their order, with what cannot be used said row by row."""

import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.data.items import Items
from curation.data.reading.preview import preview
from curation.errors import SourceError
from curation.methods.sources import archive, folder, table

LONG = "x" * 1_000_001


def read(path, **how):
    into = path.parent / "into"
    into.mkdir(exist_ok=True)
    items = table.read(path=path, into=into, progress=lambda *_: None, **how)
    items.save(into)
    return Items.load(into)


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_a_csv_of_texts_keeps_every_letter_and_says_what_cannot_be_used(tmp_path):
    rows = ["text,category,split", '"Two\r\nlines, and a comma",a,train', "  ,a,train", f"{LONG},b,train",
            "漢字 🙂 <b>&amp;</b>,b,test", "text,category,split", '"two LINES, and  a comma",b,test']  # fmt: skip
    items = read(written(tmp_path / "t.csv", "\r\n".join(rows)), text="text", label="category", split="")
    assert items.texts(range(6)) == ["Two\r\nlines, and a comma", "", "", "漢字 🙂 <b>&amp;</b>", "",
                                     "two LINES, and  a comma"]  # fmt: skip
    assert items.column("status").tolist() == [
        *("ok", "the text is empty", "too long: 1,000,001 bytes, over the limit of 1,000,000", "ok"),
        *("a line of column names among the rows", "ok"),
    ]
    assert items.column("kind").tolist() == ["text"] * 6
    assert items.classes == ("a", "b")
    assert items.copies[0] == items.copies[5], "case and blanks apart, the same text"
    assert len(set(items.copies)) == 5


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_every_form_of_table_gives_the_same_texts_and_labels(tmp_path, form):
    texts, labels = ["one", "zwei, drei", "四"], ["a", "b", None]
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        pq.write_table(pa.table({"text": texts, "label": labels}), path)
    elif form == "jsonl":
        written(path, "\n".join(json.dumps({"text": t, "label": la}) for t, la in zip(texts, labels, strict=True)))
    else:
        mark = "," if form == "csv" else "\t"
        written(path, f'text{mark}label\none{mark}a\n"zwei, drei"{mark}b\n四{mark}\n')
    items = read(path, text="text")
    assert items.texts([0, 1, 2]) == texts
    assert items.column("label").tolist() == labels
    assert items.column("id").tolist() == ["row 1", "row 2", "row 3"]


def test_several_columns_are_joined_and_a_list_of_words_is_a_text(tmp_path):
    path = written(tmp_path / "t.jsonl", '{"title": "T", "body": ["a", "b"]}\n{"title": "", "body": "only"}\n')
    items = read(path, text=["title", "body"], label="")
    assert items.texts([0, 1]) == ["T\na b", "only"]
    assert any("'title' and 'body' were joined" in note for note in items.notes)


def test_a_file_without_a_line_of_names_is_read_when_they_are_told(tmp_path):
    rows = ('"3","Wall St. Bears Claw Back","Short-sellers are seeing green again today."',
            '"1","Peace talks","Leaders met on Monday to speak about the conflict."')  # fmt: skip
    path = written(tmp_path / "t.csv", "\n".join(rows))
    with pytest.raises(SourceError, match=r"its first line holds data: name the columns with columns = "):
        read(path, text="text")
    guess = preview(path)
    assert guess.params == {"text": ["title", "text"], "label": "label", "columns": ["label", "title", "text"]}
    assert (guess.question, guess.classes) == ("", {"1": 1, "3": 1})
    items = read(path, **guess.params)
    assert items.text(1) == "Peace talks\nLeaders met on Monday to speak about the conflict."
    assert items.column("label").tolist() == ["3", "1"]
    with pytest.raises(SourceError, match=r"names 2 columns and the first line of .* has 3 cells"):
        read(path, text="b", columns=["a", "b"])


def test_lines_with_and_without_the_labels_of_fasttext_are_read(tmp_path):
    path = written(tmp_path / "t.txt", "__label__spam buy, now\n__label__ham hi\n")
    assert preview(path).params == {"text": "text", "label": "label"}
    items = read(path, text="text")
    assert (items.texts([0, 1]), items.column("label").tolist()) == (["buy, now", "hi"], ["spam", "ham"])
    plain = read(written(tmp_path / "p.txt", "one\n\ntwo\n", "utf-16"), text="text", label="")
    assert plain.texts([0, 1]) == ["one", "two"]


def test_several_labels_are_kept_and_no_item_gets_one(tmp_path):
    ways = {
        "list.jsonl": (
            '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": []}\n{"text": "c", "label": null}',
            {},
        ),
        "mark.csv": ('text,label\na,"x; y"\nb,;\nc,\n', {"label_separator": ";"}),
    }
    for name, (content, how) in ways.items():
        items = read(written(tmp_path / name, content), text="text", **how)
        assert items.multi_label
        assert items.table["labels"].to_pylist() == [["x", "y"], [], None], name
        assert items.column("label").tolist() == [None] * 3
        assert any("1 of 3 items have several labels" in note for note in items.notes)
    on = written(tmp_path / "on.csv", "text,toxic,rude\na first sentence of some length,1,1\nb,0,0\n")
    assert preview(on).params == {"text": "text", "label": ["toxic", "rude"]}
    assert read(on, text="text", label=["toxic", "rude"]).table["labels"].to_pylist() == [["toxic", "rude"], []]
    one = read(written(tmp_path / "one.csv", "text,toxic,fine\na,1,0\nb,0,1\n"), text="text", label=["toxic", "fine"])
    assert (one.multi_label, one.column("label").tolist()) == (False, ["toxic", "fine"])
    with pytest.raises(SourceError, match=r"line 2 of .*'maybe' where a column for one class must say 1 or 0"):
        read(written(tmp_path / "bad.csv", "text,a,b\nx,maybe,0\n"), text="text", label=["a", "b"])


@pytest.mark.parametrize(
    ("columns", "row", "params"),
    [
        (("text", "category"), ("hello there", "greeting"), {"text": "text", "label": "category"}),
        (("Sentence", "idx", "Label"), ("hello", "1", "0"), {"text": "Sentence", "label": "Label"}),
        (("premise", "hypothesis", "label"), ("a", "b", "0"), {"text": ["premise", "hypothesis"], "label": "label"}),
        (("title", "body", "target"), ("a", "b", "0"), {"text": ["title", "body"], "label": "target"}),
        (("said", "kind"), ("a longer sentence that somebody said", "x"), {"text": "said", "label": "kind"}),
        (("text",), ("hello",), {"text": "text", "label": ""}),
        (("path", "label"), ("a/1.png", "cat"), {"image": "path", "label": "label"}),
        (("file_name", "text"), ("a/1.png", "a cat on a mat"), {"image": "file_name", "label": "text"}),
    ],
)
def test_the_columns_are_guessed_and_shown_before_anything_is_read(tmp_path, columns, row, params):
    guess = preview(written(tmp_path / "t.csv", ",".join(columns) + "\n" + ",".join(row) + "\n"))
    assert (guess.params, guess.question) == (params, "")


def test_a_folder_of_texts_reads_any_encoding_and_keeps_what_it_cannot_read(tmp_path):
    top = tmp_path / "set"
    files = {"train/pos/1.txt": "süß".encode("latin-1"), "train/neg/2.txt": "﻿Mark".encode(),
             "test/pos/3.txt": b"\xff\xfe" + "zwei".encode("utf-16-le"), "train/neg/4.txt": b"\0\1\2\3",
             "train/neg/5.txt": b" \r\n", "train/pos/6.txt": b"y" * 3_000_000}  # fmt: skip
    for name, data in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    (top / "train/pos/7.txt").symlink_to("/etc/hostname")
    with pytest.raises(SourceError, match='content = "texts" where the text files are the items'):
        folder.read(path=top, progress=lambda *_: None)
    assert preview(top).params == {"content": "texts"}
    items = folder.read(path=top, content="texts", into=tmp_path, progress=lambda *_: None)
    said = dict(zip(items.column("id"), zip(items.texts(range(7)), items.column("status"), strict=True), strict=True))
    assert said["train/pos/1.txt"] == ("süß", "ok")
    assert said["train/neg/2.txt"] == ("Mark", "ok")
    assert said["test/pos/3.txt"] == ("zwei", "ok")
    assert "zero bytes" in said["train/neg/4.txt"][1]
    assert said["train/neg/5.txt"][1] == "the text is empty"
    assert said["train/pos/6.txt"][1].startswith("too long: 3,000,000 bytes")
    assert "leads out of the folder" in said["train/pos/7.txt"][1]
    assert items.column("label").tolist() == ["pos", "neg", "neg", "neg", "pos", "pos", "pos"]
    assert not items.has_images


def test_an_archive_of_texts_is_read_and_its_files_are_not_kept_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        packed.writestr("news/a/1.txt", "first")
        packed.writestr("news/b/2", "second")
    assert preview(tmp_path / "t.zip").params == {"content": "texts"}
    into = tmp_path / "into"
    into.mkdir()
    items = archive.read(path=tmp_path / "t.zip", content="texts", into=into, progress=lambda *_: None)
    assert (items.texts([0, 1]), items.classes) == (["first", "second"], ("a", "b"))
    assert [file.name for file in into.iterdir()] == ["texts.parquet"]


def test_a_table_without_a_usable_text_is_one_sentence(tmp_path):
    path = written(tmp_path / "t.csv", "text,label\n,a\n ,b\n")
    with pytest.raises(SourceError, match=r"none of the 2 texts in .* the first, line 2 of .*: the text is empty"):
        read(path, text="text")
