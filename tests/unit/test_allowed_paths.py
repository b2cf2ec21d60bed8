"""What of this machine the app may read and write."""

import pytest

from curation.errors import InputError, SourceError
from curation.ui.server import allowed_paths
from curation.ui.start import source_kind


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path / "data"))
    (tmp_path / "data" / "flowers").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return tmp_path


def test_a_path_inside_an_allowed_folder_is_read_and_spaces_around_it_mean_nothing(house):
    assert allowed_paths.allowed(f"  {house}/data/flowers ") == house / "data" / "flowers"


def test_a_link_that_leads_out_is_outside(house):
    (house / "secret").mkdir()
    (house / "data" / "link").symlink_to(house / "secret")
    with pytest.raises(SourceError, match="outside the folders this app may read"):
        allowed_paths.allowed(f"{house}/data/link")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give the path"),
        ("/etc/passwd", "outside"),
        ("{top}/data/../secret", "outside"),
        ("{top}/data-other", "outside"),
        ("{top}/data/nothing", "does not exist"),
    ],
)
def test_any_other_path_is_refused_in_words(house, text, said):
    with pytest.raises(SourceError, match=said):
        allowed_paths.allowed(text.format(top=house))


def test_parameters_that_name_files_are_held_to_the_same_folders(house):
    (house / "weights.pt").write_text("")
    (house / "data" / "weights.pt").write_text("")
    allowed_paths.check_paths({"model": "ViT-B/32", "checkpoint": house / "data" / "weights.pt", "k": 3, "none": None})
    for value in (house / "weights.pt", str(house / "weights.pt")):
        with pytest.raises(SourceError, match="outside"):
            allowed_paths.check_paths({"checkpoint": value})


def test_an_export_may_go_to_an_allowed_folder_or_to_the_exports_of_a_project(house):
    assert allowed_paths.target(f"{house}/data/new/out.csv") == house / "data" / "new" / "out.csv"
    assert allowed_paths.target(f"{house}/home/pets/exports/half.csv").name == "half.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give the path"),
        ("/etc/out.csv", "outside the folders this app may write to"),
        ("{top}/data/../out.csv", "outside"),
        ("{top}/data", "outside"),
        ("{top}/home/pets/recipe.toml", "among Winnow's own files"),
        ("{top}/home/pets/exports", "among Winnow's own files"),
        ("{top}/home/pets/exports/../decisions.sqlite", "among Winnow's own files"),
        ("{top}/home/out.csv", "among Winnow's own files"),
    ],
)
def test_an_export_goes_nowhere_else(house, text, said):
    with pytest.raises(InputError, match=said):
        allowed_paths.target(text.format(top=house))


def test_the_kind_of_a_path_is_told_by_its_name_or_refused(house):
    (house / "data" / "a.b.zip").mkdir()
    assert source_kind.kind_of(house / "data" / "a.b.zip") == "folder"  # whatever a folder is called
    with pytest.raises(
        SourceError, match=r"'photo.jpg' is not a kind of data Winnow reads: expected a folder, archive"
    ):
        source_kind.kind_of(house / "photo.jpg")
