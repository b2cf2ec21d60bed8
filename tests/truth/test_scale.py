"""The costs on paper, against the figures of the paper and plain arithmetic."""

from __future__ import annotations

import pytest

from benchmarks.on_paper import (
    DAY,
    MONTH,
    Inputs,
    candidates,
    embedding,
    everything,
    on_cluster,
    page,
    seals,
    storage,
    two_rounds,
)


def test_ten_billion_images_are_38_exaflop_and_46_gpu_days():
    once = embedding(Inputs())
    assert once.flop == pytest.approx(3.8e19)
    assert once.gpu / DAY == pytest.approx(46.3, abs=0.1)
    assert embedding(Inputs(images=10_000)).gpu / DAY == pytest.approx(11.6, abs=0.1)
    assert pytest.approx(96, abs=1) == 1e10 / (40 * MONTH)
    assert once.read == 1e15


def test_a_hundred_machines_encode_ten_billion_images_in_a_day():
    assert on_cluster(Inputs(core=100, cores=16), 100) / DAY == pytest.approx(0.7234, abs=1e-4)  # 1e10 / 160,000 s


def test_what_is_stored():
    assert [round(size / 1e12, 2) for size in storage(Inputs()).values()] == [81.92, 40.96, 5.12, 0.64]


def test_scoring_everything_for_twenty_rounds():
    assert 2 * everything(Inputs()).flop == pytest.approx(8.2e14, rel=0.01)  # a multiply-add counted as two
    assert everything(Inputs()).read == pytest.approx(20 * 41e12, rel=0.01)


def test_seals_scores_at_most_k_rows_per_label_and_never_more_than_there_are():
    scored = candidates(Inputs())
    assert len(scored) == 20
    assert scored[-1] == 2000 * 1e4
    assert 2 * sum(scored) * 2048 == pytest.approx(8.6e11, rel=0.01)
    assert max(candidates(Inputs(rows=1e6))) == 1e6
    assert everything(Inputs()).read / seals(Inputs()).read > 1000, "three orders of magnitude"


def test_two_rounds_of_ten_thousand_shards():
    found = two_rounds(1e10, 2048, 1e6, 1e3)
    assert (found["shards"], found["union"]) == (10_000, 1e7)
    assert found["union bytes"] == pytest.approx(41e9, rel=0.01)


def test_every_input_stands_on_the_page_and_changes_it():
    assert page() == page(Inputs())
    for name in ("rows", "dim", "forward", "images", "k", "flops", "disk", "gpu_hour", "probes", "code", "size"):
        assert f"| `{name}` |" in page()
        assert page(Inputs(**{name: getattr(Inputs(), name) / 4})).split("## Every")[1] != page().split("## Every")[1]
