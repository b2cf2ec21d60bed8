"""What `winnow app PATH` and `winnow quickstart` open, and what they refuse, in one sentence."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from curation import cli_app
from curation.data.workspace import Workspace
from curation.engine.jobs import Jobs
from curation.engine.plan import plan
from curation.engine.recipe import Recipe, load_recipe
from curation.errors import InputError, UnavailableError
from curation.ui.server import access, projects
from curation.ui.server.home import home
from curation.ui.start.opening import open_path, open_sample


@pytest.fixture
def started(tmp_path, monkeypatch) -> list[str]:
    """The jobs that were started, by title. None runs, but each is planned as it was asked for."""
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WINNOW_ROOTS", raising=False)
    titles: list[str] = []

    def start(jobs: Jobs, recipe: Recipe, title: str, targets: list[str]) -> None:
        assert plan(recipe, Workspace(jobs.workspace), targets).steps
        titles.append(title)

    monkeypatch.setattr(Jobs, "start", start)
    return titles


@pytest.fixture
def flowers(tmp_path):
    folder = tmp_path / "flowers"
    for name in ("rose/1.png", "rose/2.png", "lily/3.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def source_of(name: str) -> dict:
    section = load_recipe(home() / name / "recipe.toml").source
    return {"use": section.use, **section.params}


def test_a_folder_becomes_a_project_that_is_read_at_once(started, flowers):
    around = open_path(flowers)
    assert around["WINNOW_OPEN"] == "flowers"
    assert str(flowers) in around["WINNOW_ROOTS"].split(os.pathsep)
    assert source_of("flowers")["path"] == flowers
    assert started == ["Read flowers"]


def test_a_folder_opened_again_is_the_same_project(started, flowers):
    assert open_path(flowers) == open_path(flowers)
    assert len(projects.projects()) == len(started) == 1


def test_a_project_is_opened_where_it_lies(started, flowers, tmp_path):
    open_path(flowers)
    around = open_path(tmp_path / "home" / "flowers")
    assert around == {"WINNOW_HOME": str(tmp_path / "home"), "WINNOW_OPEN": "flowers"}


def test_a_table_is_read_by_the_names_of_its_columns(started, flowers):
    (flowers / "given.csv").write_text("Label,File_Name\nrose,rose/1.png\nlily,lily/3.png\n")
    assert open_path(flowers / "given.csv")["WINNOW_OPEN"] == "given"
    assert {"image": "File_Name", "label": "Label"}.items() <= source_of("given").items()


def test_what_a_person_has_to_be_asked_about_is_left_to_the_front_page(started, flowers):
    table = flowers / "given.csv"
    table.write_text("a,b\nrose,rose/1.png\n")
    assert open_path(table)["WINNOW_OPEN"] == str(table)
    assert open_path(flowers)["WINNOW_OPEN"] == str(flowers), "the labels may be the folders or the table"
    assert started == []


def test_the_sample_is_analysed_once(started):
    assert open_sample() == open_sample() == {"WINNOW_OPEN": "digits"}
    assert started == ["Analyse the sample"]


def test_what_cannot_be_opened_is_refused_before_anything_starts(started, tmp_path, monkeypatch):
    (tmp_path / "notes.docx").write_text("x")
    for path, said in {
        tmp_path / "nowhere": "nowhere does not exist; give a folder",
        tmp_path / "notes.docx": "notes.docx",
        Workspace(tmp_path / "bare").folder: "has results but no recipe.toml",
    }.items():
        with pytest.raises(InputError, match=said):
            open_path(path)
    strange = Workspace(tmp_path / "+strange").folder
    (strange / "recipe.toml").write_text("")
    with pytest.raises(InputError, match=r"a project's name may have letters.*\+strange"):
        open_path(strange)
    monkeypatch.setattr(access, "login_on", lambda: True)
    with pytest.raises(InputError, match="winnow app takes no path where people log in"):
        open_path(tmp_path)
    with pytest.raises(InputError, match="there is no quickstart where people log in"):
        open_sample()
    assert started == []


def test_without_the_extra_one_sentence_says_how_to_get_the_app(monkeypatch):
    monkeypatch.setattr("curation.packages.importlib.util.find_spec", lambda name: None)
    for command in (cli_app.app, cli_app.quickstart):
        with pytest.raises(UnavailableError, match=r"the app needs the packages streamlit, torch: .*\[app\]"):
            command()
