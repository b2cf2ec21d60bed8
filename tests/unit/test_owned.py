"""Exports replace what Winnow wrote, and nothing else; each has a recipe and a summary of its own."""

import json

import numpy as np
import pytest

from curation.data.writing.owned import refuse_foreign
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import InputError, RecipeError


@pytest.fixture
def blobs(tmp_path):
    np.savez(tmp_path / "blobs.npz", features=np.eye(4)[np.arange(40) % 4], labels=np.arange(40) % 2)
    return tmp_path / "blobs.npz"


def exports(blobs, *sections):
    return parse_recipe(
        {
            "source": {"use": "arrays", "path": str(blobs)},
            "prune": [{"use": "random", "keep": 0.5}],
            "export": [dict(section) for section in sections],
        }
    )


@pytest.mark.parametrize("use", ["csv", "jsonl", "parquet", "torch"])
@pytest.mark.parametrize("ending", ["", ".recipe.toml", ".summary.json", ".snippet.py"])
def test_a_file_of_somebody_else_is_refused_before_any_work_and_stays(blobs, tmp_path, use, ending):
    own = tmp_path / f"mine.x{ending}"
    own.write_text("my own")
    wanted = exports(blobs, {"use": use, "path": str(tmp_path / "mine.x")})
    with pytest.raises(InputError, match=r"mine\.x.* is there and Winnow did not write it; move it away") as caught:
        run(wanted, tmp_path / "w")
    assert "\n" not in str(caught.value)
    assert own.read_text() == "my own"
    assert [path.name for path in tmp_path.glob("mine*")] == [own.name]
    assert not (tmp_path / "w" / "source").exists()


def test_the_source_itself_is_not_written_over(blobs, tmp_path):
    before = blobs.read_bytes()
    with pytest.raises(InputError, match="is there and Winnow did not write it"):
        run(exports(blobs, {"use": "csv", "path": str(blobs)}), tmp_path / "w")
    assert blobs.read_bytes() == before


def test_what_winnow_wrote_is_written_again_from_any_workspace(blobs, tmp_path):
    out = tmp_path / "out" / "m.csv"
    for workspace in ("a", "b"):
        run(exports(blobs, {"use": "csv", "path": str(out)}), tmp_path / workspace)
        assert out.read_text().startswith("id,path")
        out.write_text("changed")
    (tmp_path / "out" / "m.csv.summary.json").unlink()  # the workspace remembers it
    run(exports(blobs, {"use": "csv", "path": str(out)}), tmp_path / "b")
    assert out.read_text().startswith("id,path")


def test_a_run_that_was_killed_while_it_wrote_leaves_nothing_it_would_refuse(blobs, tmp_path, monkeypatch):
    out = tmp_path / "m.csv"
    wanted = exports(blobs, {"use": "csv", "path": str(out)})

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("curation.engine.stages.export.replayable", killed)  # between the file and its recipe
    with pytest.raises(KeyboardInterrupt):
        run(wanted, tmp_path / "a")
    assert out.exists()
    monkeypatch.undo()
    run(wanted, tmp_path / "b")
    assert (tmp_path / "m.csv.recipe.toml").exists()


def test_exports_whose_names_differ_behind_the_last_dot_share_nothing(blobs, tmp_path):
    sections = [{"use": "jsonl", "path": str(tmp_path / f"out/{name}")} for name in ("kept_0.3", "kept_0.5")]
    sections += [{"use": use, "path": str(tmp_path / f"out/kept.{use}")} for use in ("csv", "parquet")]
    run(exports(blobs, *sections), tmp_path / "w")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(
        f"{name}{ending}"
        for name in ("kept_0.3", "kept_0.5", "kept.csv", "kept.parquet")
        for ending in ("", ".recipe.toml", ".summary.json")
    )
    again = run(exports(blobs, *sections), tmp_path / "w")
    assert all(step["cached"] for step in again.steps)


def test_two_exports_to_one_place_are_refused(blobs, tmp_path):
    with pytest.raises(RecipeError, match="is written twice; give each its own path"):
        exports(blobs, *[{"use": use, "path": str(tmp_path / "m.csv")} for use in ("csv", "jsonl")])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"written_by": "me"}', "[" * 100_000, "\0"])
def test_only_a_summary_that_says_so_claims_a_name(tmp_path, text):
    (tmp_path / "m.csv").write_text("x")
    (tmp_path / "m.csv.summary.json").write_text(text)
    with pytest.raises(InputError, match="Winnow did not write it"):
        refuse_foreign(tmp_path / "m.csv")
    (tmp_path / "m.csv.summary.json").write_text(json.dumps({"written_by": "Winnow"}))
    refuse_foreign(tmp_path / "m.csv")
    (tmp_path / "m.csv").unlink()
    (tmp_path / "m.csv").mkdir()
    with pytest.raises(InputError, match="is a folder, and the export is a file"):
        refuse_foreign(tmp_path / "m.csv")
