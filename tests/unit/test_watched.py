"""A second run does no work, whatever was written beside the data, and reads anew when the data has changed."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.reading.watched import ImagesNamed
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import SourceError


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Sixteen pictures of two classes, and the folder they are in as the current one."""
    rng = np.random.default_rng(0)
    lines = ["path,label"]
    for k in range(16):
        name = f"{('cats', 'dogs')[k % 2]}/{k}.png"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / name)
        lines.append(f"{name},{name[:4]}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recipe(**source):
    return parse_recipe(
        {
            "source": source,
            "encode": {"use": "pixels"},
            "prune": [{"use": "random", "keep": 0.5}],
            "export": [{"use": "folder", "path": "kept"}, {"use": "csv", "path": "out/kept.csv"}],
        }
    )


def computed(*args, **how):
    return [step["stage"] for step in run(*args, device="cpu", **how).steps if not step["cached"]]


SOURCES = {"folder": {"path": "."}, "table": {"path": "t.csv", "root": "."}}


@pytest.mark.parametrize("use", SOURCES)
def test_a_workspace_and_exports_in_the_source_folder_are_no_data_and_no_change(pets, use):
    wanted = recipe(use=use, **SOURCES[use])
    first = run(wanted, "workspaces/r", device="cpu")
    (pets / "r.toml").write_text(wanted.toml())
    again = run(wanted, "workspaces/r", device="cpu")
    assert all(step["cached"] for step in again.steps)
    assert [step["key"] for step in again.steps] == [step["key"] for step in first.steps]
    other = run(wanted, "elsewhere", device="cpu")  # reads it again, beside what the first runs left there
    assert other.steps[0]["key"] == first.steps[0]["key"]


@pytest.mark.parametrize("use", SOURCES)
def test_a_picture_that_changes_or_comes_back_is_read_again(pets, use):
    wanted = recipe(use=use, **SOURCES[use])
    run(wanted, "w", device="cpu")
    Image.new("L", (8, 8)).save(pets / "cats" / "0.png")
    assert "source" in computed(wanted, "w")
    (pets / "cats" / "2.png").rename(pets / "away")
    assert "source" in computed(wanted, "w")
    (pets / "away").rename(pets / "cats" / "2.png")
    assert "source" not in computed(wanted, "w")  # as it was once


def test_a_table_with_the_root_of_the_file_system_looks_at_its_own_files_only(pets):
    lines = [f"{pets}/{line}" if "/" in line else line for line in (pets / "t.csv").read_text().split()]
    (pets / "t.csv").write_text("\n".join(lines) + "\n")
    assert "source" in computed(recipe(use="table", path="t.csv", root="/"), "w")


def test_only_names_of_files_are_looked_at_and_a_bad_table_is_left_to_the_reading(pets):
    seen = ImagesNamed(pets / "t.csv", "path", pets).look()
    (pets / "notes.txt").write_text("x")
    assert ImagesNamed(pets / "t.csv", "path", pets).look() == seen
    os.utime(pets / "dogs" / "1.png", (1, 1))
    assert ImagesNamed(pets / "t.csv", "path", pets).look() != seen
    (pets / "bad.csv").write_text('path,label\n"a,b\n')
    assert ImagesNamed(pets / "bad.csv", "path", pets).look()
    with pytest.raises(SourceError, match=r"line 2 of .*bad\.csv"):
        run(recipe(use="table", path="bad.csv"), "w", device="cpu")
    pq.write_table(pa.table({"path": [b"\x89PNG"], "label": ["a"]}), pets / "bytes.parquet")
    assert ImagesNamed(pets / "bytes.parquet", "path", pets).look()


def test_a_folder_that_is_not_there_is_one_sentence(pets):
    with pytest.raises(SourceError, match=r"\[source\]: path = 'gone' does not exist"):
        run(recipe(use="folder", path="gone"), "w", device="cpu")
