"""Uploads on disk: who may name one, and how long it stays."""

import os
import time

import pytest

from curation.errors import SourceError
from curation.ui.server import uploads
from curation.ui.server.home import home

TOKEN = "ab" * 16


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path / "data"))
    (tmp_path / "data" / "flowers").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return tmp_path


def project(house, name, path):
    folder = house / "home" / name
    folder.mkdir()
    (folder / "winnow.json").write_text('{"format": 1}')
    (folder / "recipe.toml").write_text(f'[source]\nuse = "archive"\npath = "{path}"\n')


@pytest.mark.parametrize("token", ["", "..", "AB" * 16, "ab" * 15, "ab" * 16 + "/x"])
def test_only_tokens_made_here_name_an_upload(house, token):
    with pytest.raises(SourceError, match="this upload is unknown"):
        uploads.upload_folder(token)
    assert uploads.upload_folder(uploads.new_upload()).parent == house / "home" / ".uploads"


def test_uploads_that_became_no_project_are_cleared_after_days(house):
    there = house / "home" / ".uploads" / TOKEN
    old = time.time() - 3 * 24 * 3600
    for name in ("used", "left", "fresh"):
        (there / name).mkdir(parents=True)
    for name in ("used", "left"):
        os.utime(there / name, (old, old))
    project(house, "pets", path=there / "used")
    uploads.new_upload()
    assert sorted(p.name for p in there.iterdir()) == ["fresh", "used"]


def test_what_is_said_of_an_upload_names_it_as_it_was_sent():
    folder = home() / uploads.UPLOADS
    said = f"{folder}/{'a' * 32}/x1y2/my set/cats.zip is not an archive; {folder.parent}/digits is"
    assert uploads.as_sent(said) == f"my set/cats.zip is not an archive; {folder.parent}/digits is"
