"""The export page: what will be written, where it may go, and what lies there afterwards."""

import json

import numpy as np
import pytest

from curation.data.decisions import DecisionLog, EffectiveDecisions
from curation.data.effective_labels import effective_labels
from curation.data.items import make_items
from curation.data.workspace import Workspace
from curation.data.writing.manifest import Outcome, build, verdicts
from curation.engine.jobs import Jobs
from curation.engine.plan import plan
from curation.engine.recipe import load_recipe
from curation.engine.run import run
from curation.engine.stages.prune import Prune
from curation.ui.export import export_files
from curation.ui.state.project import Project


def html(page) -> str:
    return "".join(block.proto.body for block in page.get("html"))


@pytest.fixture
def project(project_home) -> Project:
    return Project(project_home / "digits")


# -- the page --------------------------------------------------------------------------------------------------


def test_without_a_project_one_button_leads_to_the_data(empty_home, app):
    page = app("export")
    assert not page.exception
    assert [button.label for button in page.button] == ["Go to the data"]


def test_the_page_shows_numbers_recipe_and_the_line_that_replays_them(project_home, app):
    page = app("export", project="digits")
    assert not page.exception
    assert page.selectbox("export_prune").value == "half"
    assert ">719</dd>" in html(page)
    recipe, command = (code.value for code in page.code)
    assert 'use = "random"' in recipe
    target = project_home / "digits" / "exports" / "half"
    assert command == f"python -m curation run {target}.csv.recipe.toml -w {project_home / 'digits'}"


@pytest.mark.parametrize("path", ["/etc/x.csv", "{home}/digits/recipe.toml", ""])
def test_a_place_that_may_not_be_written_to_is_one_sentence_and_no_button(project_home, app, path):
    page = app("export", project="digits")
    page.text_input("export_path_half_csv").set_value(path.format(home=project_home)).run()
    assert not page.exception
    assert len(page.error) == 1
    assert not [button for button in page.button if button.key == "export"]


def test_a_file_of_the_persons_own_is_not_replaced(project_home, app):
    own = project_home.parent / "mine.csv"
    own.write_text("id\n")
    page = app("export", project="digits")
    page.text_input("export_path_half_csv").set_value(str(own)).run()
    assert "mine.csv is there and Winnow did not write it; move it away" in page.error[0].value.replace("\\", "")
    assert page.button("export").disabled


def test_exporting_starts_no_verification_and_keeps_it_in_the_project(project_home, app, monkeypatch):
    toml = project_home / "digits" / "recipe.toml"
    toml.write_text(toml.read_text() + '\n[verify]\nuse = "head"\nseeds = 3\n')
    started = []
    monkeypatch.setattr(Jobs, "start", lambda self, recipe, title, targets: started.append((recipe, targets)))
    page = app("export", project="digits")
    page.button("export").click().run()
    assert not page.exception
    ((recipe, targets),) = started
    stages = {step.stage for step in plan(recipe, Workspace(project_home / "digits"), targets).steps}
    assert "export" in stages
    assert not stages & {"verify", "map", "query", "growth"}
    stored = load_recipe(toml)
    assert stored.verify.seeds == 3
    assert [(e.use, e.prune) for e in stored.export] == [("csv", "half")]


# -- what is written -------------------------------------------------------------------------------------------


def write(project: Project, prune: str | None, use: str = "csv") -> export_files.ExportRequest:
    asked = export_files.requested(project, prune, use, {"path": export_files.default_path(project, prune, use)})
    run(asked.recipe, project.folder, targets=[asked.target], device="cpu", keep_recipe=False)
    return asked


def test_the_preview_is_what_is_written_and_the_list_knows_when_it_is_out_of_date(project):
    made = export_files.made(
        project, export_files.requested(project, "half", "csv", {"path": project.folder / "exports/h.csv"})
    )
    asked = write(project, "half")
    rows = asked.path.read_text().splitlines()
    assert len(rows) == made.rows + 1
    assert sum(",true," in row for row in rows[1:]) >= made.tally.kept
    (done,) = export_files.written(project)
    assert done.fresh
    assert [file.path.name for file in done.files] == ["half.csv", "half.csv.recipe.toml", "half.csv.summary.json"]
    assert done.files[0].link.startswith("/winnow/download/digits/")
    DecisionLog(project.folder).add(["digit-0002"], "drop")
    assert not export_files.written(Project(project.folder))[0].fresh


def test_everything_that_is_not_dropped_can_be_written_though_there_are_subsets(project):
    DecisionLog(project.folder).add(["digit-0000", "digit-0001"], "drop", why="blurred")
    project = Project(project.folder)
    asked = write(project, None)
    tally = export_files.made(project, asked).tally
    assert (tally.kept, tally.pruned, tally.dropped) == (1436, 0, 2)
    assert asked.path.name == "everything.csv"
    summary = json.loads(asked.path.with_name("everything.csv.summary.json").read_text())
    assert summary["train"]["kept"] == 1436
    assert export_files.written(project)[0].prune == ""


def test_what_is_not_computed_yet_is_named_and_not_previewed(project):
    project.save(prune=[Prune(use="random", name="third", keep=0.3)])
    asked = export_files.requested(project, "third", "csv", {"path": project.folder / "exports" / "t.csv"})
    assert [step.label for step in asked.missing] == ["prune third"]
    assert export_files.made(project, asked) is None


def test_a_folder_of_images_can_be_written_and_is_listed_as_a_folder(project):
    asked = write(project, "half", "folder")
    (done,) = export_files.written(project)
    assert done.files[0].path == asked.path
    assert (done.files[0].size, done.files[0].there) == (None, True)
    assert len(list(asked.path.rglob("*.png"))) == 719 + 359


@pytest.mark.parametrize(("name", "file"), [("half", "half.csv"), ("../a b/c", "a-b-c.csv"), ("..", "subset.csv")])
def test_a_subset_of_any_name_has_a_file_name_of_its_own_folder(project, name, file):
    assert export_files.default_path(project, name, "csv") == project.folder / "exports" / file


def test_every_item_ends_in_one_way():
    ids = list("abcdefghi")
    splits = ["train"] * 5 + ["unlabeled", "test", "train", "train"]
    labels = ["cat", "cat", "dog", "dog", "cat", None, "cat", "dog", "dog"]
    status = ["the file is empty" if id_ == "h" else "ok" for id_ in ids]
    items = make_items(ids=ids, labels=labels, splits=splits, status=status)
    force = EffectiveDecisions(labels={"e": "dog", "i": "cat"}, dropped={"e": "blurred"}, pinned={"i": ""})
    classes, codes = effective_labels(items, force)
    outcome = Outcome(
        items, force, np.array([*classes, None], object)[codes], classes, taken=np.array([0]), pruned_by="half",
        keep=0.5, left_out={2: "duplicate of a", 3: "left out: flagged by outliers"},
    )  # fmt: skip
    assert build(outcome)["reason"].to_pylist() == [
        "kept: taken by half",
        "pruned: below half cut at 50 %",
        "duplicate of a",
        "left out: flagged by outliers",
        "dropped by hand: blurred",
        "left out: no label",
        "kept: test split, never pruned",
        "unusable: the file is empty",
        "kept by hand; relabelled by hand from dog",
    ]
    tally = export_files.tally(outcome, verdicts(outcome))
    assert (tally.kept, tally.pruned, tally.left_out, tally.dropped) == (2, 1, 2, 1)
    assert (tally.unlabelled, tally.held, tally.unusable, tally.relabelled) == (1, 1, 1, 2)
    assert tally.classes == ["cat", "dog"]
    np.testing.assert_array_equal(tally.before, [3, 3])
    np.testing.assert_array_equal(tally.kept_of, [2, 0])
