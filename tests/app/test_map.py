"""The page map, without a browser: what it says when there is nothing, what selecting and acting does."""

import json
import tomllib

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from curation.data.decisions import DecisionLog, fold
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.ui.state.project import Project


def only(home, *sections) -> None:
    """Cut the recipe of the project down to these sections."""
    path = home / "digits" / "recipe.toml"
    recipe = tomllib.loads(path.read_text())
    path.write_text(parse_recipe({name: recipe[name] for name in sections}).toml())


def decided(home):
    return fold(DecisionLog(home / "digits").all())


def select(page: AppTest, rows) -> AppTest:
    """As the lasso does: it writes these rows and reruns the side."""
    page.session_state["selected:digits"] = np.array(rows, np.int64)
    return page.run()


def labels(page: AppTest) -> dict[str, str]:
    return {button.key: button.label for button in page.button if button.key}


def drawn(page: AppTest) -> dict:
    """What the map's component was told last."""
    return next(json.loads(one.proto.json) for one in page.get("bidi_component") if '"panels"' in one.proto.json)


def said(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def test_without_a_dataset_one_button_leads_to_the_data(app, empty_home):
    page = app("map")
    assert not page.exception
    assert list(labels(page).values()) == ["Choose a dataset"]
    page.button(key="map_empty-button").click().run()
    assert not page.exception
    assert "own_upload" in [element.proto.id.rpartition("-")[2] for element in page.get("bidi_component")]


def test_before_the_analysis_one_button_leads_to_it(app, project_home):
    only(project_home, "source")
    page = app("map", project="digits")
    assert not page.exception
    assert "Go to the analysis" in labels(page).values()


def test_the_map_is_drawn_and_nothing_can_be_done_until_something_is_chosen(app, project_home):
    page = app("map", project="digits")
    assert not page.exception
    assert drawn(page)["n"] == 1797
    assert "All 1,797" in said(page)
    assert all(page.button(key=f"map_{action}").disabled for action in ("relabel", "drop", "keep", "review"))


def test_the_buttons_say_how_many_are_selected_and_the_selection_survives_other_pages(app, project_home):
    page = select(app("map", project="digits"), [3, 5, 8])
    assert labels(page)["map_clear"] == "3 selected"
    assert labels(page)["map_drop"] == "Drop 3"
    page.switch_page("pages/review.py").run()
    page.switch_page("pages/map.py").run()
    assert labels(page)["map_clear"] == "3 selected"
    page.button(key="map_clear").click().run()
    assert "map_clear" not in labels(page)


@pytest.mark.parametrize(
    ("button", "there"),
    [
        ("drop", lambda force: set(force.dropped)),
        ("keep", lambda force: set(force.pinned)),
        ("review", lambda force: set(force.queued)),
    ],
)
def test_an_action_touches_what_is_selected_and_can_be_undone(app, project_home, button, there):
    page = select(app("map", project="digits"), [3, 5, 8])
    page.button(key=f"map_{button}").click().run()
    assert not page.exception
    assert there(decided(project_home)) == {"digit-0003", "digit-0005", "digit-0008"}
    assert "3 items" in page.toast[0].value.replace("\\", "")
    page.button(key="map_undo").click().run()
    assert there(decided(project_home)) == set()
    assert "Undone" in page.toast[0].value


def test_relabelling_says_that_the_scores_do_not_know_it_and_colours_the_map_at_once(app, project_home):
    page = select(app("map", project="digits"), [3, 5])
    before = drawn(page)
    page.selectbox(key="map_label").set_value("0").run()
    page.button(key="map_relabel").click().run()
    assert not page.exception
    assert decided(project_home).labels == {"digit-0003": "0", "digit-0005": "0"}
    assert "2 items relabelled since the scores were computed" in said(page)
    assert "map_update" in labels(page)
    after = drawn(page)
    assert after["panels"][0]["codes"] != before["panels"][0]["codes"]
    assert after["columns"]["places"] == before["columns"]["places"]


def test_similar_items_are_selected_on_the_map_and_shown(app, project_home):
    row = int(Project(project_home / "digits").store.train[0])
    page = select(app("map", project="digits"), [row])
    page.session_state["map:opened:digits"] = row
    page.run()
    before = drawn(page)["selection"]
    page.button(key="map_similar").click().run()
    assert not page.exception
    assert labels(page)["map_clear"] == "13 selected"
    assert drawn(page)["selection"]["token"] != before["token"]


def test_one_item_is_shown_from_close_by_with_the_actions_on_it_alone(app, project_home):
    rows = Project(project_home / "digits").store.train[:3].tolist()
    page = select(app("map", project="digits"), rows)
    page.session_state["map:opened:digits"] = rows[1]
    page.run()
    assert not page.exception
    assert f"digit-{rows[1]:04}" in said(page)
    assert "harder than" in said(page)
    assert labels(page)["map_drop"] == "Drop 1"
    page.button(key="map_back").click().run()
    assert labels(page)["map_drop"] == "Drop 3"


def test_every_colour_size_and_order_can_be_chosen(app, project_home):
    page = app("map", project="digits")
    every = {
        "map_colour": ("label", "prediction", "flags", "split", "decision", "suspicion", "aum"),
        "map_size": ("aum", "suspicion", ""),
        "map_order": ("suspicious", "hard", "easy", "read"),
    }
    for key, options in every.items():
        assert len(page.selectbox(key=key).options) == len(options)
        for option in options:
            page.selectbox(key=key).set_value(option).run()
            assert not page.exception, (key, option)


def test_filters_leave_fewer_items_on_the_map(app, project_home):
    page = app("map", project="digits")
    page.multiselect(key="map_classes").set_value(["3", "4"]).run()
    assert not page.exception
    assert 350 <= int(said(page).partition("All ")[2].split("<")[0]) < 370  # about 180 items of a class
    assert drawn(page)["columns"]["shown"] is not None
    page.toggle(key="map_flagged").set_value(True).run()
    assert not page.exception


def test_without_probabilities_and_flags_the_map_still_works(app, project_home):
    only(project_home, "source", "encode", "map")
    page = select(app("map", project="digits"), [3])
    assert not page.exception
    assert drawn(page)["columns"]["values"] is None
    page.session_state["map:opened:digits"] = 3
    assert not page.run().exception


def test_choices_that_another_dataset_does_not_have_fall_back_to_the_first(app, project_home):
    page = app("data", project="digits")
    page.session_state["map_colour"] = "a score of another dataset"
    page.session_state["map_classes"] = ["a class of another dataset"]
    page.switch_page("pages/map.py").run()
    assert not page.exception
    assert page.selectbox(key="map_colour").value == "label"
    assert page.multiselect(key="map_classes").value == []


def test_items_without_pictures_and_without_a_test_split_are_shown_too(app, empty_home, tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 4)) + 6 * np.repeat([[0], [1]], 20, axis=0)
    np.savez(tmp_path / "x.npz", features=x, labels=np.repeat([0, 1], 20))
    recipe = {
        "source": {"use": "arrays", "path": str(tmp_path / "x.npz"), "holdout": 0.0},
        "encode": {"use": "precomputed"},
        "flag": [{"use": "outliers"}],
        "map": {"use": "pca"},
    }
    run(parse_recipe(recipe), empty_home / "digits", device="cpu")
    page = app("map", project="digits")
    assert not page.exception
    page.session_state["map:opened:digits"] = 3
    assert not page.run().exception
    page.switch_page("pages/review.py").run()
    assert not page.exception


def test_the_map_can_be_cut_to_one_split(app, project_home):
    page = app("map", project="digits")
    page.selectbox(key="map_split").set_value("test").run()
    assert not page.exception
    assert "All 359" in said(page)


def test_a_map_of_a_sample_says_how_many_were_placed_and_what_is_left_of_the_neighbours(app, project_home):
    def below() -> str:
        st.cache_resource.clear()
        return next(c.value for c in app("map", project="digits").caption if "Drag to select" in c.value)

    (card,) = (project_home / "digits" / "map").glob("*/card.json")
    assert below().startswith("Drag")
    sampled = {"placed": 100_000, "items_per_placed": 5.0, "recall": 0.124, "recall_of_others": 0.081}
    card.write_text(json.dumps(json.loads(card.read_text()) | sampled))
    assert below().startswith("UMAP placed 100,000 items, 1 in 5, the rest beside them; 12% of nearest neighbours stay")
