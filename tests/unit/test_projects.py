"""The list of projects, their names, and what goes when one is deleted."""

import json
import os

import pytest

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


def test_projects_are_listed_last_changed_first_with_their_items(house):
    os.utime(project(house, "old", rows=12) / "recipe.toml", (1, 1))
    project(house, "new")
    (house / "home" / "stray").mkdir()
    found = projects.projects()
    assert [(p.name, projects.item_count(p.folder)) for p in found] == [("new", None), ("old", 12)]


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
