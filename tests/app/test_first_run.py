"""The first run of a data set: what is there is shown while the rest is still being computed."""

import numpy as np
import pytest

from curation.engine.jobs import Jobs
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.ui.parts import job_strip
from curation.ui.start import presets
from curation.ui.state.analysis_results import analysis_results
from curation.ui.state.project import Project


@pytest.fixture
def encoded(empty_home) -> Project:
    """The sample, of which nothing but the embeddings and one flag is computed."""
    recipe = parse_recipe(presets.sample())
    run(recipe, empty_home / "digits", targets=["encode", "flag:conflicting_labels"], device="cpu")
    return Project(empty_home / "digits")


@pytest.fixture
def at_work(monkeypatch):
    monkeypatch.setattr(Jobs, "current", lambda self: object())


def test_until_the_map_is_drawn_there_is_one_by_pca_of_the_same_items(encoded):
    analysis = analysis_results(encoded)
    assert analysis.drawing
    assert encoded.xy() is None
    rows, vectors = encoded.embeddings()
    assert np.isfinite(analysis.xy[rows]).all()
    centred = vectors - vectors.mean(axis=0)
    shown = analysis.xy[rows] - analysis.xy[rows].mean(axis=0)
    strengths = np.linalg.svd(np.asarray(centred, np.float64), compute_uv=False)[:2]
    assert np.linalg.norm(shown, axis=0) == pytest.approx(strengths, rel=0.01)
    assert "umap" in encoded.recipe.toml()  # it is not what was asked for, and changes nothing of that


def test_pages_show_what_is_there_and_say_what_is_still_to_come(encoded, app, at_work):
    page = app("data", project="digits")
    assert not page.exception
    said = " ".join(str(caption.value) for caption in page.caption).replace("\\", "")
    assert "A first map, drawn by PCA" in said
    assert "Consensus" in said
    assert "Conflicting labels" not in said
    assert "open_map" in [button.key for button in page.button]
    page = app("map", project="digits")
    assert not page.exception
    assert "A first map, by PCA" in " ".join(str(caption.value) for caption in page.caption)
    page = app("prune", project="digits")
    assert not page.exception
    assert "at work" in page.info[0].value
    page = app("review", project="digits")
    assert not page.exception
    assert "Still to come: Consensus" in "".join(block.proto.body for block in page.get("html"))


def test_a_page_is_drawn_again_when_a_result_comes_and_not_otherwise(encoded, monkeypatch):
    drawn, session = [], {}
    monkeypatch.setattr(job_strip.st, "rerun", lambda: drawn.append(1))
    monkeypatch.setattr(job_strip.st, "session_state", session)
    for _ in range(2):
        job_strip._show_what_is_new(encoded.folder, 1)
    assert not drawn
    run(encoded.recipe, encoded.folder, targets=["flag:outliers"], device="cpu", keep_recipe=False)
    for _ in range(2):
        job_strip._show_what_is_new(encoded.folder, 1)
    assert len(drawn) == 1
