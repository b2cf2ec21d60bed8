"""The page review, without a browser: the queue, what each answer does, and that nothing is lost."""

from streamlit.testing.v1 import AppTest
from test_map import only

from curation.data.decisions import DecisionLog, fold
from curation.engine.recipe import parse_recipe
from curation.engine.run import run


def decided(home):
    return fold(DecisionLog(home / "digits").all())


def labels(page: AppTest) -> dict[str, str]:
    return {button.key: button.label for button in page.button if button.key}


def said(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def progress(page: AppTest) -> tuple[int, int, int]:
    """decided, of how many, and which one is on the desk."""
    words = page.get("progress")[0].proto.text.replace(",", "").split()
    return int(words[0]), int(words[2]), int(words[-4])


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=f"review_{key}").click().run()
    assert not page.exception
    return page


def at(page: AppTest) -> int | None:
    return page.session_state["review:at:digits"]


def test_without_a_dataset_one_button_leads_to_the_data(app, empty_home):
    page = app("review")
    assert not page.exception
    assert list(labels(page).values()) == ["Choose a dataset"]


def test_before_anything_is_flagged_one_button_leads_to_the_analysis(app, project_home):
    only(project_home, "source")
    page = app("review", project="digits")
    assert not page.exception
    assert "Go to the analysis" in labels(page).values()


def test_the_first_item_is_shown_with_both_labels_the_reasons_and_how_many_mistakes_were_found(app, project_home):
    page = app("review", project="digits")
    assert not page.exception
    assert progress(page)[0] == 0
    assert progress(page)[2] == 1
    assert labels(page)["review_accept"].startswith("Change to “")
    words = said(page)
    assert "A model trained without this item says" in words
    assert "most suspicious of 1,797" in words
    assert "of 72 planted mistakes among the" in words


def test_every_answer_moves_on_and_is_kept_at_once(app, project_home):
    page = app("review", project="digits")
    total = progress(page)[1]
    suggested = labels(page)["review_accept"].removeprefix("Change to “").removesuffix("”")
    press(page, "accept")
    assert list(decided(project_home).labels.values()) == [suggested]
    assert progress(page) == (1, total, 2)
    press(page, "keep")
    assert len(decided(project_home).confirmed) == 1
    press(page, "drop")
    assert len(decided(project_home).dropped) == 1
    assert progress(page) == (3, total, 4)
    press(page, "skip")
    assert progress(page) == (3, total, 5)
    assert "1 item relabelled since the scores were computed" in said(page)


def test_undo_goes_back_to_the_item_it_concerns(app, project_home):
    page = app("review", project="digits")
    press(press(page, "drop"), "keep")
    press(page, "undo")
    assert progress(page)[2] == 2
    press(page, "undo")
    assert progress(page)[::2] == (0, 1)
    assert not decided(project_home).dropped
    press(page, "undo")
    assert "There is nothing to undo" in said(page)


def test_arrows_walk_through_decided_items_too(app, project_home):
    page = app("review", project="digits")
    press(press(page, "drop"), "previous")
    assert progress(page)[2] == 1
    assert "dropped" in said(page)
    assert progress(press(page, "next"))[2] == 2


def test_any_other_label_can_be_given_by_number_or_by_name(app, project_home):
    page = app("review", project="digits")
    shown = labels(page)
    now = shown["review_keep"].removeprefix("Keep “").removesuffix("”")
    other = next(name for name in "0123456789" if name not in (now, shown["review_accept"][-2]))
    press(page, f"to_{other}")
    assert list(decided(project_home).labels.values()) == [other]
    second = labels(page)["review_keep"].removeprefix("Keep “").removesuffix("”")
    page.selectbox(key="review_other").set_value(second).run()  # the label it has: confirmed, not relabelled
    assert len(decided(project_home).confirmed) == 1
    assert len(decided(project_home).labels) == 1
    assert page.selectbox(key="review_other").value is None


def test_what_was_sent_by_hand_comes_first_and_stays_counted(app, project_home):
    DecisionLog(project_home / "digits").add(["digit-0003"], "review")
    page = app("review", project="digits")
    assert "digit-0003" in said(page)
    assert "Sent to review by hand" in said(page)
    total = progress(page)[1]
    press(page, "keep")
    assert progress(page) == (1, total, 2)


def test_after_the_last_item_the_next_step_is_offered_and_one_may_look_back(app, project_home):
    page = app("review", project="digits")
    page.segmented_control(key="review_mode").set_value("grid").run()
    for _ in range(10):  # pages of the grid
        if "review_bulk_keep_labels" not in labels(page):
            break
        press(page, "bulk_keep_labels")
    assert "review_done-button" in labels(page)
    page.segmented_control(key="review_mode").set_value("one").run()
    assert "are decided" in said(page)
    press(page, "again")
    done, total, place = progress(page)
    assert done == total == place


def test_many_suggestions_are_accepted_at_once_and_undone_at_once(app, project_home):
    page = app("review", project="digits")
    page.segmented_control(key="review_mode").set_value("grid").run()
    assert not page.exception
    shown = labels(page)["review_bulk_accept"]
    press(page, "bulk_accept")
    force = decided(project_home)
    assert shown == f"Accept {len(force.labels)} suggestions"
    assert len(set(force.labels.values())) > 1  # each its own
    press(page, "bulk_undo_labels")
    assert not decided(project_home).labels


def test_outliers_and_duplicates_are_dropped_from_their_own_tabs(app, empty_home, tmp_path):
    import numpy as np

    x = np.random.default_rng(0).normal(size=(60, 16)) + 1
    x[0] = -np.ones(16)  # far from all
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    x[5], images[5] = x[4], images[4]
    x[7], images[7] = x[4], images[4]
    np.savez(tmp_path / "x.npz", images=images, features=x, labels=np.arange(60) % 2, ids=[f"i{i}" for i in range(60)])
    recipe = {
        "source": {"use": "arrays", "path": str(tmp_path / "x.npz"), "holdout": 0.0},
        "encode": {"use": "precomputed"},
        "flag": [{"use": "duplicates"}, {"use": "outliers"}],
    }
    run(parse_recipe(recipe), empty_home / "digits", device="cpu")
    page = app("review", project="digits")
    assert not page.exception
    page.segmented_control(key="review_mode").set_value("duplicates").run()
    assert "the labels differ" in said(page)
    assert labels(page)["review_dup_drop_all"] == "Drop all duplicates (2 items)"
    kept = next(key for key in labels(page) if key.startswith("review_dup_drop_") and key != "review_dup_drop_all")
    press(page, kept.removeprefix("review_"))
    assert len(decided(empty_home).dropped) == 2
    assert all(why.startswith("duplicate of i") for why in decided(empty_home).dropped.values())
    assert "are decided" in said(page)
    page.segmented_control(key="review_mode").set_value("outliers").run()
    press(page, "bulk_drop_outliers")
    assert "i0" in decided(empty_home).dropped


def test_mistakes_in_the_test_split_can_be_reviewed_alone_and_corrected(app, project_home):
    page = app("review", project="digits")
    everything = progress(page)[1]
    page.selectbox(key="review_split").set_value("test").run()
    assert not page.exception
    assert 0 < progress(page)[1] < everything
    page.button(key="review_accept").click().run()
    assert not page.exception
    assert progress(page)[0] == 1
