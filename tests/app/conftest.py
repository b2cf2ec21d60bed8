"""Small analysed projects for all tests of the app, computed once and copied per test; a server for the browser."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
from browser import app as serving
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from text_project import build

from curation.engine.jobs import Jobs
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stage import analysis

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "source": {"use": "sample", "mistakes": 0.05},
    "encode": {"use": "pixels", "size": 8, "colour": "grey"},
    "score": [{"use": "aum"}],
    "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
    "map": {"use": "pca"},
    "prune": [{"use": "random", "name": "half", "keep": 0.5}],
}

GROWN = {
    "source": {"use": "sample", "labelled": 5},
    "encode": {"use": "pixels"},
    "map": {"use": "pca"},
    "grow": {"use": "margin", "batch": 12},
}


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The project as it was computed; nobody writes here."""
    folder = tmp_path_factory.mktemp("built") / "digits"
    run(parse_recipe(RECIPE), folder, device="cpu")
    return folder


@pytest.fixture(scope="session")
def built_pool(tmp_path_factory) -> Path:
    """Digits of which 50 have a label, with a first batch of 12 and a map of the pool; nobody writes here."""
    folder = tmp_path_factory.mktemp("pool") / "pool"
    run(parse_recipe(GROWN), folder, device="cpu", targets=["query", *analysis()])
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
        end_job(store.parent)


def end_job(project: Path) -> None:
    jobs = Jobs(project)
    if job := jobs.current():
        jobs.cancel(job.number)


@pytest.fixture
def text_home(built_texts, empty_home) -> Path:
    """A home folder with the project "texts", free to be written to."""
    shutil.copytree(built_texts / "texts", empty_home / "texts")
    return empty_home


@pytest.fixture
def pool_home(built_pool, empty_home) -> Path:
    """A home folder with the project "pool", free to be written to."""
    shutil.copytree(built_pool, empty_home / "pool")
    return empty_home


@pytest.fixture
def project_home(built, empty_home) -> Path:
    """A home folder with the project "digits", free to be written to."""
    shutil.copytree(built, empty_home / "digits")
    return empty_home


@dataclass(frozen=True)
class Served:
    """A project a running server knows. url: of the server."""

    url: str
    folder: Path

    def page(self, name: str) -> str:
        """The address of a page of the app with this project open; "" is the front page."""
        return f"{self.url}/{name}?project={self.folder.name}"


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """One server of the app and its home folder, for all tests that only look at projects of their own."""
    home = tmp_path_factory.mktemp("server")
    env = {"WINNOW_HOME": str(home), "WINNOW_ROOTS": str(tmp_path_factory.getbasetemp()), "OMP_NUM_THREADS": "1"}
    with serving(env=env) as url:
        yield url, home


@pytest.fixture
def served(server) -> Iterator[Callable[[Path], Served]]:
    """`served(built)`: a copy of a project, on the server and free to be written to. Its jobs end with the test."""
    url, home = server
    made = []

    def copied(project: Path) -> Served:
        made.append(Served(url, home / f"{project.name}-{len(list(home.iterdir()))}"))
        shutil.copytree(project, made[-1].folder)
        return made[-1]

    yield copied
    for one in made:
        end_job(one.folder)


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
