"""Image-text pairs in and out: every dialect comes back the same, and odd records stay items with their reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.items import Items
from curation.data.reading.json_records import json_records
from curation.errors import SourceError
from curation.methods.exporters import pairs as exporter
from curation.methods.sources import pairs as source


def picture(path: Path, value: int = 90, bars: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.pad(np.full((40, 40), value, np.uint8), ((0, 0), (bars, bars)), constant_values=255)
    Image.fromarray(grey).save(path)


def pictures(top: Path, names) -> None:
    for value, name in enumerate(names):
        picture(top / name, 20 * value)


def read(path: Path, into: Path, **params) -> Items:
    into.mkdir(parents=True, exist_ok=True)
    items = source.read(path=path, into=into, progress=lambda *_: None, **params)
    items.save(into)
    return Items.load(into)


def write(items: Items, path: Path, dropped: tuple[str, ...] = (), **params) -> Path:
    ids = items.column("id").tolist()
    kept = [bool(ok) and id_ not in dropped for id_, ok in zip(ids, items.ok, strict=True)]
    columns = {"id": ids, "split": items.column("split").tolist(), "label": pa.array([None] * len(ids), pa.string())}
    exporter.write(
        pa.table(columns | {"kept": kept, "rank": pa.array([None] * len(ids), pa.int32())}),
        path=path, items=items, **params,
    )  # fmt: skip
    return path


def llava(image: str | None, answer: str, id_: str = "7", mark: str = "<image>\n") -> dict:
    turns = [{"from": "human", "value": f"{mark}What is this?"}, {"from": "gpt", "value": answer}]
    return {"id": id_, **({"image": image} if image else {}), "conversations": turns, "source": {"by": "me", "n": 1.50}}


def llava_array(top: Path) -> tuple[Path, str]:
    pictures(top, ["a/1.png", "a/2.png"])
    records = [
        llava("a/1.png", "A dark square."),
        llava("a/2.png", "A grey square."),
        llava("a/1.png", "Nothing much."),
    ]
    (top / "mix.json").write_text(json.dumps(records))
    return top / "mix.json", "mix.json"


def messages_lines(top: Path) -> tuple[Path, str]:
    pictures(top, ["1.png", "2.png"])
    said = [
        {
            "messages": [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": answer}],
            "images": [name],
        }
        for name, answer in (("1.png", "A dark square."), ("2.png", "Ein \ud83d\ude00 graues Quadrat."))
    ]
    (top / "set.jsonl").write_text("\n".join(map(json.dumps, said)))
    return top / "set.jsonl", "set.jsonl"


def minigpt4(top: Path) -> tuple[Path, str]:
    pictures(top, ["image/2.jpg", "image/10.jpg"])
    said = {"annotations": [{"image_id": "2", "caption": "A dark square."}, {"image_id": "10", "caption": "Grey."}]}
    (top / "filter_cap.json").write_text(json.dumps(said))
    return top / "filter_cap.json", "filter_cap.json"


def image_folder(top: Path) -> tuple[Path, str]:
    pictures(top, ["train/1.png", "train/2.png", "test/1.png"])
    rows = [{"file_name": f"{i}.png", "text": f"text {i}", "extra": [1, None]} for i in (1, 2)]
    (top / "train" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (top / "test" / "metadata.csv").write_text('file_name,text,n\n1.png,"three, and ""four""",7\n')
    return top, "train/metadata.jsonl"


def table(top: Path) -> tuple[Path, str]:
    pictures(top, ["1.png", "2.png"])
    (top / "set.tsv").write_text("picture\tcaption\turl\n1.png\tone\thttp://x\n2.png\ttwo\t\n")
    return top / "set.tsv", "set.tsv"


def parquet(top: Path) -> tuple[Path, str]:
    pictures(top, ["1.png", "2.png"])
    cells = [{"bytes": (top / f"{i}.png").read_bytes(), "path": None} for i in (1, 2)]
    pq.write_table(pa.table({"image": cells, "text": ["one", "two"], "n": [1, 2]}), top / "set.parquet")
    return top / "set.parquet", "set.parquet"


DIALECTS = [llava_array, messages_lines, minigpt4, image_folder, table, parquet]


def everything(folder: Path) -> dict[str, object]:
    """Every file of records below a folder, as objects."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            found[name] = pq.read_table(path).to_pylist()
        elif path.suffix == ".json":
            found[name] = json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            found[name] = [record.value for record in json_records(path)]
        elif path.suffix in (".csv", ".tsv"):
            found[name] = path.read_text().replace('"', "")
    return found


@pytest.mark.parametrize("make", DIALECTS, ids=lambda make: make.__name__)
def test_read_and_written_without_a_decision_the_same_records_come_out(make, tmp_path):
    path, name = make(tmp_path / "set")
    items = read(path, tmp_path / "into")
    assert items.ok.all()
    assert all(items.texts(range(len(items))))
    out = write(items, tmp_path / "out")
    assert everything(out) == everything(tmp_path / "set")
    again = read(out if path.is_dir() else out / name, tmp_path / "again")
    for column in ("id", "hash", "split", "status"):
        assert again.column(column).tolist() == items.column(column).tolist()
    assert again.texts(range(len(again))) == items.texts(range(len(items)))


def test_what_was_dropped_is_not_written_and_images_may_stay_where_they_are(tmp_path):
    path, _ = llava_array(tmp_path / "set")
    items = read(path, tmp_path / "into")
    assert items.column("id").tolist() == ["7", "7#2", "7#3"], "ids that repeat are numbered"
    out = write(items, tmp_path / "out", dropped=("7#2",), how="leave")
    assert json.loads((out / "mix.json").read_text()) == [
        r for r in json.loads(path.read_text()) if r["image"] != "a/2.png"
    ]
    assert not list(out.rglob("*.png"))


def test_the_caption_of_a_conversation_is_its_answers_and_a_shared_image_holds_pairs_together(tmp_path):
    items = read(llava_array(tmp_path / "set")[0], tmp_path / "into")
    assert items.texts(range(3)) == ["A dark square.", "A grey square.", "Nothing much."]
    assert items.column("kind").tolist() == ["pair"] * 3
    assert items.column("parent").tolist() == [None, None, "7"]
    assert items.groups[0] == items.groups[2] != items.groups[1]
    assert len(set(items.copies.tolist())) == 3, "another caption is another pair"
    assert items.column("split").tolist() == ["train"] * 3, "pairs need no label to be chosen from"


def test_odd_records_stay_items_with_their_reason_and_are_spoken_of(tmp_path):
    top = tmp_path / "set"
    pictures(top, ["1.png"])
    (top / "bad.png").write_bytes(b"no image")
    records = [
        llava("1.png", "Good.", "a"), llava("gone.png", "Lost.", "b"), llava(None, "Words only.", "c", mark=""),
        llava("bad.png", "Broken.", "d"), llava("../out.png", "Outside.", "e"), llava("1.png", "  ", "f"),
        llava("1.png", "Twice.", "g", mark="<image><image>"), llava("http://x/1.png", "Far.", "h"),
        {**llava("1.png", "Several.", "i", mark="<image><image>"), "image": ["1.png", "bad.png"]},
    ]  # fmt: skip
    (top / "odd.jsonl").write_text("\n".join([*map(json.dumps, records), "{broken", "[1]"]))
    items = read(top / "odd.jsonl", tmp_path / "into")
    status = dict(zip(items.column("id").tolist(), items.column("status").tolist(), strict=True))
    assert [id_ for id_, said in status.items() if said == "ok"] == ["a", "g", "i"]
    for id_, words in {
        "b": "missing", "c": "no image", "d": "not an image", "e": "leads out", "f": "caption is empty",
        "h": "web address", "record 10": "not JSON", "record 11": "expected an object",
    }.items():  # fmt: skip
        assert words in status[id_], id_
    said = " ".join(items.notes)
    assert "1 conversations say <image> more or less often" in said
    assert "1 records have several images" in said


def test_white_bars_beside_the_pictures_are_spoken_of(tmp_path):
    for i in range(10):
        picture(tmp_path / "set" / f"{i}.png", 40 + i, bars=6 if i < 5 else 0)
    rows = [{"file_name": f"{i}.png", "text": f"number {i}"} for i in range(10)]
    (tmp_path / "set" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    notes = read(tmp_path / "set", tmp_path / "into").notes
    assert any("5 of 10 images looked at have white bars" in note for note in notes)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    pictures(tmp_path, ["1.png"])
    (tmp_path / "set.csv").write_text("photo,words\n1.png,a square\n")
    with pytest.raises(SourceError, match=r"called as an image usually is; name it with image = one of: photo, words"):
        read(tmp_path / "set.csv", tmp_path / "into")
    assert read(tmp_path / "set.csv", tmp_path / "b", image="photo", text="words").texts([0]) == ["a square"]
    with pytest.raises(SourceError, match=r"no metadata.jsonl"):
        read(tmp_path / "b" / "..", tmp_path / "c")


def test_what_is_pairs_is_recognised_and_what_is_not_is_left_to_others(tmp_path):
    for number, make in enumerate(DIALECTS):
        path, _ = make(tmp_path / str(number))
        assert source.recognises(path) == (make is not parquet), make.__name__  # its words may be anything
    (tmp_path / "chat.json").write_text(json.dumps([llava(None, "Hello.", mark="")]))
    (tmp_path / "classes.csv").write_text("path,label\n1.png,cat\n")
    assert not source.recognises(tmp_path / "chat.json")
    with pytest.raises(SourceError):
        source.recognises(tmp_path / "classes.csv")
