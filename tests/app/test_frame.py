"""What stands around every page: the menu of projects and the job strip."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from curation.engine.jobs import Jobs
from curation.errors import WorkspaceError
from curation.ui.server import projects


def test_the_menu_of_projects_is_read_from_disk_once_and_knows_new_and_deleted_ones(project_home, app, monkeypatch):
    looked, read = [], projects.projects
    monkeypatch.setattr(projects, "projects", lambda: looked.append(1) or read())
    page = app("methods", project="digits")
    looked.clear()
    page.run()
    page.run()
    assert not looked
    assert offered(page) == []

    shutil.copytree(project_home / "digits", project_home / "pets")
    page.run()
    assert offered(page) == ["Open pets"]
    shutil.rmtree(project_home / "pets")
    page.run()
    assert offered(page) == []


def offered(page) -> list[str]:
    """The other projects in the sidebar's menu."""
    (menu,) = page.get("menu_button")
    return [option for option in menu.proto.options if option.startswith("Open ")]


def _strip_of_a_project_that_goes(folder: str):
    from pathlib import Path

    import streamlit as st

    from curation.engine.jobs import Job
    from curation.ui.parts.job_strip import job_strip
    from curation.ui.state.project import Project

    if not st.session_state.get("deleted"):
        project = Project(Path(folder))
        running = Job(7, "Analyse", "running", 1, 2, "encode", 0, 0, "", "", "", 0, 0.0, 0.0, 0.0, 0.0)
        looks = [[running], []]  # another tab deletes the project between the first look and the next
        project.jobs.all = lambda: looks.pop(0)
        st.session_state.deleted = True
        job_strip(project)
    st.text("drawn again")


def test_when_the_project_is_deleted_while_the_strip_polls_the_page_is_drawn_again(project_home):
    page = AppTest.from_function(_strip_of_a_project_that_goes, args=(str(project_home / "digits"),)).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["drawn again"]


def test_a_job_that_is_gone_is_named(tmp_path):
    with pytest.raises(WorkspaceError, match=r"job 7 is not in .*: the project was deleted or moved"):
        Jobs(tmp_path).get(7)
