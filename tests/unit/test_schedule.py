"""The sampler as a loop sees it: what it counts, what it says, what it refuses."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from curation import export_schedule, indexed, sampler
from curation.errors import InputError, RecipeError, RunError
from curation.maths.accounting.usage import gini


def train(s, losses=None, batch: int = 8, epochs: int = 10**6, asks: bool = True) -> None:
    """A loop that tells every item the same loss, or `losses` [n], and asks for weights or does not."""
    losses = np.ones(s.rule.n, np.float32) if losses is None else losses
    while not s.finished and s.epoch < epochs:
        rows = np.fromiter(s, np.int64)
        for at in range(0, len(rows), batch):
            if asks:
                s.weights(rows[at : at + batch])
            s.update(rows[at : at + batch], losses[rows[at : at + batch]])
        s.end_epoch()


def test_importing_costs_numpy_and_nothing_heavy():
    code = "import sys, curation; curation.sampler; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stdout))
    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "sklearn", "pydantic", "pyarrow", "pandas", "streamlit"}


def test_the_rows_of_an_epoch_stay_until_it_is_ended():
    s = sampler("rs2", n=100, epochs=4, keep=0.3)
    first = list(s)
    assert list(s) == first
    assert len(s) == 30
    s.end_epoch()
    assert list(s) != first


def test_the_loader_of_torch_draws_what_the_sampler_says_with_and_without_workers():
    data = [(float(i), i % 2) for i in range(100)]
    for workers in (0, 2):
        s = sampler("rs2", n=100, epochs=4, keep=0.3)
        loader = torch.utils.data.DataLoader(indexed(data), batch_size=8, sampler=s, num_workers=workers)
        seen = [(x.item(), row.item()) for xs, _, rows in loader for x, row in zip(xs, rows, strict=True)]
        assert [row for _, row in seen] == list(s)
        assert all(x == row for x, row in seen)
        assert len(loader) == 4


def test_indexed_tells_the_row_of_tuples_dicts_and_anything_else():
    assert indexed([("a", 1)])[0] == ("a", 1, 0)
    assert indexed([{"x": "a"}])[0] == {"x": "a", "row": 0}
    assert indexed(["a", "b"])[1] == ("b", 1)
    assert len(indexed("abc")) == 3


def test_accounting_counts_passes_use_and_what_was_never_seen():
    s = sampler("static", n=100, epochs=5, keep=0.2)
    train(s)
    found = s.accounting()
    assert (found["train_passes"], found["eval_passes"], found["never_seen"], found["aside"]) == (100, 0, 80, 0)
    assert found["gini"] == pytest.approx(0.8)
    assert 0 < found["seconds"] < 5
    assert s.share_of(epochs=5) == pytest.approx(0.2)


def test_gini_by_the_mean_difference_of_all_pairs():
    counts = np.random.default_rng(0).integers(0, 9, 40)
    pairs = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert gini(counts) == pytest.approx(pairs)
    assert gini(np.zeros(3)) == 0.0


def test_progress_goes_from_nothing_to_one_batch_by_batch():
    s, seen = sampler("rs2", n=40, epochs=2, keep=0.5), []
    while not s.finished:
        for row in list(s):
            s.update([row], [1.0])
            seen.append(s.progress)
        s.end_epoch()
    assert np.allclose(seen, np.arange(1, 41) / 40)


def test_an_epoch_longer_than_the_budget_is_cut_to_the_pass():
    s = sampler("full_short", n=100, epochs=3, keep=0.5)
    lengths = []
    while not s.finished:
        lengths.append(len(s))
        train(s, epochs=s.epoch + 1)
    assert lengths == [100, 50]
    assert list(s) == []


def test_a_rule_that_looks_at_nothing_may_be_told_nothing():
    s = sampler("rs2", n=100, epochs=4, keep=0.3)
    while not s.finished:
        list(s)
        s.end_epoch()
    assert s.accounting()["train_passes"] == 120


def test_features_labels_of_any_type_and_tensors_are_understood():
    digits = load_digits()
    x, y = digits.data[:200], digits.target[:200]
    made = [
        sampler("gated_rotation", n=200, epochs=2, features=features, labels=labels)
        for features, labels in ((x, y), (torch.tensor(x), torch.tensor(y)), (x, np.array([f"no {c}" for c in y])))
    ]
    assert list(made[0]) == list(made[1]) == list(made[2])


def test_a_score_is_given_or_computed_from_features_and_labels():
    digits = load_digits()
    given = sampler("curriculum", n=200, epochs=2, scores={"mine": -np.arange(200.0)}, by="mine")
    assert set(given) == set(range(160, 200))
    s = sampler("curriculum", n=200, epochs=2, features=digits.data[:200], labels=digits.target[:200])
    assert len(set(s)) == 40
    with pytest.raises(
        InputError, match=r"curriculum by aum needs dynamics: .*or give it as scores = \{'aum': values\}"
    ):
        list(sampler("curriculum", n=200, epochs=2, by="aum"))
    with pytest.raises(InputError, match="there is no score 'arm'; did you mean 'aum'"):
        list(sampler("curriculum", n=200, epochs=2, by="arm"))


def test_sae_coverage_finds_its_factors_itself():
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    s = sampler("sae_coverage", n=60, epochs=3, keep=0.5, features=x)
    train(s)
    assert s.accounting()["train_passes"] == 90


# -- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"n": 0}, "n = 0: a sampler needs at least one item"),
        ({"keep": 0.0}, "keep = 0.0: expected the share"),
        ({"keep": 1.5}, "keep = 1.5: expected the share"),
        ({"epochs": 0}, "epochs = 0: expected at least 1"),
        ({"name": "rs3"}, "there is no sampler 'rs3'; did you mean 'rs2'"),
        ({"name": "gated_rotation"}, r"gated_rotation needs features: give features \[n, ...\]"),
        ({"name": "rcap"}, "rcap needs labels: give labels"),
        ({"features": np.zeros((7, 2))}, "features has 7 rows and n is 50: give one for every item"),
        ({"features": np.zeros(50)}, r"features of shape \(50,\): expected \[n, d\]"),
        ({"labels": np.zeros(49)}, "labels has 49 rows and n is 50"),
        ({"r": 0.5}, "rs2 has no parameter 'r'"),
        ({"name": "infobatch", "r": 1.0}, "r = 1.0: input should be less than 1"),
        ({"distributed": True}, "distributed = True needs the process group of torch.distributed"),
        (
            {"name": "gated_rotation", "features": np.full((50, 2), np.nan), "labels": np.zeros(50)},
            "50 of 50 rows of the embeddings hold NaN or infinity",
        ),
    ],
)
def test_a_sampler_that_cannot_be_made_says_why_in_one_sentence(wrong, sentence):
    with pytest.raises((InputError, RecipeError), match=sentence):
        list(sampler(**({"name": "rs2", "n": 50, "epochs": 4, "keep": 0.5} | wrong)))


def test_ids_outside_the_data_and_lengths_that_differ_are_refused():
    s = sampler("rs2", n=50, epochs=4)
    list(s)
    with pytest.raises(InputError, match="id 50 is outside the data: this sampler knows rows 0 to 49"):
        s.update([3, 50], [1.0, 1.0])
    with pytest.raises(InputError, match="id -1 is outside"):
        s.weights([-1])
    with pytest.raises(InputError, match=r"losses of shape \(\) for 2 ids: give one loss per item, not reduced"):
        s.update([1, 2], torch.tensor(0.3))
    with pytest.raises(InputError, match=r"ids of shape \(1,\) and type float64"):
        s.update([0.5], [1.0])
    with pytest.raises(InputError, match=r"logits of shape \(3,\) for 1 ids: expected \[1, classes\]"):
        s.update([1], [1.0], [0.1, 0.2, 0.7])
    assert s.accounting()["train_passes"] == 0


def test_calls_in_the_wrong_order_are_refused():
    s = sampler("rs2", n=50, epochs=4)
    with pytest.raises(InputError, match=r"update\(\) of rs2 before epoch 1 began"):
        s.update([0], [1.0])
    with pytest.raises(InputError, match=r"end_epoch\(\) of rs2 before epoch 1 began"):
        s.end_epoch()
    rows = list(s)
    s.update(rows, np.ones(len(rows)))
    with pytest.raises(InputError, match=r"epoch 1 of rs2 was trained on in full; call end_epoch\(\)"):
        list(s)
    probing = sampler("cluster_probe", n=50, epochs=4, features=np.eye(50), labels=np.zeros(50))
    with pytest.raises(InputError, match=r"cluster_probe needs the losses of .* items before epoch 1"):
        list(probing)


def test_set_epoch_moves_on_by_one_and_never_jumps():
    s = sampler("rs2", n=50, epochs=4)
    first = list(s)
    s.set_epoch(0)
    assert list(s) == first
    s.set_epoch(1)
    assert s.epoch == 1
    list(s)
    with pytest.raises(InputError, match=r"set_epoch\(3\) while rs2 is in epoch 1: epochs follow one another"):
        s.set_epoch(3)


def test_a_state_of_another_sampler_or_of_a_data_set_that_grew_is_refused():
    state = sampler("rs2", n=50, epochs=4).state_dict()
    with pytest.raises(InputError, match="the state is of 50 items and the data set now has 60"):
        sampler("rs2", n=60, epochs=4).load_state_dict(state)
    for other in ({"seed": 1}, {"keep": 0.4}, {"epochs": 5}, {"replacement": True}):
        with pytest.raises(InputError, match="the state is of another sampler than this rs2"):
            sampler("rs2", **({"n": 50, "epochs": 4} | other)).load_state_dict(state)
    with pytest.raises(InputError, match=r"this is no state of infobatch: rule\.loss is not in it"):
        sampler("infobatch", n=50, epochs=4).load_state_dict(state)


def test_a_loss_that_is_no_number_sets_the_item_aside_counts_it_and_says_it_once():
    s = sampler("hard_mining", n=50, epochs=20, keep=0.5)
    losses = np.ones(50, np.float32)
    losses[[3, 7]] = np.nan, np.inf
    with pytest.warns(UserWarning, match="the loss of item . is no number; such items are set aside") as said:
        train(s, losses)
    assert len(said) == 1
    assert s.accounting()["aside"] == 2
    assert s.used[[3, 7]].max() == 1, "never drawn again"
    assert s.used.sum() == s.planned


def test_a_network_that_diverged_is_not_taken_for_bad_items():
    s = sampler("rs2", n=50, epochs=4, keep=1.0)
    with pytest.raises(RunError, match="the losses of 26 of 50 items were no numbers: the network diverged"):
        s.update(list(s)[:26], np.full(26, np.nan))


def test_weights_that_a_loop_never_asks_for_are_said_once():
    s = sampler("infobatch", n=100, epochs=10, keep=1.0)
    losses = np.repeat([0.1, 9.0], 50).astype(np.float32)
    with pytest.warns(UserWarning, match="infobatch gives items different weights and the loop never asked") as said:
        train(s, losses, epochs=4, asks=False)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(sampler("infobatch", n=100, epochs=4), losses)
        train(sampler("rs2", n=100, epochs=4))


def test_epochs_under_the_smallest_batch_are_pointed_out():
    with pytest.warns(UserWarning, match="leaves epochs of 10: batches that small upset batch normalisation"):
        sampler("rs2", n=10_000, epochs=4, keep=0.001)


def test_only_a_schedule_that_is_known_beforehand_is_exported(tmp_path):
    with pytest.raises(InputError, match="infobatch chooses by losses, so its epochs are not known before the run"):
        export_schedule(sampler("infobatch", n=50, epochs=4), tmp_path / "a.parquet")
    begun = sampler("rs2", n=50, epochs=4)
    train(begun, epochs=1)
    with pytest.raises(InputError, match="this rs2 has begun; export a new one"):
        export_schedule(begun, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="3 ids for 50 items"):
        export_schedule(sampler("rs2", n=50, epochs=4), tmp_path / "a.parquet", ids=["a", "b", "c"])
    assert list(tmp_path.iterdir()) == []


def test_what_a_million_items_hold_stays_under_forty_bytes_each():
    for name in ("rs2", "infobatch", "orderdp", "repb", "ucb", "epsilon_greedy", "ies", "self_paced", "hard_mining"):
        s = sampler(name, n=20_000, epochs=9, keep=0.5)
        train(s, np.random.default_rng(0).random(20_000, np.float32), batch=5000, epochs=2)
        list(s)
        held = sum(array.nbytes for array in s.state_dict().values())
        assert held / 20_000 < 40, name
