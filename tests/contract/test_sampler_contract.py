"""What every sampler promises, checked for whatever the registry finds."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

from curation.data.results import Factors, Neighbours
from curation.data.view import View
from curation.engine.registry import methods
from curation.errors import InputError
from curation.training.sampler import Sampler
from tests import toy

EVERY = list(methods("samplers").values())
SCORES = tuple(methods("scores"))

each = pytest.mark.parametrize("method", EVERY, ids=lambda m: m.id)


def made(method, view: View | None = None, keep: float = 0.4, epochs: int = 8, seed: int = 0) -> Sampler:
    view = toy.view(needs=method.card.needs, scores=SCORES) if view is None else view
    rule = method.call(view, keep, seed=seed, **method.validated({}, method.id))
    return Sampler(rule, epochs, method.id)


def told(rows: np.ndarray, epoch: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Losses and logits of a network that learns: the same for an item and an epoch, whoever asks."""
    rng = np.random.default_rng(epoch)
    logits = rng.normal(size=(toy.N, classes)).astype(np.float32) + 0.3 * epoch * np.eye(classes)[toy.TRUTH % classes]
    losses = -np.log(toy.softmax(logits)[np.arange(toy.N), toy.TRUTH % classes]).astype(np.float32)
    return losses[rows], logits[rows]


def one_epoch(sampler: Sampler, batch: int = 16) -> list[int]:
    """Train for one epoch, and the rows it took."""
    ahead = sampler.forward_rows
    if len(ahead):
        sampler.update(ahead, *told(ahead, sampler.epoch), forward_only=True)
    rows = np.fromiter(sampler, np.int64)
    for at in range(0, len(rows), batch):
        part = rows[at : at + batch]
        sampler.weights(part)
        sampler.update(part, *told(part, sampler.epoch))
    sampler.end_epoch()
    return rows.tolist()


def stream(sampler: Sampler, epochs: int) -> list[list[int]]:
    return [one_epoch(sampler) for _ in range(epochs)]


@each
def test_an_epoch_holds_rows_of_the_data_and_weights_that_are_numbers_above_zero(method):
    sampler = made(method)
    while not sampler.finished:
        ahead = sampler.forward_rows
        if len(ahead):
            sampler.update(ahead, *told(ahead, sampler.epoch), forward_only=True)
        rows = np.fromiter(sampler, np.int64)
        assert len(rows) == len(sampler) > 0
        assert rows.min() >= 0
        assert rows.max() < toy.N
        weights = sampler.weights(rows)
        assert weights.dtype == np.float32
        assert np.isfinite(weights).all()
        assert weights.min() > 0
        sampler.update(rows, *told(rows, sampler.epoch))
        sampler.end_epoch()
    assert len(sampler) == 0, "a budget that is used up leaves empty epochs"


@each
def test_it_spends_what_was_planned_to_the_pass(method):
    sampler = made(method)
    while not sampler.finished:
        one_epoch(sampler)
    accounts = sampler.accounting()
    spent = accounts["train_passes"] + accounts["eval_passes"] / 3
    unspent = 1 + toy.N / 3 if accounts["eval_passes"] else 1  # an epoch that could only go forward does not begin
    assert sampler.planned - unspent <= spent <= sampler.planned + 1e-6
    assert sampler.used.sum() == accounts["train_passes"]
    assert sampler.planned == (toy.N if method.id == "full" else 36) * 8


@each
def test_the_same_seed_gives_the_same_stream_and_another_seed_another(method):
    first, again, other = (stream(made(method, seed=seed), 6) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@each
def test_it_goes_on_with_the_same_stream_after_a_kill_between_epochs(method):
    whole = made(method)
    before, state = stream(whole, 3), copy.deepcopy(whole.state_dict())
    after = stream(whole, 4)
    resumed = made(method)
    resumed.load_state_dict(state)
    assert stream(resumed, 4) == after
    assert resumed.accounting() | {"seconds": 0} == whole.accounting() | {"seconds": 0}
    assert before != after


@each
def test_it_goes_on_with_the_same_stream_after_a_kill_in_the_middle_of_an_epoch(method):
    whole, killed, resumed = made(method), made(method), made(method)
    expected = stream(whole, 6)
    for epoch in range(3):
        assert one_epoch(killed) == expected[epoch]
    ahead = killed.forward_rows
    if len(ahead):
        killed.update(ahead, *told(ahead, 3), forward_only=True)
    rows = np.fromiter(killed, np.int64)[:16]
    killed.update(rows, *told(rows, 3))
    resumed.load_state_dict(killed.state_dict())
    assert rows.tolist() + one_epoch(resumed) == expected[3]
    assert stream(resumed, 2) == expected[4:6]


@each
def test_a_state_is_arrays_that_numpy_saves_without_pickle(method, tmp_path):
    sampler = made(method)
    stream(sampler, 2)
    np.savez(tmp_path / "state.npz", **sampler.state_dict())
    resumed = made(method)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        resumed.load_state_dict(state)
    assert stream(resumed, 2) == stream(sampler, 2)


@each
def test_a_saved_state_does_not_change_when_training_goes_on(method):
    sampler = made(method)
    stream(sampler, 2)
    state = sampler.state_dict()
    untouched = copy.deepcopy(state)
    stream(sampler, 2)
    assert all(np.array_equal(state[name], untouched[name]) for name in state)


@each
def test_global_random_state_is_neither_read_nor_written(method):
    np.random.seed(1)  # noqa: NPY002 - the state under test
    random.seed(1)
    before, pure = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    stream(made(method), 3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert random.getstate() == pure


@each
def test_evidence_is_left_as_it_was(method):
    given, untouched = toy.arrays(), toy.arrays()
    for need in method.card.needs:
        for array in parts(given[need]):
            array.flags.writeable = False
    stream(made(method, toy.view(needs=method.card.needs, scores=SCORES, **given)), 3)
    for need in method.card.needs:
        assert all(np.array_equal(a, b) for a, b in zip(parts(given[need]), parts(untouched[need]), strict=True))


def parts(value) -> list[np.ndarray]:
    if isinstance(value, Neighbours | Factors):
        return [array for array in vars(value).values() if isinstance(array, np.ndarray)]
    return [value]


@each
def test_a_rule_that_looks_at_losses_says_so_and_no_other_wants_them(method):
    sampler = made(method)
    for rows in (sampler.forward_rows, np.fromiter(made(method), np.int64) if not len(sampler.forward_rows) else []):
        if not len(rows):
            continue
        if "logits" in sampler.rule.reads:
            with pytest.raises(InputError, match=f"{method.id} chooses by logits as well"):
                sampler.update(rows, told(rows, 0)[0], forward_only=True)
    if not sampler.rule.reads:
        whole, silent = made(method), made(method)
        for _ in range(3):
            assert one_epoch(whole) == list(silent)
            silent.end_epoch()
    elif not len(sampler.forward_rows):
        list(sampler)
        with pytest.raises(InputError, match=f"{method.id} chooses by losses.*was told none in epoch 1"):
            sampler.end_epoch()


CASES = {
    "one item": (toy.view(scores=SCORES).subset(np.array([0])), 1),
    "five items": (toy.view(scores=SCORES).subset(np.arange(5)), 5),
    "one class": (toy.view(scores=SCORES, labels=np.zeros(toy.N, int)), toy.N),
    "a class of one item": (
        toy.view(scores=SCORES, labels=np.where(np.arange(toy.N) == 7, 2, np.minimum(toy.TRUTH, 1))),
        toy.N,
    ),
    "all items equal": (
        toy.view(
            scores=SCORES,
            embeddings=np.ones((toy.N, 6), np.float32),
            neighbours=toy.neighbours(np.ones((toy.N, 6)), toy.K),
            factors=toy.factors(np.ones((toy.N, 6), np.float32)),
        ),
        toy.N,
    ),
}


@pytest.mark.parametrize("case", CASES)
@each
def test_awkward_data_is_trained_on_to_the_last_pass(method, case):
    view, n = CASES[case]
    sampler = made(method, view, epochs=1)
    for _ in range(20):
        if sampler.finished:
            break
        one_epoch(sampler)
    assert sampler.finished
    assert sampler.rule.n == n


@each
def test_constant_losses_leave_it_running(method):
    sampler = made(method)
    for _ in range(12):
        if sampler.finished:
            break
        ahead = sampler.forward_rows
        logits = np.zeros((toy.N, 3), np.float32)
        if len(ahead):
            sampler.update(ahead, np.ones(len(ahead)), logits[ahead], forward_only=True)
        rows = np.fromiter(sampler, np.int64)
        assert len(rows) > 0
        sampler.weights(rows)
        sampler.update(rows, np.ones(len(rows)), logits[rows])
        sampler.end_epoch()
