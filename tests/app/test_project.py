"""The open project: what its pages and jobs plan, and what a rerun reads again."""

from __future__ import annotations

import numpy as np
import pytest

from curation.data.decisions import DecisionLog
from curation.data.reading.watched import ImagesBelow
from curation.engine.fingerprint import fingerprint
from curation.engine.jobs import Jobs
from curation.engine.plan import plan
from curation.engine.stages.prune import Prune
from curation.engine.stages.query import Grow, Simulate
from curation.errors import RecipeError
from curation.ui.export import export_files
from curation.ui.prune.preview import preview, start_preview
from curation.ui.state import project as states
from curation.ui.state.analysis_results import analysis_results
from curation.ui.state.project import Project


@pytest.fixture
def project(project_home) -> Project:
    return Project(project_home / "digits")


@pytest.fixture
def planned(monkeypatch, project):
    """The stages of the jobs that were started; nothing runs."""
    jobs = []

    def start(self, recipe, title, targets=None, device="auto"):
        jobs.append({step.stage for step in plan(recipe, project.workspace, targets).missing()})

    monkeypatch.setattr(Jobs, "start", start)
    return jobs


def growing(project: Project) -> None:
    """A recipe with everything in it that an export and a preview do not need."""
    project.save(grow=Grow(use="margin", simulate=Simulate(seeds=1)), score=[*project.recipe.score, _score("vog")])


def _score(use: str):
    from curation.engine.stage import Named

    return Named(use=use, name=use)


def test_an_export_simulates_nothing_and_is_shown_after_every_label(project, planned):
    project.save(grow=Grow(use="margin", simulate=Simulate(seeds=1)))
    request = export_files.requested(project, "half", "csv", {"path": project.folder / "exports" / "half.csv"})
    assert request.missing == []
    assert export_files.made(project, request).tally.kept == 719
    project.decide([4], "confirm")
    request = export_files.requested(project, "half", "csv", {"path": project.folder / "exports" / "half.csv"})
    assert request.missing == []
    export_files.start(project, request)
    assert planned == [{"export"}]


def test_computing_a_subset_computes_no_map_no_batch_and_no_other_score(project, planned):
    growing(project)
    start_preview(project, Prune(use="herding", name="herding", keep=0.2))
    assert planned == [{"prune"}]
    start_preview(project, Prune(use="by_score", name="by_score", keep=0.2, params={"by": "el2n", "order": "hard"}))
    assert planned[1:] == [{"score", "prune"}]


def test_a_source_folder_is_walked_once_whatever_is_decided_and_tried(project, monkeypatch):
    walks = []
    monkeypatch.setattr(states, "fingerprint", lambda path, where: walks.append(path) or fingerprint(path, where))
    source = project.recipe.source.model_copy(update={"use": "folder", "params": {"path": project.folder}})
    recipe = project.recipe.model_copy(update={"source": source})
    for keep in (0.1, 0.2, 0.3):
        tried = Prune(use="k_center", name="x", keep=keep)
        with_it = recipe.model_copy(update={"prune": [tried]})
        project.planned("prune:x", recipe=with_it)
        project.showing("prune", recipe=with_it)
        project.decide([int(100 * keep)], "drop")
    assert walks == [ImagesBelow(project.folder)]


def test_the_history_of_decisions_is_read_once_for_all_reruns(project, monkeypatch):
    project.decide(range(40), "drop")
    reads = []
    read = DecisionLog.all
    monkeypatch.setattr(DecisionLog, "all", lambda self: reads.append(1) or read(self))
    for _ in range(3):  # every rerun makes a project of its own
        opened = Project(project.folder)
        assert len(opened.effective.dropped) == 40
        assert opened.store.holds(opened.effective.dropped).sum() == 40
        assert not opened.stale
        preview(opened, Prune(use="random", name="random", keep=0.5))
    assert len(reads) == 1
    opened.decide([50], "drop")
    assert len(opened.effective.dropped) == len(Project(project.folder).effective.dropped) == 41
    assert len(reads) == 2
    opened.undo()  # reads the history itself
    assert len(opened.effective.dropped) == 40


def test_a_drop_leaves_the_gathered_analysis_as_it_is_and_a_label_shows_the_last_one(project):
    before = analysis_results(project)
    project.decide([3], "drop")
    assert analysis_results(project) is before
    project.decide([5], "relabel", "7")
    assert project.stale == 1
    assert project.analysed
    assert project.store.labels[5] != project.store.classes.index("7")  # the analysis does not know it yet
    assert analysis_results(project) is before


def test_a_project_made_again_under_its_name_has_no_decisions_of_the_old_one(project_home, project):
    import shutil

    project.decide([1], "drop")
    assert len(Project(project.folder).effective.dropped) == 1
    (project.folder / "decisions.sqlite").unlink()
    for beside in project.folder.glob("decisions.sqlite-*"):
        beside.unlink()
    Project(project.folder).decide([2, 3], "keep")
    again = Project(project.folder).effective
    assert (len(again.dropped), len(again.pinned)) == (0, 2)
    shutil.rmtree(project.folder)


@pytest.mark.parametrize("name", ["random", "full"])
def test_a_subset_cannot_be_saved_under_a_name_of_verifications_own(project, name):
    with pytest.raises(RecipeError, match=f"name = '{name}'"):
        project.save(prune=[Prune(use="k_center", name=name, keep=0.2)])
    assert [prune.name for prune in Project(project.folder).recipe.prune] == ["half"]


def test_two_sessions_that_save_other_sections_keep_each_others(project):
    other = Project(project.folder)
    assert other.recipe.grow is None  # read before the first one saves
    project.save(grow=Grow(use="margin"))
    other.save(prune=[])
    saved = Project(project.folder).recipe
    assert (saved.grow.use, saved.prune) == ("margin", [])
    assert other.recipe == saved


def test_a_preview_stands_on_the_score_it_names(project):
    shown = preview(project, Prune(use="by_score", name="x", keep=0.1, params={"by": "aum", "order": "hard"}))
    np.testing.assert_array_equal(shown.score, project.score("aum"))
    assert preview(project, Prune(use="random", name="random", keep=0.1)).score is None
