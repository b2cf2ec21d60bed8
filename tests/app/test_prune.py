"""The prune page: the share and the count follow each other, a saved subset is in the recipe, order is a prefix."""

import tomllib

import numpy as np
import pytest

from curation.data.budget import quotas
from curation.engine.recipe import load_recipe
from curation.engine.stages.prune import Prune
from curation.ui.prune.preview import facts, known_mistakes, preview


def test_without_a_project_there_is_one_button_to_the_data(empty_home, app):
    page = app("prune")
    assert not page.exception
    assert [b.label for b in page.button] == ["Go to the data"]


def test_the_share_and_the_number_of_items_follow_each_other(project_home, app):
    page = app("prune", project="digits")
    assert not page.exception
    assert page.radio("prune_card_a").value == "trusted_coverage"
    assert page.number_input("prune_count_a").value == 719  # half of 1,438
    page.slider("prune_keep_a").set_value(10.0).run()
    assert page.number_input("prune_count_a").value == 144
    page.number_input("prune_count_a").set_value(288).run()
    assert page.slider("prune_keep_a").value == 20.0
    assert not page.exception


def test_a_subset_that_is_there_is_shown_whatever_share_was_asked_before(project):
    whole = preview(project, section(use="trusted_coverage", keep=0.5, params=_params("trusted_coverage")))
    assert whole is None  # a job computes it
    from curation.engine.recipe import parse_recipe
    from curation.engine.run import run

    raw = {"use": "trusted_coverage", "name": "x", "keep": 0.05, "feedback": "none", "balance": True}
    there = {name: part for name, part in tomllib.loads(project.recipe.toml()).items() if name in ("source", "encode")}
    recipe = parse_recipe({**there, "prune": [raw]})
    run(recipe, project.folder, targets=["prune"], device="cpu", keep_recipe=False)
    params = {**_params("trusted_coverage"), "feedback": "none"}
    for balance in (True, False):  # it balances anyway: the same subset
        asked = section(use="trusted_coverage", keep=0.05, params=params, balance=balance)
        assert len(preview(project, asked).taken) == 72
    assert preview(project, section(use="trusted_coverage", keep=0.1, params=params)) is None


def test_saving_a_subset_puts_it_into_the_recipe(project_home, app):
    page = app("prune", project="digits")
    page.radio("prune_card_a").set_value("ccs").run()
    page.slider("prune_keep_a").set_value(30.0).run()
    page.text_input("prune_name_a_ccs-30").set_value("a third").run()
    page.button("prune_save_a").click().run()
    assert not page.exception
    saved = load_recipe(project_home / "digits" / "recipe.toml").prune
    assert [(p.name, p.use) for p in saved] == [("half", "random"), ("a third", "ccs")]
    assert round(saved[1].keep * 1438) == 431
    assert saved[1].balance
    page.button("prune_remove_a third").click().run()
    assert [p.name for p in load_recipe(project_home / "digits" / "recipe.toml").prune] == ["half"]


def test_what_takes_longer_than_a_blink_is_offered_as_a_job(project_home, app):
    page = app("prune", project="digits")
    assert not page.exception
    assert "prune_compute_a" in [b.key for b in page.button]


def test_two_methods_side_by_side_say_how_much_they_share(project_home, app):
    page = app("prune", project="digits")
    page.toggle("prune_compare").set_value(True).run()
    page.selectbox("prune_method_a").set_value("ccs").run()
    assert not page.exception
    assert any("items are in both subsets" in c.value for c in page.caption)


@pytest.fixture
def project(project_home):
    from curation.ui.state.project import Project

    return Project(project_home / "digits")


def section(**changes):
    return Prune(**{"use": "random", "name": "x", "keep": 0.5, "params": {}, **changes})


def test_a_balanced_share_of_a_nested_order_has_exactly_the_quotas(project):
    labels = project.store.labels
    counts = np.bincount(labels[project.store.train])
    for keep in (0.01, 0.1, 0.37, 1.0):
        taken = preview(project, section(keep=keep, balance=True)).taken
        total = max(round(keep * counts.sum()), 1)
        assert np.bincount(labels[taken], minlength=10).tolist() == quotas(counts, total).tolist()


def test_a_larger_share_holds_the_smaller_one(project):
    small = preview(project, section(keep=0.1)).taken
    large = preview(project, section(keep=0.3)).taken
    assert large[: len(small)].tolist() == small.tolist()


def test_a_preview_is_what_the_run_will_take(project):
    from curation.engine.recipe import parse_recipe
    from curation.engine.run import run

    shown = preview(project, section(use="by_score", keep=0.2, balance=True, params=_params("by_score"))).taken
    raw = {"use": "by_score", "name": "x", "keep": 0.2, "balance": True}
    there = {name: part for name, part in tomllib.loads(project.recipe.toml()).items() if name in ("source", "encode")}
    recipe = parse_recipe({**there, "prune": [raw]})
    run(recipe, project.folder, targets=["prune"], device="cpu", keep_recipe=False)
    card = next(c for c in project.workspace.cards() if c["stage"] == "prune" and c["params"].get("keep") == 0.2)
    rows = np.load(project.workspace.path("prune", card["key"]) / "rows.npy")
    assert set(rows.tolist()) == set(shown.tolist())


def test_dropped_rows_are_not_in_a_preview_and_pinned_ones_are(project):
    train = project.store.train
    project.decide(train[:5], "drop")
    project.decide(train[5:8], "keep")
    taken = preview(project, section(keep=0.05)).taken
    assert not set(train[:5]) & set(taken)
    assert set(train[5:8]) <= set(taken)


def test_the_facts_count_planted_mistakes(project):
    wrong = known_mistakes(project)
    assert wrong.sum() == 72
    shown = preview(project, section(keep=1.0))
    assert facts(project, shown).mistakes == (72, 72)
    first = np.flatnonzero(wrong)[0]
    project.decide([first], "relabel", project.items.column("truth")[first])
    assert known_mistakes(project).sum() == 71


def test_pinned_rows_count_towards_the_share_and_are_all_kept_where_they_are_more(project):
    train = project.store.train
    project.decide(train[-3:], "keep")
    for keep, wanted in ((10 / 1438, 10), (1 / 1438, 3)):
        taken = preview(project, section(keep=keep)).taken
        assert len(taken) == wanted
        assert set(train[-3:]) <= set(taken)


def _params(use):
    from curation.engine import registry

    return registry.get("pruners", use).validated({}, use)
