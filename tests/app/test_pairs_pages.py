"""Pairs in the app: data without labels can be pruned, the pairs at the cut are shown, pages open without an error."""

import json

import numpy as np
import pytest
from PIL import Image

from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.ui.start.source_kind import kinds_of


@pytest.fixture
def pairs_home(empty_home, tmp_path):
    """The project "pairs": thirty grey squares with captions of different lengths, no labels, one of them missing."""
    top = tmp_path / "set"
    top.mkdir()
    rows = []
    for i in range(30):
        if i != 7:
            Image.fromarray(np.full((20, 20), 8 * i, np.uint8)).save(top / f"{i}.png")
        rows.append({"file_name": f"{i}.png", "text": "dark " * (i + 1) + "square"})
    (top / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = {
        "source": {"use": "pairs", "path": str(top)},
        "encode": {"use": "pixels"},
        "score": [{"use": "length"}],
        "flag": [{"use": "outliers"}],
        "map": {"use": "pca"},
    }
    run(parse_recipe(recipe), empty_home / "pairs", device="cpu")
    return empty_home


def test_prune_offers_what_needs_no_label_and_shows_the_pairs_at_the_cut(pairs_home, app):
    page = app("prune", project="pairs")
    assert not page.exception
    cards = page.radio("prune_card_a").options
    assert [card.split(" :small")[0].replace("\\", "") for card in cards] == [
        "Quota by score", "By score", "Facility location", "Random", "Another method",
    ]  # fmt: skip
    page.radio("prune_card_a").set_value("by_score").run()
    assert not page.exception
    assert page.number_input("prune_count_a").value == 14  # half of 29: one image is missing
    said = " ".join(m.value for m in page.markdown) + " ".join(c.value for c in page.caption)
    assert "the last pairs that are kept, and the first that are not" in said
    assert "The last 3 kept" in said
    assert "The first 3 not kept" in said


@pytest.mark.parametrize("name", ["data", "map", "review", "verify", "export", "grow", "schedule"])
def test_every_page_opens_on_pairs(name, pairs_home, app):
    assert not app(name, project="pairs").exception


def test_an_image_folder_with_metadata_is_taken_for_pairs(pairs_home, tmp_path):
    assert kinds_of(tmp_path / "set")[0] == "pairs"


@pytest.mark.parametrize("name", ["verify", "schedule"])
def test_without_labels_no_training_is_offered_and_the_page_says_why(app, pairs_home, name):
    page = app(name, project="pairs")
    assert not page.exception
    assert not [button for button in page.button if "train" in button.label.lower()]
    assert "These items have no labels" in " ".join(html.proto.body for html in page.get("html"))
