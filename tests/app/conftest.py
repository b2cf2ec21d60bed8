"""One small analysed project for all tests of the app: digits with planted mistakes, computed once, copied per test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from text_project import build

from curation.engine.jobs import Jobs
from curation.engine.recipe import parse_recipe
from curation.engine.run import run

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "source": {"use": "sample", "mistakes": 0.05},
    "encode": {"use": "pixels", "size": 8, "colour": "grey"},
    "score": [{"use": "aum"}],
    "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
    "map": {"use": "pca"},
    "prune": [{"use": "random", "name": "half", "keep": 0.5}],
}


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The project as it was computed; nobody writes here."""
    folder = tmp_path_factory.mktemp("built") / "digits"
    run(parse_recipe(RECIPE), folder, device="cpu")
    return folder


@pytest.fixture(scope="session")
def built_texts(tmp_path_factory) -> Path:
    """A home folder with the project "texts", as it was computed; nobody writes here."""
    home = tmp_path_factory.mktemp("built_texts") / "home"
    build(home)
    return home


@pytest.fixture
def empty_home(tmp_path, monkeypatch) -> Iterator[Path]:
    """A home folder without projects; paths under the test's own folder are allowed. Jobs end with the test."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("WINNOW_HOME", str(folder))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path))
    st.cache_data.clear()
    st.cache_resource.clear()
    yield folder
    for store in folder.glob("*/jobs.sqlite"):
        jobs = Jobs(store.parent)
        if job := jobs.current():
            jobs.cancel(job.number)


@pytest.fixture
def text_home(built_texts, empty_home) -> Path:
    """A home folder with the project "texts", free to be written to."""
    shutil.copytree(built_texts / "texts", empty_home / "texts")
    return empty_home


@pytest.fixture
def project_home(built, empty_home) -> Path:
    """A home folder with the project "digits", free to be written to."""
    shutil.copytree(built, empty_home / "digits")
    return empty_home


class Framed(PagesManager):
    """Every run goes through app.py, as app.py has it where a server imports it; `AppTest` asks anew for each run."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        PagesManager.uses_pages_directory = False


@pytest.fixture
def app(monkeypatch):
    """`app("export", project="digits")`: the app on one of its pages, run once."""
    monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", Framed)

    def opened(page: str = "data", project: str | None = None) -> AppTest:
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        if project is not None:
            test.query_params["project"] = project
        test.run()
        return test if page == "data" else test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()

    return opened
