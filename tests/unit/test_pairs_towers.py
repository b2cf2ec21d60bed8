"""Pairs through the whole run: OpenCLIP's own two towers, small ones, read pictures and captions; swaps are found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from curation.data.workspace import Workspace
from curation.engine import results
from curation.engine.recipe import parse_recipe
from curation.engine.registry import get
from curation.engine.run import run
from curation.errors import WinnowError
from tests import toy_towers

SEED = 3


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """397 pictures the towers never saw, a twentieth of them with a caption of another one; and a run over them."""
    top = tmp_path_factory.mktemp("pairs")
    images, numbers = toy_towers.pictures()
    order = np.random.default_rng(0).permutation(len(images))
    seen, fresh = order[:1400], order[1400:]
    towers = toy_towers.train(top, images[seen], numbers[seen])
    said = toy_towers.swapped(numbers[fresh], 0.05, SEED)
    captions = [toy_towers.CAPTION.format(toy_towers.NAMES[number]) for number in said]
    captions[0] = f"{captions[0]}. " * 8
    set_ = toy_towers.write_pairs(top / "set", images[fresh], captions)
    recipe = {
        "source": {"use": "pairs", "path": str(set_)},
        "encode": {"use": "open_clip", "model": towers["model"], "checkpoint": str(towers["checkpoint"])},
        "score": [{"use": "clip_score"}, {"use": "length"}],
        "flag": [{"use": "caption_swap"}, {"use": "boilerplate"}, {"use": "caption_conflict"}],
        "prune": [
            {"name": "fitting", "use": "by_score", "by": "clip_score", "order": "easy", "keep": 0.3},
            {"name": "selector", "use": "instructiongpt4", "keep": 50, "without": ["caption_swap"]},
        ],
        "export": [{"use": "pairs", "path": str(top / "kept"), "prune": "selector"}],
    }
    outcome = run(parse_recipe(recipe), top / "w")
    return top, outcome, said != numbers[fresh]


def result(top, stage: str, name: str, array: str = "value") -> np.ndarray:
    cards = [card for card in Workspace(top / "w").cards(stage) if card["name"] == name]
    folder = Workspace(top / "w").path(stage, cards[0]["key"])
    return np.asarray(results.load(folder, array))


def test_planted_swaps_are_found(pairs):
    top, _, wrong = pairs
    assert average_precision_score(wrong, result(top, "flag", "caption_swap", "score")) > 0.9
    flagged = result(top, "flag", "caption_swap", "flagged")
    assert flagged[wrong].mean() > 0.9
    assert flagged[~wrong].mean() < 0.03
    assert average_precision_score(wrong, result(top, "score", "clip_score")) > 0.8


def test_a_caption_longer_than_the_window_is_spoken_of(pairs):
    _, outcome, _ = pairs
    assert any("1 of 397 captions are longer than the 16 tokens" in note for note in outcome.notes), outcome.notes


def test_the_best_of_every_cluster_are_exported_as_they_were_read(pairs):
    top, _, wrong = pairs
    kept = [json.loads(line) for line in (top / "kept" / "metadata.jsonl").read_text().splitlines()]
    assert len(kept) == 50
    assert {"file_name", "text"} == set(kept[0])
    assert (top / "kept" / kept[0]["file_name"]).is_file()
    rows = result(top, "prune", "selector", "rows")
    assert not wrong[rows].any() or wrong[rows].mean() < 0.05


def test_captions_are_read_as_open_clip_reads_them_and_long_ones_by_their_sentences(pairs):
    import open_clip
    import torch

    top, _, _ = pairs
    net = open_clip.create_model("digits", pretrained=None)
    open_clip.load_checkpoint(net.eval(), str(top / "digits.pt"))
    tokens = open_clip.get_tokenizer("digits")
    stored = result(top, "encode", "open_clip", "text_embeddings").astype(np.float32)
    lines = (top / "set" / "metadata.jsonl").read_text().splitlines()[:3]
    with torch.inference_mode():
        for row, line in enumerate(lines):
            said = json.loads(line)["text"]
            parts = [part for part in said.split(".") if part.strip()][:10] if row == 0 else [said]
            theirs = net.encode_text(tokens(parts), normalize=True).mean(0).numpy()
            np.testing.assert_allclose(stored[row], theirs / np.linalg.norm(theirs), atol=2e-3)


def test_what_needs_captions_says_so_where_there_are_none(tmp_path):
    images, _ = toy_towers.pictures()
    np.savez(tmp_path / "a.npz", images=images[:30], labels=np.arange(30) % 2)
    recipe = {
        "source": {"use": "arrays", "path": str(tmp_path / "a.npz")},
        "encode": {"use": "pixels"},
        "score": [{"use": "clip_score"}],
    }
    with pytest.raises(WinnowError, match="the items must be image-text pairs"):
        run(parse_recipe(recipe), tmp_path / "w")
    assert "text_embeddings" in get("scores", "clip_score").card.needs
