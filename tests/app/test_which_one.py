"""Which method is the one for me: what a method reads in the end, and the figures on the cards of pruners."""

from pathlib import Path

import pytest

from curation.engine import pace, registry
from curation.ui.parts.which_one import WANTS, fitting, stands_on

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_method_reads_is_followed_through_evidence_and_scores():
    assert "labels" in stands_on(registry.get("pruners", "by_score"))  # its score reads a recorded training
    assert "labels" in stands_on(registry.get("flags", "consensus"))
    assert "labels" not in stands_on(registry.get("pruners", "density"))  # neighbours of embeddings
    assert "labels" not in stands_on(registry.get("flags", "outliers"))


def test_every_wish_finds_methods_and_without_labels_fewer_do():
    every = registry.all_methods()
    for wish in WANTS:
        assert fitting(every, wish, ())
    pruners = fitting(every, "Keep the best part", ())
    assert pruners[0].card.grid == max(m.card.grid for m in pruners) > pruners[-1].card.grid
    unlabelled = {m.id for m in fitting(every, "Keep the best part", ["labels"])}
    assert {"random", "k_center", "density"} <= unlabelled
    assert not {"ccs", "trusted_coverage", "craig"} & unlabelled


def test_the_accuracy_on_a_card_is_the_one_in_the_docs():
    measured = {}
    for line in (ROOT / "docs" / "hybrid.md").read_text().splitlines():
        cells = [cell.strip(" *") for cell in line.strip().strip("|").split("|")]
        if len(cells) == 11 and cells[0] in registry.methods("pruners"):
            measured[cells[0]] = float(cells[7])
    assert len(measured) > 20
    assert {name: m.card.grid for name, m in registry.methods("pruners").items() if m.card.grid} == measured


def test_the_time_of_a_selection_grows_with_the_items_by_the_power_that_was_measured(monkeypatch):
    monkeypatch.setattr(pace, "slowness", lambda: 2.0)
    card = registry.get("pruners", "k_center").card
    at = [pace.selection_seconds(card, n) for n in pace.SIZES]
    assert at == pytest.approx([2 * seconds for seconds in card.seconds])
    assert pace.selection_seconds(card, 8 * pace.SIZES[1]) == pytest.approx(at[1] ** 2 / at[0])


def test_the_time_of_a_selection_in_rounds_is_that_of_its_shards():
    card = registry.get("pruners", "herding").card
    assert card.rounds
    assert pace.selection_seconds(card, 1_000_000) == pytest.approx(200 * pace.selection_seconds(card, 5_000))
