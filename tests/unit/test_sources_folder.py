"""The source `folder`: which folder names mean what, and which files are problems."""

import io
import unicodedata

import pytest
from PIL import Image

from curation.data.holdout import with_holdout
from curation.data.items import Items
from curation.data.reading.folder_layout import arrange
from curation.errors import SourceError
from curation.methods.sources import folder


def png(shade=0, size=(4, 3)):
    out = io.BytesIO()
    Image.new("L", size, shade).save(out, "PNG")
    return out.getvalue()


def make(top, *names, data=None):
    for shade, name in enumerate(names):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(png(shade) if data is None else data)
    return top


def read(top):
    return folder.read(path=top, progress=lambda *_: None)


def rows(items, *columns):
    return list(zip(*(items.column(name).tolist() for name in columns), strict=True))


def test_class_folders_without_splits_are_train(tmp_path):
    items = read(make(tmp_path, "dog/1.png", "cat/2.png", "cat/1.png"))
    assert rows(items, "id", "label", "split") == [
        ("cat/1.png", "cat", "train"),
        ("cat/2.png", "cat", "train"),
        ("dog/1.png", "dog", "train"),
    ]
    assert items.classes == ("cat", "dog")


def test_split_folders_are_known_by_several_names_in_any_case():
    paths = ["Training/a/1.png", "valid/a/1.png", "VALIDATION/a/2.png", "Test/a/1.png", "testing/a/2.png"]
    assert arrange(paths).splits == ["train", "val", "val", "test", "test"]
    assert set(arrange(paths).labels) == {"a"}


def test_the_folder_below_the_split_is_the_label_however_deep_the_file_lies():
    assert arrange(["train/cat/2020/may/x.jpg", "train/dog/y.jpg"]).labels == ["cat", "dog"]


def test_the_unlabeled_split_has_no_labels_even_in_class_folders(tmp_path):
    items = read(make(tmp_path, "train/a/1.png", "unlabeled/2.png", "unlabeled/a/3.png"))
    assert rows(items, "split", "label") == [("train", "a"), ("unlabeled", None), ("unlabeled", None)]


def test_images_without_any_folder_are_unlabelled_and_the_notes_say_so(tmp_path):
    items = read(make(tmp_path, "1.png", "2.png"))
    assert rows(items, "split", "label") == [("unlabeled", None)] * 2
    assert any("2 images lie in no class folder" in note for note in items.notes)


def test_a_split_full_of_images_without_classes_is_unlabelled(tmp_path):
    assert rows(read(make(tmp_path, "train/a/1.png", "test/2.png")), "id", "split") == [
        ("test/2.png", "unlabeled"),
        ("train/a/1.png", "train"),
    ]


def test_a_class_may_be_called_train():
    found = arrange(["bus/1.png", "car/1.png", "train/1.png"])
    assert found.labels == ["bus", "car", "train"]
    assert set(found.splits) == {"train"}


def test_other_folders_beside_splits_are_classes_and_are_named():
    found = arrange(["train/cat/1.png", "extra/1.png"])
    assert found.labels == ["cat", "extra"]
    assert any("extra" in note for note in found.notes)


def test_wrappers_are_taken_off_but_a_single_class_is_not():
    assert arrange(["archive/set/train/cat/1.png"]).prefix == "archive/set/"
    assert arrange(["cat/1.png", "cat/2.png"]).labels == ["cat", "cat"]


def test_hidden_files_and_mac_leftovers_are_not_there_and_other_files_are_counted(tmp_path):
    make(tmp_path, "a/1.png", "a/.2.png", ".git/3.png", "__MACOSX/a/4.png", "a/notes.txt", "README")
    items = read(tmp_path)
    assert items.column("id").tolist() == ["a/1.png"]
    assert any(note.startswith("2 files that are not images") for note in items.notes)


def test_every_kind_of_image_is_read_with_its_upright_size(tmp_path):
    for suffix in ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "PNG"):
        (tmp_path / f"a{suffix}").mkdir()
        Image.new("RGB", (5, 7)).save(tmp_path / f"a{suffix}" / f"x.{suffix}")
    items = read(tmp_path)
    assert len(items) == 9
    assert items.ok.all()
    assert rows(items, "width", "height") == [(5, 7)] * 9


def test_unusable_files_stay_as_rows_with_their_reason_and_the_rest_goes_on(tmp_path):
    make(tmp_path, "a/ok.png")
    (tmp_path / "a/empty.jpg").write_bytes(b"")
    (tmp_path / "a/text.jpg").write_text("text")
    (tmp_path / "a/cut.png").write_bytes(png()[:45])
    items = read(tmp_path)
    said = dict(rows(items, "id", "status"))
    assert said["a/ok.png"] == "ok"
    assert said["a/empty.jpg"] == "the file is empty (0 bytes)"
    assert said["a/text.jpg"] == "not an image in a format that can be read"
    assert said["a/cut.png"].startswith("damaged or truncated image")
    assert items.rows("train").tolist() == [2]
    assert "3 of 4 items cannot be used; they stay in the table, each with its reason." in items.notes


def test_links_that_lead_out_are_problems_and_links_that_stay_inside_are_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    top = make(tmp_path / "top", "a/1.png")
    (top / "a/out.png").symlink_to(tmp_path / "secret.png")
    (top / "a/in.png").symlink_to(top / "a/1.png")
    (top / "a/round.png").symlink_to(top / "a/round.png")
    (top / "b").symlink_to(tmp_path)
    said = dict(rows(items := read(top), "id", "status"))
    assert said["a/out.png"] == "a link that leads out of the folder"
    assert said["a/in.png"] == said["a/1.png"] == "ok"
    assert "cannot be read" in said["a/round.png"]
    assert len(said) == 4
    assert any("1 linked folders were not followed, such as b" in note for note in items.notes)


def test_a_label_is_the_same_in_whatever_unicode_form_its_folder_is_written(tmp_path):
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    assert len(set(names)) == 2
    assert read(make(tmp_path, f"train/{names[0]}/1.png", f"test/{names[1]}/1.png")).classes == (names[0],)


def test_items_saved_and_loaded_find_their_images_again(tmp_path):
    top = make(tmp_path / "top", "w/a/1.png", "w/b/2.png")
    (tmp_path / "result").mkdir()
    read(top).save(tmp_path / "result")
    items = Items.load(tmp_path / "result")
    assert items.column("id").tolist() == ["a/1.png", "b/2.png"]
    assert [items.image(row).getpixel((0, 0))[0] for row in (0, 1)] == [0, 1]


def test_classes_that_are_numbers_stand_in_the_order_of_the_numbers(tmp_path):
    assert read(make(tmp_path, "10/a.png", "9/a.png", "1/a.png")).classes == ("1", "9", "10")
    assert read(make(tmp_path / "odd", "²/a.png", "1/a.png")).classes == ("1", "²")


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"gone does not exist"):
        read(tmp_path / "gone")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match="is a file, not a folder; use the source archive"):
        read(tmp_path / "x.zip")


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="holds no images; expected files named"):
        read(tmp_path)


def test_a_folder_of_other_files_names_some(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"holds no images; it holds other files, such as notes\.txt"):
        read(tmp_path)


def test_a_folder_where_nothing_can_be_read_says_why(tmp_path):
    with pytest.raises(SourceError, match=r"none of the 2 images .* the first, a/1\.png: the file is empty"):
        read(make(tmp_path, "a/1.png", "a/2.png", data=b""))


def test_one_class_is_noted_and_held_out_all_the_same(tmp_path):
    items = read(make(tmp_path, *(f"cat/{n}.png" for n in range(10))))
    assert any("nothing can be trained on a single class" in note for note in items.notes)
    assert len(with_holdout(items, 0.2).rows("test"))


def test_classes_of_one_item_each_give_no_holdout_and_no_crash(tmp_path):
    items = with_holdout(read(make(tmp_path, "a/1.png", "b/1.png")), 0.2)
    assert len(items.rows("test")) == 0
    assert len(items.rows("train")) == 2
