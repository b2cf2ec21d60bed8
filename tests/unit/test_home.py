"""Where projects live, what the app may read and write, and what goes when a project is deleted."""

import json
import os
import time

import pytest

from curation.errors import InputError, SourceError
from curation.ui.server import projects

TOKEN = "ab" * 16


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path / "data"))
    (tmp_path / "data" / "flowers").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return tmp_path


def project(house, name, path=None, rows=None):
    folder = house / "home" / name
    folder.mkdir()
    (folder / "winnow.json").write_text('{"format": 1}')
    (folder / "recipe.toml").write_text(f'[source]\nuse = "archive"\npath = "{path}"\n' if path else "")
    if rows is not None:
        (folder / "source" / "k").mkdir(parents=True)
        (folder / "source" / "k" / "card.json").write_text(json.dumps({"rows": rows}))
    return folder


# -- reading ---------------------------------------------------------------------------------------------------


def test_a_path_inside_an_allowed_folder_is_read_and_spaces_around_it_mean_nothing(house):
    assert projects.allowed(f"  {house}/data/flowers ") == house / "data" / "flowers"


def test_a_link_that_leads_out_is_outside(house):
    (house / "secret").mkdir()
    (house / "data" / "link").symlink_to(house / "secret")
    with pytest.raises(SourceError, match="outside the folders this app may read"):
        projects.allowed(f"{house}/data/link")


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
        projects.allowed(text.format(top=house))


def test_parameters_that_name_files_are_held_to_the_same_folders(house):
    (house / "weights.pt").write_text("")
    (house / "data" / "weights.pt").write_text("")
    projects.check_paths({"model": "ViT-B/32", "checkpoint": house / "data" / "weights.pt", "k": 3, "none": None})
    for value in (house / "weights.pt", str(house / "weights.pt")):
        with pytest.raises(SourceError, match="outside"):
            projects.check_paths({"checkpoint": value})


def test_the_kind_of_a_path_is_told_by_its_name_or_refused(house):
    (house / "data" / "a.b.zip").mkdir()
    assert projects.kind_of(house / "data" / "a.b.zip") == "folder"  # whatever a folder is called
    with pytest.raises(SourceError, match=r"'photo.jpg' is no kind of dataset known here; expected a folder"):
        projects.kind_of(house / "photo.jpg")


# -- writing ---------------------------------------------------------------------------------------------------


def test_an_export_may_go_to_an_allowed_folder_or_to_the_exports_of_a_project(house):
    assert projects.target(f"{house}/data/new/out.csv") == house / "data" / "new" / "out.csv"
    assert projects.target(f"{house}/home/pets/exports/half.csv").name == "half.csv"


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
        projects.target(text.format(top=house))


# -- projects --------------------------------------------------------------------------------------------------


def test_projects_are_listed_last_changed_first_with_their_items(house):
    os.utime(project(house, "old", rows=12) / "recipe.toml", (1, 1))
    project(house, "new")
    (house / "home" / "stray").mkdir()
    assert [(p.name, p.items) for p in projects.projects()] == [("new", None), ("old", 12)]


@pytest.mark.parametrize("name", ["..", "../home/pets", "pets/../pets", ".uploads", "", "nothing", "/etc"])
def test_an_address_opens_projects_and_nothing_else(house, name):
    project(house, "pets")
    assert projects.project_folder("pets") == house / "home" / "pets"
    assert projects.project_folder(name) is None


def test_a_taken_name_gets_a_number(house):
    project(house, "my-pets")
    assert projects.new_folder("My Pets!").name == "my-pets-2"


def test_deleting_a_project_takes_its_upload_along_and_leaves_other_files(house):
    uploads = house / "home" / ".uploads" / TOKEN
    for name in ("one", "two"):
        (uploads / name).mkdir(parents=True)
        (uploads / name / "set.zip").write_text("")
    first = project(house, "first", path=uploads / "one" / "set.zip")
    project(house, "second", path=uploads / "two" / "set.zip")
    third = project(house, "third", path=house / "data" / "flowers")
    projects.delete_project(first)
    projects.delete_project(third)
    assert [p.name for p in projects.projects()] == ["second"]
    assert [p.name for p in uploads.iterdir()] == ["two"]
    assert (house / "data" / "flowers").exists()


def test_an_upload_two_projects_use_stays_until_both_are_gone(house):
    upload = house / "home" / ".uploads" / TOKEN / "one"
    upload.mkdir(parents=True)
    first, second = (project(house, name, path=upload) for name in ("first", "second"))
    projects.delete_project(first)
    assert upload.exists()
    projects.delete_project(second)
    assert not upload.exists()


def test_nothing_but_a_project_is_deleted(house):
    projects.delete_project(house / "data")
    (house / "home" / "stray").mkdir()
    projects.delete_project(house / "home" / "stray")
    assert (house / "data").exists()
    assert (house / "home" / "stray").exists()


# -- uploads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "..", "AB" * 16, "ab" * 15, "ab" * 16 + "/x"])
def test_only_tokens_made_here_name_an_upload(house, token):
    with pytest.raises(SourceError, match="this upload is unknown"):
        projects.upload_folder(token)
    assert projects.upload_folder(projects.new_upload()).parent == house / "home" / ".uploads"


def test_uploads_that_became_no_project_are_cleared_after_days(house):
    uploads = house / "home" / ".uploads" / TOKEN
    old = time.time() - 3 * 24 * 3600
    for name in ("used", "left", "fresh"):
        (uploads / name).mkdir(parents=True)
    for name in ("used", "left"):
        os.utime(uploads / name, (old, old))
    project(house, "pets", path=uploads / "used")
    projects.new_upload()
    assert sorted(p.name for p in uploads.iterdir()) == ["fresh", "used"]


def test_what_is_said_of_an_upload_names_it_as_it_was_sent():
    uploads = projects.home() / projects.UPLOADS
    said = f"{uploads}/{'a' * 32}/x1y2/my set/cats.zip is not an archive; {uploads.parent}/digits is"
    assert projects.as_sent(said) == f"my set/cats.zip is not an archive; {uploads.parent}/digits is"
