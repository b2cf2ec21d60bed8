"""Wrong labels planted in the test rows of the digits: found, said in the manifest, and renewed when corrected."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from curation.data.decisions import Decision, fold
from curation.engine.plan import plan
from curation.engine.recipe import Recipe, parse_recipe
from curation.engine.run import run

N, TEST = 900, 300
RNG = np.random.default_rng(5)
WRONG = RNG.random(N) < 0.08
SPLIT = np.repeat(["train", "test"], [N - TEST, TEST])


def recipe(folder: Path) -> Recipe:
    images, truth = load_digits(return_X_y=True)
    given = truth[:N].copy()
    given[WRONG] = (given[WRONG] + np.random.default_rng(6).integers(1, 10, WRONG.sum())) % 10
    np.savez(folder / "digits.npz", features=images[:N].astype(np.float32), labels=given, split=SPLIT)
    return parse_recipe(
        {
            "source": {"use": "arrays", "path": str(folder / "digits.npz")},
            "encode": {"use": "precomputed"},
            "flag": [{"use": "consensus"}],
            "verify": {"use": "logistic", "seeds": 1},
            "prune": [{"name": "half", "use": "random", "keep": 0.5}],
            "export": [{"use": "parquet", "path": str(folder / "out.parquet")}],
        }
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    run(recipe(folder), folder / "w")
    return pq.read_table(folder / "out.parquet")


@pytest.mark.parametrize("split", ["train", "test"])
def test_mistakes_are_ranked_first_and_their_number_is_about_right(manifest, split):
    score, rows = 1 - manifest["label_quality"].to_numpy(), split == SPLIT
    assert average_precision_score(WRONG[rows], score[rows]) > 0.95
    assert 1 / 1.5 < score[rows].sum() / WRONG[rows].sum() < 1.5
    flagged = manifest["flagged"].to_numpy()[rows]
    assert (flagged & WRONG[rows]).sum() > 0.85 * WRONG[rows].sum()
    assert (flagged & ~WRONG[rows]).mean() < 0.01


def test_every_labelled_row_has_a_label_quality_and_test_rows_are_kept(manifest):
    assert manifest["label_quality"].null_count == 0
    kept = manifest["kept"].to_numpy()
    assert kept[SPLIT == "test"].all()
    assert kept.sum() == TEST + (N - TEST) // 2


def test_a_corrected_test_label_renews_what_judged_it_and_what_verification_measures(tmp_path):
    asked = recipe(tmp_path)
    before, after = (
        plan(asked, tmp_path / "w", effective=fold(said)) for said in ([], [Decision(str(N - 1), "relabel", "3")])
    )
    assert before.find("flag").key != after.find("flag").key
    assert before.find("verify").key != after.find("verify").key
    assert before.find("evidence", "neighbours").key == after.find("evidence", "neighbours").key
