"""What folders are taken for: splits, classes, wrappers; what is refused as doubtful, and how a person says it."""

import pytest
from PIL import Image

from curation.data.items import Items
from curation.data.reading.folder_layout import arrange
from curation.data.reading.folder_listing import fingerprint
from curation.data.workspace import Workspace
from curation.data.writing.atomic import atomic_folder
from curation.errors import SourceError
from curation.methods.sources import folder

CATS_AND_DOGS = {("train", "cats"), ("train", "dogs"), ("test", "cats"), ("test", "dogs")}


def paths(*patterns, classes=("cats", "dogs")):
    """Two images in each class of each pattern such as "train/*"."""
    return [f"{p.replace('*', c)}/{n}.png" for p in patterns for c in classes for n in (1, 2)]


def found(*patterns, extra=(), layout="", **how):
    made = arrange([*paths(*patterns, **how), *extra], layout)
    return made, set(zip(made.splits, made.labels, strict=True))


# -- splits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "{}/*",
        "{}/{}/*",
        "{}_set/{}_set/*",
        "{}ing_set/{}/*",
        "seg_{0}/seg_{0}/*",
        "{}2017/*",
        "{0}set/{0}set/*",
        "{0}_images/*",
        "data/{}/*",
        "data/set/{}/images/*",
        "{}/photos/*",
        "*/{}",
        "archive/*/{}",
    ],
)
@pytest.mark.parametrize("form", [str, str.upper, str.capitalize])
def test_splits_are_known_however_they_are_called_and_wrapped(pattern, form):
    names = [pattern.format(form(name), form(name)) for name in ("train", "test")]
    made, seen = found(*names)
    assert seen == CATS_AND_DOGS, names
    assert not made.doubt
    assert any("2 classes: cats, dogs" in note for note in made.notes)


def test_a_split_without_classes_beside_others_is_unlabelled():
    made, seen = found("seg_train/seg_train/*", "seg_test/seg_test/*", extra=["seg_pred/seg_pred/7.png"])
    assert seen == {*CATS_AND_DOGS, ("unlabeled", None)}
    assert not made.doubt


def test_classes_whose_names_only_hold_such_words_stay_classes():
    for classes in (
        ("train_station", "bus_station"),
        ("test_tube", "flask"),
        ("bus", "car", "train"),
        ("devil", "angel"),
    ):
        made, seen = found("*", classes=classes)
        assert {label for _, label in seen} == set(classes)
        assert not made.doubt, classes


@pytest.mark.parametrize(
    ("patterns", "classes", "why"),
    [
        (["train/batch1", "test/batch2"], ("",), "every split has one class of its own \\(batch1, batch2\\)"),
        (["*"], ("cats", "dogs", "test"), "the class 'test' is called like a split"),
        (["*"], ("cats", "dogs", "validation"), "'validation' is called like a split"),
        (["*"], ("seg_train", "seg_test", "other"), "is called like a split"),
        (["train/*", "test/*"], ("train", "x"), "'train' is called like a split"),
        (["cats/train", "cats/test", "dogs"], ("",), "folders called 'test' lie in some class folders"),
    ],
)
def test_a_doubtful_guess_asks_and_layout_answers(patterns, classes, why, tmp_path):
    names = [path.replace("//", "/") for path in paths(*patterns, classes=classes)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(tmp_path / name)
    with pytest.raises(SourceError, match=why) as caught:
        folder.read(path=tmp_path, progress=lambda *_: None)
    assert 'say what each level of folders is with layout = "split/class"' in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(folder.read(path=tmp_path, layout="class", progress=lambda *_: None)) == len(names)


# -- wrappers and loose images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loose", ["preview.png", "pets/preview.png", "pets/set/preview.png"])
def test_a_loose_image_anywhere_above_the_classes_changes_no_label_and_is_named(loose):
    made, seen = found("pets/set/*", extra=[loose])
    assert seen == {("train", "cats"), ("train", "dogs"), ("train", None)}
    assert any(f"1 image lies in no class folder, such as {loose}" in note for note in made.notes)


def test_many_loose_images_beside_class_folders_are_unlabelled_ones():
    _, seen = found("pets/*", extra=[f"pets/{n}.png" for n in range(100, 150)])
    assert seen == {("train", "cats"), ("train", "dogs"), ("train", None)}


def test_a_single_class_with_a_folder_of_its_own_stays_a_class():
    assert set(arrange(["cats/1.png", "cats/2.png", "cats/more/3.png"]).labels) == {"cats"}


def test_a_prefix_is_taken_off_only_where_all_paths_have_it():
    assert found("pets/*")[0].prefix == "pets/"
    assert found("pets/*", extra=["pets/preview.png"])[0].prefix == "pets/"
    assert found("pets/*", extra=["preview.png"])[0].prefix == ""


# -- said by a person -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "pattern"),
    [
        ("split/*/class", "{}/2020/*"),
        ("class/split", "*/{}"),
        ("*/*/split/class", "a/b/{}/*"),
        ("*/class/split/", "x/*/{}/y"),
    ],
)
def test_a_layout_says_what_every_level_is(layout, pattern):
    made, seen = found(pattern.format("train"), pattern.format("Test_Set"), layout=layout)
    assert seen == CATS_AND_DOGS
    assert made.prefix == ""
    assert made.read_as == layout


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        ("klass", "expected what each level of folders is"),
        ("split/split", "expected what each level"),
        ("split/class", "the folder 'cats' names no split; expected names such as train"),
    ],
)
def test_a_layout_that_does_not_fit_is_one_sentence(layout, why):
    with pytest.raises(SourceError, match=why):
        found("*/x", layout=layout)


# -- what is looked at ----------------------------------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path):
    for name in paths("pets/*"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(tmp_path / name)
    return tmp_path / "pets"


def test_what_winnow_wrote_below_a_folder_is_no_data_and_changes_nothing(pets):
    before = fingerprint(pets)
    with atomic_folder(pets / "kept") as top:
        (top / "train" / "cats").mkdir(parents=True)
        Image.new("L", (2, 2)).save(top / "train" / "cats" / "1.png")
    Workspace(pets / "out" / "ws")
    (pets / "out" / "ws" / "source").mkdir()
    Image.new("L", (2, 2)).save(pets / "out" / "ws" / "source" / "x.png")
    (pets / "kept.csv").write_text("id\n")
    (pets / "r.toml").write_text("")
    assert fingerprint(pets) == before
    items = folder.read(path=pets, progress=lambda *_: None)
    assert set(items.column("label")) == {"cats", "dogs"}
    assert len(items) == 4
    assert any("2 folders that Winnow wrote were passed over, such as kept." in note for note in items.notes)
    assert set(folder.read(path=pets / "kept", progress=lambda *_: None).column("label")) == {"cats"}  # named, it is


def test_the_fingerprint_of_a_folder_follows_its_images(pets):
    seen = [fingerprint(pets)]
    Image.new("L", (3, 3)).save(pets / "cats" / "1.png")
    seen.append(fingerprint(pets))
    Image.new("L", (3, 3)).save(pets / "cats" / "3.png")
    seen.append(fingerprint(pets))
    (pets / "dogs" / "1.png").unlink()
    seen.append(fingerprint(pets))
    (pets / "notes.txt").write_text("x")
    assert len(set(seen)) == 4
    assert fingerprint(pets) == seen[-1]


def test_linked_class_folders_are_named_in_the_refusal(pets):
    linked = pets.parent / "linked"
    linked.mkdir()
    (linked / "cats").symlink_to(pets / "cats")
    with pytest.raises(SourceError, match=r"holds no images; .*; 1 linked folders were not followed, such as cats"):
        folder.read(path=linked, progress=lambda *_: None)


def test_names_that_are_no_utf8_are_read_and_shown(pets, tmp_path):
    name = "caf\udce9"
    (pets / name).mkdir()
    (pets / "r\udce9adme.txt").write_text("x")
    Image.new("L", (5, 7)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(pets / name / "\udcff.png")
    items = folder.read(path=pets, progress=lambda *_: None)
    row = items.row_of["caf\\xe9/\\xff.png"]
    assert items.column("label")[row] == "caf\\xe9"
    assert items.ok.all()
    assert items.image(row).size == (5, 7)
    (tmp_path / "result").mkdir()
    items.save(tmp_path / "result")
    assert Items.load(tmp_path / "result").image(row).size == (5, 7)
    assert fingerprint(pets)
