"""What stands around every page: the menu of projects."""

import shutil

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
