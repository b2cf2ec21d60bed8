"""The source `arrays`: what an .npz must hold, and one sentence for everything else."""

import zipfile

import numpy as np
import pytest

from curation.data.items import Items
from curation.errors import SourceError
from curation.methods.sources import arrays

IMAGES = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
FEATURES = np.eye(3, dtype=np.float32)


def read(path):
    into = path.parent / "into"
    into.mkdir()
    return arrays.read(path=path, into=into, progress=lambda *_: None)


def saved(folder, **members):
    np.savez_compressed(folder / "x.npz", **members)
    return folder / "x.npz"


def refused(path, match):
    with pytest.raises(SourceError, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_images_and_features_come_back_row_by_row_from_the_disk(tmp_path):
    items = read(saved(tmp_path, images=IMAGES, features=FEATURES, labels=["a", "b", "a"]))
    assert isinstance(items.images, np.memmap)
    assert np.array_equal(items.images, IMAGES)
    assert np.array_equal(items.features, FEATURES)
    assert items.column("id").tolist() == ["0", "1", "2"]
    assert items.column("label").tolist() == ["a", "b", "a"]
    assert (items.column("width")[0], items.column("height")[0], items.column("bytes")[0]) == (4, 2, 8)
    items.save(tmp_path / "into")
    assert np.array_equal(Items.load(tmp_path / "into").images, IMAGES)


def test_equal_rows_have_equal_hashes(tmp_path):
    hashes = read(saved(tmp_path, features=FEATURES[[0, 1, 0]], labels=[0, 1, 1])).column("hash")
    assert hashes[0] == hashes[2] != hashes[1]


def test_class_names_give_integer_labels_their_names_and_their_order(tmp_path):
    items = read(saved(tmp_path, features=FEATURES, labels=[1, -1, 0], class_names=["zebra", "ant", "unused"]))
    assert items.column("label").tolist() == ["ant", None, "zebra"]
    assert items.classes == ("zebra", "ant", "unused")
    assert items.codes.tolist() == [1, -1, 0]
    assert items.column("split").tolist() == ["train", "unlabeled", "train"]
    assert any("1 items have the label -1" in note for note in items.notes)


def test_integer_labels_without_names_are_in_the_order_of_the_numbers(tmp_path):
    assert read(saved(tmp_path, features=FEATURES, labels=[10, 9, -1])).classes == ("9", "10")


def test_splits_and_ids_are_taken_and_an_empty_text_is_no_label(tmp_path):
    members = {"labels": np.array(["a", "", "b"]), "split": ["train", "train", "Validation"], "ids": [7, 8, 9]}
    items = read(saved(tmp_path, features=FEATURES, **members))
    assert items.column("split").tolist() == ["train", "unlabeled", "val"]
    assert items.column("id").tolist() == ["7", "8", "9"]


def test_arrays_in_fortran_order_or_foreign_bytes_are_put_right(tmp_path):
    foreign = np.asfortranarray(FEATURES + np.arange(3)).astype(">f4")
    items = read(saved(tmp_path, features=foreign, labels=[0, 1, 0]))
    assert np.array_equal(items.features, FEATURES + np.arange(3))
    assert items.features.flags.c_contiguous
    assert items.features.dtype == np.dtype("=f4")


def test_arrays_of_other_names_are_named(tmp_path):
    items = read(saved(tmp_path, features=FEATURES, labels=[0, 1, 0], logits=FEATURES))
    assert any("were not read: logits" in note for note in items.notes)


OK = {"features": FEATURES, "labels": [0, 1, 0]}


@pytest.mark.parametrize(
    ("members", "match"),
    [
        (
            {**OK, "labels": np.array(["a", None, 3], dtype=object)},
            "labels holds pickled Python objects, .* never loaded",
        ),
        ({**OK, "features": np.array([[1], None, {}], dtype=object)}, "features holds pickled Python objects"),
        ({**OK, "labels": [0, 1]}, "labels has 2 rows, features has 3; they must be the same items"),
        ({**OK, "images": IMAGES[:2]}, "features has 3 rows, images has 2"),
        ({**OK, "ids": ["a", "b"]}, "ids has 2 rows"),
        ({**OK, "ids": ["a", "b", "a"]}, "the id 'a' appears in more than one row"),
        ({**OK, "features": np.array([[1.0], [np.nan], [2.0]])}, "features hold NaN or infinity, first in row 1"),
        ({**OK, "features": np.array([[1.0], [1.0], [-np.inf]])}, "features hold NaN or infinity, first in row 2"),
        ({**OK, "features": np.ones((3, 2), int)}, "features must be float16, float32 or float64; found int64"),
        ({**OK, "features": np.ones(3)}, r"features must have shape \[n, d\]; found \[3\]"),
        ({"images": IMAGES / 255.0, "labels": [0, 1, 0]}, "images must be uint8 with values 0 to 255; found float64"),
        ({"images": IMAGES[..., None], "labels": [0, 1, 0]}, r"images must have shape .* found \[3, 2, 4, 1\]"),
        ({"images": IMAGES[:0], "labels": np.zeros(0, int)}, "images has no rows"),
        ({**OK, "labels": [0.0, 1.0, 0.0]}, r"labels must be integers or text with shape \[n\]; found float64"),
        ({**OK, "labels": [[0], [1], [0]]}, r"labels must be integers or text .* shape \[3, 1\]"),
        (
            {**OK, "labels": [0, 1, 5], "class_names": ["a", "b"]},
            "label 5 is not a position in class_names, which has 2",
        ),
        ({**OK, "labels": [0, 1, -2], "class_names": ["a", "b"]}, "label -2 is not a position"),
        ({**OK, "labels": ["a", "b", "c"], "class_names": ["a", "b"]}, "label 'c' is not among class_names: a, b"),
        ({**OK, "class_names": ["a", "a"]}, "class_names must be different and not empty"),
        ({**OK, "split": ["train", "test", "fold3"]}, "'fold3' is not a split"),
        ({**OK, "split": [0, 1, 0]}, "split must be text with shape"),
        ({**OK, "labels": [-1, -1, -1], "features": FEATURES}, None),  # nothing labelled is allowed
        ({"features": FEATURES}, "must hold `images` or `features`, and `labels` .* it holds: features"),
        ({"x_train": IMAGES, "y_train": [0, 1, 0]}, "it holds: x_train, y_train"),
    ],
)
def test_every_bad_npz_is_one_sentence(tmp_path, members, match):
    path = saved(tmp_path, **members)
    if match is None:
        assert read(path).column("split").tolist() == ["unlabeled"] * 3
    else:
        refused(path, match)


def test_pickled_members_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    path = saved(tmp_path, features=FEATURES, labels=np.array([Trap(), 1, 2], dtype=object))
    refused(path, "pickled")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        (b"(99, 9)", r"features does not hold what its header says, shape \[99, 9\]"),
        (b"(-3, 4)", "features does not hold what its header says"),
        (b"(30, 4(", "features is not a numpy array"),
        (b"'text' ", "features is not a numpy array"),
    ],
)
def test_a_header_that_lies_is_one_sentence(tmp_path, shape, match):
    np.savez(tmp_path / "honest.npz", features=np.zeros((30, 4)), labels=np.zeros(30, int))
    with zipfile.ZipFile(tmp_path / "honest.npz") as honest, zipfile.ZipFile(tmp_path / "x.npz", "w") as out:
        for name in honest.namelist():
            out.writestr(name, honest.read(name).replace(b"(30, 4)", shape))
    refused(tmp_path / "x.npz", match)


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04 not a zip"])
def test_a_file_that_is_no_npz_is_one_sentence(tmp_path, data):
    (tmp_path / "x.npz").write_bytes(data)
    refused(tmp_path / "x.npz", "is not an .npz file, or is damaged")


def test_a_directory_that_points_before_the_file_is_one_sentence(tmp_path):
    path = saved(tmp_path, features=FEATURES, labels=[0, 1, 2])
    raw = bytearray(path.read_bytes())
    raw[-6:-2] = (2**31).to_bytes(4, "little")  # where the zip's directory is said to begin
    path.write_bytes(raw)
    refused(path, "is not an .npz file, or is damaged")


def test_an_npz_with_a_damaged_member_is_one_sentence(tmp_path):
    np.savez(tmp_path / "x.npz", features=np.full((3, 4), 1.5), labels=[0, 1, 2])
    raw = (tmp_path / "x.npz").read_bytes()
    mark = np.float64(1.5).tobytes()
    (tmp_path / "x.npz").write_bytes(raw.replace(mark, np.float64(2.5).tobytes(), 1))
    refused(tmp_path / "x.npz", "is not an .npz file, or is damaged .*CRC")


def test_missing_files_and_folders_are_one_sentence_each(tmp_path):
    for path, match in ((tmp_path / "gone.npz", "does not exist"), (tmp_path, "is a folder, not an .npz")):
        with pytest.raises(SourceError, match=match):
            arrays.read(path=path, into=tmp_path, progress=lambda *_: None)


def npz(folder, **headers):
    """An .npz whose members are the given headers, each followed by a little data."""
    with zipfile.ZipFile(folder / "x.npz", "w", zipfile.ZIP_DEFLATED) as out:
        for name, (kind, shape, data) in headers.items():
            head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}".encode()
            out.writestr(f"{name}.npy", b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + data)
    return folder / "x.npz"


@pytest.mark.parametrize("shape", ["(1000000000000000,)", "(99999999999,)", "(2000001,)"])
def test_texts_of_no_length_cannot_be_a_million_million_labels(tmp_path, shape):
    """A type of zero bytes: any number of rows is there, as far as the size of the file goes."""
    path = npz(tmp_path, labels=("<U0", shape, b""), features=("<f4", "(1, 1)", b"\0" * 4))
    refused(path, "rows, over the limit of 2,000,000")


def test_arrays_that_unpack_to_far_more_than_they_are_are_refused_before_they_do(tmp_path):
    path = saved(tmp_path, features=np.zeros((3, 10**6)), labels=[0, 1, 1])
    refused(path, "features unpacks to more than 200 times its size")
    assert not list((tmp_path / "into").iterdir())


def test_labels_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("curation.data.reading.npz.MAX_SMALL", 10)
    monkeypatch.setattr("curation.data.reading.npz.read.__defaults__", (10,))
    refused(saved(tmp_path, features=FEATURES, labels=[0, 1, 1]), "labels takes 24 bytes, over the limit of 10")


def test_images_of_too_many_pixels_are_refused_by_their_header(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_PIXELS", 7)
    refused(saved(tmp_path, images=IMAGES, labels=[0, 1, 1]), "images of 4 x 2 pixels are over the limit of 7")


def test_a_member_without_the_ending_of_an_array_is_none(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as out:
        out.writestr("features", b"")
        out.writestr("labels", b"")
    refused(tmp_path / "x.npz", "must hold `images` or `features`")
