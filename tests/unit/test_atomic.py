"""Files and folders outside the workspace: there whole or not at all, and nothing of anybody else's is touched."""

import pytest

from curation.data.writing.atomic import MARKER, atomic, atomic_folder, safe_name
from curation.errors import InputError


def half(writing, name=""):
    """Write something, then fail."""
    with writing as beside:
        (beside / name if name else beside).write_text("half")
        raise KeyError


def test_a_file_that_fails_halfway_leaves_the_old_one(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(KeyError):
        half(atomic(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_fails_halfway_leaves_the_old_one(tmp_path):
    with atomic_folder(tmp_path / "out") as beside:
        (beside / "a").write_text("old")
    with pytest.raises(KeyError):
        half(atomic_folder(tmp_path / "out"), "b")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a", MARKER}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_somebody_else_is_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(InputError, match="is not empty and was not written by Winnow"),
        atomic_folder(tmp_path / "mine"),
    ):
        pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_file_added_to_an_export_stops_its_replacement(tmp_path):
    for _ in range(2):
        with atomic_folder(tmp_path / "out") as beside:
            (beside / "a").write_text("x")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with (
        pytest.raises(InputError, match=r"holds notes\.txt, which Winnow did not write"),
        atomic_folder(tmp_path / "out"),
    ):
        pass
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_an_empty_folder_may_be_taken_and_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty") as beside:
        (beside / "a").write_text("x")
    assert (tmp_path / "empty" / "a").exists()
    with (
        pytest.raises(InputError, match="is a file, and the export is a folder"),
        atomic_folder(tmp_path / "empty" / "a"),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../../x", "/etc/passwd", "a\0b", "a\nb", ".hidden", "x" * 400, "é" * 400, "NUL"]
)
def test_a_safe_name_stays_in_its_folder_and_is_not_hidden(tmp_path, text):
    name = safe_name(text)
    (tmp_path / name).write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert not name.startswith(".")
