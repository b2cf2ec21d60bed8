"""Sources that are asked for by name: the sample, torchvision's sets, Hugging Face."""

import gzip
import io
import json
import pickle
import struct
import urllib.error

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.holdout import with_holdout
from curation.data.reading import hub_sets
from curation.data.reading.arrow_places import image_places
from curation.errors import SourceError, UnavailableError
from curation.methods.sources import huggingface, sample, torchvision


def quiet(*_):
    pass


# -- sample ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return sample.read(mistakes=0.05, into=tmp_path_factory.mktemp("sample"))


def test_the_sample_has_1797_digits_and_a_stratified_fifth_is_test(planted):
    assert len(planted) == 1797
    assert planted.images.shape == (1797, 8, 8)
    assert planted.images.max() == 255
    assert planted.classes == tuple("0123456789")
    test = planted.rows("test")
    counts = np.bincount(planted.codes[test])
    whole = np.bincount(planted.column("truth").astype(int))
    assert np.abs(counts - 0.2 * whole).max() <= 0.5
    assert with_holdout(planted, 0.2) is planted  # it brings its own test split


def test_planted_mistakes_are_exactly_the_share_and_only_in_train(planted):
    wrong = planted.column("label") != planted.column("truth")
    assert wrong.sum() == round(0.05 * len(planted.rows("train"))) == 72
    assert not wrong[planted.rows("test")].any()
    assert any("72 of 1,438 train labels were made wrong on purpose" in note for note in planted.notes)


def test_the_truth_is_the_digit_whatever_was_planted(planted, tmp_path):
    clean = sample.read(into=tmp_path)
    assert (clean.column("label") == clean.column("truth")).all()
    assert (clean.column("truth") == planted.column("truth")).all()
    assert np.array_equal(clean.images, planted.images)
    assert clean.notes == ()


def test_another_plant_seed_plants_elsewhere_and_leaves_the_split_alone(planted, tmp_path):
    other = sample.read(mistakes=0.05, plant_seed=1, into=tmp_path)
    assert (other.column("label") != planted.column("label")).sum() > 72
    assert (other.column("split") == planted.column("split")).all()


# -- torchvision -----------------------------------------------------------------------------------------


def idx(array):
    """The format of MNIST's files."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_a_set_that_is_on_disk_is_read_without_a_network(tmp_path):
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = {"train": np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28), "t10k": np.full((2, 28, 28), 9, np.uint8)}
    codes = {"train": np.array([0, 9, 0], np.uint8), "t10k": np.array([9, 0], np.uint8)}
    for part in pixels:
        for name, data in ((f"{part}-images-idx3-ubyte", pixels[part]), (f"{part}-labels-idx1-ubyte", codes[part])):
            (raw / name).write_bytes(idx(data))
            (raw / f"{name}.gz").write_bytes(gzip.compress(idx(data)))
    items = torchvision.read(dataset="FashionMNIST", root=str(tmp_path / "root"), into=tmp_path, progress=quiet)
    assert items.column("id").tolist() == ["train/00000", "train/00001", "train/00002", "test/00000", "test/00001"]
    assert items.column("label").tolist() == ["T-shirt/top", "Ankle boot", "T-shirt/top", "Ankle boot", "T-shirt/top"]
    assert items.column("split").tolist() == ["train"] * 3 + ["test"] * 2
    assert items.images.shape == (5, 28, 28)
    assert np.array_equal(items.images[:3], pixels["train"])


def test_cifar_comes_as_height_width_colour(tmp_path, monkeypatch):
    import torchvision.datasets.cifar as cifar
    from torchvision import datasets

    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)  # these are not the real files
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    red = np.zeros((1, 3, 32, 32), np.uint8)
    red[:, 0] = 255
    for name in [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(pickle.dumps({"data": red.reshape(1, -1), "labels": [1]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["plane", "car"]}))
    assert datasets.CIFAR10.base_folder == folder.name
    (tmp_path / "into").mkdir()
    items = torchvision.read(dataset="CIFAR10", root=str(tmp_path), into=tmp_path / "into", progress=quiet)
    assert items.images.shape == (6, 32, 32, 3)
    assert items.images[5, 0, 0].tolist() == [255, 0, 0]
    assert items.column("label").tolist() == ["car"] * 6


def test_channels_first_sets_are_turned():
    assert torchvision._images(np.zeros((2, 3, 96, 96), np.uint8)).shape == (2, 96, 96, 3)


@pytest.mark.parametrize("dataset", ["CIFAR10", "MNIST", "SVHN", "STL10"])
def test_without_a_network_one_sentence_says_what_to_do(tmp_path, monkeypatch, dataset):

    def refused(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    with pytest.raises(UnavailableError) as caught:
        torchvision.read(dataset=dataset, root=str(tmp_path / "root"), into=tmp_path, progress=quiet)
    said = str(caught.value)
    assert said.startswith(f"{dataset} is not in ")
    assert "could not be downloaded from http" in said
    assert "connect to the network" in said
    assert "\n" not in said


# -- Hugging Face ----------------------------------------------------------------------------------------


def png(shade):
    out = io.BytesIO()
    Image.new("L", (4 + shade // 256, 3), shade % 256).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def hub_is_gone(monkeypatch, tmp_path):
    """No test may reach the hub, and none may fill the person's cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub_sets, "_hub_answers", lambda: False)
    return datasets


@pytest.fixture
def saved(hub_is_gone, tmp_path):
    """A data set with splits train, validation and extra, written by `save_to_disk`."""
    datasets = hub_is_gone
    features = datasets.Features({"img": datasets.Image(), "fine": datasets.ClassLabel(names=["cat", "dog", "unused"])})

    def part(*rows):
        columns = {
            "img": [{"bytes": png(shade), "path": None} for shade, _ in rows],
            "fine": [code for _, code in rows],
        }
        return datasets.Dataset.from_dict(columns, features=features)

    found = datasets.DatasetDict(train=part((1, 1), (2, 0)), validation=part((3, -1)), extra=part((4, 0)))
    found.save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def hf(name, folder, **how):
    return huggingface.read(name=name, into=folder, progress=quiet, **how)


def test_a_saved_data_set_gives_its_splits_names_and_bytes(saved, tmp_path):
    items = hf(saved, tmp_path, image="img", label="fine")
    assert items.column("id").tolist() == ["train/0000000", "train/0000001", "validation/0000000"]
    assert items.column("label").tolist() == ["dog", "cat", None]
    assert items.column("split").tolist() == ["train", "train", "unlabeled"]
    assert items.classes == ("cat", "dog")
    assert [items.image(row).getpixel((0, 0))[0] for row in range(3)] == [1, 2, 3]
    assert items.open(0).read() == png(1)  # not encoded again
    assert items.column("path").tolist() == ["0000/0000000.png", "0000/0000001.png", "0000/0000002.png"]
    assert items.place(2)[0].startswith("validation/data-")
    assert not list(tmp_path.rglob("*.png"))  # and not written again
    assert "Splits of other names were left out: extra." in items.notes


def test_what_the_columns_would_be_read_as_is_known_before_anything_is_read(saved, hub_is_gone, tmp_path):
    guess = huggingface.preview(name=saved)
    assert guess.params == {"image": "img", "label": "fine"}
    assert guess.rows == [
        {"column": "img", "holds": "Image", "read as": "the image"},
        {"column": "fine", "holds": "cat, dog, unused", "read as": "the label"},
    ]
    (tmp_path / "parquet").mkdir()
    pq.write_table(pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "parquet" / "train.parquet")
    asked = huggingface.preview(name=str(tmp_path / "parquet"))
    assert (asked.params, asked.columns, asked.question) == ({}, ["a", "b"], "")  # its cells may say more
    asked = huggingface.preview(name=text_set(hub_is_gone, tmp_path / "set", {"a": ["x"], "b": ["y"], "c": ["z"]}))
    assert asked.question.startswith("which column of")
    with pytest.raises(UnavailableError):
        huggingface.preview(name="nobody/nothing")


def test_rows_in_another_order_and_rows_that_name_files_are_copied(saved, hub_is_gone, tmp_path):
    datasets = hub_is_gone
    (tmp_path / "a.png").write_bytes(png(7))
    loaded = datasets.load_from_disk(saved)["train"]
    assert image_places([loaded], "img").parts[1][1:] != image_places([loaded], "img").parts[0][1:]
    assert image_places([loaded.select([1, 0])], "img") is None
    named = datasets.Dataset.from_dict({"img": [{"bytes": None, "path": str(tmp_path / "a.png")}]})
    named.save_to_disk(tmp_path / "named")
    assert image_places([datasets.load_from_disk(tmp_path / "named")], "img") is None
    assert image_places([loaded.with_format("numpy")], "fine") is None


def test_images_without_labels_are_read_where_they_lie_and_one_that_is_missing_is_said(hub_is_gone, tmp_path):
    cells = [{"bytes": png(n), "path": None} if n % 3 else None for n in range(700)]
    features = hub_is_gone.Features({"img": hub_is_gone.Image()})
    hub_is_gone.Dataset.from_dict({"img": cells}, features=features).save_to_disk(tmp_path / "set", num_shards=2)
    items = hf(str(tmp_path / "set"), tmp_path, label="")
    assert [items.open(row).read() for row in (1, 2, 349, 350, 698)] == [png(n) for n in (1, 2, 349, 350, 698)]
    assert items.column("status")[[0, 1, 3]].tolist() == ["no image in this row", "ok", "no image in this row"]


def test_an_image_folder_on_this_machine_is_read_through_load_dataset(hub_is_gone, tmp_path):
    for shade, name in enumerate(("train/cat/1.png", "train/dog/2.png", "test/dog/3.png")):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(png(shade))
    items = hf(str(tmp_path / "set"), tmp_path)
    assert items.column("label").tolist() == ["cat", "dog", "dog"]
    assert items.column("split").tolist() == ["train", "train", "test"]


def test_columns_that_are_not_there_or_hold_no_images_are_one_sentence(saved, tmp_path):
    with pytest.raises(SourceError, match="has no column 'image'; its columns are: img, fine"):
        hf(saved, tmp_path, image="image")
    with pytest.raises(SourceError, match="has no column 'cat'; its columns are: img, fine"):
        hf(saved, tmp_path, label="cat")
    with pytest.raises(SourceError, match=r"the column 'fine' of .* does not hold images but ClassLabel"):
        hf(saved, tmp_path, image="fine", label="fine")


def test_a_folder_without_data_is_one_sentence(hub_is_gone, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="cannot be loaded") as caught:
        hf(str(tmp_path / "empty"), tmp_path)
    assert "\n" not in str(caught.value)


def test_columns_nobody_names_are_guessed_and_the_guess_is_said(saved, tmp_path):
    items = hf(saved, tmp_path)
    assert items.column("label").tolist() == ["dog", "cat", None]
    assert "By names and types of the columns, the image from 'img' and the label from 'fine' was read." in items.notes


def text_set(datasets, folder, columns, **kinds):
    """A data set with splits train and test of the same columns, saved. Returns the folder."""
    values = {name: datasets.Value("string") for name in columns}
    made = datasets.Dataset.from_dict(columns, features=datasets.Features(values | kinds))
    datasets.DatasetDict(train=made, test=made).save_to_disk(folder)
    return str(folder)


def test_texts_are_read_with_the_names_of_their_classes(hub_is_gone, tmp_path):
    kind = hub_is_gone.ClassLabel(names=["neg", "pos"])
    columns = {"idx": ["1", "2", "3"], "sentence": ["Good.", " ", "漢字 🙂"], "stars": [1, 0, -1]}
    items = hf(text_set(hub_is_gone, tmp_path / "set", columns, stars=kind), tmp_path)
    assert items.texts(range(3)) == ["Good.", "", "漢字 🙂"]
    assert items.column("kind").tolist() == ["text"] * 6
    assert items.column("label").tolist() == ["pos", "neg", None] * 2
    assert items.column("split").tolist() == ["train", "train", "unlabeled", "test", "test", "unlabeled"]
    assert items.column("status")[1] == "the text is empty"
    assert "the text from 'sentence' and the label from 'stars' was read." in items.notes[0]


def test_two_texts_are_joined_and_parquet_files_of_a_folder_are_read(hub_is_gone, tmp_path):
    (tmp_path / "set").mkdir()
    rows = pa.table({"premise": ["A"], "hypothesis": ["B"], "label": ["yes"]})
    for split in ("train", "test"):
        pq.write_table(rows, tmp_path / "set" / f"{split}-00000-of-00001.parquet")
    items = hf(str(tmp_path / "set"), tmp_path)
    assert items.texts([0, 1]) == ["A\nB"] * 2
    assert items.column("id").tolist() == ["train/0000000", "test/0000000"]
    alone = hf(str(tmp_path / "set"), tmp_path, text="hypothesis", label="premise")
    assert (alone.text(0), alone.classes) == ("B", ("A",))


def test_several_labels_of_a_text_are_kept_by_their_names(hub_is_gone, tmp_path):
    datasets = hub_is_gone
    many = datasets.List(datasets.ClassLabel(names=["joy", "fear"]))
    columns = {"text": ["a", "b"], "labels": [[0, 1], [1]]}
    items = hf(text_set(datasets, tmp_path / "set", columns, labels=many), tmp_path)
    assert items.table["labels"].to_pylist() == [["joy", "fear"], ["fear"]] * 2
    assert items.multi_label


def test_conversations_and_captions_are_sent_to_the_source_that_reads_them(hub_is_gone, tmp_path):
    said = {"instruction": ["Add."], "output": ["2"]}
    with pytest.raises(SourceError, match=r"holds conversations \(alpaca\): .* with the source chat"):
        hf(text_set(hub_is_gone, tmp_path / "chat", said), tmp_path)
    columns = {"image": [{"bytes": png(1), "path": None}], "text": ["a cat that sits on a red mat"]}
    pairs = text_set(hub_is_gone, tmp_path / "pairs", columns, image=hub_is_gone.Image())
    with pytest.raises(SourceError, match=r"holds images with captions: .* the source pairs"):
        hf(pairs, tmp_path)
    assert hf(pairs, tmp_path, label="").classes == ()


def test_a_text_that_cannot_be_told_or_is_none_is_one_sentence(hub_is_gone, tmp_path):
    columns = {"a": ["1"], "b": ["2"], "c": [{"x": "1"}]}
    made = text_set(hub_is_gone, tmp_path / "set", columns, c={"x": hub_is_gone.Value("string")})
    with pytest.raises(SourceError, match=r"which column of .* holds the text\? .* its columns are: a, b, c"):
        hf(made, tmp_path)
    with pytest.raises(SourceError, match=r"which column of .* holds the label\?"):
        hf(made, tmp_path, text="a")
    with pytest.raises(SourceError, match="does not hold texts but"):
        hf(made, tmp_path, text="c", label="")


def test_without_the_hub_one_sentence_says_so(hub_is_gone, tmp_path):
    with pytest.raises(UnavailableError, match="the Hugging Face hub cannot be reached and nobody/nothing was not"):
        hf("nobody/nothing", tmp_path)
    assert not hub_is_gone.config.HF_HUB_OFFLINE  # the switch is put back


def test_a_split_of_no_known_name_is_one_sentence(hub_is_gone, tmp_path):
    (tmp_path / "set").mkdir()
    image = [{"bytes": png(1), "path": None}]
    pq.write_table(pa.table({"image": image, "label": ["a"]}), tmp_path / "set" / "x.parquet")
    (tmp_path / "set" / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: monday\n    path: x.parquet\n---\n"
    )
    with pytest.raises(SourceError, match="has no split of a known name; it has: monday"):
        hf(str(tmp_path / "set"), tmp_path)


def test_a_row_that_names_a_file_elsewhere_is_refused_and_the_file_not_copied(hub_is_gone, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "set").mkdir()
    rows = pa.table({"image": [{"bytes": None, "path": str(tmp_path / "secret.txt")}], "label": ["a"]})
    kinds = {"image": {"_type": "Image"}, "label": {"dtype": "string", "_type": "Value"}}
    rows = rows.cast(
        pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.string())])
    )
    rows = rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": kinds}})})
    pq.write_table(rows, tmp_path / "set" / "train.parquet")
    (tmp_path / "into").mkdir()
    with pytest.raises(SourceError, match="which is not part of the data set"):
        hf(str(tmp_path / "set"), tmp_path / "into")
    assert not list((tmp_path / "into").rglob("*.*"))


def test_one_image_that_is_gone_is_that_rows_problem_and_says_which(hub_is_gone, tmp_path):
    (tmp_path / "set" / "i").mkdir(parents=True)
    files = [tmp_path / "set" / "i" / f"{n}.png" for n in range(6)]
    for shade, file in enumerate(files):
        file.write_bytes(png(shade))
    about = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.table(
        {
            "image": pa.array([{"bytes": None, "path": str(file)} for file in files], kind),
            "label": [n % 2 for n in range(6)],
            "patient": [f"p{n // 2}" for n in range(6)],
        }
    )
    pq.write_table(
        rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": about}})}),
        tmp_path / "set" / "train-00000-of-00001.parquet",
    )
    files[3].unlink()
    items = huggingface.read(name=str(tmp_path / "set"), group="patient", into=tmp_path, progress=quiet)
    assert items.column("status").tolist() == ["ok"] * 3 + ["i/3.png: the file is missing"] + ["ok"] * 2
    assert items.column("group").tolist() == ["p0", "p0", "p1", "p1", "p2", "p2"]
    for group in ("folder", "prefix:_"):
        with pytest.raises(SourceError, match="not separate files; name a column"):
            huggingface.read(name=str(tmp_path / "set"), group=group, into=tmp_path, progress=quiet)
